//! Token counts without a tokenizer: an estimate of four characters to a token, rounded up.
//!
//! Good for reservations, usage that a provider did not report and mocked answers; a bill takes the
//! provider's own numbers wherever there are some. English prose comes out a little high, code and
//! non-Latin scripts a little low.

use std::ops::Range;

use memchr::memmem;
use serde_json::Value;

/// Characters (or bytes) that make one estimated token.
const CHARACTERS: u64 = 4;

/// What one image, audio or file part is taken for, tokens: its base64 text says nothing of its price.
const MEDIA_PART: u64 = 85;

/// Requests below this size, bytes, have no media worth looking for.
const LARGE: usize = 16 * 1024;

/// What models make of one picture at most, tokens; the largest counts are those of the cheapest models.
const PICTURE: u64 = 6_000;

/// How many tokens of base64 text make one of sound at least: ten tokens a second, speech at 16 kbit/s.
const SOUND: u64 = 64;

/// Estimated tokens of a text: its characters divided by four, rounded up.
pub fn of_text(text: &str) -> u64 {
    tokens(characters(text))
}

/// Estimated tokens of a chat request's `messages`: all text in them (contents, names, tool calls and their
/// arguments), and a fixed 85 for each image, audio or file part. Zero for what is no list of messages.
pub fn of_messages(messages: &Value) -> u64 {
    let mut count = Count::default();
    for message in messages.as_array().map_or(&[][..], Vec::as_slice) {
        count.message(message);
    }
    tokens(count.characters).saturating_add(count.media.saturating_mul(MEDIA_PART))
}

/// Estimated tokens of a raw JSON body by nothing but its length in bytes: an upper guess that costs no parsing.
pub fn of_body(bytes: usize) -> u64 {
    tokens(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// Estimated tokens of a raw chat request: its length, in which pictures and sound count for what models make of
/// them and not for their base64. Only where an API has its media is looked, so that no text can pass as such.
pub fn of_request(body: &str) -> u64 {
    let whole = of_body(body.len());
    if body.len() < LARGE {
        return whole;
    }
    let (mut rest, mut media, mut end) = (body.len(), 0_u64, 0);
    for picture in pictures(body) {
        rest = rest.saturating_sub(picture.len());
        media = media.saturating_add(of_body(picture.len()).min(PICTURE));
    }
    for sound in sounds(body) {
        // The part's type has the name of its member.
        if sound.start >= end {
            end = sound.end;
            rest = rest.saturating_sub(sound.len());
            media = media.saturating_add(of_body(sound.len()) / SOUND);
        }
    }
    of_body(rest).saturating_add(media).min(whole)
}

/// Where the data URLs of pictures are (`"url": "data:image/..."`).
fn pictures(body: &str) -> impl Iterator<Item = Range<usize>> {
    memmem::find_iter(body.as_bytes(), b"\"data:image/").filter_map(move |quote| {
        let before = body.get(quote.saturating_sub(32)..quote)?.trim_end().strip_suffix(':')?.trim_end();
        let named = before.ends_with("\"url\"") || before.ends_with("\"image_url\"");
        named.then(|| text_at(body, quote)).flatten()
    })
}

/// Where the data of `input_audio` parts is.
fn sounds(body: &str) -> impl Iterator<Item = Range<usize>> {
    memmem::find_iter(body.as_bytes(), b"\"input_audio\"").filter_map(move |at| {
        let near = body.as_bytes().get(at..)?;
        let key = memmem::find(near.get(..near.len().min(96))?, b"\"data\"")?;
        let value = at.checked_add(key)?.checked_add(6)?;
        let quote = value.checked_add(memchr::memchr(b'"', body.as_bytes().get(value..)?)?)?;
        text_at(body, quote)
    })
}

/// The inside of the string that begins with this quote; base64 has no escapes but of slashes.
fn text_at(body: &str, quote: usize) -> Option<Range<usize>> {
    let start = quote.checked_add(1)?;
    let length = memchr::memchr(b'"', body.as_bytes().get(start..)?)?;
    Some(start..start.checked_add(length)?)
}

fn tokens(characters: u64) -> u64 {
    characters.div_ceil(CHARACTERS)
}

fn characters(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Count {
    characters: u64,
    media: u64,
}

impl Count {
    fn text(&mut self, value: Option<&Value>) {
        if let Some(text) = value.and_then(Value::as_str) {
            self.characters = self.characters.saturating_add(characters(text));
        }
    }

    fn message(&mut self, message: &Value) {
        self.text(message.get("name"));
        match message.get("content") {
            Some(Value::Array(parts)) => parts.iter().for_each(|part| self.part(part)),
            content => self.text(content),
        }
        for call in message.get("tool_calls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice) {
            let function = call.get("function");
            self.text(function.and_then(|function| function.get("name")));
            self.text(function.and_then(|function| function.get("arguments")));
        }
    }

    fn part(&mut self, part: &Value) {
        match part.get("text") {
            Some(text) => self.text(Some(text)),
            None => self.media = self.media.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rounds_up_and_counts_characters_not_bytes() {
        assert_eq!(of_text(""), 0);
        assert_eq!(of_text("abcd"), 1);
        assert_eq!(of_text("abcde"), 2);
        assert_eq!(of_text("äöüß"), 1);
        assert_eq!(of_body(9), 3);
    }

    #[test]
    fn pictures_and_sound_count_for_what_they_become() {
        let body = |content: Value| json!({"messages": [{"role": "user", "content": content}]}).to_string();
        let data = "A".repeat(4_000_000);
        let url = format!("data:image/png;base64,{data}");
        let picture = of_request(&body(json!([{"type": "image_url", "image_url": {"url": url}}])));
        assert!((6_000..6_100).contains(&picture), "{picture}");
        let spaced = format!("{{\"input\": [{{\"image_url\" : \"{url}\"}}], \"x\": \"{url}\"}}");
        assert!((1_006_000..1_006_100).contains(&of_request(&spaced)), "one of them is no picture");
        let sound = json!([{"type": "input_audio", "input_audio": {"format": "wav", "data": data}}]);
        let sound = of_request(&body(sound));
        assert!((15_000..16_000).contains(&sound), "{sound}");
        let small = body(json!("hi"));
        assert_eq!(of_request(&small), of_body(small.len()));
    }

    #[test]
    fn text_is_never_taken_for_a_picture() {
        let url = format!("data:image/png;base64,{}", "A".repeat(100_000));
        for text in [
            json!({"text": url}),
            json!({"text": format!("{{\"url\": \"{url}\"}}")}),
            json!({"text": format!("\"input_audio\": {{\"data\": \"{url}\"}}")}),
        ] {
            assert!(of_request(&text.to_string()) >= 25_000, "{}", &text.to_string()[..60]);
        }
    }

    #[test]
    fn messages_count_text_and_not_base64() {
        let messages = json!([
            {"role": "system", "content": "abcd"},
            {"role": "user", "content": [
                {"type": "text", "text": "efgh"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAAAAAAAAAAAAAA"}}]},
            {"role": "assistant", "content": null,
             "tool_calls": [{"function": {"name": "ab", "arguments": "{}"}}]},
        ]);
        assert_eq!(of_messages(&messages), 3 + 85);
        assert_eq!(of_messages(&json!("no list")), 0);
    }
}
