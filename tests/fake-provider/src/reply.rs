//! An answer before it goes on the wire: one body, or the events of a stream.

use bytes::Bytes;
use serde_json::Value;

/// What to send.
#[derive(Clone, Debug)]
pub enum Reply {
    Full { status: u16, content_type: &'static str, headers: Vec<(String, String)>, body: Bytes },
    Stream { headers: Vec<(String, String)>, events: Vec<Event>, broken: Bytes },
}

/// One server-sent event, framed.
#[derive(Clone, Debug)]
pub struct Event {
    pub bytes: Bytes,
    /// Carries content: what `cut`, `stall_after` and the like count.
    pub content: bool,
}

impl Reply {
    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// A body of any type.
    #[must_use]
    pub fn bytes(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::Full { status, content_type, headers: Vec::new(), body: body.into() }
    }

    /// A stream; `broken` is the event that tells of an error in the middle of it.
    #[must_use]
    pub fn stream(events: Vec<Event>, broken: Bytes) -> Self {
        Self::Stream { headers: Vec::new(), events, broken }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let (Self::Full { headers, .. } | Self::Stream { headers, .. }) = &mut self;
        headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Event {
    /// `data: ...` without an event name (OpenAI's chat and completions).
    #[must_use]
    pub fn data(data: &str, content: bool) -> Self {
        Self { bytes: Bytes::from(format!("data: {data}\n\n")), content }
    }

    /// `event: NAME` and `data: ...` (Anthropic, Responses), named by the data's `type`.
    #[must_use]
    pub fn named(data: &Value, content: bool) -> Self {
        let name = data.get("type").and_then(Value::as_str).unwrap_or("message");
        Self { bytes: Bytes::from(format!("event: {name}\ndata: {data}\n\n")), content }
    }
}
