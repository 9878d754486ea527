//! One connection: a request out, its answer in. The little of HTTP/1.1 that takes.

use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::measured::{Answered, micros};
use crate::options::Options;

pub struct Wire {
    socket: TcpStream,
    buf: BytesMut,
}

impl Wire {
    /// # Errors
    /// In words: nobody listens, or there are no more sockets.
    pub async fn connect(host: &str) -> Result<Self, String> {
        let socket = TcpStream::connect(host).await.map_err(|e| e.to_string())?;
        socket.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Self { socket, buf: BytesMut::new() })
    }

    /// Sends the request and reads the answer to its end; where streams are held, to its first chunk.
    ///
    /// # Errors
    /// In words: what was wrong with the connection or the answer.
    pub async fn exchange(&mut self, request: &[u8], options: &Options) -> Result<Answered, String> {
        let start = Instant::now();
        self.socket.write_all(request).await.map_err(|e| e.to_string())?;
        let head = loop {
            if let Some(head) = head(&mut self.buf)? {
                break head;
            }
            self.fill().await?;
        };
        if let Some(length) = head.length {
            while self.buf.len() < length {
                self.fill().await?;
            }
            let first = start.elapsed();
            let body = self.buf.split_to(length);
            if head.status != options.expect {
                return Err(format!("status {}: {}", head.status, String::from_utf8_lossy(&body)));
            }
            let plain = Answered { first, gaps: Vec::new() };
            return if options.stream { Err("not a stream".to_owned()) } else { Ok(plain) };
        }
        if head.status != options.expect {
            return Err(format!("status {}", head.status));
        }
        self.chunks(start, options).await
    }

    async fn chunks(&mut self, start: Instant, options: &Options) -> Result<Answered, String> {
        let mut answered = Answered { first: start.elapsed(), gaps: Vec::new() };
        let mut done = false;
        let mut last: Option<Instant> = None;
        loop {
            while let Some(chunk) = chunk(&mut self.buf)? {
                if chunk.is_empty() {
                    let cut = options.stream && !done;
                    return if cut { Err("the stream ended early".to_owned()) } else { Ok(answered) };
                }
                let now = Instant::now();
                match last {
                    None => answered.first = now - start,
                    Some(last) => answered.gaps.push(micros(now - last)),
                }
                last = Some(now);
                done |= memchr::memmem::find(&chunk, options.end.as_bytes()).is_some();
            }
            if options.hold && last.is_some() {
                return Ok(answered);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), String> {
        self.buf.reserve(16 * 1024);
        match self.socket.read_buf(&mut self.buf).await {
            Ok(0) => Err("the connection was closed".to_owned()),
            Ok(_) => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    }
}

struct Head {
    status: u16,
    /// `None`: the body comes in chunks.
    length: Option<usize>,
}

/// Takes the head off `buf` once it is complete.
fn head(buf: &mut BytesMut) -> Result<Option<Head>, String> {
    let mut storage = [httparse::EMPTY_HEADER; 96];
    let mut parsed = httparse::Response::new(&mut storage);
    let httparse::Status::Complete(end) = parsed.parse(buf).map_err(|e| e.to_string())? else {
        return Ok(None);
    };
    let status = parsed.code.unwrap_or(0);
    let length = parsed.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some(h) => {
            Some(std::str::from_utf8(h.value).ok().and_then(|v| v.parse().ok()).ok_or("bad content-length")?)
        }
        None => None,
    };
    buf.advance(end);
    Ok(Some(Head { status, length }))
}

/// Takes one chunk off `buf` once it is complete; an empty one is the body's end.
fn chunk(buf: &mut BytesMut) -> Result<Option<BytesMut>, String> {
    let Some(line) = memchr::memmem::find(buf, b"\r\n") else { return Ok(None) };
    let size = std::str::from_utf8(buf.get(..line).unwrap_or_default()).map_err(|e| e.to_string())?;
    let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
        .map_err(|e| e.to_string())?;
    if buf.len() < line + 2 + size + 2 {
        return Ok(None);
    }
    buf.advance(line + 2);
    let data = buf.split_to(size);
    buf.advance(2);
    Ok(Some(data))
}
