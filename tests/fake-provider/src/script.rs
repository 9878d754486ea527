//! What a key makes the provider do: the directives, and how they are read from a key or a control request.
//!
//! A key that begins with `sk-fake` carries its script in itself, so that a test can give each deployment of
//! a gateway its own behaviour with nothing but a config file:
//! `sk-fake.status=429.retry_after=2`. Directives are separated by dots, values are percent-encoded (a dot
//! inside a value is `%2E`), a directive without a value means `true`. Any label without a meaning can be
//! given with `id=...` to make two keys with the same script different.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The behaviour of one key. Everything defaults to "a healthy provider".
///
/// Times are milliseconds. "Content chunk" means a streamed event that carries text, reasoning or a part of a
/// tool call; framing events (role, start, stop, usage) are not counted.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// A label without effect.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,

    // Faults: they hold for the first `fail_times` requests, or for ever when that is not given.
    /// Answer with this HTTP status and an error body in the dialect that was asked.
    pub status: Option<u16>,
    /// `Retry-After` of an error reply: seconds or an HTTP date.
    #[serde(deserialize_with = "text")]
    pub retry_after: Option<String>,
    /// `retry-after-ms` of an error reply.
    #[serde(deserialize_with = "text")]
    pub retry_after_ms: Option<String>,
    /// `error.code` of an error.
    #[serde(deserialize_with = "text")]
    pub error_code: Option<String>,
    /// `error.type` of an error.
    #[serde(deserialize_with = "text")]
    pub error_type: Option<String>,
    /// `error.param` of an error.
    #[serde(deserialize_with = "text")]
    pub error_param: Option<String>,
    /// `error.message` of an error.
    #[serde(deserialize_with = "text")]
    pub error_message: Option<String>,
    /// A 400 that says the prompt is too long, in the dialect's own words.
    pub context_window: bool,
    /// A 400 that says the content policy was violated, in the dialect's own words.
    pub content_policy: bool,
    /// Take the request and never answer.
    pub hang: bool,
    /// Take the request and close the connection without a byte.
    pub close: bool,
    /// Take the request and reset the connection (RST).
    pub reset: bool,
    /// Answer 200 with something that is not JSON.
    pub garbage: bool,
    /// Answer 200 with an error object inside (streams: as the first event).
    pub error_in_200: bool,
    /// Streams: drop the connection after that many content chunks. Otherwise: drop it within the body.
    pub cut: Option<usize>,
    /// Streams: end the body in good order, but without finish reason, after that many content chunks.
    pub clean_cut: Option<usize>,
    /// Streams: send an error event after that many content chunks and end.
    pub midstream_error: Option<usize>,
    /// Streams: fall silent for ever after that many content chunks (0: right after the headers).
    pub stall_after: Option<usize>,
    /// Wait before the headers.
    pub slow: Option<u64>,
    /// Wait between the headers and the first event of a stream.
    pub first_chunk_delay: Option<u64>,
    /// How many requests the faults above hold for.
    pub fail_times: Option<u64>,

    // Answers.
    /// The text of the answer; `{n}` becomes the ordinal of the request for this key.
    #[serde(deserialize_with = "text")]
    pub text: Option<String>,
    /// Bytes of text in the answer, instead of `text`.
    pub size: Option<usize>,
    /// Content chunks of a stream.
    pub chunks: Option<usize>,
    /// Wait between two content chunks.
    pub chunk_delay: Option<u64>,
    /// Reasoning shown before the answer (`reasoning_content`; Anthropic: a thinking block).
    #[serde(deserialize_with = "text")]
    pub reasoning: Option<String>,
    /// Names of tools to call, separated by commas; two or more are parallel calls. Once the conversation
    /// holds a tool's result, the answer is text.
    #[serde(deserialize_with = "text")]
    pub tool: Option<String>,
    /// The arguments of each call, as JSON text. Without it they are made up from the tool's schema.
    #[serde(deserialize_with = "text")]
    pub tool_args: Option<String>,
    /// The finish (stop) reason to show instead of the true one.
    #[serde(deserialize_with = "text")]
    pub finish: Option<String>,
    /// The model to show instead of the one that was asked for.
    #[serde(deserialize_with = "text")]
    pub model: Option<String>,
    /// `prompt_tokens` to report.
    pub prompt_tokens: Option<u64>,
    /// `completion_tokens` to report.
    pub completion_tokens: Option<u64>,
    /// How many of the prompt's tokens came from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// Anthropic: tokens written to the cache.
    pub cache_creation_tokens: Option<u64>,
    /// How many of the completion's tokens were reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Report no usage at all.
    pub no_usage: bool,
    /// Add fields that no documentation knows to every object.
    pub extra: bool,
    /// Embeddings with a dimension for each word: texts are as alike as the words that they share.
    pub words: bool,
    /// Headers to add to each reply (control endpoint only).
    pub headers: BTreeMap<String, String>,

    // How a stream lies on the wire.
    /// A comment line before each content chunk.
    pub comments: bool,
    /// CRLF line ends.
    pub crlf: bool,
    /// Each event in two writes, broken in its middle.
    pub split: bool,
    /// All events in one write.
    pub coalesce: bool,

    /// For load: answers are rendered once, nothing is logged, the body is only searched for `"stream":true`.
    pub bench: bool,
}

impl Script {
    /// Reads the script out of a key. Keys that do not begin with `sk-fake` have the default script.
    ///
    /// # Errors
    /// Names the directive that is unknown or has a value of the wrong type.
    pub fn from_key(key: &str) -> Result<Self, String> {
        let Some(rest) = key.strip_prefix("sk-fake") else { return Ok(Self::default()) };
        let mut fields = Map::new();
        // Whatever stands before the first dot is part of the name: `sk-fake-7.status=500`.
        for directive in rest.split('.').skip(1).filter(|d| !d.is_empty()) {
            let (name, value) = match directive.split_once('=') {
                Some((name, raw)) => (name, guess(&percent_decode_str(raw).decode_utf8_lossy())),
                None => (directive, Value::Bool(true)),
            };
            fields.insert(name.to_owned(), value);
        }
        serde_json::from_value(Value::Object(fields)).map_err(|e| format!("fake-provider: key {key}: {e}"))
    }

    /// The same answers without the faults: what a provider does once `fail_times` is over.
    #[must_use]
    pub fn healed(&self) -> Self {
        Self {
            status: None,
            context_window: false,
            content_policy: false,
            hang: false,
            close: false,
            reset: false,
            garbage: false,
            error_in_200: false,
            cut: None,
            clean_cut: None,
            midstream_error: None,
            stall_after: None,
            slow: None,
            first_chunk_delay: None,
            fail_times: None,
            ..self.clone()
        }
    }

    /// Whether any fault is set; `fail_times` alone then means status 500.
    #[must_use]
    pub fn has_fault(&self) -> bool {
        self.status.is_some()
            || self.context_window
            || self.content_policy
            || self.hang
            || self.close
            || self.reset
            || self.garbage
            || self.error_in_200
            || self.cut.is_some()
            || self.clean_cut.is_some()
            || self.midstream_error.is_some()
            || self.stall_after.is_some()
            || self.slow.is_some()
            || self.first_chunk_delay.is_some()
    }

    /// The script for the `ordinal`-th request (from 1) of a key.
    #[must_use]
    pub fn at(&self, ordinal: u64) -> Self {
        match self.fail_times {
            Some(times) if ordinal > times => self.healed(),
            Some(_) if !self.has_fault() => Self { status: Some(500), ..self.clone() },
            _ => self.clone(),
        }
    }

    /// The content chunks after which something happens to the stream, if anything does.
    #[must_use]
    pub fn breaks_after(&self) -> Option<usize> {
        [self.cut, self.clean_cut, self.midstream_error, self.stall_after].into_iter().flatten().min()
    }
}

/// A directive's value as the JSON it most likely means.
fn guess(raw: &str) -> Value {
    match raw {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => raw.parse::<u64>().map_or_else(|_| Value::String(raw.to_owned()), Value::from),
    }
}

/// Text fields accept numbers, because `text=42` in a key looks like one.
fn text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(d)? {
        None | Some(Value::Null) => None,
        Some(Value::String(s)) => Some(s),
        Some(other) => Some(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_carries_its_script() {
        let s = Script::from_key("sk-fake.status=429.retry_after=2.text=a%2Eb%20c.hang").unwrap();
        assert_eq!(s.status, Some(429));
        assert_eq!(s.retry_after.as_deref(), Some("2"));
        assert_eq!(s.text.as_deref(), Some("a.b c"));
        assert!(s.hang);
    }

    #[test]
    fn other_keys_are_healthy_and_typos_are_told() {
        assert!(!Script::from_key("sk-proj.status=500").unwrap().has_fault());
        assert!(Script::from_key("sk-fake.statsu=500").unwrap_err().contains("statsu"));
    }

    #[test]
    fn faults_end_after_fail_times() {
        let s = Script::from_key("sk-fake.fail_times=2").unwrap();
        assert_eq!(s.at(2).status, Some(500));
        assert_eq!(s.at(3).status, None);
        let s = Script::from_key("sk-fake.fail_times=1.status=429.text=ok").unwrap();
        assert_eq!(s.at(1).status, Some(429));
        assert_eq!((s.at(2).status, s.at(2).text.as_deref()), (None, Some("ok")));
    }
}
