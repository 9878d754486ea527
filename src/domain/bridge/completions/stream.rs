//! Streamed chat answers become the chunks of one streamed text completion.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::frame::Frame;
use super::logprobs;
use super::reply::{completion_id, number};
use crate::domain::bridge::json::{add_usage, content_text, given, list, wants_usage};

/// Translates the chat streams of all prompts of one request, whatever the order their chunks arrive in.
#[derive(Debug)]
pub struct CompletionStream {
    frame: Frame,
    /// Choices per prompt.
    n: u64,
    /// Each prompt's latest usage: some providers report a running total on every chunk.
    usage: Vec<Option<Value>>,
    /// Each choice's length so far in characters, for the offsets of log probabilities.
    lengths: HashMap<u64, u64>,
    /// Choices that have a finish reason.
    finished: HashSet<u64>,
}

impl CompletionStream {
    /// A stream for these chat requests (see [`to_chats`](super::to_chats)), showing `shown_model`.
    /// `created` (seconds since 1970) and `call_id` serve where the provider's chunks name no time and no id.
    /// Whether usage is sent follows the requests as given: pass them as the client wrote them, before
    /// `stream_options` are added for the gateway's own accounting.
    pub fn new(requests: &[Map<String, Value>], shown_model: &str, created: u64, call_id: &str) -> Self {
        let first = requests.first();
        let n = first.and_then(|request| given(request, "n")).and_then(Value::as_u64);
        let mut frame = Frame::new("text_completion", completion_id, call_id, created, shown_model);
        frame.usage_wanted = first.is_some_and(wants_usage);
        CompletionStream {
            frame,
            n: n.unwrap_or(1).max(1),
            usage: vec![None; requests.len()],
            lengths: HashMap::new(),
            finished: HashSet::new(),
        }
    }

    /// Takes one chunk of the stream of prompt number `prompt` (from 0) and appends the chunks that it gives.
    pub fn chunk(&mut self, prompt: usize, chunk: &Value, out: &mut Vec<Value>) {
        self.frame.identify(chunk);
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object())
            && let Some(slot) = self.usage.get_mut(prompt)
        {
            *slot = Some(usage.clone());
        }
        for choice in list(chunk, "choices") {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or_default();
            let index = number(prompt).saturating_mul(self.n).saturating_add(index);
            let said = choice.pointer("/delta/content").map(content_text).unwrap_or_default();
            let length = self.lengths.entry(index).or_default();
            let logprobs = logprobs::to_completion(choice.get("logprobs"), *length);
            *length = length.saturating_add(logprobs::length(&said));
            let finish_reason = logprobs::finish_reason(choice);
            if finish_reason.is_some() {
                self.finished.insert(index);
            }
            // Chat's opening chunk holds nothing but a role, which a text completion does not have.
            if said.is_empty() && finish_reason.is_none() && logprobs.is_null() {
                continue;
            }
            let choice = json!({
                "text": said, "index": index, "logprobs": logprobs, "finish_reason": finish_reason});
            out.push(self.frame.chunk(json!([choice]), Value::Null, chunk));
        }
    }

    /// All upstream streams are over: appends the usage chunk if the client asked for one.
    pub fn finish(&mut self, out: &mut Vec<Value>) {
        let mut total = Value::Null;
        for usage in self.usage.iter_mut().filter_map(Option::take) {
            add_usage(&mut total, &usage);
        }
        if self.frame.usage_wanted && !total.is_null() {
            out.push(self.frame.chunk(json!([]), total, &Value::Null));
        }
    }

    /// Whether every choice of every prompt has said why it stopped; if not, the answer is not complete.
    pub fn complete(&self) -> bool {
        let expected = number(self.usage.len()).saturating_mul(self.n);
        number(self.finished.len()) >= expected
    }
}
