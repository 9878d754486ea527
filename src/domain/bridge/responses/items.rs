//! Output items: reasoning, messages, function calls; and usage in the Responses API's words.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::thinking::Thinking;
use crate::domain::bridge::json::{list, text};

/// One entry of a response's `output`.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub id: String,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Reasoning { summary: String, thinking: Thinking },
    Message { parts: Vec<Part> },
    Call { call_id: String, name: String, arguments: String },
}

/// One part of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub refusal: bool,
    pub text: String,
    pub annotations: Vec<Value>,
    pub logprobs: Vec<Value>,
}

impl Item {
    /// An item of this body at this place of the output.
    pub(super) fn new(body: Body, suffix: &str, place: usize) -> Item {
        let prefix = match body {
            Body::Reasoning { .. } => "rs",
            Body::Message { .. } => "msg",
            Body::Call { .. } => "fc",
        };
        Item { id: format!("{prefix}_{suffix}_{place}"), body }
    }

    /// The item as the output shows it.
    pub(super) fn value(&self, status: &str) -> Value {
        match &self.body {
            Body::Reasoning { summary, thinking } => {
                let parts: Vec<Value> = Some(summary)
                    .filter(|text| !text.is_empty())
                    .map(|text| summary_part(text))
                    .into_iter()
                    .collect();
                let mut item = Map::from_iter([
                    ("id".to_owned(), json!(self.id)),
                    ("type".to_owned(), json!("reasoning")),
                    ("status".to_owned(), json!(status)),
                    ("summary".to_owned(), Value::Array(parts)),
                ]);
                if let Some(packed) = thinking.pack() {
                    item.insert("encrypted_content".to_owned(), Value::String(packed));
                }
                Value::Object(item)
            }
            Body::Message { parts } => json!({
                "id": self.id,
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": parts.iter().map(Part::value).collect::<Vec<_>>(),
            }),
            Body::Call { call_id, name, arguments } => json!({
                "id": self.id,
                "type": "function_call",
                "status": status,
                "call_id": call_id,
                "name": name,
                "arguments": arguments,
            }),
        }
    }
}

impl Part {
    /// The part as the message shows it.
    pub(super) fn value(&self) -> Value {
        if self.refusal {
            json!({"type": "refusal", "refusal": self.text})
        } else {
            json!({
                "type": "output_text",
                "annotations": self.annotations,
                "logprobs": self.logprobs,
                "text": self.text,
            })
        }
    }
}

/// One part of a reasoning item's summary.
pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// The id by which tool results will name a call. Clients tell calls apart by it, so a missing or repeated
/// one is replaced; the provider gets the replacement back with the history, consistently.
pub(super) fn call_id(
    given: Option<&str>,
    taken: &mut HashSet<String>,
    suffix: &str,
    place: usize,
) -> String {
    let id = match given {
        Some(id) if !taken.contains(id) => id.to_owned(),
        _ => format!("call_{suffix}_{place}"),
    };
    taken.insert(id.clone());
    id
}

/// Citations as the Responses API writes them: flat.
pub(super) fn annotations(source: &Value) -> Vec<Value> {
    list(source, "annotations")
        .iter()
        .filter_map(|annotation| match text(annotation, "type") {
            Some("url_citation") => {
                let mut flat = Map::from_iter([("type".to_owned(), json!("url_citation"))]);
                flat.extend(annotation.get("url_citation")?.as_object()?.clone());
                Some(Value::Object(flat))
            }
            _ => None,
        })
        .collect()
}

/// The thinking that a message or delta shows: `reasoning_content`, or `reasoning` as some servers call it.
pub(super) fn reasoning_text(source: &Value) -> Option<&str> {
    text(source, "reasoning_content").or_else(|| text(source, "reasoning"))
}

/// What an unusable upstream id is replaced by, and what prefixes of other objects are taken off.
pub(super) fn suffix(chat_id: Option<&str>, fallback: &str) -> String {
    let clean = |id: &str| -> String {
        let id = id.strip_prefix("chatcmpl-").or_else(|| id.strip_prefix("resp_")).unwrap_or(id);
        id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(64).collect()
    };
    chat_id.map(clean).filter(|id| !id.is_empty()).unwrap_or_else(|| clean(fallback))
}

/// Chat usage in the Responses API's words; null stays null.
pub(super) fn usage(chat: Option<&Value>) -> Value {
    let Some(chat) = chat.filter(|usage| usage.is_object()) else { return Value::Null };
    let count = |path: &str| chat.pointer(path).and_then(Value::as_u64);
    let input = count("/prompt_tokens").unwrap_or_default();
    let output = count("/completion_tokens").unwrap_or_default();
    let written = count("/prompt_tokens_details/cache_write_tokens")
        .or_else(|| count("/prompt_tokens_details/cache_creation_tokens"))
        .or_else(|| count("/cache_creation_input_tokens"));
    json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": count("/prompt_tokens_details/cached_tokens").unwrap_or_default(),
            "cache_write_tokens": written.unwrap_or_default(),
        },
        "output_tokens": output,
        "output_tokens_details": {
            "reasoning_tokens": count("/completion_tokens_details/reasoning_tokens").unwrap_or_default(),
        },
        "total_tokens": count("/total_tokens").unwrap_or_else(|| input.saturating_add(output)),
    })
}
