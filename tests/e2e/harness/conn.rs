//! HTTP/1.1 by hand, over TCP or TLS: tests must see single chunks, and hang up when they want to.

use bytes::{Buf, Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::patiently;

/// A connection's bytes.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A client's connection. Dropping it is hanging up.
pub struct Conn {
    io: Box<dyn Io>,
    buffer: BytesMut,
}

/// Status line and headers.
#[derive(Debug, Clone)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Reply {
    pub head: Head,
    pub body: Bytes,
}

impl Reply {
    pub fn status(&self) -> u16 {
        self.head.status
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// A header that must be there.
    pub fn must(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no header {name} in {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.text()))
    }

    /// The error object, which must have OpenAI's shape.
    pub fn error(&self) -> Value {
        let error = self.json()["error"].clone();
        assert!(error["message"].is_string() && error["type"].is_string(), "{}", self.text());
        let keys = error.as_object().unwrap();
        assert!(keys.contains_key("param") && keys.contains_key("code"), "{}", self.text());
        assert_eq!(self.must("content-type"), "application/json");
        error
    }

    /// The text of a chat completion.
    pub fn said(&self) -> String {
        let content = &self.json()["choices"][0]["message"]["content"];
        content.as_str().unwrap_or_else(|| panic!("no answer: {}", self.text())).to_owned()
    }
}

/// The connection ended where it should not.
#[derive(Debug)]
pub struct Ended;

impl Conn {
    pub fn new(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), buffer: BytesMut::new() }
    }

    /// Sends a request with a body of known length.
    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut out = Self::head_of(method, path, headers);
        out.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(body);
        self.write(&bytes).await.unwrap();
    }

    /// Request line and headers, without the empty line.
    pub fn head_of(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let mut out = format!("{method} {path} HTTP/1.1\r\nhost: gateway\r\n");
        for (name, value) in headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out
    }

    /// Sends raw bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        patiently("writing", async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        })
        .await
    }

    async fn fill(&mut self) -> Result<(), Ended> {
        let read = patiently("bytes from the gateway", self.io.read_buf(&mut self.buffer)).await;
        match read {
            Ok(0) | Err(_) => Err(Ended),
            Ok(_) => Ok(()),
        }
    }

    async fn line(&mut self) -> Result<String, Ended> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.fill().await?;
        }
    }

    /// Reads status line and headers.
    pub async fn head(&mut self) -> Result<Head, Ended> {
        let first = self.line().await?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no HTTP: {first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(Head { status, headers });
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next chunk of a chunked body; `None` when the body is over.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Ended> {
        let line = self.line().await?;
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no chunk: {line:?}"));
        let data = self.exactly(size).await?;
        assert_eq!(self.line().await?, "");
        Ok((size > 0).then_some(data))
    }

    async fn exactly(&mut self, size: usize) -> Result<Bytes, Ended> {
        while self.buffer.len() < size {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(size).freeze())
    }

    /// Reads a whole reply.
    pub async fn reply(&mut self) -> Result<Reply, Ended> {
        let head = self.head().await?;
        let body = if head.header("transfer-encoding") == Some("chunked") {
            let mut body = BytesMut::new();
            while let Some(chunk) = self.chunk().await? {
                body.extend_from_slice(&chunk);
            }
            body.freeze()
        } else {
            let length = head.header("content-length").map_or(0, |text| text.parse().unwrap());
            self.exactly(length).await?
        };
        Ok(Reply { head, body })
    }
}
