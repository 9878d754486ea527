//! A streamed text completion becomes the chunks of a streamed chat answer.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::as_chat::chat_id;
use super::frame::Frame;
use super::logprobs;
use crate::domain::bridge::json::{list, wants_usage};

/// Translates the chunks of one streamed text completion into chat chunks.
#[derive(Debug)]
pub struct ChatStream {
    frame: Frame,
    /// Choices that have spoken already.
    begun: HashSet<u64>,
    /// Choices whose first visible character has come.
    visible: HashSet<u64>,
}

impl ChatStream {
    /// A stream for this chat request, as the client wrote it, showing `shown_model`. `created` (seconds
    /// since 1970) and `call_id` serve where the provider's chunks name no time and no id.
    pub fn new(request: &Map<String, Value>, shown_model: &str, created: u64, call_id: &str) -> Self {
        let mut frame = Frame::new("chat.completion.chunk", chat_id, call_id, created, shown_model);
        frame.usage_wanted = wants_usage(request);
        ChatStream { frame, begun: HashSet::new(), visible: HashSet::new() }
    }

    /// Takes one text-completion chunk and appends the chat chunks that it gives. The upstream's usage chunk
    /// passes if the client asked for it.
    pub fn chunk(&mut self, chunk: &Value, out: &mut Vec<Value>) {
        self.frame.identify(chunk);
        for choice in list(chunk, "choices") {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or_default();
            let mut delta = Map::new();
            if self.begun.insert(index) {
                delta.insert("role".to_owned(), json!("assistant"));
            }
            let said = choice.get("text").and_then(Value::as_str).unwrap_or_default();
            let said = if self.visible.contains(&index) { said } else { said.trim_start() };
            if !said.is_empty() {
                self.visible.insert(index);
                delta.insert("content".to_owned(), json!(said));
            }
            let logprobs = logprobs::to_chat(choice.get("logprobs"));
            let finish_reason = logprobs::finish_reason(choice);
            if delta.is_empty() && finish_reason.is_none() && logprobs.is_null() {
                continue;
            }
            let choice = json!({
                "index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason});
            out.push(self.frame.chunk(json!([choice]), Value::Null, chunk));
        }
        let usage = chunk.get("usage").filter(|usage| usage.is_object() && list(chunk, "choices").is_empty());
        if let Some(usage) = usage.filter(|_| self.frame.usage_wanted) {
            out.push(self.frame.chunk(json!([]), usage.clone(), chunk));
        }
    }
}
