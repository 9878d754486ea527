//! The one place that turns an [`Error`] into an HTTP answer: OpenAI's envelope and the headers that
//! speak the SDKs' retry language.

use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use crate::base::error::{Error, Kind, Retry};
use crate::wire::envelope::envelope;

/// `x-should-retry`, which OpenAI's SDKs obey before their own rules.
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// `retry-after-ms`, which OpenAI's SDKs read before `retry-after`.
pub const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// `application/json`.
pub const fn json_type() -> HeaderValue {
    HeaderValue::from_static("application/json")
}

/// The answer for an error. `call_id` goes into the body when the configuration wants it there.
pub fn error_reply(error: &Error, call_id: Option<&str>) -> HttpResponse {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = envelope(error, call_id);
    let mut response =
        HttpResponse::build(status).insert_header((header::CONTENT_TYPE, json_type())).body(body);
    retry_headers(error, response.headers_mut());
    response
}

/// `Retry-After` (whole seconds, rounded up), `retry-after-ms`, `x-should-retry` and the error's own.
pub fn retry_headers(error: &Error, headers: &mut HeaderMap) {
    if let Some(wait) = error.retry_after() {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000).max(1)));
        headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis));
    }
    if let Some(word) = should_retry(error) {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static(word));
    }
    for (name, value) in error.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

/// What the SDK should do: nothing where its own rule (408, 409, 429, 5xx) is right.
fn should_retry(error: &Error) -> Option<&'static str> {
    if let Some(advice) = error.should_retry() {
        return Some(if advice { "true" } else { "false" });
    }
    match (error.kind(), error.behaviour().retry) {
        // The caller's own time is over; doing it again costs the same time again.
        (Kind::CallerDeadline | Kind::Misconfigured, _) => Some("false"),
        (_, Retry::Never) if error.status() < 429 => Some("false"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn waits_are_told_in_both_units() {
        let error = Error::new(Kind::UpstreamRateLimit, "slow down")
            .with_retry_after(Some(Duration::from_millis(1500)));
        let reply = error_reply(&error, None);
        assert_eq!(reply.status(), 429);
        assert_eq!(reply.headers().get(header::RETRY_AFTER).unwrap(), "2");
        assert_eq!(reply.headers().get(RETRY_AFTER_MS).unwrap(), "1500");
        assert!(reply.headers().get(SHOULD_RETRY).is_none());
    }

    #[test]
    fn an_expired_caller_is_told_not_to_repeat() {
        let reply = error_reply(&Error::new(Kind::CallerDeadline, "over"), None);
        assert_eq!(reply.headers().get(SHOULD_RETRY).unwrap(), "false");
    }
}
