//! The usual event of a stream, a piece of text, without taking it apart.
//!
//! Most of a stream is text that goes on as it came. A request with fifty such pieces takes 1.7 million instructions
//! through trees of JSON and 0.46 million this way. What is not exactly the usual case goes the long way.

use std::borrow::Cow;
use std::ops::Range;

use bytes::BytesMut;
use serde_json::Value;

use super::stream::{Stage, Stream};
use crate::wire::json;
use crate::wire::surface::{SurfaceError, glance, str_of};

/// How deep an event may be nested.
const DEPTH: usize = 64;

/// What stands around the text in each chunk of a stream.
#[derive(Debug)]
pub(super) struct Around {
    before: String,
    after: String,
}

impl Around {
    /// Made of a chunk whose content is an empty text.
    fn of(chunk: &Value) -> Option<Self> {
        const EMPTY: &str = r#""content":"""#;
        // Quotes inside of texts are escaped, so nothing else looks like it.
        let text = chunk.to_string();
        let (before, after) = text.split_once(EMPTY)?;
        Some(Around { before: format!(r#"{before}"content":"#), after: after.to_owned() })
    }
}

impl Stream {
    /// Appends the chunk that an event becomes, if it is a piece of text and nothing else, and answers how long the
    /// text is. `None`: the event is one for [`Stream::event`], and nothing has happened.
    pub fn text(&mut self, name: &str, data: &[u8], out: &mut BytesMut) -> Option<usize> {
        if self.stage != Stage::Open || !self.role_sent || name == "ping" {
            return None;
        }
        let data = std::str::from_utf8(data.trim_ascii()).ok()?;
        let piece = Piece::of(data)?;
        if self.around.is_none() {
            self.around = Around::of(
                &self.chunk([("content".to_owned(), Value::from(""))].into_iter().collect(), None),
            );
        }
        let around = self.around.as_ref()?;
        if !self.blocks.shows_as_it_is(piece.index, &piece.text) {
            return None;
        }
        out.extend_from_slice(around.before.as_bytes());
        json::write_quoted(&piece.text, out);
        out.extend_from_slice(around.after.as_bytes());
        Some(piece.text.len())
    }
}

/// A piece of text of one block.
struct Piece<'a> {
    index: u64,
    text: Cow<'a, str>,
}

impl<'a> Piece<'a> {
    /// Reads a `content_block_delta` with a `text_delta` that is not empty.
    fn of(event: &'a str) -> Option<Self> {
        let [kind, index, delta] = members(event, ["type", "index", "delta"]).ok()?;
        if kind != Some(r#""content_block_delta""#) {
            return None;
        }
        let [kind, text] = members(delta?, ["type", "text"]).ok()?;
        if kind != Some(r#""text_delta""#) {
            return None;
        }
        let text = str_of(text?).filter(|text| !text.is_empty())?;
        Some(Piece { index: index?.parse().ok()?, text })
    }
}

/// The raw values of these members; of those of the same name the last.
fn members<'a, const N: usize>(
    object: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a str>; N], SurfaceError> {
    let mut spans: [Option<Range<usize>>; N] = [const { None }; N];
    glance(object, DEPTH, |name, span| {
        if let Some(place) =
            names.iter().position(|known| *known == name).and_then(|place| spans.get_mut(place))
        {
            *place = Some(span);
        }
    })?;
    Ok(spans.map(|span| span.and_then(|span| object.get(span))))
}

#[cfg(test)]
mod tests {
    use super::super::{ReplyContext, Shown};
    use super::*;

    fn begun(include_usage: bool) -> Stream {
        let shown = Shown { model: "my \"content\":\"\" model".into(), created: 7, id: "chatcmpl-1".into() };
        let mut stream = Stream::new(ReplyContext::default(), shown, include_usage);
        let mut out = Vec::new();
        for event in [
            r#"{"type":"message_start","message":{"usage":{"input_tokens":3}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"first"}}"#,
        ] {
            stream.event("", event.as_bytes(), &mut out).unwrap();
        }
        stream
    }

    #[test]
    fn the_short_way_says_what_the_long_way_says() {
        for include_usage in [false, true] {
            for text in [r#""a""#, r#""line\n\"two\" \\ \u00e9 é 漢""#, r#"" ""#] {
                let event = format!(
                    r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{text}}}}}"#
                );
                let (mut short, mut long) = (begun(include_usage), begun(include_usage));
                let (mut said, mut told) = (BytesMut::new(), Vec::new());
                let length = short.text("content_block_delta", event.as_bytes(), &mut said).unwrap();
                long.event("content_block_delta", event.as_bytes(), &mut told).unwrap();
                assert_eq!(std::str::from_utf8(&said).unwrap(), told[0].to_string());
                assert_eq!(length, serde_json::from_str::<String>(text).unwrap().len());
                assert_eq!(short.usage(), long.usage());
            }
        }
    }

    #[test]
    fn everything_else_goes_the_long_way_and_leaves_nothing() {
        for event in [
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"x"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ud800"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a" 1}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}} {}"#,
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"message_stop"}"#,
            r#"[]"#,
            "",
        ] {
            let mut stream = begun(false);
            let mut out = BytesMut::new();
            let before = stream.usage();
            assert_eq!(stream.text("", event.as_bytes(), &mut out), None, "{event}");
            assert!(out.is_empty() && stream.usage() == before, "{event}");
        }
        let event = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;
        let shown = Shown { model: "m".into(), created: 7, id: "chatcmpl-1".into() };
        let mut first = Stream::new(ReplyContext::default(), shown, false);
        assert_eq!(
            first.text("", event.as_bytes(), &mut BytesMut::new()),
            None,
            "the first chunk names the role"
        );
    }
}
