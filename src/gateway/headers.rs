//! The headers of an answer: which deployment, how many attempts, where the time went.

use std::ops::Range;
use std::time::Duration;

use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::BytesMut;

use super::call::Call;
use super::pipeline::Gateway;
use super::provider_limits;
use super::tally::Tally;
use super::translate::ContentType;
use crate::base::clock;
use crate::domain::deployment::Deployment;
use crate::domain::export::TraceParent;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");
static MODEL_ID: HeaderName = HeaderName::from_static("x-litellm-model-id");
static MODEL_NAME: HeaderName = HeaderName::from_static("x-litellm-model-name");
static API_BASE: HeaderName = HeaderName::from_static("x-litellm-model-api-base");
static MODEL_GROUP: HeaderName = HeaderName::from_static("x-litellm-model-group");
static VERSION: HeaderName = HeaderName::from_static("x-litellm-version");
static DURATION: HeaderName = HeaderName::from_static("x-litellm-response-duration-ms");
static OVERHEAD: HeaderName = HeaderName::from_static("x-litellm-overhead-duration-ms");
static RETRIES: HeaderName = HeaderName::from_static("x-litellm-attempted-retries");
static FALLBACKS: HeaderName = HeaderName::from_static("x-litellm-attempted-fallbacks");
static MAX_RETRIES: HeaderName = HeaderName::from_static("x-litellm-max-retries");
static TIMING: HeaderName = HeaderName::from_static("server-timing");
static ACCEL: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The content type of a stream of events.
pub(super) const EVENTS: &str = "text/event-stream; charset=utf-8";

/// The longest call id that is taken over from a client.
const LONGEST_CALL_ID: usize = 128;
/// The longest list of callbacks that a header may name, bytes.
const LONGEST_MUTED: usize = 1024;

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

/// The caller's place in a trace, if a header names one.
pub fn trace(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get("traceparent")?.to_str().ok().and_then(TraceParent::parse)
}

/// The callbacks that the caller wants not told of its request, if a header names some.
pub fn muted(headers: &HeaderMap) -> Option<Box<str>> {
    let names = headers.get("x-litellm-disable-callbacks")?.to_str().ok()?.trim();
    (!names.is_empty()).then(|| names.get(..LONGEST_MUTED).unwrap_or(names).into())
}

/// The id by which the client knows the request, as far as it can stand in a header and a line of the log.
pub fn request_id(headers: &HeaderMap) -> Option<Box<str>> {
    let sent = headers.get(&REQUEST_ID)?.as_bytes();
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~#".contains(byte);
    let kept = sent.iter().copied().filter(harmless).take(LONGEST_CALL_ID);
    let kept: String = kept.map(char::from).collect();
    (!kept.is_empty()).then(|| kept.into())
}

/// Tells the client its own id of the request, or else ours: it is where SDKs look for one.
pub fn tell_request_id(sent: &HeaderMap, reply: &mut HeaderMap) {
    let id = match request_id(sent) {
        Some(id) => Some(text(&id)),
        None => reply.get(&CALL_ID).cloned(),
    };
    if let Some(id) = id {
        put(reply, &REQUEST_ID, id);
    }
}

/// For a request that was refused before it came to a group.
pub fn minimal(call_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    put(&mut headers, &CALL_ID, text(call_id));
    put(&mut headers, &VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers
}

/// For a stream that begins before its provider does.
pub fn early(call: &Call, headers: &mut HeaderMap) {
    put(headers, &CALL_ID, text(&call.call_id));
    put(headers, &VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    put(headers, &MODEL_GROUP, text(&call.resolved.name));
    stream_headers(headers);
}

/// For an answer.
pub fn success(
    gateway: &Gateway,
    call: &Call,
    tally: &Tally,
    upstream: Option<&HeaderMap>,
    shape: &ContentType,
    headers: &mut HeaderMap,
) {
    told(gateway, call, tally, headers);
    match shape {
        ContentType::Events => stream_headers(headers),
        other => {
            put(headers, &header::CONTENT_TYPE, content_type(other, upstream));
        }
    }
    if let (Some(deployment), Some(upstream)) = (&tally.deployment, upstream)
        && let Some(member) = call.table.member(deployment)
    {
        provider_limits::note(member.cell(), upstream);
    }
    for (name, value) in upstream.into_iter().flatten() {
        let Some(ours) = gateway.routes.provider_header(name) else { continue };
        if ours.is_limit {
            put(headers, name, value.clone());
        }
        put(headers, &ours.name, value.clone());
    }
}

/// For an error after attempts were made.
pub fn failure(gateway: &Gateway, call: &Call, tally: &Tally) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    told(gateway, call, tally, &mut headers);
    if tally.hidden {
        put(&mut headers, &MODEL_GROUP, text(&call.resolved.name));
    }
    headers
}

/// Not inlined: a dozen copies of what this comes to would be the largest piece of code of a request.
#[inline(never)]
pub(super) fn put(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    headers.insert(name.clone(), value);
}

/// For a header that is not there yet, which need not be looked for: half the price of [`put`].
#[inline(never)]
fn add(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    headers.append(name.clone(), value);
}

/// What answers and errors say alike; nothing of it is there yet.
fn told(gateway: &Gateway, call: &Call, tally: &Tally, headers: &mut HeaderMap) {
    // As LiteLLM: the name that was asked for, unless a fallback's group answered.
    let group = tally.group.as_ref().filter(|_| tally.fallbacks > 0).unwrap_or(&call.resolved.name);
    let mut texts = Texts::new();
    let (call_id, group) = (texts.put(&call.call_id), texts.put(group));
    let times = texts.times(call, tally);
    let mut value = texts.values();
    add(headers, &CALL_ID, value(call_id));
    add(headers, &MODEL_GROUP, value(group));
    add(headers, &DURATION, value(times.total));
    add(headers, &OVERHEAD, value(times.own));
    add(headers, &TIMING, value(times.all));
    add(headers, &VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    if let Some(deployment) = &tally.deployment {
        let own = gateway.routes.headers(&call.table, deployment);
        add(headers, &MODEL_ID, own.model_id.clone());
        add(headers, &MODEL_NAME, own.model_name.clone());
        add(headers, &API_BASE, own.api_base.clone());
    }
    add(headers, &RETRIES, count(tally.retries));
    add(headers, &FALLBACKS, count(tally.fallbacks));
    if tally.retries > 0 {
        add(headers, &MAX_RETRIES, count(tally.max_retries));
    }
}

fn count(number: u32) -> HeaderValue {
    if number == 0 { HeaderValue::from_static("0") } else { HeaderValue::from(number) }
}

/// The texts of an answer's own headers in one buffer. Each value is a part of it, so that all of them cost
/// one allocation and a duration that two headers tell is written once.
struct Texts(BytesMut);

/// Where the times of an answer are written.
struct Times {
    own: Range<usize>,
    total: Range<usize>,
    all: Range<usize>,
}

impl Texts {
    fn new() -> Self {
        Texts(BytesMut::with_capacity(224))
    }

    fn put(&mut self, text: &str) -> Range<usize> {
        let start = self.0.len();
        if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
            self.0.extend_from_slice(text.as_bytes());
        } else {
            // Characters that headers cannot carry are left out.
            self.0.extend(text.bytes().filter(|byte| (b' '..0x7f).contains(byte)));
        }
        start..self.0.len()
    }

    /// Where the time went, for browsers and people (`Server-Timing`, W3C).
    fn times(&mut self, call: &Call, tally: &Tally) -> Times {
        let total = clock::fresh().saturating_duration_since(call.received);
        let own = total.saturating_sub(tally.upstream + tally.waited);
        let start = self.0.len();
        self.0.extend_from_slice(b"gateway;dur=");
        let own = self.millis(own);
        self.0.extend_from_slice(b", upstream;dur=");
        self.millis(tally.upstream);
        self.0.extend_from_slice(b", wait;dur=");
        self.millis(tally.waited);
        self.0.extend_from_slice(b", total;dur=");
        let total = self.millis(total);
        Times { own, total, all: start..self.0.len() }
    }

    /// Writes milliseconds with three decimals; floats would cost more than all other header text.
    fn millis(&mut self, duration: Duration) -> Range<usize> {
        let start = self.0.len();
        if duration.is_zero() {
            self.0.extend_from_slice(b"0.000");
            return start..self.0.len();
        }
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
        // Four digits, of which the first becomes the point.
        let mut decimals = itoa::Buffer::new();
        let decimals = decimals.format(1000 + micros % 1000);
        self.0.extend_from_slice(b".");
        self.0.extend_from_slice(decimals.as_bytes().get(1..).unwrap_or_default());
        start..self.0.len()
    }

    /// No more texts: gives the values.
    fn values(self) -> impl FnMut(Range<usize>) -> HeaderValue {
        let texts = self.0.freeze();
        move |range| {
            let text = texts.slice(range);
            HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| HeaderValue::from_static(""))
        }
    }
}

fn stream_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL.clone(), HeaderValue::from_static("no"));
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

/// A provider's header as clients find it.
#[derive(Clone)]
pub struct ProviderHeader {
    /// `llm_provider-` and its own name.
    name: HeaderName,
    /// Whether it is a limit, which SDKs read under its own name.
    is_limit: bool,
}

impl ProviderHeader {
    /// How this header of a provider is passed on; `None` for what describes its connection or body only.
    pub fn of(name: &HeaderName) -> Option<Self> {
        if HOP_BY_HOP.contains(&name.as_str()) {
            return None;
        }
        let is_limit = RATE_LIMITS.contains(&name.as_str());
        let name = HeaderName::try_from(format!("llm_provider-{name}")).ok()?;
        Some(ProviderHeader { name, is_limit })
    }
}

/// A header value; characters that headers cannot carry are left out.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| {
        let plain: String = value.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
        HeaderValue::from_str(&plain).unwrap_or_else(|_| HeaderValue::from_static(""))
    })
}
