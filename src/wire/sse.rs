//! Server-sent events, split incrementally from chunks that may break anywhere (WHATWG event stream).
//!
//! Lines end with LF, CR or CRLF; an empty line ends an event. An event that lies inside one chunk is a
//! slice of it; only an event that spans chunks is copied together. The raw bytes of all events, put
//! together, are the bytes that came in, so an event can be forwarded untouched.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// One event: its raw bytes and where its fields lie in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    raw: Bytes,
    name: Option<Range<usize>>,
    data: Data,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Data {
    /// Only comments or other fields.
    None,
    /// One `data:` line.
    Line(Range<usize>),
    /// Several `data:` lines, joined with LF as the protocol says.
    Joined(Bytes),
}

impl Event {
    /// The bytes as they came, the empty line included; forward these to pass the event on untouched.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The value of the `event:` field, if it has one and it is UTF-8.
    pub fn name(&self) -> Option<&str> {
        let range = self.name.clone()?;
        std::str::from_utf8(self.raw.get(range)?).ok()
    }

    /// The data; empty when there is none.
    pub fn data(&self) -> &[u8] {
        match &self.data {
            Data::None => &[],
            Data::Line(range) => self.raw.get(range.clone()).unwrap_or_default(),
            Data::Joined(bytes) => bytes,
        }
    }

    /// The data as an owned slice, without copying.
    pub fn data_bytes(&self) -> Bytes {
        match &self.data {
            Data::None => Bytes::new(),
            Data::Line(range) => self.raw.slice(range.clone()),
            Data::Joined(bytes) => bytes.clone(),
        }
    }

    /// Where the data lies in [`Event::raw`]; `None` when it is spread over several lines or absent.
    pub fn data_span(&self) -> Option<Range<usize>> {
        match &self.data {
            Data::Line(range) => Some(range.clone()),
            _ => None,
        }
    }

    /// Whether it has a `data:` field. Without one it is a comment (a keep-alive) or means nothing.
    pub fn has_data(&self) -> bool {
        self.data != Data::None
    }
}

/// An event grew beyond the limit; the stream cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is larger than {limit} bytes")]
pub struct EventTooLarge {
    /// The limit, bytes.
    pub limit: usize,
}

/// Splits a byte stream into events.
#[derive(Debug)]
pub struct Splitter {
    /// The start of an event whose end has not come yet.
    carry: BytesMut,
    /// The part of the newest chunk that has not been split yet.
    chunk: Bytes,
    /// How much of `chunk` has been scanned.
    scanned: usize,
    line: Line,
    /// Whether the event so far has a line that is not empty.
    filled: bool,
    /// Whether a byte order mark may still come.
    at_start: bool,
    limit: usize,
    overflown: bool,
}

/// Where in a line the scanner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// At its start.
    Start,
    /// Behind at least one byte of it.
    Inside,
    /// Behind a CR that has ended the line before: an LF here belongs to that.
    AfterCr,
}

impl Splitter {
    /// A splitter that refuses events larger than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Splitter {
            carry: BytesMut::new(),
            chunk: Bytes::new(),
            scanned: 0,
            line: Line::Start,
            filled: false,
            at_start: true,
            limit,
            overflown: false,
        }
    }

    /// Takes the next chunk. Call [`Splitter::next`] until it returns `None` before the next push; what
    /// was left is kept, but costs a copy.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
            return;
        }
        let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
        joined.extend_from_slice(&self.chunk);
        joined.extend_from_slice(&chunk);
        self.chunk = joined.freeze();
    }

    /// The next whole event; `None` until more bytes have come.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator over a growing input")]
    pub fn next(&mut self) -> Result<Option<Event>, EventTooLarge> {
        if self.overflown {
            return Err(EventTooLarge { limit: self.limit });
        }
        let end = self.scan();
        let length = self.carry.len() + end.unwrap_or(self.chunk.len());
        if length > self.limit {
            self.overflown = true;
            return Err(EventTooLarge { limit: self.limit });
        }
        let Some(end) = end else {
            self.carry.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
            self.scanned = 0;
            return Ok(None);
        };
        let head = self.chunk.split_to(end);
        self.scanned = 0;
        let raw = if self.carry.is_empty() {
            head
        } else {
            self.carry.extend_from_slice(&head);
            self.carry.split().freeze()
        };
        Ok(Some(self.event(raw)))
    }

    /// What the stream ended with, if it broke off inside an event. By the protocol an event without its
    /// empty line does not count, but some servers forget it at the very end: the caller decides whether
    /// the data is whole.
    pub fn finish(&mut self) -> Option<Event> {
        if self.overflown || self.carry.is_empty() {
            return None;
        }
        let raw = self.carry.split().freeze();
        let event = self.event(raw);
        event.has_data().then_some(event)
    }

    fn event(&mut self, raw: Bytes) -> Event {
        let bom = std::mem::take(&mut self.at_start) && raw.starts_with(b"\xEF\xBB\xBF");
        read_fields(raw, if bom { 3 } else { 0 })
    }

    /// The end of the event in `chunk`, if it is there; remembers how far it has looked.
    fn scan(&mut self) -> Option<usize> {
        let bytes = self.chunk.as_ref();
        let mut at = self.scanned;
        while let Some(&byte) = bytes.get(at) {
            match (self.line, byte) {
                (Line::AfterCr, b'\n') => {
                    self.line = Line::Start;
                    at += 1;
                }
                (Line::Inside, _) => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    match memchr::memchr2(b'\n', b'\r', rest) {
                        Some(found) => {
                            at += found + 1;
                            let cr = rest.get(found) == Some(&b'\r');
                            self.line = if cr { Line::AfterCr } else { Line::Start };
                        }
                        None => at = bytes.len(),
                    }
                }
                (_, b'\n' | b'\r') => {
                    at += 1;
                    let mut after = Line::Start;
                    if byte == b'\r' {
                        // The LF that follows belongs to this line end; it may be in the next chunk.
                        after = if bytes.get(at) == Some(&b'\n') { Line::Start } else { Line::AfterCr };
                        at += usize::from(after == Line::Start);
                    }
                    self.line = after;
                    if std::mem::take(&mut self.filled) {
                        return Some(at);
                    }
                }
                _ => {
                    self.line = Line::Inside;
                    self.filled = true;
                }
            }
        }
        self.scanned = at;
        None
    }
}

/// Finds the fields of an event that begins at `from`.
fn read_fields(raw: Bytes, from: usize) -> Event {
    let mut name = None;
    let mut data = Data::None;
    for line in (Lines { bytes: &raw, at: from }) {
        let Some(text) = raw.get(line.clone()) else { continue };
        let field = memchr::memchr(b':', text).unwrap_or(text.len());
        let mut value = (line.start + field + 1).min(line.end)..line.end;
        if raw.get(value.start) == Some(&b' ') && value.start < value.end {
            value.start += 1;
        }
        match text.get(..field) {
            Some(b"data") => data = data.with(&raw, value),
            Some(b"event") => name = Some(value),
            _ => {}
        }
    }
    Event { raw, name, data }
}

impl Data {
    fn with(self, raw: &Bytes, line: Range<usize>) -> Data {
        let mut joined = BytesMut::new();
        match self {
            Data::None => return Data::Line(line),
            Data::Line(first) => joined.extend_from_slice(raw.get(first).unwrap_or_default()),
            Data::Joined(so_far) => joined = BytesMut::from(so_far),
        }
        joined.extend_from_slice(b"\n");
        joined.extend_from_slice(raw.get(line).unwrap_or_default());
        Data::Joined(joined.freeze())
    }
}

/// The lines of an event, without their ends. A CRLF gives an empty line more, which means nothing here.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = self.at..self.at + length;
        self.at += length + 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests;
