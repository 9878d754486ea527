//! What providers' errors become.

use std::time::Duration;

use super::*;
use crate::domain::providers::testing::{AZURE, OPENAI, deployment};

fn error(status: u16, body: &str) -> Error {
    of_reply(&deployment(OPENAI, "gpt-4o"), status, body.as_bytes(), |_| None, SystemTime::UNIX_EPOCH)
}

#[test]
fn openais_envelope_is_kept() {
    let error = error(
        400,
        r#"{"error":{"message":"Invalid value","type":"invalid_request_error","param":"messages[0].role","code":"invalid_value"}}"#,
    );
    assert_eq!((error.kind(), error.status()), (Kind::UpstreamBadRequest, 400));
    assert_eq!(error.message(), "litellm.BadRequestError: BadRequestError: OpenAIException - Invalid value");
    assert_eq!(error.type_(), "invalid_request_error");
    assert_eq!((error.param(), error.code()), (Some("messages[0].role"), Some("invalid_value")));
    assert_eq!(error.provider(), Some("openai"));
}

#[test]
fn every_status_keeps_its_class_and_number() {
    for (status, kind) in [
        (401, Kind::UpstreamUnauthorized),
        (402, Kind::UpstreamPayment),
        (403, Kind::UpstreamForbidden),
        (404, Kind::UpstreamNotFound),
        (405, Kind::UpstreamBadRequest),
        (408, Kind::UpstreamRequestTimeout),
        (409, Kind::UpstreamConflict),
        (413, Kind::UpstreamTooLarge),
        (422, Kind::UpstreamUnprocessable),
        (429, Kind::UpstreamRateLimit),
        (500, Kind::UpstreamInternal),
        (501, Kind::UpstreamInternal),
        (502, Kind::UpstreamBadGateway),
        (503, Kind::UpstreamUnavailable),
        (504, Kind::UpstreamGatewayTimeout),
        (529, Kind::UpstreamOverloaded),
    ] {
        let error = error(status, r#"{"error":{"message":"m"}}"#);
        assert_eq!((error.kind(), error.status()), (kind, status));
    }
    assert_eq!((error(302, "").kind(), error(302, "").status()), (Kind::InvalidReply, 502));
}

#[test]
fn context_window_by_code_and_by_text() {
    let by_code =
        error(400, r#"{"error":{"message":"m","code":"context_length_exceeded","param":"messages"}}"#);
    assert_eq!((by_code.kind(), by_code.code()), (Kind::ContextWindow, Some("context_length_exceeded")));
    for (status, body) in [
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","param":null,"code":400}"#,
        ),
        (
            400,
            r#"{"error":{"message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096.","type":"BadRequestError","code":400}}"#,
        ),
        (
            422,
            r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096","error_type":"validation"}"#,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
        ),
        (413, r#"{"message":"Prompt is too long"}"#),
    ] {
        let error = error(status, body);
        assert_eq!((error.kind(), error.status()), (Kind::ContextWindow, 400), "{body}");
        assert_eq!(error.code(), Some("context_length_exceeded"));
    }
    let tpm = error(
        429,
        r#"{"error":{"message":"Request too large: reduce the length of the messages","code":"rate_limit_exceeded"}}"#,
    );
    assert_eq!(tpm.kind(), Kind::UpstreamRateLimit);
    assert_eq!(error(413, r#"{"error":{"message":"TPM","code":"rate_limit_exceeded"}}"#).status(), 429);
}

#[test]
fn content_policy_of_openai_and_azure() {
    let openai = error(
        400,
        r#"{"error":{"message":"Your request was rejected as a result of our safety system.","type":"invalid_request_error"}}"#,
    );
    assert_eq!((openai.kind(), openai.code()), (Kind::ContentPolicy, Some("content_policy_violation")));
    let body = br#"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true}}}}}"#;
    let azure = of_reply(&deployment(AZURE, "gpt"), 400, body, |_| None, SystemTime::UNIX_EPOCH);
    assert_eq!(
        (azure.kind(), azure.code(), azure.param()),
        (Kind::ContentPolicy, Some("content_filter"), Some("prompt"))
    );
    assert_eq!(
        azure.message(),
        "litellm.ContentPolicyViolationError: AzureException ContentPolicyViolationError - The response was filtered"
    );
}

#[test]
fn wrong_keys_and_models_under_other_statuses() {
    assert_eq!(error(400, r#"{"error":"Incorrect API key provided: sk-ab***yz"}"#).status(), 401);
    assert_eq!(error(403, r#"{"error":{"message":"no","code":"model_not_found"}}"#).status(), 404);
}

#[test]
fn shapes_without_an_envelope() {
    let says =
        |body: &str| error(500, body).message().rsplit_once(" - ").map(|(_, text)| text.to_owned()).unwrap();
    assert_eq!(says(r#"{"message":"flat"}"#), "flat");
    assert_eq!(
        says(r#"{"detail":[{"loc":["body","model",0],"msg":"Field required"}]}"#),
        "body.model.0: Field required"
    );
    assert_eq!(says(r#"{"detail":"Not Found"}"#), "Not Found");
    assert_eq!(says(r#"[{"error":{"code":500,"message":"in a list"}}]"#), "in a list");
    assert_eq!(says("upstream connect\n  error"), "upstream connect error");
    assert_eq!(
        says("<html><head><TITLE>502 Bad\nGateway</TITLE></head></html>"),
        "an HTML page: 502 Bad Gateway"
    );
    assert_eq!(says(""), "HTTP 500 without a message");
    assert_eq!(says("[]"), "HTTP 500 without a message");
}

#[test]
fn keys_are_masked_and_texts_bounded() {
    let leak = error(
        401,
        r#"{"error":{"message":"Incorrect API key provided: sk-test-0123456789.","code":"sk-test-0123456789"}}"#,
    );
    assert!(!format!("{leak:?} {:?}", leak.code()).contains("0123456789"));
    assert!(error(500, &"x ".repeat(100_000)).message().len() < 2_200);
}

#[test]
fn retry_language_is_read() {
    let header = |name: &str| match name {
        "retry-after" => Some("7"),
        "x-should-retry" => Some("false"),
        "x-request-id" => Some("req_1"),
        _ => None,
    };
    let error = of_reply(&deployment(OPENAI, "m"), 429, b"{}", header, SystemTime::UNIX_EPOCH);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(error.should_retry(), Some(false));
    assert_eq!(error.cause(), Some("upstream request id req_1"));
}

#[test]
fn in_band_errors_find_their_status() {
    let of = |raw: &str| in_band(&deployment(OPENAI, "m"), raw);
    assert_eq!(of(r#"{"message":"m","code":429}"#).status(), 429);
    assert_eq!(of(r#"{"message":"m","type":"overloaded_error"}"#).kind(), Kind::UpstreamOverloaded);
    assert_eq!(of(r#"{"message":"m","type":"invalid_request_error","code":"x"}"#).status(), 400);
    assert_eq!((of(r#""just text""#).status(), of("{}").status()), (500, 500));
    assert_eq!(of(r#"{"message":"m","type":"server_error","param":"p","code":"c"}"#).code(), Some("c"));
}

proptest::proptest! {
    #[test]
    fn any_body_is_survived(status in 0u16..1000, body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let error = of_reply(&deployment(OPENAI, "m"), status, &body, |_| None, SystemTime::UNIX_EPOCH);
        proptest::prop_assert!((400..600).contains(&error.status()));
    }
}
