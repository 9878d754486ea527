//! A stream that is taken apart and put together again: source of chunks -> frames for the client.

use bytes::BytesMut;
use serde_json::Value;

use super::frames::Frames;
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
    content: bool,
}

impl<S: ChunkSource, F: Frames> Bridged<S, F> {
    /// A fresh translation.
    pub fn new(source: S, frames: F) -> Self {
        Bridged { source, frames, chunks: Vec::new(), content: false }
    }
}

impl<S: ChunkSource, F: Frames> StreamTranslator for Bridged<S, F> {
    fn event(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error> {
        let result = self.source.event(event, &mut self.chunks);
        for chunk in self.chunks.drain(..) {
            self.content |= has_content(&chunk);
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
        self.content
    }

    fn usage(&self) -> Option<Usage> {
        self.source.usage()
    }

    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        self.frames.error(error, out);
    }
}

/// Whether a chunk carries a piece of the answer: text, thoughts or a tool call.
fn has_content(chunk: &Value) -> bool {
    let choices = chunk.get("choices").and_then(Value::as_array);
    choices.into_iter().flatten().any(|choice| {
        let said = |field: &str| {
            let delta = choice.get("delta").and_then(|delta| delta.get(field)).or_else(|| choice.get(field));
            delta.is_some_and(|value| match value {
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty(),
                Value::Null => false,
                _ => true,
            })
        };
        ["content", "reasoning_content", "tool_calls", "function_call", "refusal", "text"]
            .into_iter()
            .any(said)
    })
}
