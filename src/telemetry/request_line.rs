//! The one line that each request leaves in the log, as text or as JSON.
//!
//! It is written by hand into a buffer that is used again: going through the log's general machinery would cost a
//! request more than the rest of its accounting. Names are those of LiteLLM's JSON logs where it has one. What clients
//! chose is escaped and cut; prompts, answers and keys have no place in it.

use std::time::Duration;

/// The longest text that a client or a configuration chose, bytes.
pub(super) const LONGEST: usize = 256;
/// The longest error message, bytes.
pub(super) const LONGEST_MESSAGE: usize = 1_024;

/// What is known of a finished request. Empty texts and `None` are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestLine<'a> {
    /// When it ended, milliseconds since 1970.
    pub at_ms: u64,
    /// `INFO`, `WARN`, `ERROR`.
    pub level: &'static str,
    /// The gateway's id of the call.
    pub call_id: &'a str,
    /// The client's own id (`x-request-id`).
    pub request_id: &'a str,
    /// `/v1/chat/completions` ...
    pub route: &'a str,
    /// HTTP status.
    pub status: u16,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// The hash of the key; its beginning is shown.
    pub key: &'a str,
    /// The key's alias.
    pub key_alias: &'a str,
    /// The key's user.
    pub user: &'a str,
    /// The key's team.
    pub team: &'a str,
    /// The model that was asked for.
    pub model: &'a str,
    /// The group that answered or failed last.
    pub model_group: &'a str,
    /// The deployment that answered or failed last.
    pub deployment: &'a str,
    /// Upstream calls.
    pub attempts: u32,
    /// Fallbacks.
    pub fallbacks: u32,
    /// Tokens: in, out, and of those in the ones read from the provider's cache.
    pub tokens: Option<[u64; 3]>,
    /// What it cost, nano-dollars.
    pub cost_nanos: Option<i64>,
    /// From arrival to the last byte.
    pub total: Duration,
    /// From arrival to the first token, streams only.
    pub first_token: Option<Duration>,
    /// The time that providers took.
    pub upstream: Duration,
    /// Whether a response cache answered; `None`: none was asked.
    pub cache_hit: Option<bool>,
    /// The kind of error.
    pub error: &'a str,
    /// Its message, without a provider's own words.
    pub error_message: &'a str,
    /// What was behind it.
    pub cause: &'a str,
}

impl RequestLine<'_> {
    /// Writes the line with its end behind what is in `out`.
    pub fn write(&self, json: bool, out: &mut Vec<u8>) {
        let mut line = Line::begin(out, json, (self.at_ms, self.level, "request"));
        line.ids(self.call_id, self.request_id);
        line.text("route", self.route, LONGEST);
        line.number("status", self.status.into());
        line.flag("stream", self.stream);
        line.key(self.key);
        for (name, text) in [
            ("key_alias", self.key_alias),
            ("user", self.user),
            ("team", self.team),
            ("model", self.model),
            ("model_group", self.model_group),
            ("deployment", self.deployment),
        ] {
            line.text(name, text, LONGEST);
        }
        line.number("attempts", self.attempts.into());
        line.number("fallbacks", self.fallbacks.into());
        if let Some([input, output, cached]) = self.tokens {
            line.number("prompt_tokens", input);
            line.number("completion_tokens", output);
            line.number("cached_tokens", cached);
        }
        if let Some(nanos) = self.cost_nanos {
            line.dollars("cost", nanos);
        }
        line.millis("duration_ms", self.total);
        if let Some(first_token) = self.first_token {
            line.millis("first_token_ms", first_token);
        }
        line.millis("upstream_ms", self.upstream);
        line.millis("overhead_ms", self.total.saturating_sub(self.upstream));
        if let Some(hit) = self.cache_hit {
            line.flag("cache_hit", hit);
        }
        line.text("error", self.error, LONGEST);
        line.text("error_message", self.error_message, LONGEST_MESSAGE);
        line.text("cause", self.cause, LONGEST_MESSAGE);
        line.end();
    }
}

/// A line that is being written.
pub(super) struct Line<'o> {
    out: &'o mut Vec<u8>,
    json: bool,
}

impl<'o> Line<'o> {
    /// Begins a line: when, how loud, what about.
    pub(super) fn begin(
        out: &'o mut Vec<u8>,
        json: bool,
        (at_ms, level, message): (u64, &'static str, &'static str),
    ) -> Self {
        let mut line = Line { out, json };
        if json {
            line.put(b"{\"timestamp\":\"");
            line.time(at_ms);
            line.put(b"\",\"level\":\"");
            line.put(level.as_bytes());
            line.put(b"\",\"message\":\"");
            line.put(message.as_bytes());
            line.put(b"\",\"target\":\"stagedoor::request\"");
        } else {
            line.time(at_ms);
            for _ in level.len()..6 {
                line.put(b" ");
            }
            line.put(level.as_bytes());
            line.put(b" ");
            line.put(message.as_bytes());
        }
        line
    }

    /// The ids by which the gateway and the client know the request.
    pub(super) fn ids(&mut self, call_id: &str, request_id: &str) {
        self.text(if self.json { "litellm_call_id" } else { "call_id" }, call_id, LONGEST);
        self.text("request_id", request_id, LONGEST);
    }

    /// A virtual key's hash is known by its beginning; the master key has a name instead.
    pub(super) fn key(&mut self, key: &str) {
        let long_hash = key.len() == 64;
        self.text("key", if long_hash { key.get(..8).unwrap_or_default() } else { key }, LONGEST);
    }

    pub(super) fn end(&mut self) {
        self.put(if self.json { b"}\n" } else { b"\n" });
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn name(&mut self, name: &str) {
        if self.json {
            self.put(b",\"");
            self.put(name.as_bytes());
            self.put(b"\":");
        } else {
            self.put(b" ");
            self.put(name.as_bytes());
            self.put(b"=");
        }
    }

    pub(super) fn text(&mut self, name: &str, text: &str, longest: usize) {
        if text.is_empty() {
            return;
        }
        self.name(name);
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if text.len() <= longest && text.bytes().all(plain) {
            let quote: &[u8] = if self.json || text.contains(' ') { b"\"" } else { b"" };
            self.put(quote);
            self.put(text.as_bytes());
            return self.put(quote);
        }
        self.put(b"\"");
        for (at, character) in text.char_indices() {
            if at >= longest {
                self.put("…".as_bytes());
                break;
            }
            self.escaped(character);
        }
        self.put(b"\"");
    }

    /// One character of a JSON text; nothing that ends a line or moves a terminal's cursor stays as it is.
    fn escaped(&mut self, character: char) {
        match character {
            '"' => self.put(b"\\\""),
            '\\' => self.put(b"\\\\"),
            '\n' => self.put(b"\\n"),
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                let code = format!("\\u{:04x}", u32::from(character));
                self.put(code.as_bytes());
            }
            _ => self.put(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.digits(number);
    }

    fn digits(&mut self, number: u64) {
        self.put(itoa::Buffer::new().format(number).as_bytes());
    }

    fn flag(&mut self, name: &str, on: bool) {
        self.name(name);
        self.put(if on { b"true" } else { b"false" });
    }

    pub(super) fn millis(&mut self, name: &str, duration: Duration) {
        self.name(name);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.digits(micros / 1_000);
        self.put(b".");
        self.padded(micros % 1_000, 100);
    }

    fn dollars(&mut self, name: &str, nanos: i64) {
        self.name(name);
        if nanos < 0 {
            self.put(b"-");
        }
        let nanos = nanos.unsigned_abs();
        self.digits(nanos / 1_000_000_000);
        self.put(b".");
        self.padded(nanos % 1_000_000_000, 100_000_000);
    }

    /// With leading zeros up to the digit that `highest` (a power of ten) stands for.
    fn padded(&mut self, number: u64, highest: u64) {
        let mut place = highest;
        while place > 1 && number < place {
            self.put(b"0");
            place /= 10;
        }
        self.digits(number);
    }

    /// `2026-11-21T08:44:07.123Z`
    fn time(&mut self, at_ms: u64) {
        let seconds = at_ms / 1_000;
        let date = crate::base::civil::Date::of_day(i64::try_from(seconds / 86_400).unwrap_or(0));
        let second = seconds % 86_400;
        let parts = [date.month, date.day].map(i64::unsigned_abs);
        self.digits(date.year.unsigned_abs());
        for part in parts {
            self.put(b"-");
            self.padded(part, 10);
        }
        for (before, part) in [(b"T", second / 3_600), (b":", second / 60 % 60), (b":", second % 60)] {
            self.put(before);
            self.padded(part, 10);
        }
        self.put(b".");
        self.padded(at_ms % 1_000, 100);
        self.put(b"Z");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> RequestLine<'static> {
        RequestLine {
            at_ms: 1_798_761_599_042,
            level: "INFO",
            call_id: "c-1",
            route: "/v1/chat/completions",
            status: 200,
            key: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            key_alias: "staging \"one\"\n",
            model: "gpt-4o",
            tokens: Some([10, 20, 3]),
            cost_nanos: Some(1_500_042),
            total: Duration::from_micros(12_045),
            upstream: Duration::from_millis(10),
            first_token: Some(Duration::from_millis(7)),
            cache_hit: Some(false),
            attempts: 1,
            ..RequestLine::default()
        }
    }

    fn written(line: &RequestLine<'_>, json: bool) -> String {
        let mut out = Vec::new();
        line.write(json, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_is_one_object_that_parses() {
        let text = written(&line(), true);
        assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "{text}");
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["timestamp"], "2026-12-31T23:59:59.042Z");
        assert_eq!((&parsed["key"], &parsed["key_alias"]), (&"01234567".into(), &"staging \"one\"\n".into()));
        assert_eq!(
            (parsed["cost"].to_string(), parsed["duration_ms"].to_string()),
            ("0.001500042".into(), "12.045".into())
        );
        assert_eq!((&parsed["overhead_ms"], &parsed["first_token_ms"]), (&2.045.into(), &7.0.into()));
        assert_eq!((&parsed["prompt_tokens"], &parsed["litellm_call_id"]), (&10.into(), &"c-1".into()));
        assert!(parsed.get("error").is_none() && parsed.get("deployment").is_none(), "{text}");
    }

    #[test]
    fn text_is_one_line_whatever_clients_send() {
        let text = written(&RequestLine { model: "a b\r\n\u{1b}[31m INFO", ..line() }, false);
        assert!(text.starts_with("2026-12-31T23:59:59.042Z  INFO request call_id=c-1 "), "{text}");
        assert_eq!(text.matches(['\n', '\r', '\u{1b}']).count(), 1, "{text:?}");
        assert!(text.contains(r#" key_alias="staging \"one\"\n" "#), "{text}");
        let long = "ü".repeat(10_000);
        let text = written(&RequestLine { user: &long, error_message: &long, ..line() }, true);
        assert!(text.len() < 2_500 && serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}
