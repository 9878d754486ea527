//! What a request says about its own handling: time, retries, fallbacks, tags.
//!
//! These fields and headers are the gateway's; none of them travels on to a provider.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::header::{HeaderMap, HeaderName};

use super::explain::Audience;
use crate::base::deadline::Deadline;
use crate::base::durations;
use crate::base::error::Error;
use crate::wire::surface::Surface;

/// The caller's wishes, checked.
#[derive(Debug, Clone)]
pub struct Options {
    /// When the whole answer must be there (`timeout` in the body, `x-litellm-timeout`).
    pub deadline: Deadline,
    /// When a stream must have begun, or another answer be complete (the SDKs' own read timeout: after it
    /// they stop waiting); never later than `deadline`.
    pub first_byte_deadline: Deadline,
    /// The longest silence the caller's SDK bears inside a stream.
    pub read_timeout: Option<Duration>,
    /// `stream_timeout` / `x-litellm-stream-timeout`: the longest silence of a stream.
    pub stream_timeout: Option<Duration>,
    /// `num_retries` / `x-litellm-num-retries`.
    pub num_retries: Option<u32>,
    /// Tags for tag routing (`tags`, `metadata.tags`, `x-litellm-tags`).
    pub tags: Arc<[String]>,
    /// `keepalive_seconds` / `x-litellm-keepalive-seconds`, where the deployment lets callers choose.
    pub keepalive: Option<Duration>,
    /// `drop_params`.
    pub drop_params: Option<bool>,
    /// Who wants to know why it goes where it goes (`x-stagedoor-explain`).
    pub explain: Audience,
}

const TIMEOUT: HeaderName = HeaderName::from_static("x-litellm-timeout");
const SDK_READ_TIMEOUT: HeaderName = HeaderName::from_static("x-stainless-read-timeout");
const SDK_TIMEOUT: HeaderName = HeaderName::from_static("x-stainless-timeout");
const STREAM_TIMEOUT: HeaderName = HeaderName::from_static("x-litellm-stream-timeout");
const KEEPALIVE: HeaderName = HeaderName::from_static("x-litellm-keepalive-seconds");
const NUM_RETRIES: HeaderName = HeaderName::from_static("x-litellm-num-retries");
const TAGS: HeaderName = HeaderName::from_static("x-litellm-tags");

/// The most retries a caller may ask for.
const MOST_RETRIES: u64 = 20;

impl Options {
    /// Reads headers (`None` when none of them can be the gateway's) and body (`None` for multipart bodies).
    ///
    /// # Errors
    /// 400 naming the field that is no sensible number.
    pub fn read(
        headers: Option<&HeaderMap>,
        body: Option<&Surface>,
        received: Instant,
        audience: Audience,
    ) -> Result<Self, Error> {
        let body_seconds = |field: &str| seconds_field(body, field);
        let own = match body_seconds("timeout")?.or(body_seconds("request_timeout")?) {
            Some(timeout) => Some(timeout),
            None => seconds_header(headers, &TIMEOUT)?,
        };
        // openai-python and openai-node name their own timeouts; unreadable ones are theirs, not an error.
        let sdk = [SDK_READ_TIMEOUT, SDK_TIMEOUT]
            .iter()
            .find_map(|name| seconds_header(headers, name).ok().flatten())
            .filter(|timeout| !timeout.is_zero());
        let after = |timeout: Option<Duration>| {
            timeout.map_or(Deadline::NONE, |timeout| Deadline::after(received, timeout))
        };
        let deadline = after(own);
        Ok(Options {
            deadline,
            first_byte_deadline: deadline.sooner(after(sdk)),
            read_timeout: sdk,
            stream_timeout: match body_seconds("stream_timeout")? {
                Some(timeout) => Some(timeout),
                None => seconds_header(headers, &STREAM_TIMEOUT)?,
            },
            num_retries: retries(headers, body)?,
            tags: tags(headers, body),
            keepalive: match body_seconds("keepalive_seconds")? {
                Some(interval) => Some(interval),
                None => seconds_header(headers, &KEEPALIVE)?,
            },
            drop_params: body.and_then(|body| body.bool("drop_params")),
            explain: audience.asked(headers),
        })
    }
}

fn seconds_field(body: Option<&Surface>, field: &str) -> Result<Option<Duration>, Error> {
    let Some(raw) = body.and_then(|body| body.get(field)) else { return Ok(None) };
    if raw == "null" {
        return Ok(None);
    }
    let number: Option<f64> = raw.trim_matches('"').parse().ok();
    match number.and_then(durations::from_seconds).filter(|timeout| !timeout.is_zero()) {
        Some(timeout) => Ok(Some(timeout)),
        None => Err(Error::invalid(field, format!("`{field}` must be a positive number of seconds."))),
    }
}

fn seconds_header(headers: Option<&HeaderMap>, name: &HeaderName) -> Result<Option<Duration>, Error> {
    let Some(value) = headers.and_then(|headers| headers.get(name)) else { return Ok(None) };
    let number: Option<f64> = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    match number.and_then(durations::from_seconds) {
        Some(timeout) => Ok(Some(timeout).filter(|timeout| !timeout.is_zero())),
        None => {
            Err(Error::invalid(name.as_str(), format!("The `{name}` header must be a number of seconds.")))
        }
    }
}

fn retries(headers: Option<&HeaderMap>, body: Option<&Surface>) -> Result<Option<u32>, Error> {
    let wrong = |field: &str| {
        Error::invalid(field, format!("`{field}` must be a whole number from 0 to {MOST_RETRIES}."))
    };
    let clip = |number: u64| u32::try_from(number.min(MOST_RETRIES)).unwrap_or(0);
    if let Some(value) = headers.and_then(|headers| headers.get(&NUM_RETRIES)) {
        let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        return number.map(|number| Some(clip(number))).ok_or_else(|| wrong("x-litellm-num-retries"));
    }
    for field in ["num_retries", "max_retries"] {
        if let Some(raw) = body.and_then(|body| body.get(field))
            && raw != "null"
        {
            return raw.parse().map(|number| Some(clip(number))).map_err(|_| wrong(field));
        }
    }
    Ok(None)
}

fn tags(headers: Option<&HeaderMap>, body: Option<&Surface>) -> Arc<[String]> {
    let mut tags: Vec<String> = Vec::new();
    let strings = |raw: &str| serde_json::from_str::<Vec<String>>(raw).unwrap_or_default();
    if let Some(raw) = body.and_then(|body| body.get("tags")) {
        tags.extend(strings(raw));
    }
    if let Some(raw) = body.and_then(|body| body.get("metadata"))
        && let Ok(metadata) = serde_json::from_str::<serde_json::Value>(raw)
        && let Some(list) = metadata.get("tags").and_then(|tags| tags.as_array())
    {
        tags.extend(list.iter().filter_map(|tag| tag.as_str()).map(str::to_string));
    }
    if let Some(text) = headers.and_then(|headers| headers.get(&TAGS)?.to_str().ok()) {
        tags.extend(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_string));
    }
    // The default is shared: most requests have no tags.
    if tags.is_empty() { Arc::default() } else { tags.into() }
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderValue;
    use bytes::Bytes;

    use super::*;

    fn read(pairs: &[(&'static str, &'static str)], body: &'static str) -> Result<Options, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let surface = Surface::parse(Bytes::from_static(body.as_bytes()), 64).unwrap();
        Options::read(Some(&headers), Some(&surface), Instant::now(), Audience::Admin)
    }

    #[test]
    fn body_wins_over_headers_for_time() {
        let options = read(&[("x-litellm-timeout", "9")], r#"{"timeout": 2}"#).unwrap();
        assert!(options.deadline.left(Instant::now()).unwrap() <= Duration::from_secs(2));
        assert_eq!(read(&[], "{}").unwrap().deadline, Deadline::NONE);
    }

    #[test]
    fn the_sdks_timeout_bounds_the_first_byte_only() {
        let options = read(&[("x-stainless-read-timeout", "600.0")], "{}").unwrap();
        assert_eq!(options.deadline, Deadline::NONE);
        assert!(options.first_byte_deadline.left(Instant::now()).is_some());
        assert!(read(&[("x-stainless-read-timeout", "NOT_GIVEN")], "{}").is_ok());
    }

    #[test]
    fn nonsense_names_the_field() {
        for (body, field) in [(r#"{"timeout":"soon"}"#, "timeout"), (r#"{"num_retries":-1}"#, "num_retries")]
        {
            assert_eq!(read(&[], body).unwrap_err().param(), Some(field));
        }
        let error = read(&[("x-litellm-num-retries", "many")], "{}").unwrap_err();
        assert_eq!(error.param(), Some("x-litellm-num-retries"));
    }

    #[test]
    fn tags_come_from_three_places() {
        let options =
            read(&[("x-litellm-tags", "c, d")], r#"{"tags":["a"],"metadata":{"tags":["b"]}}"#).unwrap();
        assert_eq!(*options.tags, ["a", "b", "c", "d"]);
    }
}
