//! Walking over the members of an object or the elements of an array, raw.

use super::Cursor;

/// The members of an object, in the order of the text: raw key (without quotes, escapes kept) and raw
/// value. Ends early when the text is no valid object.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    first: bool,
}

/// Steps into containers of texts that have been validated before need no depth limit of their own.
const ANY_DEPTH: usize = usize::MAX;

impl<'a> Members<'a> {
    /// Walks `text`, which should be an object; anything else has no members.
    pub fn of(text: &'a str) -> Self {
        let mut cursor = Cursor::new(text, ANY_DEPTH);
        cursor.skip_space();
        let first = cursor.take(b'{');
        Members { text: if first { text } else { "" }, cursor, first }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let cursor = &mut self.cursor;
        cursor.skip_space();
        if !std::mem::take(&mut self.first) {
            if !cursor.take(b',') {
                return None;
            }
            cursor.skip_space();
        }
        let key_start = cursor.at() + 1;
        if cursor.peek() != Some(b'"') {
            return None;
        }
        cursor.skip_string().ok()?;
        let key = self.text.get(key_start..cursor.at() - 1)?;
        cursor.skip_space();
        if !cursor.take(b':') {
            return None;
        }
        cursor.skip_space();
        let start = cursor.at();
        cursor.skip_value().ok()?;
        Some((key, self.text.get(start..cursor.at())?))
    }
}

/// The raw elements of an array, in order. Ends early when the text is no valid array.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    first: bool,
}

impl<'a> Elements<'a> {
    /// Walks `text`, which should be an array; anything else has no elements.
    pub fn of(text: &'a str) -> Self {
        let mut cursor = Cursor::new(text, ANY_DEPTH);
        cursor.skip_space();
        let first = cursor.take(b'[');
        Elements { text: if first { text } else { "" }, cursor, first }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        let cursor = &mut self.cursor;
        cursor.skip_space();
        if !std::mem::take(&mut self.first) && !cursor.take(b',') {
            return None;
        }
        cursor.skip_space();
        let start = cursor.at();
        cursor.skip_value().ok()?;
        self.text.get(start..cursor.at())
    }
}

/// The last member of an object with this (unescaped) name.
pub fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    Members::of(object).filter(|(key, _)| *key == name).map(|(_, value)| value).last()
}

/// Where `part` lies within `whole`, of which it must be a slice.
pub fn span_within(whole: &str, part: &str) -> Option<std::ops::Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}
