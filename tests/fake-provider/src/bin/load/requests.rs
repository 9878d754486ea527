//! The bytes of requests, made once, and who is next.

use std::cell::Cell;
use std::io;

use bytes::{Bytes, BytesMut};

use crate::options::Options;

pub struct Requests {
    /// From the first line's end to the key.
    head: String,
    /// From the key to the end.
    rest: Bytes,
    path: String,
    /// At least one.
    keys: Vec<String>,
    sent: Cell<u64>,
    most: u64,
}

impl Requests {
    /// # Errors
    /// A file cannot be read, or holds no keys.
    pub fn new(options: &Options) -> io::Result<Self> {
        let keys = match &options.keys {
            Some(file) => std::fs::read_to_string(file)?.lines().map(str::to_owned).collect(),
            None => vec![options.key.clone()],
        };
        if keys.is_empty() {
            return Err(io::Error::other("--keys: the file is empty"));
        }
        let body = match &options.body {
            Some(file) => std::fs::read(file)?,
            None => question(options),
        };
        let mut head =
            "content-type: application/json\r\naccept: application/json\r\nuser-agent: load\r\n".to_owned();
        for header in &options.headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str(&format!("content-length: {}\r\nauthorization: Bearer ", body.len()));
        let mut rest = BytesMut::from(&b"\r\n\r\n"[..]);
        rest.extend_from_slice(&body);
        Ok(Self {
            head,
            rest: rest.freeze(),
            path: options.path.clone(),
            keys,
            sent: Cell::new(0),
            most: options.requests.unwrap_or(u64::MAX),
        })
    }

    /// The next request, or `None` when there have been as many as were asked for.
    pub fn next(&self, host: &str) -> Option<Bytes> {
        let number = self.sent.get();
        if number >= self.most {
            return None;
        }
        self.sent.set(number + 1);
        let key = &self.keys[usize::try_from(number).unwrap_or(0) % self.keys.len()];
        let mut out = BytesMut::with_capacity(self.head.len() + self.rest.len() + 256);
        for part in ["POST ", &self.path, " HTTP/1.1\r\nhost: ", host, "\r\n", &self.head, key] {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(&self.rest);
        Some(out.freeze())
    }
}

/// A short question to a chat completion.
fn question(options: &Options) -> Vec<u8> {
    let mut body = serde_json::json!({"model": options.model,
        "messages": [{"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say hello to my friend, please."}],
        "temperature": 0.2, "max_tokens": 256});
    if options.stream {
        body["stream"] = serde_json::json!(true);
    }
    body.to_string().into_bytes()
}
