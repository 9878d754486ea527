//! A JSON scanner that validates and finds spans, and builds nothing.
//!
//! It accepts exactly the texts of RFC 8259 (checked against `serde_json` by a property test) in one
//! pass, without recursion, and is what [`crate::wire::surface`] and the stream scanners walk with.

mod run;
mod walk;

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use run::plain_run;
pub use walk::{Elements, Members, member, span_within};

/// Why a text is no JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset of the offending byte (or the end of the text).
    pub at: usize,
    /// What is wrong there.
    pub what: What,
}

/// The kinds of fault. Without data, so that a step's result fits into registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A container is neither continued nor closed; objects and arrays differ in the bracket.
    ObjectGoesOn,
    /// The same for an array.
    ArrayGoesOn,
    /// A member must begin with its name.
    Name,
    /// A name must be followed by a colon.
    Colon,
    /// No value begins like this.
    Value,
    /// The text is over too early.
    Missing,
    /// A number breaks off.
    Digit,
    /// A raw control character inside a string.
    Control,
    /// A string that is not closed.
    OpenString,
    /// `\\u` without its four digits.
    HexDigits,
    /// No such escape.
    Escape,
    /// Something follows the value.
    TextGoesOn,
    /// Nested deeper than allowed.
    TooDeep,
}

impl What {
    /// The fault in words.
    pub fn text(self) -> &'static str {
        match self {
            What::ObjectGoesOn => "expected `,` or `}`",
            What::ArrayGoesOn => "expected `,` or `]`",
            What::Name => "expected a property name in double quotes",
            What::Colon => "expected `:`",
            What::Value => "expected a value",
            What::Missing => "the text ends where a value is expected",
            What::Digit => "expected a digit",
            What::Control => "control characters in strings must be escaped",
            What::OpenString => "the text ends inside a string",
            What::HexDigits => "expected four hexadecimal digits",
            What::Escape => "invalid escape",
            What::TextGoesOn => "expected the end of the text",
            What::TooDeep => "nested too deep",
        }
    }
}

/// A position in a text that steps over JSON values.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
    loose: bool,
}

type Step<T = ()> = Result<T, Fault>;

impl<'a> Cursor<'a> {
    /// A cursor at the start of `text`; containers may nest `max_depth` deep.
    pub fn new(text: &'a str, max_depth: usize) -> Self {
        Cursor { bytes: text.as_bytes(), at: 0, max_depth, loose: false }
    }

    /// A cursor in the middle of `text`.
    pub fn new_at(text: &'a str, at: usize, max_depth: usize) -> Self {
        Cursor { bytes: text.as_bytes(), at, max_depth, loose: false }
    }

    /// Looks no closer at containers than their brackets and strings need: for texts of a peer that is
    /// trusted to write JSON, where only a text that breaks off must be noticed.
    pub fn loosely(mut self) -> Self {
        self.loose = true;
        self
    }

    /// The fault that something else was expected here.
    pub fn expected(&self, what: What) -> Fault {
        Fault { at: self.at, what }
    }

    /// The current byte offset.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The byte at the cursor, if the text is not over.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over white space.
    #[inline]
    pub fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it is next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[cold]
    fn fault<T>(&self, what: What) -> Step<T> {
        Err(self.expected(what))
    }

    /// Steps over one value of any kind and the white space before it.
    #[inline]
    pub fn skip_value(&mut self) -> Step {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.skip_string().map(|_| ()),
            Some(b'{' | b'[') if self.loose => self.skip_brackets(),
            Some(b'{' | b'[') => self.skip_container(),
            _ => self.skip_scalar(),
        }
    }

    /// Steps behind the bracket that closes the one here.
    fn skip_brackets(&mut self) -> Step {
        let mut open = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' if open >= self.max_depth => {
                    return Err(Fault { at: self.at, what: What::TooDeep });
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
        self.fault(What::Missing)
    }

    fn skip_container(&mut self) -> Step {
        // One entry per open container: whether it is an object.
        let mut open: SmallVec<[bool; 64]> = SmallVec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => {
                    self.skip_string()?;
                }
                Some(first @ (b'{' | b'[')) => {
                    if open.len() >= self.max_depth {
                        return Err(Fault { at: self.at, what: What::TooDeep });
                    }
                    self.at += 1;
                    self.skip_space();
                    let object = first == b'{';
                    if !self.take(if object { b'}' } else { b']' }) {
                        open.push(object);
                        if object {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
                _ => self.skip_scalar()?,
            }
            if !self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here; says whether another value follows.
    fn close(&mut self, open: &mut SmallVec<[bool; 64]>) -> Step<bool> {
        while let Some(&object) = open.last() {
            self.skip_space();
            if self.take(b',') {
                if object {
                    self.skip_space();
                    self.skip_key()?;
                }
                return Ok(true);
            }
            if !self.take(if object { b'}' } else { b']' }) {
                return self.fault(if object { What::ObjectGoesOn } else { What::ArrayGoesOn });
            }
            open.pop();
        }
        Ok(false)
    }

    fn skip_key(&mut self) -> Step {
        if self.peek() != Some(b'"') {
            return self.fault(What::Name);
        }
        self.skip_string()?;
        self.skip_space();
        if self.take(b':') { Ok(()) } else { self.fault(What::Colon) }
    }

    fn skip_scalar(&mut self) -> Step {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b't') => self.skip_word(b"true"),
            Some(b'f') => self.skip_word(b"false"),
            Some(b'n') => self.skip_word(b"null"),
            Some(_) => self.fault(What::Value),
            None => self.fault(What::Missing),
        }
    }

    fn skip_word(&mut self, word: &[u8]) -> Step {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return self.fault(What::Value);
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_number(&mut self) -> Step {
        self.take(b'-');
        if !self.take(b'0') {
            self.skip_digits()?;
        }
        if self.take(b'.') {
            self.skip_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> Step {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { self.fault(What::Digit) } else { Ok(()) }
    }

    /// Steps over a string (the cursor stands on its opening quote); says whether it has escapes.
    pub fn skip_string(&mut self) -> Step<bool> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain_run(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.skip_escape()?;
                }
                Some(_) => return self.fault(What::Control),
                None => return self.fault(What::OpenString),
            }
        }
    }

    fn skip_escape(&mut self) -> Step {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return self.fault(What::HexDigits);
                    }
                    self.at += 1;
                }
                Ok(())
            }
            _ => self.fault(What::Escape),
        }
    }
}

/// The text as a JSON string literal.
pub fn quoted(text: &str) -> String {
    if plain_run(text.as_bytes()) == text.len() {
        return ["\"", text, "\""].concat();
    }
    // Serialising a string cannot fail; an empty literal would be the harmless outcome.
    serde_json::to_string(text).unwrap_or_else(|_| String::from("\"\""))
}

/// Appends the text as a JSON string literal.
pub fn write_quoted(text: &str, out: &mut BytesMut) {
    if plain_run(text.as_bytes()) == text.len() {
        out.put_u8(b'"');
        out.put_slice(text.as_bytes());
        out.put_u8(b'"');
    } else {
        out.put_slice(quoted(text).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn valid(text: &str) -> bool {
        let mut cursor = Cursor::new(text, 200);
        let value = cursor.skip_value();
        cursor.skip_space();
        value.is_ok() && cursor.peek().is_none()
    }

    #[test]
    fn members_and_elements_are_found_raw() {
        let object = r#" { "a" : [1, {"b":2}] , "c":"d\"e" } "#;
        let found: Vec<_> = Members::of(object).collect();
        assert_eq!(found, [("a", r#"[1, {"b":2}]"#), ("c", r#""d\"e""#)]);
        assert_eq!(Elements::of("[1, [2,3] ,{}]").collect::<Vec<_>>(), ["1", "[2,3]", "{}"]);
        assert_eq!(Elements::of("[]").count() + Members::of("{}").count() + Members::of("[1]").count(), 0);
        assert_eq!(member(r#"{"a":1,"a":2}"#, "a"), Some("2"));
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Cursor::new(&nested(10), 10).skip_value().is_ok());
        let fault = Cursor::new(&nested(11), 10).skip_value();
        assert_eq!(fault, Err(Fault { at: 10, what: What::TooDeep }));
    }

    proptest! {
        #[test]
        fn accepts_what_serde_json_accepts(text in r#"[\[\]{}:,"\\ 0-9eE+.\-a-zu\n\x00-\x1f]{0,24}"#) {
            prop_assert_eq!(valid(&text), serde_json::from_str::<&RawValue>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn accepts_mutated_json_like_serde_json(cut in 0usize..90, byte in any::<char>()) {
            let base = r#"{"a":[1,-2.5e+3,0,"x\u00e9\n"],"b":{"c":null,"d":[true,false,[]]},"é":"\"" } "#;
            let mut text: Vec<char> = base.chars().collect();
            let cut = cut.min(text.len() - 1);
            text[cut] = byte;
            let text: String = text.into_iter().collect();
            prop_assert_eq!(valid(&text), serde_json::from_str::<&RawValue>(&text).is_ok(), "{}", text);
        }
    }
}
