//! Event streams as a client reads them, block by block.

use std::time::Instant;

use bytes::{Buf, BytesMut};
use serde_json::Value;

use super::conn::{Conn, Head};

/// An open stream.
pub struct Streaming {
    pub head: Head,
    conn: Conn,
    buffer: BytesMut,
    /// When the latest bytes came.
    pub heard: Instant,
    ended: Option<bool>,
}

impl Streaming {
    /// Reads the head of a reply that must be a stream.
    pub async fn of(mut conn: Conn) -> Self {
        let head = conn.head().await.expect("a reply");
        if head.status != 200 {
            panic!("not a stream: {head:?}");
        }
        let kind = head.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { head, conn, buffer: BytesMut::new(), heard: Instant::now(), ended: None }
    }

    /// The next block of lines (an event or a comment) without its empty line; `None` at the end.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            for end in [&b"\n\n"[..], b"\r\n\r\n"] {
                if let Some(at) = memchr::memmem::find(&self.buffer, end) {
                    let block = self.buffer.split_to(at);
                    self.buffer.advance(end.len());
                    return Some(String::from_utf8(block.to_vec()).unwrap());
                }
            }
            if self.ended.is_some() {
                assert!(self.buffer.is_empty(), "half an event at the end: {:?}", self.buffer);
                return None;
            }
            match self.conn.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) => self.ended = Some(true),
                Err(_) => self.ended = Some(false),
            }
            self.heard = Instant::now();
        }
    }

    /// The next block that carries data.
    pub async fn event(&mut self) -> Option<String> {
        loop {
            let block = self.block().await?;
            if !block.starts_with(':') {
                return Some(block);
            }
        }
    }

    /// Reads events until `n` of them carried text.
    pub async fn until_content(&mut self, n: usize) {
        let mut seen = 0;
        while seen < n {
            let event = self.event().await.expect("more events");
            let value: Value = serde_json::from_str(event.trim_start_matches("data: ")).unwrap();
            seen +=
                usize::from(value["choices"][0]["delta"]["content"].as_str().is_some_and(|t| !t.is_empty()));
        }
    }

    /// Reads to the end.
    pub async fn rest(mut self) -> Told {
        let mut blocks = Vec::new();
        while let Some(block) = self.block().await {
            blocks.push(block);
        }
        Told { head: self.head, blocks, whole: self.ended == Some(true) }
    }
}

/// A stream that has been read to its end.
#[derive(Debug)]
pub struct Told {
    pub head: Head,
    pub blocks: Vec<String>,
    /// Whether the HTTP body ended in good order.
    pub whole: bool,
}

impl Told {
    /// The payloads of all events.
    pub fn data(&self) -> Vec<String> {
        let lines = self.blocks.iter().flat_map(|block| block.lines());
        lines.filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    /// The payloads that are JSON.
    pub fn values(&self) -> Vec<Value> {
        self.data().iter().filter(|d| *d != "[DONE]").map(|d| serde_json::from_str(d).unwrap()).collect()
    }

    /// The names of the events, where they have some.
    pub fn names(&self) -> Vec<&str> {
        self.blocks.iter().filter_map(|block| block.strip_prefix("event: ")?.lines().next()).collect()
    }

    pub fn comments(&self) -> usize {
        self.blocks.iter().filter(|block| block.starts_with(':')).count()
    }

    /// How often `[DONE]` came.
    pub fn dones(&self) -> usize {
        self.data().iter().filter(|data| *data == "[DONE]").count()
    }

    /// The text of choice `index`.
    pub fn text_of(&self, index: u64) -> String {
        let choices = self.choices();
        let own = choices.iter().filter(|choice| choice["index"] == index);
        own.filter_map(|choice| choice["delta"]["content"].as_str()).collect()
    }

    pub fn text(&self) -> String {
        self.text_of(0)
    }

    pub fn finishes(&self) -> Vec<String> {
        let choices = self.choices();
        choices.iter().filter_map(|choice| choice["finish_reason"].as_str()).map(str::to_owned).collect()
    }

    fn choices(&self) -> Vec<Value> {
        let values = self.values();
        values.iter().filter_map(|value| value["choices"].as_array()).flatten().cloned().collect()
    }

    /// The usage objects that were shown.
    pub fn usages(&self) -> Vec<Value> {
        self.values().iter().map(|value| value["usage"].clone()).filter(Value::is_object).collect()
    }

    /// The error that ended the stream.
    pub fn error(&self) -> Value {
        let errors: Vec<Value> =
            self.values().iter().map(|value| value["error"].clone()).filter(Value::is_object).collect();
        assert_eq!(errors.len(), 1, "one error: {self:#?}");
        errors[0].clone()
    }

    /// Asserts that the stream ended with an error and looks in no way complete.
    pub fn broken(&self) -> Value {
        assert_eq!(self.dones(), 0, "{self:#?}");
        assert_eq!(self.finishes(), Vec::<String>::new(), "{self:#?}");
        assert!(self.blocks.last().is_some_and(|block| block.contains("error")), "{self:#?}");
        self.error()
    }

    /// Asserts that the stream is a complete chat answer and returns its text.
    pub fn complete(&self) -> String {
        assert_eq!(self.dones(), 1, "{self:#?}");
        assert_eq!(self.data().last().map(String::as_str), Some("[DONE]"));
        assert!(!self.finishes().is_empty() && self.whole, "{self:#?}");
        self.text()
    }
}
