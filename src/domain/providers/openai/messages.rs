//! What some servers want different inside `messages`, spliced into the text without a tree.

use crate::domain::providers::provider::Quirks;
use crate::wire::json::{self, Elements, Members};
use crate::wire::surface::str_of;

/// The messages as this provider takes them; `None` when they already are.
///
/// `developer` becomes `system` where the role is unknown, and content parts become one string where only
/// strings are taken, provided that all parts are text.
pub fn adapted(raw: &str, quirks: &Quirks) -> Option<String> {
    let rename = !quirks.developer_role && memchr::memmem::find(raw.as_bytes(), b"developer").is_some();
    if !rename && !quirks.flat_content {
        return None;
    }
    let mut out = String::new();
    let mut copied = 0;
    for (name, value) in Elements::of(raw).flat_map(Members::of) {
        let changed = match name {
            "role" if rename && value == r#""developer""# => Some(String::from(r#""system""#)),
            "content" if quirks.flat_content => flat(value),
            _ => None,
        };
        let Some((text, span)) = changed.zip(json::span_within(raw, value)) else { continue };
        out.push_str(raw.get(copied..span.start)?);
        out.push_str(&text);
        copied = span.end;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(raw.get(copied..)?);
    Some(out)
}

/// The text parts of a content array as one raw string; `None` for content of any other form.
fn flat(content: &str) -> Option<String> {
    if !content.starts_with('[') {
        return None;
    }
    let mut text = String::new();
    for part in Elements::of(content) {
        let raw = match json::member(part, "type").and_then(str_of).as_deref() {
            Some("text") => json::member(part, "text")?,
            Some(_) => return None,
            None => part,
        };
        text.push_str(&str_of(raw)?);
    }
    Some(json::quoted(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::providers::testing::{MISTRAL, OPENAI_QUIRKS};

    fn adapt(raw: &str) -> Option<String> {
        adapted(raw, &MISTRAL.quirks)
    }

    #[test]
    fn developer_becomes_system() {
        let raw = r#"[ {"role": "developer", "content":"a developer"},{"content":"x","role":"user"}]"#;
        assert_eq!(adapt(raw).unwrap(), raw.replacen("developer", "system", 1));
        assert_eq!(adapted(raw, &OPENAI_QUIRKS), None);
        assert_eq!(adapt(r#"[{"role":"user","content":"developer"}]"#), None);
    }

    #[test]
    fn text_parts_become_one_string() {
        let raw = r#"[{"role":"user","content":[{"type":"text","text":"a\n"},{"type":"text","text":"b"}],"name":"n"}]"#;
        assert_eq!(adapt(raw).unwrap(), r#"[{"role":"user","content":"a\nb","name":"n"}]"#);
        let image =
            r#"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]}]"#;
        assert_eq!(adapt(image), None);
        assert_eq!(adapt(r#"[{"role":"assistant","content":null}]"#), None);
        assert_eq!(adapt(r#""no messages""#), None);
    }
}
