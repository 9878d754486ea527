//! OTLP's partial success: how many spans or data points a collector that answers 200 has not taken, and why.

use serde_json::Value;

use crate::domain::export::verdict::Rejection;

/// The same for spans and for data points: `ExportTracePartialSuccess`, `ExportMetricsPartialSuccess`.
pub fn json(answer: &Value) -> Rejection {
    let Some(partial) = answer.get("partialSuccess").or_else(|| answer.get("partial_success")) else {
        return Rejection::default();
    };
    let count = ["rejectedSpans", "rejectedDataPoints", "rejected_spans", "rejected_data_points"]
        .iter()
        .find_map(|name| partial.get(name));
    // 64-bit numbers are texts in this encoding.
    let count = count.and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok()));
    let words = ["errorMessage", "error_message"].iter().find_map(|name| partial.get(name)?.as_str());
    rejection(count.unwrap_or(0), words.unwrap_or_default())
}

/// Field 1 of the answer is the partial success; in there 1 is the number, 2 the sentence.
pub fn protobuf(answer: &[u8]) -> Rejection {
    let Some(partial) = fields(answer).find_map(|field| field.bytes(1)) else { return Rejection::default() };
    let count = fields(partial).find_map(|field| field.number(1)).unwrap_or(0);
    let words = fields(partial).find_map(|field| field.bytes(2)).unwrap_or_default();
    rejection(count, &String::from_utf8_lossy(words))
}

fn rejection(count: u64, words: &str) -> Rejection {
    Rejection {
        entries: usize::try_from(count).unwrap_or(usize::MAX),
        words: Some(words.to_owned()).filter(|words| !words.is_empty()),
    }
}

/// A field of a message.
enum Field<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
    Other,
}

impl<'a> Field<'a> {
    fn number(&self, wanted: u64) -> Option<u64> {
        match self {
            Field::Number(field, number) if *field == wanted => Some(*number),
            _ => None,
        }
    }

    fn bytes(&self, wanted: u64) -> Option<&'a [u8]> {
        match self {
            Field::Bytes(field, bytes) if *field == wanted => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a message, up to its end or to what is none.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        let tag = varint(&mut rest)?;
        let field = tag >> 3;
        Some(match tag & 7 {
            0 => Field::Number(field, varint(&mut rest)?),
            1 => skip(&mut rest, 8)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                Field::Bytes(field, bytes)
            }
            5 => skip(&mut rest, 4)?,
            _ => return None,
        })
    })
}

fn skip(rest: &mut &[u8], length: usize) -> Option<Field<'static>> {
    *rest = rest.get(length..)?;
    Some(Field::Other)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_rejected_is_read_in_both_encodings() {
        let words = Some("too old".to_owned());
        let answer = json!({"partialSuccess": {"rejectedSpans": "300", "errorMessage": "too old"}});
        assert_eq!(super::json(&answer), Rejection { entries: 300, words: words.clone() });
        let points = json!({"partialSuccess": {"rejectedDataPoints": 2}});
        assert_eq!(super::json(&points), Rejection { entries: 2, words: None });
        // An unknown field before, then the partial success with 300 and the sentence.
        let bytes = b"\x18\x07\x0a\x0c\x08\xac\x02\x12\x07too old";
        assert_eq!(protobuf(bytes), Rejection { entries: 300, words: words.clone() });
        assert_eq!(protobuf(b"\x0a\x09\x12\x07too old"), Rejection { entries: 0, words });
    }

    #[test]
    fn what_is_no_message_rejects_nothing() {
        let cases: [&[u8]; 6] = [b"", b"\xff", b"\x0a\x7f", b"<html>", b"\x0a\x02\x08", &[0xff; 40]];
        for bytes in cases {
            assert_eq!(protobuf(bytes).entries, 0, "{bytes:?}");
        }
    }
}
