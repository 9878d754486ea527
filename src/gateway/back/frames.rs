//! What clients read: chat chunks as the events of the endpoint that was asked for.

use bytes::BytesMut;
use serde_json::Value;

use crate::base::error::Error;
use crate::domain::bridge::completions::{ChatStream, CompletionStream};
use crate::domain::bridge::responses::{Events, ResponsesStream};
use crate::gateway::answer::write_error_event;

/// Writes chat chunks for a client.
pub trait Frames {
    /// Whether clients read chunks as they are, so that a source may write them itself.
    const AS_THEY_ARE: bool = false;

    /// One chunk.
    fn chunk(&mut self, chunk: Value, out: &mut BytesMut);

    /// The answer is complete.
    fn end(&mut self, out: &mut BytesMut);

    /// The answer breaks off.
    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        write_error_event(error, out);
    }
}

const DONE: &[u8] = b"data: [DONE]\n\n";

/// How an event begins.
pub const DATA: &[u8] = b"data: ";
/// How it ends.
pub const END: &[u8] = b"\n\n";

fn write_data(value: &Value, out: &mut BytesMut) {
    out.extend_from_slice(DATA);
    out.extend_from_slice(value.to_string().as_bytes());
    out.extend_from_slice(END);
}

fn write_all(values: &[Value], out: &mut BytesMut) {
    for value in values {
        write_data(value, out);
    }
}

/// Chat as chat.
pub struct ChatFrames;

impl Frames for ChatFrames {
    const AS_THEY_ARE: bool = true;

    fn chunk(&mut self, chunk: Value, out: &mut BytesMut) {
        write_data(&chunk, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(DONE);
    }
}

/// Chat as text completions.
pub struct CompletionFrames {
    stream: CompletionStream,
    values: Vec<Value>,
}

impl CompletionFrames {
    /// Frames over a fresh translation.
    pub fn new(stream: CompletionStream) -> Self {
        CompletionFrames { stream, values: Vec::new() }
    }
}

impl Frames for CompletionFrames {
    fn chunk(&mut self, chunk: Value, out: &mut BytesMut) {
        self.values.clear();
        self.stream.chunk(0, &chunk, &mut self.values);
        write_all(&self.values, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.values.clear();
        self.stream.finish(&mut self.values);
        write_all(&self.values, out);
        out.extend_from_slice(DONE);
    }
}

/// Text completions as chat.
pub struct ChatFromCompletionFrames {
    stream: ChatStream,
    values: Vec<Value>,
}

impl ChatFromCompletionFrames {
    /// Frames over a fresh translation.
    pub fn new(stream: ChatStream) -> Self {
        ChatFromCompletionFrames { stream, values: Vec::new() }
    }
}

impl Frames for ChatFromCompletionFrames {
    fn chunk(&mut self, chunk: Value, out: &mut BytesMut) {
        self.values.clear();
        self.stream.chunk(&chunk, &mut self.values);
        write_all(&self.values, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(DONE);
    }
}

/// Chat as the events of a response, with their names and without `[DONE]`.
pub struct ResponseFrames {
    stream: ResponsesStream,
    events: Events,
}

impl ResponseFrames {
    /// Frames over a fresh translation.
    pub fn new(stream: ResponsesStream) -> Self {
        ResponseFrames { stream, events: Events::new() }
    }

    fn write(&mut self, out: &mut BytesMut) {
        for (name, value) in self.events.drain(..) {
            out.extend_from_slice(b"event: ");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\n");
            write_data(&value, out);
        }
    }
}

impl Frames for ResponseFrames {
    fn chunk(&mut self, chunk: Value, out: &mut BytesMut) {
        self.stream.chunk(&chunk, &mut self.events);
        self.write(out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.stream.finish(&mut self.events);
        self.write(out);
    }

    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        self.stream.fail(error, &mut self.events);
        self.write(out);
    }
}
