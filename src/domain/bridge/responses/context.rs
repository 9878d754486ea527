//! What an answer repeats of its request, and the response object around every answer.

use serde_json::{Map, Value, json};

use super::tools::Tools;
use crate::domain::bridge::json::given;

/// What [`from_chat`](super::from_chat) and [`ResponsesStream`](super::ResponsesStream) need of a request.
#[derive(Debug, Clone)]
pub struct ResponsesContext {
    /// The response object's fields that repeat the request, defaults filled in.
    echo: Map<String, Value>,
}

/// Fields that the answer repeats as they were sent; null when they were not.
const REPEATED: [&str; 10] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "prompt_cache_key",
    "safety_identifier",
    "service_tier",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
];

impl ResponsesContext {
    pub(super) fn of(request: &Map<String, Value>, tools: &Tools) -> Self {
        let or = |key: &str, default: Value| given(request, key).cloned().unwrap_or(default);
        let mut echo = Map::new();
        for key in REPEATED {
            echo.insert(key.to_owned(), or(key, Value::Null));
        }
        let mut text = or("text", json!({}));
        let mut reasoning = or("reasoning", json!({}));
        if let Some(text) = text.as_object_mut() {
            text.entry("format").or_insert_with(|| json!({"type": "text"}));
        }
        if let Some(reasoning) = reasoning.as_object_mut() {
            for key in ["effort", "summary"] {
                reasoning.entry(key).or_insert(Value::Null);
            }
        }
        echo.extend([
            ("background".to_owned(), json!(false)),
            ("metadata".to_owned(), or("metadata", json!({}))),
            ("parallel_tool_calls".to_owned(), or("parallel_tool_calls", json!(true))),
            ("previous_response_id".to_owned(), Value::Null),
            ("reasoning".to_owned(), reasoning),
            ("store".to_owned(), json!(false)),
            ("text".to_owned(), text),
            ("tool_choice".to_owned(), tools.choice.clone().unwrap_or_else(|| json!("auto"))),
            ("tools".to_owned(), Value::Array(tools.flat.clone())),
            ("truncation".to_owned(), json!("disabled")),
        ]);
        ResponsesContext { echo }
    }

    /// The whole response object.
    pub(super) fn response(&self, frame: Frame<'_>) -> Value {
        let mut response = Map::new();
        response.insert("id".to_owned(), json!(format!("resp_{}", frame.suffix)));
        response.insert("object".to_owned(), json!("response"));
        response.insert("created_at".to_owned(), json!(frame.created));
        response.insert("status".to_owned(), json!(frame.ending.status()));
        response.insert("error".to_owned(), frame.ending.error());
        response.insert("incomplete_details".to_owned(), frame.ending.details());
        response.insert("model".to_owned(), json!(frame.model));
        response.insert("output".to_owned(), Value::Array(frame.output));
        response.extend(self.echo.clone());
        if let Some(tier) = frame.service_tier {
            response.insert("service_tier".to_owned(), tier.clone());
        }
        response.insert("usage".to_owned(), frame.usage);
        Value::Object(response)
    }
}

/// What changes from one response object to the next.
pub(super) struct Frame<'a> {
    pub suffix: &'a str,
    pub created: u64,
    pub model: &'a str,
    pub ending: &'a Ending,
    pub output: Vec<Value>,
    pub service_tier: Option<&'a Value>,
    pub usage: Value,
}

/// How far a response has come, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// Not yet.
    Open,
    /// As the model wanted.
    Completed,
    /// Cut off, for this reason of the Responses API.
    Incomplete(&'static str),
    /// An error: code of the Responses API and public sentence.
    Failed(&'static str, String),
}

impl Ending {
    /// What a chat finish reason means; none at all means that the upstream broke off.
    pub(super) fn of(finish_reason: Option<&str>) -> Ending {
        match finish_reason {
            Some("length" | "max_tokens") => Ending::Incomplete("max_output_tokens"),
            Some("content_filter") => Ending::Incomplete("content_filter"),
            Some("error") => Ending::Failed("server_error", "The provider reported an error.".to_owned()),
            Some(_) => Ending::Completed,
            None => Ending::Failed(
                "server_error",
                "The provider broke off before the answer was complete.".to_owned(),
            ),
        }
    }

    /// The response's `status`.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Ending::Open => "in_progress",
            Ending::Completed => "completed",
            Ending::Incomplete(_) => "incomplete",
            Ending::Failed(..) => "failed",
        }
    }

    /// The `status` of the last item; the ones before it are always complete.
    pub(super) fn last_item_status(&self) -> &'static str {
        match self {
            Ending::Open => "in_progress",
            Ending::Completed => "completed",
            Ending::Incomplete(_) | Ending::Failed(..) => "incomplete",
        }
    }

    /// The streaming event that says so.
    pub(super) fn event(&self) -> &'static str {
        match self {
            Ending::Open => "response.in_progress",
            Ending::Completed => "response.completed",
            Ending::Incomplete(_) => "response.incomplete",
            Ending::Failed(..) => "response.failed",
        }
    }

    fn error(&self) -> Value {
        match self {
            Ending::Failed(code, message) => json!({"code": code, "message": message}),
            _ => Value::Null,
        }
    }

    fn details(&self) -> Value {
        match self {
            Ending::Incomplete(reason) => json!({"reason": reason}),
            _ => Value::Null,
        }
    }
}
