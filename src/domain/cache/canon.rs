//! One text for all ways to write the same JSON: members sorted, no white space, strings escaped in one way.
//!
//! Numbers stay as they are written (`1` and `1.0` differ), and so do members that stand there twice: who takes two
//! texts for different asks a provider once too often, who takes two for the same gives a wrong answer.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::wire::json::{Cursor, Fault, What, quoted};
use crate::wire::surface::Surface;

/// Nested deeper than this a body has been refused before.
const ANY_DEPTH: usize = usize::MAX;

/// Appends the members of an object that `keeps` wants, in their order by name.
pub fn write_members(surface: &Surface, keeps: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
    let mut members: SmallVec<[(&str, &str); 16]> =
        surface.members().filter(|(name, _)| keeps(name)).collect();
    members.sort_unstable();
    for (name, raw) in members {
        out.extend_from_slice(quoted(name).as_bytes());
        out.push(b':');
        write(raw, out);
        out.push(b',');
    }
}

/// Appends a value that has been validated as JSON.
pub fn write(raw: &str, out: &mut Vec<u8>) {
    let start = out.len();
    let mut cursor = Cursor::new(raw, ANY_DEPTH);
    if value(raw, &mut cursor, out).is_err() {
        // No valid JSON after all: then it equals only itself.
        out.truncate(start);
        out.extend_from_slice(raw.as_bytes());
    }
}

fn value(text: &str, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    cursor.skip_space();
    match cursor.peek() {
        Some(b'{') => object(text, cursor, out),
        Some(b'[') => array(text, cursor, out),
        Some(b'"') => string(text, cursor, out),
        _ => {
            let start = cursor.at();
            cursor.skip_value()?;
            out.extend_from_slice(text.as_bytes().get(start..cursor.at()).unwrap_or_default());
            Ok(())
        }
    }
}

fn array(text: &str, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    cursor.take(b'[');
    out.push(b'[');
    cursor.skip_space();
    while !cursor.take(b']') {
        value(text, cursor, out)?;
        out.push(b',');
        cursor.skip_space();
        if !cursor.take(b',') && cursor.peek() != Some(b']') {
            return Err(cursor.expected(What::ArrayGoesOn));
        }
    }
    out.push(b']');
    Ok(())
}

/// Where a member has been written: its name, and its end.
struct Member {
    start: usize,
    name_end: usize,
    end: usize,
}

fn object(text: &str, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    cursor.take(b'{');
    out.push(b'{');
    let mut members: SmallVec<[Member; 8]> = SmallVec::new();
    cursor.skip_space();
    while !cursor.take(b'}') {
        cursor.skip_space();
        if cursor.peek() != Some(b'"') {
            return Err(cursor.expected(What::Name));
        }
        let start = out.len();
        string(text, cursor, out)?;
        let name_end = out.len();
        cursor.skip_space();
        if !cursor.take(b':') {
            return Err(cursor.expected(What::Colon));
        }
        out.push(b':');
        value(text, cursor, out)?;
        out.push(b',');
        members.push(Member { start, name_end, end: out.len() });
        cursor.skip_space();
        if !cursor.take(b',') && cursor.peek() != Some(b'}') {
            return Err(cursor.expected(What::ObjectGoesOn));
        }
    }
    sort(&mut members, out);
    out.push(b'}');
    Ok(())
}

/// Brings members that have been written one behind the other into the order of their names.
fn sort(members: &mut [Member], out: &mut Vec<u8>) {
    let Some(from) = members.first().map(|member| member.start) else { return };
    let name = |member: &Member| out.get(member.start..member.name_end).unwrap_or_default();
    if members.is_sorted_by(|one, other| name(one) <= name(other)) {
        return;
    }
    let written = out.split_off(from);
    let part = |start: usize, end: usize| written.get(start - from..end - from).unwrap_or_default();
    members.sort_by(|one, other| part(one.start, one.name_end).cmp(part(other.start, other.name_end)));
    for member in members {
        out.extend_from_slice(part(member.start, member.end));
    }
}

fn string(text: &str, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let start = cursor.at();
    let escaped = cursor.skip_string()?;
    let raw = text.get(start..cursor.at()).unwrap_or_default();
    let written = match escaped {
        false => Cow::Borrowed(raw),
        // Half a surrogate pair is no text that could be written in another way.
        true => serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(raw), |text| quoted(&text).into()),
    };
    out.extend_from_slice(written.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canon(text: &str) -> String {
        let mut out = Vec::new();
        write(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_same_is_the_same_however_it_is_written() {
        let one = r#"{"b": [1, {"y": "\u0041\/", "x": null}], "a": "é\n", "c": {}}"#;
        let other = "{\n\"a\":\"\\u00e9\\n\",\"c\":{ },\"b\":[ 1,{\"x\":null,\"y\":\"A/\"} ]}";
        assert_eq!(canon(one), canon(other));
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [
            ("1", "1.0"),
            ("[1,2]", "[2,1]"),
            ("[[1],2]", "[1,[2]]"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
            (r#"{"a":null}"#, "{}"),
            (r#"["a","b"]"#, r#"["a,b"]"#),
            (r#""\ud800""#, r#""\ud801""#),
            ("{}", "[]"),
        ] {
            assert_ne!(canon(one), canon(other), "{one} {other}");
        }
    }
}
