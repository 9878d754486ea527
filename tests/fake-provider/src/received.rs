//! A received request as a log entry: headers as a map, the body as JSON, text or multipart fields.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::http::Request;
use crate::state::{Entry, Outcome, now_ms};

/// Text bodies and form fields are shown up to this many bytes.
const MAX_TEXT: usize = 64 * 1024;

/// One part of a multipart body.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    pub name: String,
    pub filename: Option<String>,
    pub content_type: Option<String>,
    pub len: usize,
    /// The value when it is short text.
    pub text: Option<String>,
}

/// Makes the entry of a request that has just arrived.
#[must_use]
pub fn entry(id: u64, key: &str, request: &Request) -> Entry {
    let mut headers = Map::new();
    for (name, value) in &request.headers {
        let joined = match headers.get(name) {
            Some(Value::String(first)) => format!("{first}, {value}"),
            _ => value.clone(),
        };
        headers.insert(name.clone(), Value::String(joined));
    }
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let form = boundary(request).map(|b| parts(&request.body, &b)).unwrap_or_default();
    let is_text = body.is_null() && form.is_empty();
    Entry {
        id,
        key: key.to_owned(),
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers,
        body_text: if is_text { short_text(&request.body) } else { None },
        body,
        body_len: request.body.len(),
        form,
        received_at_ms: now_ms(),
        outcome: Outcome::InFlight,
        ended_after_ms: None,
        closed_after_ms: None,
        closed_at_ms: None,
    }
}

/// The boundary of a multipart request.
#[must_use]
pub fn boundary(request: &Request) -> Option<String> {
    let content_type = request.header("content-type")?;
    if !content_type.starts_with("multipart/") {
        return None;
    }
    let value = content_type.split(';').find_map(|p| p.trim().strip_prefix("boundary="))?;
    Some(value.trim_matches('"').to_owned())
}

/// The parts of a multipart body (RFC 7578).
#[must_use]
pub fn parts(body: &[u8], boundary: &str) -> Vec<Part> {
    let delimiter = format!("--{boundary}");
    let starts: Vec<usize> = memchr::memmem::find_iter(body, delimiter.as_bytes()).collect();
    starts.windows(2).filter_map(|w| part(body.get(w[0] + delimiter.len()..w[1])?)).collect()
}

fn part(raw: &[u8]) -> Option<Part> {
    let raw = raw.strip_prefix(b"\r\n")?;
    let split = memchr::memmem::find(raw, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(raw.get(..split)?).into_owned();
    let value = raw.get(split + 4..)?;
    let value = value.strip_suffix(b"\r\n").unwrap_or(value);
    let header = |wanted: &str| {
        head.lines().find_map(|l| {
            let (name, value) = l.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let disposition = header("content-disposition")?;
    let field = |wanted: &str| {
        disposition.split(';').find_map(|p| {
            p.trim().strip_prefix(wanted)?.strip_prefix('=').map(|v| v.trim_matches('"').to_owned())
        })
    };
    Some(Part {
        name: field("name")?,
        filename: field("filename"),
        content_type: header("content-type"),
        len: value.len(),
        text: short_text(value),
    })
}

fn short_text(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.len() > MAX_TEXT {
        return None;
    }
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}
