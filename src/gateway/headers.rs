//! The headers of an answer: which deployment, how many attempts, where the time went.

use std::time::Duration;

use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::attempts::Tally;
use super::call::Call;
use super::pipeline::Gateway;
use super::translate::ContentType;
use crate::domain::deployment::Deployment;

const CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");
const MODEL_ID: HeaderName = HeaderName::from_static("x-litellm-model-id");
const MODEL_NAME: HeaderName = HeaderName::from_static("x-litellm-model-name");
const API_BASE: HeaderName = HeaderName::from_static("x-litellm-model-api-base");
const MODEL_GROUP: HeaderName = HeaderName::from_static("x-litellm-model-group");
const VERSION: HeaderName = HeaderName::from_static("x-litellm-version");
const DURATION: HeaderName = HeaderName::from_static("x-litellm-response-duration-ms");
const OVERHEAD: HeaderName = HeaderName::from_static("x-litellm-overhead-duration-ms");
const RETRIES: HeaderName = HeaderName::from_static("x-litellm-attempted-retries");
const FALLBACKS: HeaderName = HeaderName::from_static("x-litellm-attempted-fallbacks");
const MAX_RETRIES: HeaderName = HeaderName::from_static("x-litellm-max-retries");
const TIMING: HeaderName = HeaderName::from_static("server-timing");
const ACCEL: HeaderName = HeaderName::from_static("x-accel-buffering");

const EVENTS: &str = "text/event-stream; charset=utf-8";

/// The longest call id that is taken over from a client.
const LONGEST_CALL_ID: usize = 128;

/// Headers of a provider that describe its connection or body rather than its answer.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "set-cookie",
    "te",
    "trailer",
];

/// The provider's own limits, which SDKs read under these names.
const RATE_LIMITS: [&str; 4] = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
];

/// A deployment's headers, made once.
pub struct DeploymentHeaders {
    model_id: HeaderValue,
    model_name: HeaderValue,
    api_base: HeaderValue,
}

impl DeploymentHeaders {
    /// The headers of this deployment.
    pub fn of(deployment: &Deployment) -> Self {
        DeploymentHeaders {
            model_id: text(&deployment.id),
            model_name: text(&deployment.full_model()),
            api_base: text(&deployment.shown_base()),
        }
    }
}

/// The call id that the client chose, if it is a sensible one.
pub fn client_call_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(&CALL_ID)?.to_str().ok()?;
    let sensible = !id.is_empty() && id.len() <= LONGEST_CALL_ID;
    sensible.then(|| id.to_string())
}

/// For a request that was refused before it came to a group.
pub fn minimal(call_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CALL_ID, text(call_id));
    headers.insert(VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers
}

/// For a stream that begins before its provider does.
pub fn early(call: &Call) -> HeaderMap {
    let mut headers = minimal(&call.call_id);
    headers.insert(MODEL_GROUP, text(&call.resolved.name));
    stream_headers(&mut headers);
    headers
}

/// For an answer.
pub fn success(
    gateway: &Gateway,
    call: &Call,
    tally: &Tally,
    upstream: Option<&HeaderMap>,
    shape: &ContentType,
) -> HeaderMap {
    let mut headers = told(gateway, call, tally);
    match shape {
        ContentType::Events => stream_headers(&mut headers),
        other => {
            headers.insert(header::CONTENT_TYPE, content_type(other, upstream));
        }
    }
    let Some(upstream) = upstream else { return headers };
    for (name, value) in upstream {
        if RATE_LIMITS.contains(&name.as_str()) {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(name) = gateway.routes.provider_header(name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

/// For an error after attempts were made.
pub fn failure(gateway: &Gateway, call: &Call, tally: &Tally) -> HeaderMap {
    told(gateway, call, tally)
}

/// What answers and errors say alike.
fn told(gateway: &Gateway, call: &Call, tally: &Tally) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(32);
    headers.insert(CALL_ID, text(&call.call_id));
    headers.insert(VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    // As LiteLLM: the name that was asked for, unless a fallback's group answered.
    let group = tally.group.as_ref().filter(|_| tally.fallbacks > 0).unwrap_or(&call.resolved.name);
    headers.insert(MODEL_GROUP, text(group));
    if let Some(deployment) = &tally.deployment {
        let own = gateway.routes.headers(&call.table, deployment);
        headers.insert(MODEL_ID, own.model_id.clone());
        headers.insert(MODEL_NAME, own.model_name.clone());
        headers.insert(API_BASE, own.api_base.clone());
    }
    headers.insert(RETRIES, HeaderValue::from(tally.retries));
    headers.insert(FALLBACKS, HeaderValue::from(tally.fallbacks));
    if tally.retries > 0 {
        headers.insert(MAX_RETRIES, HeaderValue::from(tally.max_retries));
    }
    let total = call.received.elapsed();
    let own = total.saturating_sub(tally.upstream + tally.waited);
    headers.insert(DURATION, millis(total));
    headers.insert(OVERHEAD, millis(own));
    headers.insert(TIMING, timing(own, tally, total));
    headers
}

/// Where the time went, for browsers and people (`Server-Timing`, W3C).
fn timing(own: Duration, tally: &Tally, total: Duration) -> HeaderValue {
    let mut text = String::with_capacity(96);
    let parts = [("gateway", own), ("upstream", tally.upstream), ("wait", tally.waited), ("total", total)];
    for (index, (name, duration)) in parts.into_iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push_str(";dur=");
        push_millis(&mut text, duration);
    }
    into_value(text)
}

fn stream_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL, HeaderValue::from_static("no"));
}

fn content_type(shape: &ContentType, upstream: Option<&HeaderMap>) -> HeaderValue {
    match shape {
        ContentType::Json => HeaderValue::from_static("application/json"),
        ContentType::Events => HeaderValue::from_static(EVENTS),
        ContentType::Upstream => upstream
            .and_then(|upstream| upstream.get(header::CONTENT_TYPE))
            .cloned()
            .unwrap_or_else(|| HeaderValue::from_static("application/octet-stream")),
    }
}

/// Appends milliseconds with three decimals; floats would cost more than all other header text.
fn push_millis(text: &mut String, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    text.push_str(itoa::Buffer::new().format(micros / 1000));
    text.push('.');
    for power in [100, 10, 1] {
        text.push(char::from(b'0' + u8::try_from(micros / power % 10).unwrap_or(0)));
    }
}

fn millis(duration: Duration) -> HeaderValue {
    let mut text = String::with_capacity(16);
    push_millis(&mut text, duration);
    into_value(text)
}

/// The provider's header under the name that clients find it by; `None` for what describes its
/// connection or body only.
pub fn provider_header(name: &HeaderName) -> Option<HeaderName> {
    if HOP_BY_HOP.contains(&name.as_str()) {
        return None;
    }
    HeaderName::try_from(format!("llm_provider-{name}")).ok()
}

/// A header value of text that has visible ASCII only.
fn into_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A header value; characters that headers cannot carry are left out.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| {
        let plain: String = value.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
        HeaderValue::from_str(&plain).unwrap_or_else(|_| HeaderValue::from_static(""))
    })
}
