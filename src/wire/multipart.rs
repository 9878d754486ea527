//! `multipart/form-data` bodies (RFC 7578) whose files are never copied.
//!
//! A transcription request carries megabytes of sound and a handful of short fields. The parts are found
//! as spans over the body; [`Multipart::rewrite`] gives the new body as segments, of which the untouched
//! ones are slices of the old.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem::Finder;
use smallvec::SmallVec;

/// A body with more parts than this is refused.
const MAX_PARTS: usize = 256;

/// Why a body is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// The `Content-Type` has no usable `boundary`.
    #[error("the Content-Type header has no multipart boundary")]
    NoBoundary,
    /// The body does not begin with the boundary.
    #[error("the body does not begin with its multipart boundary")]
    NoStart,
    /// The closing boundary is missing: the body has been cut.
    #[error("the multipart body ends without its closing boundary")]
    Cut,
    /// A part has no header block, or none with a name.
    #[error("part {part} of the multipart body has no name")]
    Unnamed {
        /// Which part, from 1.
        part: usize,
    },
    /// More parts than anybody needs.
    #[error("the multipart body has more than {MAX_PARTS} parts")]
    TooMany,
}

/// A form, looked at through spans.
#[derive(Debug, Clone)]
pub struct Multipart {
    body: Bytes,
    boundary: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    name: String,
    file: bool,
    /// From the boundary line to the end of the content (the line break before the next boundary excluded).
    whole: Range<usize>,
    content: Range<usize>,
}

/// The `boundary` parameter of a `Content-Type` value.
pub fn boundary_of(content_type: &str) -> Result<String, MultipartError> {
    let mut parameters = content_type.split(';');
    let form = parameters.next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"));
    let boundary = parameters.filter(|_| form).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    });
    // RFC 2046: 1 to 70 characters.
    boundary.filter(|text| (1..=70).contains(&text.len())).ok_or(MultipartError::NoBoundary)
}

impl Multipart {
    /// Finds the parts of `body`.
    pub fn parse(body: Bytes, boundary: &str) -> Result<Self, MultipartError> {
        if boundary.is_empty() {
            return Err(MultipartError::NoBoundary);
        }
        let delimiter = format!("\r\n--{boundary}");
        let finder = Finder::new(&delimiter);
        // The first boundary may stand at the very start, without a line break before it.
        let opening = delimiter.as_bytes().get(2..).unwrap_or_default();
        let mut at = if body.starts_with(opening) {
            0
        } else {
            next_boundary(&finder, &body).ok_or(MultipartError::NoStart)? + 2
        };
        let mut parts = Vec::new();
        loop {
            let after = body.get(at + opening.len()..).unwrap_or_default();
            if after.starts_with(b"--") {
                return Ok(Multipart { body, boundary: boundary.to_owned(), parts });
            }
            if parts.len() == MAX_PARTS {
                return Err(MultipartError::TooMany);
            }
            let length = next_boundary(&finder, after).ok_or(MultipartError::Cut)?;
            let end = at + opening.len() + length;
            let part = read_part(&body, at, at + opening.len(), end);
            parts.push(part.ok_or(MultipartError::Unnamed { part: parts.len() + 1 })?);
            at = end + 2;
        }
    }

    /// The text of a field that is no file; the last one of that name counts. `None` when it is absent or
    /// no UTF-8.
    pub fn field(&self, name: &str) -> Option<&str> {
        let part = self.parts.iter().rev().find(|part| part.name == name && !part.file)?;
        std::str::from_utf8(self.body.get(part.content.clone())?).ok()
    }

    /// Whether there is a part of this name, file or not.
    pub fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name)
    }

    /// The names of the parts, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.name.as_str())
    }

    /// A part's content, file or not; the largest one of that name counts.
    pub fn content(&self, name: &str) -> Option<&[u8]> {
        let named = self.parts.iter().filter(|part| part.name == name);
        self.body.get(named.max_by_key(|part| part.content.len())?.content.clone())
    }

    /// The size of a part's content, bytes.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.parts.iter().find(|part| part.name == name).map(|part| part.content.len())
    }

    /// The parts with their own headers, in order; boundaries, which differ from request to request, are left out.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let boundary = self.boundary.len() + 2;
        self.parts.iter().map(move |part| {
            let bytes = self.body.get(part.whole.start + boundary..part.whole.end);
            (part.name.as_str(), bytes.unwrap_or_default())
        })
    }

    /// The body as it came.
    pub fn raw(&self) -> &Bytes {
        &self.body
    }

    /// The `Content-Type` of the body, before and after rewriting.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The form with another `model`, without the fields that `drop` names, and with `extra` fields where
    /// the client has not set them. The segments, one behind the other, are the new body.
    pub fn rewrite(
        &self,
        model: &str,
        drop: impl Fn(&str) -> bool,
        extra: &[(&str, &str)],
    ) -> SmallVec<[Bytes; 4]> {
        let mut out = Segments::default();
        for part in &self.parts {
            if part.name != "model" && !drop(&part.name) {
                out.keep(part.whole.start..part.whole.end + 2, &self.body);
            }
        }
        let absent = extra.iter().filter(|(name, _)| !self.has(name));
        let mut tail = BytesMut::new();
        for (name, value) in std::iter::once(&("model", model)).chain(absent) {
            self.write_field(name, value, &mut tail);
        }
        tail.put_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        out.finish(tail.freeze(), &self.body)
    }

    fn write_field(&self, name: &str, value: &str, out: &mut BytesMut) {
        // The names and values are ours or the config's; line breaks and quotes could still end a header.
        let name = name.replace(['\r', '\n', '"'], "_");
        let head = format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n", self.boundary);
        out.put_slice(head.as_bytes());
        out.put_slice(value.as_bytes());
        out.put_slice(b"\r\n");
    }
}

/// The next boundary line: the delimiter, and then the end of the line or of the form. Without the second
/// half the content of a file could begin a line with a longer word.
fn next_boundary(delimiter: &Finder<'_>, bytes: &[u8]) -> Option<usize> {
    delimiter.find_iter(bytes).find(|at| {
        let after = bytes.get(at + delimiter.needle().len()..).unwrap_or_default();
        after.starts_with(b"--") || after.trim_ascii_start().len() < after.len()
    })
}

/// Joins neighbouring spans, so that a form with one change becomes few segments.
#[derive(Default)]
struct Segments {
    done: SmallVec<[Bytes; 4]>,
    run: Option<Range<usize>>,
}

impl Segments {
    fn keep(&mut self, span: Range<usize>, body: &Bytes) {
        match &mut self.run {
            Some(run) if run.end == span.start => run.end = span.end,
            _ => {
                self.flush(body);
                self.run = Some(span);
            }
        }
    }

    fn flush(&mut self, body: &Bytes) {
        if let Some(run) = self.run.take() {
            self.done.push(body.slice(run));
        }
    }

    fn finish(mut self, tail: Bytes, body: &Bytes) -> SmallVec<[Bytes; 4]> {
        self.flush(body);
        self.done.push(tail);
        self.done
    }
}

/// Reads the part whose boundary line begins at `start`, whose headers begin behind `head` and whose
/// content ends at `end`.
fn read_part(body: &Bytes, start: usize, head: usize, end: usize) -> Option<Part> {
    let text = body.get(head..end)?;
    let headers_end = memchr::memmem::find(text, b"\r\n\r\n")?;
    let headers = String::from_utf8_lossy(text.get(..headers_end)?).into_owned();
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let name = parameter(disposition, "name")?;
    let file = parameter(disposition, "filename").or(parameter(disposition, "filename*")).is_some();
    Some(Part { name, file, whole: start..end, content: head + headers_end + 4..end })
}

/// A parameter of a header value, unquoted.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    while let Some(at) = rest.find(';') {
        rest = rest.get(at + 1..)?.trim_start();
        let (name, after) = rest.split_once('=')?;
        let (text, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted)?;
                (quoted.get(..end)?.replace("\\\"", "\""), quoted.get(end..)?)
            }
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after.get(..end)?.trim().to_owned(), after.get(end..)?)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = next;
    }
    None
}

/// The offset of the quote that ends a quoted string.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n\
        --B\r\nContent-Disposition: form-data; filename=\"a;name=\\\"x.mp3\"; name=\"file\"\r\nContent-Type: audio/mpeg\r\n\r\n\x00--B\r\n--BC\r\n\r\n\
        --B\r\ncontent-disposition: form-data; name=tags\r\n\r\n\u{e9}\r\n--B--\r\n";

    fn form() -> Multipart {
        Multipart::parse(Bytes::from_static(BODY.as_bytes()), "B").unwrap()
    }

    #[test]
    fn fields_are_found_and_files_are_not_read_as_fields() {
        let form = form();
        assert_eq!(form.field("model"), Some("whisper"));
        assert_eq!(form.field("tags"), Some("é"));
        assert_eq!((form.field("file"), form.has("file"), form.size("file")), (None, true, Some(12)));
        assert_eq!(form.names().collect::<Vec<_>>(), ["model", "file", "tags"]);
    }

    #[test]
    fn a_rewritten_form_shares_the_file() {
        let form = form();
        let segments =
            form.rewrite("whisper-1", |name| name == "tags", &[("language", "en"), ("file", "no")]);
        let whole = segments.concat();
        let text = String::from_utf8(whole.clone()).unwrap();
        assert!(text.ends_with("--B--\r\n") && !text.contains("tags"));
        let again = Multipart::parse(whole.into(), "B").unwrap();
        assert_eq!((again.field("model"), again.field("language")), (Some("whisper-1"), Some("en")));
        assert_eq!(again.size("file"), form.size("file"));
        assert_eq!(again.names().collect::<Vec<_>>(), ["file", "model", "language"]);
        let old = form.raw().as_ptr() as usize..form.raw().as_ptr() as usize + form.raw().len();
        assert!(old.contains(&(segments[0].as_ptr() as usize)));
    }

    #[test]
    fn broken_forms_are_named() {
        let error =
            |body: &'static str| Multipart::parse(Bytes::from_static(body.as_bytes()), "B").unwrap_err();
        assert_eq!(error(""), MultipartError::NoStart);
        assert_eq!(error("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"), MultipartError::Cut);
        assert_eq!(error("--B\r\nX: y\r\n\r\nx\r\n--B--"), MultipartError::Unnamed { part: 1 });
        assert_eq!(error("--B\r\n\r\n--B--"), MultipartError::Unnamed { part: 1 });
        let many = "\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx".repeat(300) + "\r\n--B--";
        assert_eq!(Multipart::parse(many.into(), "B").unwrap_err(), MultipartError::TooMany);
        assert!(Multipart::parse(Bytes::from_static(b"preamble\r\n--B--"), "B").is_ok());
    }

    #[test]
    fn boundaries_of_headers() {
        assert_eq!(boundary_of("multipart/form-data; boundary=abc").unwrap(), "abc");
        assert_eq!(boundary_of("Multipart/Form-Data; charset=x; Boundary=\"a b\"").unwrap(), "a b");
        for bad in ["multipart/form-data", "application/json; boundary=a", "multipart/form-data; boundary="] {
            assert_eq!(boundary_of(bad), Err(MultipartError::NoBoundary));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_survived(text in "(--B|\r\n|Content-Disposition: form-data|; name=|\"|a|\\\\|--){0,24}") {
            let _ = Multipart::parse(Bytes::from(text), "B").map(|form| form.rewrite("m", |_| false, &[]));
        }
    }
}
