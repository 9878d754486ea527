//! One HTTP request to a sink.

use bytes::Bytes;
use serde_json::Value;

use crate::base::secret::Secret;

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
        Outgoing { method: Method::Post, url: Secret::new(url), headers, body: body.into(), events: 1 }
    }

    /// It tells of so many events, not of one.
    #[must_use]
    pub fn of(mut self, events: usize) -> Self {
        self.events = events;
        self
    }
}
