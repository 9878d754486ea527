//! The top level of a JSON object as spans over the bytes it came in, and edits that copy only what
//! they must.
//!
//! A request or reply passes through a gateway almost unchanged, so it is validated once, looked at
//! through [`Surface::get`] and its like, and rewritten by [`Surface::rewrite`]: everything that no edit
//! names leaves byte for byte as it came, unknown members and number formats included.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::json::{Cursor, Fault, What};

mod edits;

pub use edits::Edits;

/// Why a body is no JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SurfaceError {
    /// Nothing, or white space only.
    #[error("the body is empty")]
    Empty,
    /// The bytes are no UTF-8.
    #[error("the body is not valid UTF-8 (first bad byte at offset {at})")]
    NotUtf8 {
        /// Offset of the first byte that cannot be.
        at: usize,
    },
    /// Against the grammar of JSON.
    #[error("line {line} column {column}: {what}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What was expected there.
        what: &'static str,
    },
    /// Larger than spans can name.
    #[error("the body is larger than 4 GiB")]
    TooLarge,
    /// Valid JSON, but an array, string, number, boolean or null.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// Containers nested deeper than allowed.
    #[error("the body is nested deeper than {max} levels")]
    TooDeep {
        /// The depth that is allowed.
        max: usize,
    },
}

/// A JSON object, validated in full, of which only the top level has been looked at.
#[derive(Debug, Clone)]
pub struct Surface {
    text: ByteString,
    members: Members,
    /// The keys that are written with escapes, by the offset of their member.
    decoded: Vec<(u32, Box<str>)>,
    /// One bit for the [`fingerprint`] of each key: most look-ups are for keys that are not there.
    present: u64,
}

type Members = SmallVec<[Member; 12]>;

/// Where a member lies. Small, because a surface is moved about more often than it is read.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// The opening quote of the key.
    start: u32,
    /// The closing quote of the key.
    key_end: u32,
    value_start: u32,
    /// The end of the value.
    end: u32,
    /// The key is written with escapes.
    escaped: bool,
    /// A later member has the same key, and the last one counts.
    shadowed: bool,
}

impl Member {
    /// From the opening quote of the key to the end of the value.
    fn whole(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    fn value(&self) -> Range<usize> {
        self.value_start as usize..self.end as usize
    }

    fn raw_key(&self) -> Range<usize> {
        self.start as usize + 1..self.key_end as usize
    }
}

impl Surface {
    /// Validates `body` and finds its top-level members; containers may nest `max_depth` deep, the
    /// outermost object included. Of duplicate keys the last one wins.
    pub fn parse(body: Bytes, max_depth: usize) -> Result<Self, SurfaceError> {
        Surface::read(body, max_depth, false)
    }

    /// The same for a text of a trusted peer: inside nested containers only brackets and strings are looked
    /// at, so what breaks off is noticed and what is otherwise no JSON is not. Half the price.
    pub fn skim(body: Bytes, max_depth: usize) -> Result<Self, SurfaceError> {
        Surface::read(body, max_depth, true)
    }

    fn read(body: Bytes, max_depth: usize, loose: bool) -> Result<Self, SurfaceError> {
        let text = text_of(body)?;
        let mut members = Members::new();
        let (mut present, mut escaped, mut unique) = (0, false, true);
        let found = scan(&text, max_depth, loose, |member| {
            let bit = fingerprint(text.get(member.raw_key()).unwrap_or_default());
            unique &= present & bit == 0;
            present |= bit;
            escaped |= member.escaped;
            members.push(member);
        });
        no_object(&text, max_depth, found)?;
        let mut surface = Surface { text, members, decoded: Vec::new(), present };
        if escaped {
            surface.decode_keys();
            surface.present = surface.members().fold(0, |bits, (name, _)| bits | fingerprint(name));
        }
        if escaped || !unique {
            surface.shadow_duplicates();
        }
        Ok(surface)
    }

    fn decode_keys(&mut self) {
        for member in self.members.iter().filter(|member| member.escaped) {
            // A key that no decoder can read (lone surrogates) keeps its raw text: it equals no known name.
            let literal = self.text.get(member.start as usize..member.key_end as usize + 1);
            if let Some(key) = literal.and_then(|raw| serde_json::from_str(raw).ok()) {
                self.decoded.push((member.start, key));
            }
        }
    }

    /// Marks all but the last member of each name.
    fn shadow_duplicates(&mut self) {
        const FEW: usize = 24;
        let mut shadowed: SmallVec<[usize; 4]> = SmallVec::new();
        if self.members.len() <= FEW {
            for (index, member) in self.members.iter().enumerate() {
                let key = self.key(member);
                if self.members.iter().skip(index + 1).any(|later| self.key_is(later, key)) {
                    shadowed.push(index);
                }
            }
        } else {
            let mut seen = HashSet::with_capacity(self.members.len());
            let backwards = self.members.iter().enumerate().rev();
            shadowed.extend(
                backwards.filter(|(_, member)| !seen.insert(self.key(member))).map(|(index, _)| index),
            );
        }
        for index in shadowed {
            if let Some(member) = self.members.get_mut(index) {
                member.shadowed = true;
            }
        }
    }

    /// The body as it came.
    pub fn raw(&self) -> &Bytes {
        self.text.as_bytes()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn key(&self, member: &Member) -> &str {
        let decoded = || self.decoded.iter().find(|(start, _)| *start == member.start);
        if member.escaped
            && let Some((_, key)) = decoded()
        {
            return key;
        }
        self.text.get(member.raw_key()).unwrap_or_default()
    }

    #[inline]
    fn key_is(&self, member: &Member, name: &str) -> bool {
        if member.escaped {
            return self.key(member) == name;
        }
        let range = member.raw_key();
        range.len() == name.len() && self.text.as_bytes().get(range) == Some(name.as_bytes())
    }

    #[inline]
    fn find(&self, name: &str) -> Option<&Member> {
        self.index_of(name).and_then(|index| self.members.get(index))
    }

    /// The member that counts under this name.
    #[inline]
    fn index_of(&self, name: &str) -> Option<usize> {
        if self.present & fingerprint(name) == 0 { None } else { self.search(name) }
    }

    fn search(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|member| !member.shadowed && self.key_is(member, name))
    }

    /// The raw JSON of a member.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).and_then(|member| self.text.get(member.value()))
    }

    /// Where the raw value of a member lies in [`Surface::raw`].
    pub fn span(&self, name: &str) -> Option<Range<usize>> {
        self.find(name).map(|member| member.value())
    }

    /// Whether the member is there, `null` included.
    #[inline]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether the member is there and not `null`.
    #[inline]
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|raw| raw != "null")
    }

    /// A string member, unescaped; `None` when absent or no string.
    pub fn str(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).and_then(str_of)
    }

    /// A boolean member; `None` when absent or no boolean.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A non-negative whole number; `None` when absent or anything else.
    pub fn u64(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// A number; `None` when absent or no number.
    pub fn f64(&self, name: &str) -> Option<f64> {
        let raw = self.get(name)?;
        let number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        number.then(|| raw.parse().ok()).flatten()
    }

    /// The members that count, as (key, raw value), in the order of the text.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        let live = self.members.iter().filter(|member| !member.shadowed);
        live.filter_map(|member| Some((self.key(member), self.text.get(member.value())?)))
    }

    /// The whole object as a tree, for code that translates rather than forwards.
    pub fn to_map(&self) -> Map<String, Value> {
        // The text has been validated; what `serde_json` still refuses (lone surrogates) is left out.
        self.members()
            .filter_map(|(key, raw)| Some((key.to_owned(), serde_json::from_str(raw).ok()?)))
            .collect()
    }
}

/// Looks at the top level of a trusted peer's object without keeping anything: `visit` gets each key as it is
/// written and where its value lies, in the order of the text (of duplicates the last counts). Inside nested
/// containers only brackets and strings are looked at, so what breaks off is noticed and what is otherwise no
/// JSON is not.
///
/// # Errors
/// As [`Surface::skim`].
#[inline]
pub fn glance(
    text: &str,
    max_depth: usize,
    mut visit: impl FnMut(&str, Range<usize>),
) -> Result<(), SurfaceError> {
    let found = scan(text, max_depth, true, |member| {
        visit(text.get(member.raw_key()).unwrap_or_default(), member.value());
    });
    no_object(text, max_depth, found)
}

/// The text of a body.
///
/// # Errors
/// [`SurfaceError::NotUtf8`], or [`SurfaceError::TooLarge`] for what spans cannot name.
pub fn text_of(body: Bytes) -> Result<ByteString, SurfaceError> {
    if u32::try_from(body.len()).is_err() {
        return Err(SurfaceError::TooLarge);
    }
    ByteString::try_from(body.clone()).map_err(|_| SurfaceError::NotUtf8 {
        at: std::str::from_utf8(&body).err().map_or(0, |error| error.valid_up_to()),
    })
}

/// What a scan's outcome means to those who want an object.
fn no_object(text: &str, max_depth: usize, found: Result<bool, Fault>) -> Result<(), SurfaceError> {
    match found {
        Ok(true) => Ok(()),
        Err(fault) => Err(explain(text, fault, max_depth)),
        Ok(false) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => Err(SurfaceError::Empty),
        Ok(false) => Err(SurfaceError::NotAnObject),
    }
}

/// Finds the members of the object that `text` is; `false` when it is valid JSON of another kind, or blank.
#[inline]
fn scan(text: &str, max_depth: usize, loose: bool, mut visit: impl FnMut(Member)) -> Result<bool, Fault> {
    let mut cursor = Cursor::new(text, max_depth);
    cursor.skip_space();
    if cursor.peek() != Some(b'{') {
        if cursor.peek().is_some() {
            cursor.skip_value()?;
            end_of_text(&mut cursor)?;
        }
        return Ok(false);
    }
    if max_depth == 0 {
        return Err(Fault { at: cursor.at(), what: What::TooDeep });
    }
    cursor.take(b'{');
    // What is inside may nest one level less.
    let mut inner = Cursor::new_at(text, cursor.at(), max_depth - 1);
    if loose {
        inner = inner.loosely();
    }
    inner.skip_space();
    if !inner.take(b'}') {
        loop {
            visit(scan_member(&mut inner)?);
            inner.skip_space();
            if inner.take(b'}') {
                break;
            }
            if !inner.take(b',') {
                return Err(inner.expected(What::ObjectGoesOn));
            }
            inner.skip_space();
        }
    }
    end_of_text(&mut inner)?;
    Ok(true)
}

fn end_of_text(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    cursor.skip_space();
    if cursor.peek().is_some() { Err(cursor.expected(What::TextGoesOn)) } else { Ok(()) }
}

fn scan_member(cursor: &mut Cursor<'_>) -> Result<Member, Fault> {
    // The length of the text has been checked, so no offset is cut.
    let offset = |cursor: &Cursor<'_>| u32::try_from(cursor.at()).unwrap_or(u32::MAX);
    let start = offset(cursor);
    if cursor.peek() != Some(b'"') {
        return Err(cursor.expected(What::Name));
    }
    let escaped = cursor.skip_string()?;
    let key_end = offset(cursor) - 1;
    cursor.skip_space();
    if !cursor.take(b':') {
        return Err(cursor.expected(What::Colon));
    }
    cursor.skip_space();
    let value_start = offset(cursor);
    cursor.skip_value()?;
    Ok(Member { start, key_end, value_start, end: offset(cursor), escaped, shadowed: false })
}

fn explain(text: &str, fault: Fault, max: usize) -> SurfaceError {
    let what = match fault.what {
        What::TooDeep => return SurfaceError::TooDeep { max },
        what => what.text(),
    };
    let before = text.as_bytes().get(..fault.at).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
    SurfaceError::NotJson { line, column, what }
}

/// The text of a raw JSON string; `None` for any other value.
pub fn str_of(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
}

/// One bit of 64 for a key, from its length and ends. Inlined: for a literal the compiler works it out.
#[inline(always)]
fn fingerprint(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first().copied().unwrap_or(0), bytes.last().copied().unwrap_or(0));
    let mixed = bytes.len().wrapping_mul(7).wrapping_add(usize::from(first) * 31 + usize::from(last) * 5);
    1 << (mixed & 63)
}

#[cfg(test)]
mod tests;
