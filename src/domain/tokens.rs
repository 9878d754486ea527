//! Token counts without a tokenizer: an estimate of four characters to a token, rounded up.
//!
//! Good for reservations, usage that a provider did not report and mocked answers; a bill takes the
//! provider's own numbers wherever there are some. English prose comes out a little high, code and
//! non-Latin scripts a little low.

use serde_json::Value;

/// Characters (or bytes) that make one estimated token.
const CHARACTERS: u64 = 4;

/// What one image, audio or file part is taken for, tokens: its base64 text says nothing of its price.
const MEDIA_PART: u64 = 85;

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
