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

/// What a picture becomes that is sent in low detail, by OpenAI's arithmetic of tiles.
const LOW_DETAIL: u64 = 85;

/// The most that one becomes in high detail: scaled to 2048 pixels at most and 768 on its shorter side it has eight tiles
/// of 170 tokens beside the same 85. Whoever leaves the choice to the provider may get that.
const HIGH_DETAIL: u64 = 85 + 8 * 170;

/// Models that count pictures higher, by a part of their names: in low detail, and the most in high detail. The first has
/// tiles of 5667 tokens beside 2833; the others 1536 patches at most, times 2.46, 1.72 and 1.62.
const DEAR: [(&str, u64, u64); 6] = [
    ("gpt-4o-mini", 2_833, 2_833 + 8 * 5_667),
    ("gpt-4.1-nano", 3_779, 3_779),
    ("gpt-5-nano", 3_779, 3_779),
    ("o4-mini", 2_642, 2_642),
    ("gpt-4.1-mini", 2_489, 2_489),
    ("gpt-5-mini", 2_489, 2_489),
];

/// Of so many pictures in one request the detail is looked at; the others count as large ones.
const MOST_LOOKED_AT: usize = 1_000;
/// The longest URL of a picture that is read, bytes, with what stands around it.
const LONGEST_URL: usize = 8 * 1024;
/// What may stand before it in its part, bytes.
const PART: usize = 256;

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
/// them and not for their base64. Only where an API has its media is looked, so that no text can pass as such. Pictures
/// that are somewhere else count for the most that their detail lets them become with most models, because nobody looks at
/// them here; they are told beside it.
pub fn of_request(body: &str) -> (u64, Linked) {
    let linked = linked(body);
    (of_what_is_there(body).saturating_add(linked.tokens()), linked)
}

/// The pictures of a request that are somewhere else, by the detail that is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    low: u32,
    high: u32,
    other: u32,
}

impl Linked {
    /// What they come to with most models.
    fn tokens(self) -> u64 {
        self.at(LOW_DETAIL, HIGH_DETAIL)
    }

    /// How many tokens more they come to with a model that counts pictures higher than most.
    pub fn more_with(self, model: &str) -> u64 {
        if self == Linked::default() {
            return 0;
        }
        let dear = DEAR.iter().find(|(name, ..)| model.contains(name));
        dear.map_or(0, |(_, low, high)| self.at(*low, *high).saturating_sub(self.tokens()))
    }

    fn at(self, low: u64, high: u64) -> u64 {
        let of = |count: u32, each: u64| u64::from(count).saturating_mul(each);
        of(self.low, low)
            .saturating_add(of(self.high, high))
            .saturating_add(of(self.other, PICTURE.max(high)))
    }
}

/// Pictures by URL: as a member of a part, whose own `detail` stands beside it, or as an object.
fn linked(body: &str) -> Linked {
    const NAME: &[u8] = b"\"image_url\"";
    let mut found = Linked::default();
    for (count, at) in memmem::find_iter(body.as_bytes(), NAME).enumerate() {
        if count >= MOST_LOOKED_AT {
            found.high = found.high.saturating_add(1);
            continue;
        }
        let value = near(body, at + NAME.len(), LONGEST_URL).trim_start();
        // Anything else is the type of a part, whose member follows.
        let Some(value) = value.strip_prefix(':').map(str::trim_start) else { continue };
        let end = value.find('}').unwrap_or(value.len());
        let rest = value.get(..end).unwrap_or_default();
        let (part, is_object) = match rest.strip_prefix('{') {
            Some(inside) => (inside, true),
            None => (rest, false),
        };
        if member_of(part, "url", !is_object).is_none_or(|url| url.starts_with("data:")) {
            continue;
        }
        let before = near(body, at.saturating_sub(PART), at.min(PART));
        let beside = before.rsplit('{').next().filter(|_| !is_object);
        let detail = member_of(part, "detail", false).or_else(|| member_of(beside?, "detail", false));
        let kind = match detail {
            Some("low") => &mut found.low,
            Some("high" | "auto") | None => &mut found.high,
            Some(_) => &mut found.other,
        };
        *kind = kind.saturating_add(1);
    }
    found
}

/// What stands at a place, so many bytes at most.
fn near(body: &str, from: usize, length: usize) -> &str {
    let bytes = body.as_bytes();
    let boundary =
        |at: usize| (at.saturating_sub(3)..=at.min(bytes.len())).rev().find(|at| body.is_char_boundary(*at));
    let (from, until) = (boundary(from), boundary(from.saturating_add(length).min(bytes.len())));
    from.zip(until).and_then(|(from, until)| body.get(from..until)).unwrap_or_default()
}

/// The text of a member in the inside of a flat object; where `bare`, the text at its very beginning.
fn member_of<'a>(inside: &'a str, name: &str, bare: bool) -> Option<&'a str> {
    let value = match bare {
        true => inside,
        false => {
            let mut names = memmem::find_iter(inside.as_bytes(), name.as_bytes());
            names.find_map(|at| {
                let quoted = inside.get(..at)?.ends_with('"');
                let behind = inside.get(at + name.len()..)?.strip_prefix('"').filter(|_| quoted)?;
                behind.trim_start().strip_prefix(':').map(str::trim_start)
            })?
        }
    };
    value.strip_prefix('"')?.split('"').next()
}

fn of_what_is_there(body: &str) -> u64 {
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
        let picture = of_request(&body(json!([{"type": "image_url", "image_url": {"url": url}}]))).0;
        assert!((6_000..6_100).contains(&picture), "{picture}");
        let spaced = format!("{{\"input\": [{{\"image_url\" : \"{url}\"}}], \"x\": \"{url}\"}}");
        assert!((1_006_000..1_006_100).contains(&of_request(&spaced).0), "one of them is no picture");
        let sound = json!([{"type": "input_audio", "input_audio": {"format": "wav", "data": data}}]);
        let sound = of_request(&body(sound)).0;
        assert!((15_000..16_000).contains(&sound), "{sound}");
        let small = body(json!("hi"));
        assert_eq!(of_request(&small).0, of_body(small.len()));
    }

    #[test]
    fn pictures_elsewhere_count_for_what_they_may_become() {
        let more = |part: Value| {
            let body = json!({"input": [part]}).to_string();
            of_request(&body).0 - of_body(body.len())
        };
        let url = "https://example.com/a.png";
        let chat = |image: Value| more(json!({"type": "image_url", "image_url": image}));
        assert_eq!(chat(json!({"url": url, "detail": "low"})), LOW_DETAIL);
        assert_eq!(chat(json!({"detail": "high", "url": url})), HIGH_DETAIL);
        assert_eq!(chat(json!({"url": url})), HIGH_DETAIL);
        assert_eq!(chat(json!(url)), HIGH_DETAIL);
        assert_eq!(chat(json!({"url": url, "detail": "original"})), PICTURE);
        assert_eq!(chat(json!({"url": "data:image/png;base64,AAAA"})), 0, "counted where it is");
        let of_responses =
            |detail: &str| more(json!({"type": "input_image", "image_url": url, "detail": detail}));
        assert_eq!((of_responses("low"), of_responses("auto")), (LOW_DETAIL, HIGH_DETAIL));
        let spaced = r#"{"detail" : "low", "image_url" : "https://example.com/a.png"}"#;
        assert_eq!(of_request(spaced).0, of_body(spaced.len()) + LOW_DETAIL);
        let words = json!({"content": r#"{"image_url": {"url": "https://example.com/a.png"}}"#}).to_string();
        assert_eq!(of_request(&words).0, of_body(words.len()), "text is no picture");
        let two =
            json!([{"image_url": {"url": url}}, {"image_url": {"url": url, "detail": "low"}}]).to_string();
        assert_eq!(of_request(&two).0 - of_body(two.len()), HIGH_DETAIL + LOW_DETAIL);
        let linked = of_request(&two).1;
        assert_eq!(linked.more_with("gpt-4o"), 0);
        assert_eq!(linked.more_with("gpt-4o-mini-2024-07-18"), 48_169 + 2_833 - HIGH_DETAIL - LOW_DETAIL);
        assert_eq!(of_request(&words).1.more_with("gpt-4o-mini"), 0);
    }

    #[test]
    fn text_is_never_taken_for_a_picture() {
        let url = format!("data:image/png;base64,{}", "A".repeat(100_000));
        for text in [
            json!({"text": url}),
            json!({"text": format!("{{\"url\": \"{url}\"}}")}),
            json!({"text": format!("\"input_audio\": {{\"data\": \"{url}\"}}")}),
        ] {
            assert!(of_request(&text.to_string()).0 >= 25_000, "{}", &text.to_string()[..60]);
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
