//! One HTTP request to a sink.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::verdict::Answers;
use crate::base::secret::Secret;

/// Shorter bodies are not compressed, bytes.
const SHORTEST: usize = 1024;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

/// A request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What is done.
    pub method: Method,
    /// Where; it may hold a key.
    pub url: Secret,
    /// Headers, keys included.
    pub headers: Vec<(String, Secret)>,
    /// The body.
    pub body: Bytes,
    /// How many events it tells of that no other request of the batch tells of.
    pub events: usize,
    /// How many events it tells anything of.
    pub concerns: usize,
    /// How the sink's answer is read.
    pub answers: Answers,
}

impl Outgoing {
    /// A `POST` of JSON.
    pub fn json(url: impl Into<String>, headers: Vec<(String, Secret)>, body: &Value) -> Self {
        Outgoing::post(url, headers, "application/json", body.to_string())
    }

    /// A `POST` of something else.
    pub fn post(
        url: impl Into<String>,
        mut headers: Vec<(String, Secret)>,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Self {
        headers.push(("content-type".to_owned(), content_type.into()));
        Outgoing {
            method: Method::Post,
            url: Secret::new(url),
            headers,
            body: body.into(),
            events: 1,
            concerns: 1,
            answers: Answers::Plain,
        }
    }

    /// Compresses the body where that is worth it.
    #[must_use]
    pub fn gzipped(mut self) -> Self {
        if self.body.len() < SHORTEST {
            return self;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(self.body.len() / 4), Compression::fast());
        // Writing to memory does not fail; if it did, the body would go as it is.
        if encoder.write_all(&self.body).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            self.body = packed.into();
            self.headers.push(("content-encoding".to_owned(), "gzip".into()));
        }
        self
    }

    /// It tells of so many events, not of one.
    #[must_use]
    pub fn of(mut self, events: usize) -> Self {
        (self.events, self.concerns) = (events, events);
        self
    }

    /// It says something else of so many events that another request tells of.
    #[must_use]
    pub fn beside(mut self, events: usize) -> Self {
        (self.events, self.concerns) = (0, events);
        self
    }

    /// How the sink's answer is read.
    #[must_use]
    pub fn answered(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn only_what_gets_much_smaller_is_compressed() {
        let out = |text: String| Outgoing::post("http://h", Vec::new(), "text/plain", text).gzipped();
        let (short, long) = (out("x".repeat(1000)), out("x".repeat(100_000)));
        assert_eq!((short.body.len(), short.headers.len()), (1000, 1));
        assert!(long.body.len() < 1000, "{}", long.body.len());
        assert_eq!(testing::body(&long), "x".repeat(100_000).into_bytes());
    }
}
