//! One finished request as exporters know it, whatever they write of it.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::base::civil::Date;
use crate::base::usage::Usage;
use crate::domain::pricing::Cost;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// One finished request. Empty texts mean that there was none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// Unique; what sinks know it by, so that a repeated delivery is no second event.
    pub id: String,
    /// What the caller was told as its call's id.
    pub call_id: String,
    /// What the provider called its answer.
    pub response_id: String,
    /// `acompletion`, `aembedding` ...
    pub call_type: &'static str,
    /// The path (`/v1/chat/completions`).
    pub route: &'static str,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// Whether the response cache answered; `None`: it was not asked.
    pub cache_hit: Option<bool>,
    /// The response cache's key.
    pub cache_key: String,
    /// HTTP status the caller saw.
    pub status: u16,
    /// Why there was no answer.
    pub failure: Option<Failure>,
    /// Arrival, microseconds since 1970.
    pub started_us: i64,
    /// When the first token went out; streams only.
    pub first_token_us: Option<i64>,
    /// When it was over.
    pub ended_us: i64,
    /// Time spent waiting for providers, microseconds.
    pub upstream_us: i64,
    /// Upstream calls made.
    pub attempts: u32,
    /// Fallback hops taken.
    pub fallbacks: u32,
    /// `openai`, `anthropic` ...
    pub provider: String,
    /// The provider's own name of the model.
    pub model: String,
    /// The group that was asked for.
    pub model_group: String,
    /// The deployment that answered, or failed last.
    pub model_id: String,
    /// Where that is, without a login.
    pub api_base: String,
    /// Whose request it was.
    pub owner: Owner,
    /// Tokens and other units, as far as they are known.
    pub usage: Option<Usage>,
    /// What it cost, where that is known.
    pub cost: Option<Cost>,
    /// Tags of key, team and request.
    pub tags: Vec<String>,
    /// The session that it belongs to.
    pub session: String,
    /// The caller's place in a trace of its own.
    pub parent: Option<TraceParent>,
    /// What was asked and answered, where the operator wants that exported.
    pub content: Option<Content>,
}

/// Why a request failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// The class that SDKs raise (`RateLimitError`).
    pub class: &'static str,
    /// A sentence without anything that was asked or answered, unless the operator wants that exported.
    pub message: String,
    /// Whether it is a defect or an outage rather than a caller's own mistake.
    pub grave: bool,
}

/// Whose request it was. A key is named by its hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// Hash of the key.
    pub key_hash: String,
    /// Its alias.
    pub key_alias: String,
    /// The user.
    pub user_id: String,
    /// The user's address.
    pub user_email: String,
    /// The team.
    pub team_id: String,
    /// Its alias.
    pub team_alias: String,
    /// The organization.
    pub organization_id: String,
    /// The caller's customer.
    pub end_user: String,
    /// The caller's address.
    pub requester_ip: String,
}

/// What was asked and answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// Messages, prompt or input as they came.
    pub question: Quoted,
    /// The answer; of a stream its text put together.
    pub answer: Quoted,
    /// The other parameters of the request (`temperature` ...), an object.
    pub parameters: Quoted,
}

impl Content {
    /// What it takes in memory, bytes.
    pub fn size(&self) -> usize {
        [&self.question, &self.answer, &self.parameters].iter().map(|quoted| quoted.0.len()).sum()
    }
}

/// A value as JSON text. Events wait, and a tree of small values takes up to thirty times the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(Arc<str>);

impl Default for Quoted {
    /// `null`
    fn default() -> Self {
        Quoted("null".into())
    }
}

impl From<Value> for Quoted {
    fn from(value: Value) -> Self {
        Quoted(value.to_string().into())
    }
}

impl Quoted {
    /// A JSON text as it is.
    pub(super) fn text(json: String) -> Self {
        Quoted(json.into())
    }

    /// The value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Serialize for Quoted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Where in a trace a request belongs, from the header `traceparent` (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: [u8; 16],
    /// The span that made the request.
    pub span: [u8; 8],
}

impl TraceParent {
    /// Reads the header's value; what is malformed or all zeros is none.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version = parts.next().filter(|version| version.len() == 2 && *version != "ff")?;
        u8::from_str_radix(version, 16).ok()?;
        let (trace, span) = (parts.next()?, parts.next()?);
        let both = TraceParent { trace: unhex(trace)?, span: unhex(span)? };
        (both.trace != [0; 16] && both.span != [0; 8]).then_some(both)
    }
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl Event {
    /// `success` or `failure`.
    pub fn outcome(&self) -> &'static str {
        if self.failure.is_some() { "failure" } else { "success" }
    }

    /// How long it took, seconds.
    pub fn seconds(&self) -> f64 {
        seconds(self.ended_us.saturating_sub(self.started_us).max(0))
    }

    /// What it cost, dollars.
    pub fn usd(&self) -> f64 {
        self.cost.map_or(0.0, |cost| cost.total.to_usd_f64())
    }

    /// The counts, or none.
    pub fn counts(&self) -> Usage {
        self.usage.unwrap_or_default()
    }
}

/// Microseconds as seconds.
pub fn seconds(us: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "moments of this century fit")]
    let us = us as f64;
    us / 1e6
}

/// A moment as RFC 3339 writes it, with microseconds.
pub fn rfc3339(us: i64) -> String {
    let Date { year, month, day } = Date::of_day(us.div_euclid(DAY_US));
    let within = us.rem_euclid(DAY_US);
    let (second, micros) = (within / 1_000_000, within % 1_000_000);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_microseconds() {
        assert_eq!(rfc3339(1_700_000_000_123_456), "2023-11-14T22:13:20.123456Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn only_a_good_traceparent_counts() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let found = TraceParent::parse(good).unwrap();
        assert_eq!((found.trace[0], found.span[7]), (0x0a, 0x31));
        for bad in [
            "",
            "00-0af7-b7ad-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
