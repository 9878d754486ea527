//! A stream that is taken apart and put together again: source of chunks -> frames for the client.

use bytes::BytesMut;
use serde_json::Value;

use super::frames::{DATA, END, Frames};
use super::source::ChunkSource;
use crate::base::error::Error;
use crate::base::usage::Usage;
use crate::gateway::translate::StreamTranslator;
use crate::wire::sse::Event;

/// Any source, any frames.
pub struct Bridged<S, F> {
    source: S,
    frames: F,
    chunks: Vec<Value>,
    output_bytes: u64,
}

impl<S: ChunkSource, F: Frames> Bridged<S, F> {
    /// A fresh translation.
    pub fn new(source: S, frames: F) -> Self {
        Bridged { source, frames, chunks: Vec::new(), output_bytes: 0 }
    }

    /// The short way of a piece of text; whether it was one.
    fn text(&mut self, event: &Event, out: &mut BytesMut) -> bool {
        let start = out.len();
        out.extend_from_slice(DATA);
        let Some(length) = self.source.text(event, out) else {
            out.truncate(start);
            return false;
        };
        out.extend_from_slice(END);
        self.output_bytes = self.output_bytes.saturating_add(length as u64);
        true
    }
}

impl<S: ChunkSource, F: Frames> StreamTranslator for Bridged<S, F> {
    fn event(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error> {
        if F::AS_THEY_ARE && self.text(event, out) {
            return Ok(());
        }
        let result = self.source.event(event, &mut self.chunks);
        for chunk in self.chunks.drain(..) {
            self.output_bytes = self.output_bytes.saturating_add(output_bytes(&chunk));
            self.frames.chunk(chunk, out);
        }
        result
    }

    fn end(&mut self, out: &mut BytesMut) -> Result<(), Error> {
        self.source.end()?;
        self.frames.end(out);
        Ok(())
    }

    fn complete(&self) -> bool {
        self.source.complete()
    }

    fn has_content(&self) -> bool {
        self.output_bytes > 0
    }

    fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    fn usage(&self) -> Option<Usage> {
        self.source.usage()
    }

    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        self.frames.error(error, out);
    }
}

/// How much of the answer a chunk carries: text, thoughts or tool calls.
fn output_bytes(chunk: &Value) -> u64 {
    let choices = chunk.get("choices").and_then(Value::as_array);
    let in_choice = |choice: &Value| {
        let size = |field: &str| {
            let delta = choice.get("delta").and_then(|delta| delta.get(field)).or_else(|| choice.get(field));
            match delta {
                None | Some(Value::Null) => 0,
                Some(Value::String(text)) => text.len(),
                Some(Value::Array(items)) if items.is_empty() => 0,
                Some(other) => other.to_string().len(),
            }
        };
        ["content", "reasoning_content", "tool_calls", "function_call", "refusal", "text"]
            .into_iter()
            .map(size)
            .sum::<usize>() as u64
    };
    choices.into_iter().flatten().map(in_choice).sum()
}
