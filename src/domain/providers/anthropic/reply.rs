//! A whole Messages reply as an OpenAI chat completion.

use serde_json::{Value, json};

use super::context::{Json, ReplyContext, Shown};
use super::error;
use super::fields::{Object, object, text};
use super::finish;
use super::json_text;
use super::usage::Counts;
use crate::base::error::Error;
use crate::base::usage::Usage;

/// Translates the body of a successful reply.
///
/// # Errors
/// [`Kind::InvalidReply`](crate::base::error::Kind::InvalidReply) when it is no Messages reply, and the
/// error itself when it is one in spite of its status.
pub fn reply(upstream: &[u8], ctx: &ReplyContext, shown: &Shown) -> Result<(Value, Usage), Error> {
    let body: Value = serde_json::from_slice(upstream)
        .map_err(|cause| error::invalid_reply("the reply is no valid JSON", cause))?;
    if text(&body, "type") == "error" || body.get("error").is_some_and(Value::is_object) {
        return Err(error::in_band(&body));
    }
    let Some(content) = body.get("content").and_then(Value::as_array) else {
        return Err(error::invalid_reply("the reply has no content", "field `content` is no array"));
    };
    let mut answer = Answer::default();
    for block in content {
        answer.add(block, ctx);
    }
    let mut counts = Counts::default();
    counts.update(body.get("usage").unwrap_or(&Value::Null));
    let thinking = answer.thinking.chars().count() as u64;
    let usage = counts.usage(thinking).unwrap_or_default();
    let finish = finish::reason(text(&body, "stop_reason"), !answer.calls.is_empty(), ctx);
    let refusal = body.get("stop_details").and_then(|details| details.get("explanation"));
    let refusal = refusal.filter(|_| finish == "content_filter").cloned().unwrap_or(Value::Null);
    let choice = object([
        ("index", 0.into()),
        ("message", answer.message(refusal, ctx)),
        ("logprobs", Value::Null),
        ("finish_reason", finish.into()),
    ]);
    let completion = object([
        ("id", shown.id.as_str().into()),
        ("object", "chat.completion".into()),
        ("created", shown.created.into()),
        ("model", (*shown.model).into()),
        ("choices", Value::Array(vec![choice])),
        ("usage", counts.shown(&usage)),
    ]);
    Ok((completion, usage))
}

/// What the content blocks add up to.
#[derive(Debug, Default)]
struct Answer {
    text: Option<String>,
    json: Option<String>,
    thinking: String,
    thinking_blocks: Vec<Value>,
    calls: Vec<Value>,
    citations: Vec<Value>,
    annotations: Vec<Value>,
    searches: Vec<Value>,
    results: Vec<Value>,
}

impl Answer {
    fn add(&mut self, block: &Value, ctx: &ReplyContext) {
        match text(block, "type") {
            "text" => self.add_text(block, ctx),
            "thinking" => {
                self.thinking.push_str(text(block, "thinking"));
                self.thinking_blocks.push(json!({
                    "type": "thinking",
                    "thinking": text(block, "thinking"),
                    "signature": text(block, "signature"),
                }));
            }
            "redacted_thinking" => {
                let data = text(block, "data");
                self.thinking_blocks.push(json!({"type": "redacted_thinking", "data": data}));
            }
            "tool_use" => {
                let arguments = arguments(block.get("input"));
                if ctx.is_json_tool(text(block, "name")) {
                    self.json.get_or_insert(arguments);
                    return;
                }
                let name = ctx.client_name(text(block, "name"));
                self.calls.push(json!({
                    "index": self.calls.len(),
                    "id": text(block, "id"),
                    "type": "function",
                    "function": {"name": name, "arguments": arguments},
                }));
            }
            "web_search_tool_result" => self.searches.push(block.clone()),
            other if other.ends_with("_tool_result") => self.results.push(block.clone()),
            // server_tool_use and the like: Anthropic runs these itself, the client must not.
            _ => {}
        }
    }

    fn add_text(&mut self, block: &Value, ctx: &ReplyContext) {
        let piece = match ctx.json {
            Json::Text => json_text::extract(text(block, "text")),
            Json::Plain | Json::Tool(_) => text(block, "text").to_owned(),
        };
        let whole = self.text.get_or_insert_default();
        let start = whole.chars().count();
        let end = start.saturating_add(piece.chars().count());
        whole.push_str(&piece);
        let Some(citations) = block.get("citations").and_then(Value::as_array) else { return };
        if !citations.is_empty() {
            self.citations.push(Value::Array(citations.clone()));
        }
        for citation in citations.iter().filter(|citation| citation.get("url").is_some()) {
            self.annotations.push(json!({"type": "url_citation", "url_citation": {
                "start_index": start,
                "end_index": end,
                "url": text(citation, "url"),
                "title": text(citation, "title"),
            }}));
        }
    }

    fn message(self, refusal: Value, ctx: &ReplyContext) -> Value {
        let mut message = Object::new();
        let mut insert = |key: &str, value: Value| {
            message.insert(key.to_owned(), value);
        };
        insert("role", Value::from("assistant"));
        // The emulated JSON answer stands alone; what was said around it is not part of the JSON.
        insert("content", self.json.or(self.text).map_or(Value::Null, Value::String));
        insert("refusal", refusal);
        if ctx.legacy {
            let first =
                self.calls.into_iter().next().and_then(|mut call| call.get_mut("function").map(Value::take));
            if let Some(call) = first {
                insert("function_call", call);
            }
        } else if !self.calls.is_empty() {
            insert("tool_calls", Value::Array(self.calls));
        }
        if !self.thinking.is_empty() {
            insert("reasoning_content", Value::String(self.thinking));
        }
        if !self.thinking_blocks.is_empty() {
            insert("thinking_blocks", Value::Array(self.thinking_blocks));
        }
        if !self.annotations.is_empty() {
            insert("annotations", Value::Array(self.annotations));
        }
        let mut specific = Object::new();
        for (key, list) in [
            ("citations", self.citations),
            ("web_search_results", self.searches),
            ("tool_results", self.results),
        ] {
            if !list.is_empty() {
                specific.insert(key.to_owned(), Value::Array(list));
            }
        }
        if !specific.is_empty() {
            insert("provider_specific_fields", Value::Object(specific));
        }
        Value::Object(message)
    }
}

/// A tool's input as OpenAI's text; never empty.
pub(super) fn arguments(input: Option<&Value>) -> String {
    match input {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(input) => input.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::error::Kind;

    fn shown() -> Shown {
        Shown { model: Arc::from("m"), created: 1, id: "chatcmpl-1".into() }
    }

    #[test]
    fn an_error_with_a_success_status_is_an_error() {
        let body = br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
        let error = reply(body, &ReplyContext::default(), &shown()).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Kind::UpstreamRateLimit, 429));
        for bad in [&b"<html>"[..], b"{}", b"[]", b"", b"{\"content\": 1}"] {
            let error = reply(bad, &ReplyContext::default(), &shown()).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidReply);
        }
    }

    #[test]
    fn tool_calls_count_from_zero() {
        let body = json!({"content": [{"type": "text", "text": "a"}, {"type": "server_tool_use", "id": "s"},
            {"type": "tool_use", "id": "t", "name": "f"}], "stop_reason": "tool_use"});
        let (completion, _) = reply(body.to_string().as_bytes(), &ReplyContext::default(), &shown()).unwrap();
        let calls = completion["choices"][0]["message"]["tool_calls"].as_array().unwrap();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0]["index"], 0);
        assert_eq!(calls[0]["function"]["arguments"], "{}");
    }
}
