//! Anthropic's errors, as HTTP replies and as events within a stream.
//!
//! See <https://docs.claude.com/en/api/errors>.

use std::time::Duration;

use serde_json::Value;

use super::PROVIDER;
use super::fields::text;
use crate::base::error::{Error, Kind};

/// The most of an error body that a message quotes, bytes.
const LONGEST_QUOTE: usize = 4_096;

/// What the prompt-does-not-fit errors say.
const CONTEXT: &[&str] = &[
    "prompt is too long",
    "exceed context limit",
    "exceeds the maximum number of tokens",
    "input is too long",
    "maximum context length",
];

/// Turns an error reply into an error of the right kind: the provider's status and type stay, and the
/// message quotes the body (`AnthropicException - {"type":"error",...}`), request id included.
pub fn error(status: u16, body: &[u8], retry_after: Option<Duration>) -> Error {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let inner = parsed.as_ref().and_then(|body| body.get("error"));
    let (type_, message) = inner.map_or(("", ""), |inner| (text(inner, "type"), text(inner, "message")));
    let kind = refine(Kind::of_upstream_status(status), type_, message);
    let status = match kind {
        Kind::UpstreamOverloaded => 529,
        // No error status at all: the kind's own is shown.
        Kind::InvalidReply => kind.behaviour().status,
        _ => status,
    };
    build(kind, status, type_, &quote(body)).with_retry_after(retry_after)
}

/// Turns an error object that came with a success status, or as an event, into an error.
pub(super) fn in_band(event: &Value) -> Error {
    let inner = event.get("error").unwrap_or(event);
    let (type_, message) = (text(inner, "type"), text(inner, "message"));
    let kind = refine(kind_of_type(type_), type_, message);
    build(kind, kind.behaviour().status, type_, &quote(event.to_string().as_bytes()))
}

/// A reply that cannot be read.
pub(super) fn invalid_reply(problem: &str, cause: impl std::fmt::Display) -> Error {
    Error::new(Kind::InvalidReply, format!("AnthropicException - {problem}"))
        .with_provider(PROVIDER)
        .with_cause(cause)
}

fn build(kind: Kind, status: u16, type_: &str, quoted: &str) -> Error {
    let error = Error::new(kind, format!("AnthropicException - {quoted}"))
        .with_provider(PROVIDER)
        .with_status(status);
    let error = if type_.is_empty() { error } else { error.with_type(type_) };
    error.in_providers_words()
}

/// The kinds of error types, for errors without a status of their own.
fn kind_of_type(type_: &str) -> Kind {
    match type_ {
        "invalid_request_error" => Kind::UpstreamBadRequest,
        "authentication_error" => Kind::UpstreamUnauthorized,
        "billing_error" => Kind::UpstreamPayment,
        "permission_error" => Kind::UpstreamForbidden,
        "not_found_error" => Kind::UpstreamNotFound,
        "request_too_large" => Kind::UpstreamTooLarge,
        "rate_limit_error" => Kind::UpstreamRateLimit,
        "timeout_error" => Kind::UpstreamGatewayTimeout,
        "overloaded_error" => Kind::UpstreamOverloaded,
        _ => Kind::UpstreamInternal,
    }
}

/// Looks closer at kinds that mean several things.
fn refine(kind: Kind, type_: &str, message: &str) -> Kind {
    if type_ == "overloaded_error" {
        return Kind::UpstreamOverloaded;
    }
    if !matches!(kind, Kind::UpstreamBadRequest | Kind::UpstreamTooLarge) {
        return kind;
    }
    let message = message.to_ascii_lowercase();
    if CONTEXT.iter().any(|words| message.contains(words)) {
        Kind::ContextWindow
    } else if message.contains("content filtering policy") || message.contains("content policy") {
        Kind::ContentPolicy
    } else if type_ == "billing_error" || message.contains("credit balance is too low") {
        // The deployment's account, not the caller's request: another deployment may well answer.
        Kind::UpstreamPayment
    } else {
        kind
    }
}

fn quote(body: &[u8]) -> String {
    let shown = body.get(..LONGEST_QUOTE).unwrap_or(body);
    let mut quoted = String::from_utf8_lossy(shown).trim().to_owned();
    if shown.len() < body.len() {
        quoted.push('…');
    }
    if quoted.is_empty() { "(empty body)".to_owned() } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(type_: &str, message: &str) -> Vec<u8> {
        serde_json::json!({"type": "error", "error": {"type": type_, "message": message},
            "request_id": "req_1"})
        .to_string()
        .into_bytes()
    }

    #[test]
    fn statuses_keep_their_class_and_type() {
        for (status, type_, kind) in [
            (400, "invalid_request_error", Kind::UpstreamBadRequest),
            (401, "authentication_error", Kind::UpstreamUnauthorized),
            (403, "permission_error", Kind::UpstreamForbidden),
            (404, "not_found_error", Kind::UpstreamNotFound),
            (413, "request_too_large", Kind::UpstreamTooLarge),
            (429, "rate_limit_error", Kind::UpstreamRateLimit),
            (500, "api_error", Kind::UpstreamInternal),
            (529, "overloaded_error", Kind::UpstreamOverloaded),
        ] {
            let error = error(status, &body(type_, "x"), Some(Duration::from_secs(3)));
            assert_eq!((error.kind(), error.status(), error.type_()), (kind, status, type_));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
            assert!(error.message().starts_with("AnthropicException - {\"type\":\"error\""), "{error:?}");
            assert!(error.message().contains("req_1"));
        }
    }

    #[test]
    fn texts_tell_more_than_their_status() {
        for (message, kind) in [
            ("prompt is too long: 210000 tokens > 200000 maximum", Kind::ContextWindow),
            ("input length and `max_tokens` exceed context limit: 1 + 2 > 2", Kind::ContextWindow),
            ("Output blocked by content filtering policy", Kind::ContentPolicy),
            ("Your credit balance is too low to access the Anthropic API.", Kind::UpstreamPayment),
        ] {
            assert_eq!(error(400, &body("invalid_request_error", message), None).kind(), kind, "{message}");
        }
    }

    #[test]
    fn bodies_that_are_no_json_are_quoted_in_part() {
        let error = error(502, "<html>".repeat(5_000).as_bytes(), None);
        assert_eq!((error.kind(), error.status()), (Kind::UpstreamBadGateway, 502));
        assert!(error.message().len() < 5_000);
        assert_eq!(super::error(503, b"", None).message(), "AnthropicException - (empty body)");
    }

    #[test]
    fn in_band_errors_have_the_status_of_their_type() {
        let error = in_band(&serde_json::from_slice(&body("overloaded_error", "Overloaded")).unwrap());
        assert_eq!((error.kind(), error.status()), (Kind::UpstreamOverloaded, 529));
        assert_eq!(in_band(&serde_json::json!({"type": "error"})).kind(), Kind::UpstreamInternal);
    }
}
