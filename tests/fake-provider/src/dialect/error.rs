//! Errors in each provider's own words.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Call;
use crate::reply::{Event, Reply};
use crate::route::{Dialect, Endpoint};
use crate::script::Script;

/// An error as a provider would tell it.
struct Told {
    status: u16,
    kind: String,
    code: Option<String>,
    param: Option<String>,
    message: String,
}

impl Told {
    fn new(status: u16, dialect: Dialect, script: &Script) -> Self {
        let (kind, code, message) = usual(status, dialect);
        Self {
            status,
            kind: script.error_type.clone().unwrap_or_else(|| kind.to_owned()),
            code: script.error_code.clone().or_else(|| code.map(str::to_owned)),
            param: script.error_param.clone(),
            message: script.error_message.clone().unwrap_or_else(|| message.to_owned()),
        }
    }

    fn body(&self, dialect: Dialect) -> Value {
        match dialect {
            Dialect::Anthropic => json!({"type": "error",
                "error": {"type": self.kind, "message": self.message}, "request_id": "req_fake"}),
            Dialect::Cohere => json!({"id": "fake", "message": self.message}),
            Dialect::Azure => {
                let code = self.code.clone().unwrap_or_else(|| self.status.to_string());
                let mut error =
                    json!({"message": self.message, "type": self.kind, "param": self.param, "code": code});
                if code == "content_filter" {
                    error["innererror"] = json!({"code": "ResponsibleAIPolicyViolation",
                        "content_filter_result": {"violence": {"filtered": true, "severity": "high"}}});
                }
                json!({"error": error})
            }
            Dialect::OpenAi => json!({"error":
                {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}),
        }
    }
}

/// The type, code and message that a provider uses for a status.
fn usual(status: u16, dialect: Dialect) -> (&'static str, Option<&'static str>, &'static str) {
    if dialect == Dialect::Anthropic {
        return match status {
            401 => ("authentication_error", None, "invalid x-api-key"),
            403 => (
                "permission_error",
                None,
                "Your API key does not have permission to use the specified resource.",
            ),
            404 => ("not_found_error", None, "model: not found"),
            413 => ("request_too_large", None, "Request exceeds the maximum size"),
            429 => ("rate_limit_error", None, "This request would exceed your organization's rate limit."),
            529 => ("overloaded_error", None, "Overloaded"),
            s if s >= 500 => ("api_error", None, "Internal server error"),
            _ => ("invalid_request_error", None, "max_tokens: must be greater than or equal to 1"),
        };
    }
    match status {
        401 => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        403 => ("insufficient_permissions", Some("forbidden"), "You are not allowed to do this."),
        404 => (
            "invalid_request_error",
            Some("model_not_found"),
            "The model does not exist or you do not have access to it.",
        ),
        408 => ("timeout", None, "The request timed out."),
        413 => ("invalid_request_error", None, "The request is too large."),
        422 => ("invalid_request_error", None, "The request cannot be processed."),
        429 => ("requests", Some("rate_limit_exceeded"), "Rate limit reached for requests."),
        s if s >= 500 => ("server_error", None, "The server had an error while processing your request."),
        _ => ("invalid_request_error", None, "The request is invalid."),
    }
}

/// The body of an error that has nothing scripted about it.
#[must_use]
pub fn error_body(status: u16, dialect: Dialect, message: &str) -> Value {
    Told { message: message.to_owned(), ..Told::new(status, dialect, &Script::default()) }.body(dialect)
}

/// The refusal that the script or the request itself calls for.
pub fn refusal(endpoint: &Endpoint, call: &Call<'_>) -> Option<Reply> {
    let (script, dialect) = (call.script, call.dialect);
    let told = if script.context_window {
        too_long(dialect, script)
    } else if script.content_policy {
        against_policy(dialect, script)
    } else if let Some(status) = script.status {
        Told::new(status, dialect, script)
    } else if script.error_in_200 {
        return Some(error_in_200(call));
    } else if dialect == Dialect::Azure && call.request.query_param("api-version").is_none() {
        Told { message: "Resource not found".to_owned(), ..Told::new(404, dialect, script) }
    } else {
        return missing(endpoint, call).map(|message| Reply::json(400, &error_body(400, dialect, &message)));
    };
    let mut reply = Reply::json(told.status, &told.body(dialect));
    if let Some(after) = &script.retry_after {
        reply = reply.with("retry-after", after);
    }
    if let Some(after) = &script.retry_after_ms {
        reply = reply.with("retry-after-ms", after);
    }
    Some(reply)
}

/// A provider checks what it must have; a gateway's mistakes should not pass here.
fn missing(endpoint: &Endpoint, call: &Call<'_>) -> Option<String> {
    let needed: &[&str] = match endpoint {
        Endpoint::Chat => &["messages"],
        Endpoint::Messages => &["model", "messages", "max_tokens"],
        Endpoint::Completions | Endpoint::Images => &["prompt"],
        Endpoint::Embeddings | Endpoint::Moderations | Endpoint::Responses => &["input"],
        Endpoint::Speech => &["model", "input", "voice"],
        Endpoint::Rerank => &["model", "query", "documents"],
        _ => &[],
    };
    // Image edits are multipart.
    if call.body.as_object().is_some_and(serde_json::Map::is_empty) && *endpoint == Endpoint::Images {
        return None;
    }
    let name = needed.iter().find(|name| call.body.get(**name).is_none())?;
    Some(match call.dialect {
        Dialect::Anthropic => format!("{name}: Field required"),
        _ => format!("Missing required parameter: '{name}'."),
    })
}

fn too_long(dialect: Dialect, script: &Script) -> Told {
    let message = match dialect {
        Dialect::Anthropic => "prompt is too long: 250000 tokens > 200000 maximum",
        _ => {
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. \
             Please reduce the length of the messages."
        }
    };
    let code = (dialect != Dialect::Anthropic).then(|| "context_length_exceeded".to_owned());
    Told {
        code,
        param: Some("messages".into()),
        message: message.to_owned(),
        ..Told::new(400, dialect, script)
    }
}

fn against_policy(dialect: Dialect, script: &Script) -> Told {
    let (code, message) = match dialect {
        Dialect::Azure => (
            Some("content_filter"),
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        ),
        Dialect::Anthropic => (None, "Output blocked by content filtering policy"),
        _ => {
            (Some("content_policy_violation"), "Your request was rejected as a result of our safety system.")
        }
    };
    Told { code: code.map(str::to_owned), message: message.to_owned(), ..Told::new(400, dialect, script) }
}

fn error_in_200(call: &Call<'_>) -> Reply {
    let body = Told::new(500, call.dialect, call.script).body(call.dialect);
    if call.streams() {
        return Reply::stream(
            vec![Event { bytes: framed(call.dialect, &body), content: false }],
            Bytes::new(),
        );
    }
    Reply::json(200, &body)
}

/// The event that tells of an error in the middle of a stream.
pub fn broken_event(call: &Call<'_>) -> Bytes {
    let status = if call.dialect == Dialect::Anthropic { 529 } else { 500 };
    framed(call.dialect, &Told::new(status, call.dialect, call.script).body(call.dialect))
}

fn framed(dialect: Dialect, body: &Value) -> Bytes {
    match dialect {
        Dialect::Anthropic => Event::named(body, false).bytes,
        _ => Event::data(&body.to_string(), false).bytes,
    }
}
