//! One finished request, as the ledger keeps it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::new_id;
use crate::base::ids::sha256_hex;
use crate::domain::keys::JsonMap;

/// The longest name, bytes. PostgreSQL refuses index entries above 2.7 kB, and an entry has up to six names.
const LONGEST_NAME: usize = 256;

/// Where `metadata` has the name that was asked for, when that is another one than the group's and a budget is for it.
pub const ASKED_MODEL: &str = "asked_model";

/// What a database can keep of a text, where that is something else: without NUL characters, and a name short enough for
/// an index. A name that is cut ends with a hash of the whole, so that two of them stay two.
pub(super) fn fitted(text: &str, is_name: bool) -> Option<String> {
    let too_long = is_name && text.len() > LONGEST_NAME;
    if !too_long && memchr::memchr(0, text.as_bytes()).is_none() {
        return None;
    }
    let mut text = text.replace('\0', "\u{fffd}");
    if is_name && text.len() > LONGEST_NAME {
        let hash = sha256_hex(&text);
        let longest = LONGEST_NAME - hash.len() - 1;
        let kept = (0..=longest).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(kept.unwrap_or_default());
        text.push('~');
        text.push_str(&hash);
    }
    Some(text)
}

/// How a request ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// With an answer.
    #[default]
    Success,
    /// Without one.
    Failure,
}

impl Status {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Failure => "failure",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Status::Success, Status::Failure].into_iter().find(|status| status.as_str() == text)
    }
}

/// One finished request. Empty texts mean that there was none.
///
/// In the spool it is packed ([`PackedRow`](super::PackedRow)). Older programs wrote the form that serde reads here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LedgerRow {
    /// Ours, unique, with the moment of admission inside ([`new_id`]).
    pub id: String,
    /// When the request was admitted, milliseconds since 1970. It decides the day and the budget period that the
    /// row counts into.
    pub started_ms: i64,
    /// When the first token went out.
    pub first_token_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: i64,
    /// What the provider called its answer.
    pub response_id: String,
    /// What the caller was told as its call's id; usually it is the row's, and then it is kept only once.
    pub call_id: String,
    /// `acompletion`, `aembedding` ...
    pub call_type: String,
    /// Hash of the virtual key, or the literal for the master key.
    pub key_hash: String,
    /// The key's name at that time.
    pub key_alias: String,
    /// The key's user.
    pub user_id: String,
    /// The key's team.
    pub team_id: String,
    /// The key's or the team's organization.
    pub organization_id: String,
    /// The caller's customer.
    pub end_user: String,
    /// Tags of key, team and request, without repetition.
    pub tags: Vec<String>,
    /// Model as the deployment calls it (`openai/gpt-4o`).
    pub model: String,
    /// The deployment that answered.
    pub model_id: String,
    /// The group that was asked for.
    pub model_group: String,
    /// `openai`, `anthropic` ...
    pub provider: String,
    /// Where it was sent.
    pub api_base: String,
    /// What it cost, nano-dollars.
    pub spend_nanos: i64,
    /// All input tokens.
    pub prompt_tokens: i64,
    /// All output tokens.
    pub completion_tokens: i64,
    /// Input tokens from the provider's cache.
    pub cached_tokens: i64,
    /// Input tokens written to the provider's cache.
    pub cache_write_tokens: i64,
    /// Output tokens of reasoning.
    pub reasoning_tokens: i64,
    /// The counts are ours, not the provider's.
    pub estimated: bool,
    /// The model has no price: `spend_nanos` is 0 for want of one.
    pub unpriced: bool,
    /// How it ended.
    pub status: Status,
    /// Name of the kind of error.
    pub error_class: String,
    /// HTTP status or code of the error.
    pub error_code: String,
    /// The sentence that the caller read.
    pub error_message: String,
    /// Whether the response cache answered; `None`: it was not asked.
    pub cache_hit: Option<bool>,
    /// The response cache's key.
    pub cache_key: String,
    /// The caller's address.
    pub requester_ip: String,
    /// The session that it belongs to.
    pub session_id: String,
    /// `input_cost`, `output_cost` ... in nano-dollars.
    pub cost_breakdown: JsonMap,
    /// Everything else worth showing.
    pub metadata: JsonMap,
}

impl LedgerRow {
    /// A row with an id of its own for a request that was admitted at `started_ms`.
    pub fn new(started_ms: i64) -> Self {
        LedgerRow { id: new_id(started_ms), started_ms, ended_ms: started_ms, ..LedgerRow::default() }
    }

    /// The name that was asked for, where somebody has a budget for it beside the group's.
    pub fn asked_model(&self) -> &str {
        self.metadata.get(ASKED_MODEL).and_then(Value::as_str).unwrap_or_default()
    }

    /// Input and output together.
    pub fn total_tokens(&self) -> i64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// How long it took, milliseconds.
    pub fn duration_ms(&self) -> i64 {
        self.ended_ms.saturating_sub(self.started_ms).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = |end: &str| fitted(&format!("{}{end}", "ü".repeat(3_000)), true).unwrap();
        let (one, other) = (long("1"), long("2"));
        assert!(one.len() <= LONGEST_NAME && one != other);
        assert_eq!(fitted(&one, true), None);
        assert_eq!(fitted("a\0b", false).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(fitted(&"x".repeat(9_000), false), None);
    }
}
