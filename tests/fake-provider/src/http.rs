//! The little of HTTP/1.1 that a provider needs: reading a request, noticing that the client left.
//!
//! Written by hand because tests need what servers hide: half a body, a connection dropped between two chunks,
//! and the moment at which the other side hung up.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;

const MAX_HEAD: usize = 256 * 1024;
const MAX_BODY: usize = 128 * 1024 * 1024;

/// One request, read completely.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Whether the connection may serve another request.
    pub keep_alive: bool,
}

impl Request {
    /// The first header of that (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The provider key that came with the request: Bearer, Azure's `api-key`, Anthropic's `x-api-key`, or "".
    #[must_use]
    pub fn key(&self) -> &str {
        self.header("authorization")
            .and_then(|v| v.strip_prefix("Bearer "))
            .or_else(|| self.header("api-key"))
            .or_else(|| self.header("x-api-key"))
            .unwrap_or_default()
    }

    /// A query parameter, percent-decoded.
    #[must_use]
    pub fn query_param(&self, name: &str) -> Option<String> {
        self.query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(
            |(_, v)| {
                percent_encoding::percent_decode_str(&v.replace('+', " ")).decode_utf8_lossy().into_owned()
            },
        )
    }
}

/// How long the body is, and whether it comes in chunks.
enum Framing {
    Length(usize),
    Chunked,
}

/// Reads the next request, or `None` when the client closed the idle connection.
///
/// # Errors
/// Whatever the socket says, and `InvalidData` for something that is not HTTP.
pub async fn read_request(stream: &mut TcpStream, buf: &mut BytesMut) -> io::Result<Option<Request>> {
    loop {
        if let Some((mut request, framing, expects)) = parse_head(buf)? {
            if expects {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            request.body = match framing {
                Framing::Length(n) => read_exact(stream, buf, n).await?,
                Framing::Chunked => read_chunked(stream, buf).await?,
            };
            return Ok(Some(request));
        }
        if buf.len() > MAX_HEAD {
            return Err(invalid("request head too large"));
        }
        if stream.read_buf(buf).await? == 0 {
            return if buf.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

fn parse_head(buf: &mut BytesMut) -> io::Result<Option<(Request, Framing, bool)>> {
    let mut storage = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut storage);
    let httparse::Status::Complete(head) = parsed.parse(buf).map_err(invalid)? else { return Ok(None) };
    let target = parsed.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|h| (h.name.to_ascii_lowercase(), String::from_utf8_lossy(h.value).into_owned()))
        .collect();
    let mut request = Request {
        method: parsed.method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Bytes::new(),
        keep_alive: true,
    };
    let connection = request.header("connection").unwrap_or_default();
    request.keep_alive = if parsed.version == Some(0) {
        connection.eq_ignore_ascii_case("keep-alive")
    } else {
        !connection.eq_ignore_ascii_case("close")
    };
    let chunked = request.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    let framing = if chunked {
        Framing::Chunked
    } else {
        let length = request.header("content-length").unwrap_or("0").parse().map_err(invalid)?;
        if length > MAX_BODY {
            return Err(invalid("request body too large"));
        }
        Framing::Length(length)
    };
    let expects = request.header("expect").is_some_and(|v| v.eq_ignore_ascii_case("100-continue"));
    buf.advance(head);
    Ok(Some((request, framing, expects)))
}

async fn read_exact(stream: &mut TcpStream, buf: &mut BytesMut, n: usize) -> io::Result<Bytes> {
    buf.reserve(n.saturating_sub(buf.len()));
    while buf.len() < n {
        if stream.read_buf(buf).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buf.split_to(n).freeze())
}

async fn read_chunked(stream: &mut TcpStream, buf: &mut BytesMut) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let line = read_line(stream, buf).await?;
        let size = line.split(|b| *b == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(size).map_err(invalid)?.trim();
        let size = usize::from_str_radix(size, 16).map_err(invalid)?;
        if size == 0 {
            while !read_line(stream, buf).await?.is_empty() {}
            return Ok(body.freeze());
        }
        if body.len() + size > MAX_BODY {
            return Err(invalid("request body too large"));
        }
        body.extend_from_slice(&read_exact(stream, buf, size).await?);
        read_line(stream, buf).await?;
    }
}

/// One line without its CRLF.
async fn read_line(stream: &mut TcpStream, buf: &mut BytesMut) -> io::Result<Bytes> {
    loop {
        if let Some(at) = memchr::memchr(b'\n', buf) {
            let line = buf.split_to(at + 1).freeze();
            let end = line.len() - if line.ends_with(b"\r\n") { 2 } else { 1 };
            return Ok(line.slice(..end));
        }
        if buf.len() > MAX_HEAD {
            return Err(invalid("chunk line too long"));
        }
        if stream.read_buf(buf).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Returns when the client closes (or resets) the connection; keeps what it sends meanwhile for the next request.
pub async fn client_closed(reader: &mut ReadHalf<'_>, buf: &mut BytesMut) {
    loop {
        if buf.len() > MAX_HEAD {
            // A client that pipelines this much is not one that the tests have; stop reading, keep answering.
            return std::future::pending().await;
        }
        match reader.read_buf(buf).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The head of a reply. `length: None` means chunked.
#[must_use]
pub fn head(status: u16, headers: &[(String, String)], length: Option<usize>, close: bool) -> BytesMut {
    let mut out = BytesMut::with_capacity(512);
    out.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", reason(status)).as_bytes());
    for (name, value) in headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    match length {
        Some(n) => out.extend_from_slice(format!("content-length: {n}\r\n").as_bytes()),
        None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    if close {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Appends one chunk of a chunked body.
pub fn push_chunk(out: &mut BytesMut, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "Status",
    }
}

fn invalid(e: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e.to_string())
}
