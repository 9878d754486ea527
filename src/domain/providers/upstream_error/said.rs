//! What an error body says, whatever shape it has.

use serde_json::{Map, Value};

/// The parts of an error body that matter, as the provider wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The sentence for people; empty when there is none.
    pub message: String,
    /// `error.type`.
    pub type_: Option<String>,
    /// `error.code` where it is a word; numbers are [`Said::status`].
    pub code: Option<String>,
    /// `error.param`.
    pub param: Option<String>,
    /// Azure's `innererror.code`.
    pub inner_code: Option<String>,
    /// An HTTP status that the body itself names.
    pub status: Option<u16>,
}

impl Said {
    /// Reads OpenAI's envelope, the flat objects of vLLM, Mistral and Cohere, FastAPI's `detail`, an array
    /// around any of them, a bare string, HTML, and plain text.
    pub fn of_body(body: &[u8]) -> Said {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Said::of_value(&value),
            Err(_) => Said { message: summary(&String::from_utf8_lossy(body)), ..Said::default() },
        }
    }

    fn of_value(value: &Value) -> Said {
        match value {
            Value::Array(items) => items.first().map(Said::of_value).unwrap_or_default(),
            Value::Object(outer) => match outer.get("error") {
                Some(Value::Object(inner)) => Said::of_object(inner).or(Said::of_object(outer)),
                Some(Value::String(text)) => {
                    Said { message: text.clone(), ..Said::default() }.or(Said::of_object(outer))
                }
                _ => Said::of_object(outer),
            },
            Value::String(text) => Said { message: text.clone(), ..Said::default() },
            _ => Said::default(),
        }
    }

    fn of_object(object: &Map<String, Value>) -> Said {
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = ["code", "status", "status_code", "statusCode"]
            .iter()
            .find_map(|name| object.get(*name).and_then(status_of));
        let message = ["message", "detail", "msg", "error_message"]
            .iter()
            .find_map(|name| object.get(*name).and_then(sentence_of));
        let inner = object.get("innererror").or(object.get("inner_error"));
        Said {
            message: message.unwrap_or_default(),
            type_: text("type"),
            code: text("code").filter(|code| code.parse::<u16>().is_err()),
            param: text("param"),
            inner_code: inner.and_then(|inner| inner.get("code")).and_then(Value::as_str).map(str::to_owned),
            status,
        }
    }

    /// Fills what is missing from another reading.
    fn or(self, other: Said) -> Said {
        Said {
            message: if self.message.is_empty() { other.message } else { self.message },
            type_: self.type_.or(other.type_),
            code: self.code.or(other.code),
            param: self.param.or(other.param),
            inner_code: self.inner_code.or(other.inner_code),
            status: self.status.or(other.status),
        }
    }

    /// The status that an error inside a success reply stands for: the one it names, else the one that
    /// its type or code belongs to.
    pub fn status_hint(&self) -> Option<u16> {
        let of_word = |word: &Option<String>| word.as_deref().and_then(status_of_word);
        self.status.or_else(|| of_word(&self.code)).or_else(|| of_word(&self.type_))
    }
}

fn status_of(value: &Value) -> Option<u16> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.and_then(|n| u16::try_from(n).ok()).filter(|status| (400..600).contains(status))
}

fn status_of_word(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error" | "BadRequestError" | "context_length_exceeded" => 400,
        "content_filter" | "content_policy_violation" => 400,
        "authentication_error" | "invalid_api_key" | "AuthenticationError" => 401,
        "permission_error" | "PermissionDeniedError" => 403,
        "not_found_error" | "model_not_found" | "NotFoundError" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "RateLimitError" => 429,
        "insufficient_quota" | "tokens" | "requests" => 429,
        "timeout_error" => 504,
        "service_unavailable_error" | "ServiceUnavailableError" => 503,
        "overloaded_error" => 529,
        "server_error" | "api_error" | "internal_server_error" | "InternalServerError" => 500,
        _ => return None,
    })
}

/// A message: text, or FastAPI's list of complaints, or an object that at least can be shown.
fn sentence_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().filter_map(complaint).collect();
            (!parts.is_empty()).then(|| parts.join("; "))
        }
        Value::Object(inner) => inner.get("detail").and_then(sentence_of).or(Some(value.to_string())),
        _ => None,
    }
}

fn complaint(item: &Value) -> Option<String> {
    let text = item.get("msg").or(item.get("message")).and_then(Value::as_str)?;
    let place = item.get("loc").and_then(Value::as_array).map(|path| {
        let steps: Vec<String> = path.iter().map(|step| step.to_string().replace('"', "")).collect();
        steps.join(".")
    });
    Some(place.map_or_else(|| text.to_owned(), |place| format!("{place}: {text}")))
}

/// What a body that is no JSON says: the title of a page, or the text on one line.
fn summary(text: &str) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let trimmed = text.trim();
    if !trimmed.starts_with('<') {
        return one_line(trimmed);
    }
    let lower = trimmed.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = start + lower.get(start..)?.find("</title>")?;
        trimmed.get(start..end)
    });
    title.map_or_else(|| "an HTML page".to_owned(), |title| format!("an HTML page: {}", one_line(title)))
}
