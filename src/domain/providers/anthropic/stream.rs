//! A stream of Messages events as OpenAI's chat completion chunks.
//!
//! Event order: `message_start`, per block `content_block_start`/`_delta`/`_stop`, `message_delta`,
//! `message_stop`; `ping` and `error` anywhere. See <https://docs.claude.com/en/api/messages-streaming>.

use serde_json::Value;

use super::context::{ReplyContext, Shown};
use super::error;
use super::fields::{Object, object, text};
use super::finish;
use super::stream_blocks::Blocks;
use super::stream_text::Around;
use super::usage::Counts;
use crate::base::error::Error;
use crate::base::usage::Usage;

/// Translates one stream, event by event.
#[derive(Debug)]
pub struct Stream {
    shown: Shown,
    include_usage: bool,
    pub(super) blocks: Blocks,
    counts: Counts,
    pub(super) role_sent: bool,
    pub(super) stage: Stage,
    /// Known once a piece of text has come.
    pub(super) around: Option<Around>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Content may come.
    Open,
    /// The finish reason has been sent.
    Stopped,
    /// `message_stop` came after it.
    Over,
}

impl Stream {
    /// A stream that has not begun; `include_usage` is the client's `stream_options.include_usage`.
    pub fn new(ctx: ReplyContext, shown: Shown, include_usage: bool) -> Self {
        Stream {
            shown,
            include_usage,
            blocks: Blocks::new(ctx),
            counts: Counts::default(),
            role_sent: false,
            stage: Stage::Open,
            around: None,
        }
    }

    /// Takes one event and appends the chunks it becomes: none, one or several. `name` is the SSE event
    /// name; when it is empty, the type inside `data` tells.
    ///
    /// # Errors
    /// The error that an `error` event carries, or
    /// [`Kind::InvalidReply`](crate::base::error::Kind::InvalidReply) for data that is no JSON.
    pub fn event(&mut self, name: &str, data: &[u8], out: &mut Vec<Value>) -> Result<(), Error> {
        if name == "ping" || data.trim_ascii().is_empty() {
            return Ok(());
        }
        let event: Value = serde_json::from_slice(data)
            .map_err(|cause| error::invalid_reply("an event of the stream is no valid JSON", cause))?;
        let type_ = match text(&event, "type") {
            "" => name,
            type_ => type_,
        };
        let mut deltas = Vec::new();
        match type_ {
            "error" => return Err(error::in_band(&event)),
            _ if self.stage == Stage::Over => {}
            "message_start" => {
                let usage = event.get("message").and_then(|message| message.get("usage"));
                self.counts.update(usage.unwrap_or(&Value::Null));
            }
            "message_delta" => self.message_delta(&event, out),
            "message_stop" => self.message_stop(out),
            _ if self.stage == Stage::Stopped => {}
            "content_block_start" => {
                let block = event.get("content_block").unwrap_or(&Value::Null);
                self.blocks.start(index(&event), block, &mut deltas);
            }
            "content_block_delta" => {
                let delta = event.get("delta").unwrap_or(&Value::Null);
                self.blocks.delta(index(&event), delta, &mut deltas);
            }
            "content_block_stop" => self.blocks.stop(index(&event), &mut deltas),
            _ => {}
        }
        for delta in deltas {
            let chunk = self.chunk(delta, None);
            out.push(chunk);
        }
        Ok(())
    }

    /// Whether the answer is complete: a finish reason and `message_stop` have come. A stream that ends
    /// without this was cut off.
    pub fn finished(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The usage so far. Before the provider's final count, output is estimated (and marked so).
    pub fn usage(&self) -> Option<Usage> {
        let thinking = self.blocks.thinking;
        if self.stage == Stage::Open {
            self.counts.usage_so_far(thinking, self.blocks.produced)
        } else {
            self.counts.usage(thinking)
        }
    }

    fn message_delta(&mut self, event: &Value, out: &mut Vec<Value>) {
        self.counts.update(event.get("usage").unwrap_or(&Value::Null));
        let delta = event.get("delta").unwrap_or(&Value::Null);
        let Some(stop_reason) = delta.get("stop_reason").and_then(Value::as_str) else { return };
        if self.stage != Stage::Open {
            return;
        }
        let mut deltas = Vec::new();
        self.blocks.finish(&mut deltas);
        for delta in deltas {
            let chunk = self.chunk(delta, None);
            out.push(chunk);
        }
        let finish = finish::reason(stop_reason, self.blocks.called(), self.blocks.ctx());
        let mut last = Object::new();
        let explanation = delta.get("stop_details").and_then(|details| details.get("explanation"));
        if let Some(explanation) = explanation.filter(|text| text.is_string() && finish == "content_filter") {
            last.insert("refusal".to_owned(), explanation.clone());
        }
        let chunk = self.chunk(last, Some(finish));
        out.push(chunk);
        self.stage = Stage::Stopped;
    }

    fn message_stop(&mut self, out: &mut Vec<Value>) {
        if self.stage != Stage::Stopped {
            return;
        }
        self.stage = Stage::Over;
        if self.include_usage {
            let usage = self.usage().unwrap_or_default();
            let mut chunk = self.envelope(Vec::new());
            chunk.insert("usage".to_owned(), self.counts.shown(&usage));
            out.push(Value::Object(chunk));
        }
    }

    /// A chunk with one choice; the first one of a stream names the role.
    pub(super) fn chunk(&mut self, delta: Object, finish: Option<&str>) -> Value {
        let mut whole = Object::new();
        if !std::mem::replace(&mut self.role_sent, true) {
            whole.insert("role".to_owned(), Value::from("assistant"));
            if !delta.contains_key("content") {
                whole.insert("content".to_owned(), Value::Null);
            }
        }
        whole.extend(delta);
        let choice = object([
            ("index", 0.into()),
            ("delta", Value::Object(whole)),
            ("logprobs", Value::Null),
            ("finish_reason", finish.into()),
        ]);
        let mut chunk = self.envelope(vec![choice]);
        if self.include_usage {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        Value::Object(chunk)
    }

    fn envelope(&self, choices: Vec<Value>) -> Object {
        let mut chunk = Object::new();
        for (key, value) in [
            ("id", Value::from(self.shown.id.as_str())),
            ("object", Value::from("chat.completion.chunk")),
            ("created", Value::from(self.shown.created)),
            ("model", Value::from(&*self.shown.model)),
            ("choices", Value::Array(choices)),
        ] {
            chunk.insert(key.to_owned(), value);
        }
        chunk
    }
}

/// The number of the block that an event is about.
fn index(event: &Value) -> u64 {
    event.get("index").and_then(Value::as_u64).unwrap_or(0)
}
