//! A virtual key, without its secret: only the hash is ever kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JsonMap, Limits, State, Window};
use crate::domain::scope::{ScopeId, ScopeKind};

/// A virtual key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Key {
    /// Lower-case SHA-256 hex of the whole key text, `sk-` included.
    pub hash: String,
    /// The hash of its first text, where that was replaced. Processes count under it, so that nothing that is under
    /// way is forgotten when the text changes.
    pub first_hash: Option<String>,
    /// What may be shown: `sk-...` and the last four characters.
    pub key_name: Option<String>,
    /// A name chosen by people, unique over all live keys.
    pub key_alias: Option<String>,
    /// The user it belongs to.
    pub user_id: Option<String>,
    /// The team it belongs to.
    pub team_id: Option<String>,
    /// The organization it belongs to.
    pub organization_id: Option<String>,
    /// The project it belongs to; kept and shown.
    pub project_id: Option<String>,
    /// The agent it belongs to; kept and shown.
    pub agent_id: Option<String>,
    /// Groups it may ask for; empty: all, or the team's.
    pub models: Vec<String>,
    /// Renames: asked name to real name.
    pub aliases: JsonMap,
    /// Kept and shown.
    pub config: JsonMap,
    /// Its own caps.
    #[serde(flatten)]
    pub limits: Limits,
    /// Further budgets over other lengths.
    pub budget_limits: Vec<Window>,
    /// The shared budget it points to.
    pub budget_id: Option<String>,
    /// Admitted end users without a budget of their own get this one.
    pub end_user_budget_id: Option<String>,
    /// Per model, what to use when that model's own budget is gone.
    pub budget_fallbacks: JsonMap,
    /// Lower rates instead of a refusal when the budget is gone.
    pub throttle_on_budget_exceeded: bool,
    /// Added to the budget for a while.
    pub temp_budget_increase_nanos: Option<i64>,
    /// Until when.
    pub temp_budget_expiry_ms: Option<i64>,
    /// From when on it is refused; `None`: never.
    pub expires_ms: Option<i64>,
    /// Refused until unblocked.
    pub blocked: bool,
    /// Free form; per-model limits, tags and guardrails live in it under their own names.
    pub metadata: JsonMap,
    /// Extra rights (`get_spend_routes`).
    pub permissions: JsonMap,
    /// Routes it may call; empty: its role decides.
    pub allowed_routes: Vec<String>,
    /// `default`, `llm_api`, `management` or `read_only`.
    pub key_type: Option<String>,
    /// `cache` controls that requests may use.
    pub allowed_cache_controls: Vec<String>,
    /// Kept and shown.
    pub policies: Vec<String>,
    /// Kept and shown.
    pub access_group_ids: Vec<String>,
    /// Kept and shown.
    pub object_permission_id: Option<String>,
    /// Router settings for this key's requests.
    pub router_settings: Option<Value>,
    /// `best_effort_throughput`, `guaranteed_throughput` or `dynamic`.
    pub rpm_limit_type: Option<String>,
    /// The same for tokens.
    pub tpm_limit_type: Option<String>,
    /// Whether it is replaced on a schedule.
    pub auto_rotate: bool,
    /// How often.
    pub rotation_interval: Option<String>,
    /// How often it was.
    pub rotation_count: i64,
    /// When it was last.
    pub last_rotation_at_ms: Option<i64>,
    /// When it is next.
    pub key_rotation_at_ms: Option<i64>,
    /// Made when.
    pub created_at_ms: i64,
    /// Made by whom.
    pub created_by: Option<String>,
    /// Changed when.
    pub updated_at_ms: i64,
    /// Changed by whom.
    pub updated_by: Option<String>,
    /// When its settings were changed by somebody, not by the program.
    pub settings_updated_at_ms: Option<i64>,
    /// Money and version.
    #[serde(skip)]
    pub state: State,
    /// Fields of later versions.
    #[serde(flatten)]
    pub other: JsonMap,
}

/// What `/key/info` calls `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatus {
    /// Usable.
    Active,
    /// Past its end.
    Expired,
    /// Blocked.
    Revoked,
}

impl Key {
    /// The tags that each of its requests carries.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.metadata.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// The hash that its rates and budgets are counted under: the same for all texts that it ever had.
    pub fn counted_as(&self) -> &str {
        self.first_hash.as_deref().unwrap_or(&self.hash)
    }

    /// Where its rates and its money are counted.
    pub fn scope(&self) -> ScopeId {
        ScopeId::new(ScopeKind::Key, self.counted_as()).shown_as(&self.hash, None)
    }

    /// Where its rates and its money for one model are counted.
    pub fn model_scope(&self, model: &str) -> ScopeId {
        ScopeId::pair(ScopeKind::ModelPerKey, self.counted_as(), model).shown_as(&self.hash, Some(model))
    }

    /// Whether it may be used at `now_ms`, and why not.
    pub fn status(&self, now_ms: i64) -> KeyStatus {
        if self.blocked {
            KeyStatus::Revoked
        } else if self.expires_ms.is_some_and(|end| end <= now_ms) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    /// A limit of one model (`model_rpm_limit`, `model_tpm_limit`) from the metadata.
    pub fn model_limit(&self, name: &str, model: &str) -> Option<i64> {
        self.metadata.get(name)?.get(model)?.as_i64()
    }
}

impl KeyStatus {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyStatus::Active => "active",
            KeyStatus::Expired => "expired",
            KeyStatus::Revoked => "revoked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_survive_an_older_program() {
        let text = r#"{"hash":"h","max_budget_nanos":5,"from_the_future":{"a":1},"metadata":{"tags":["x"]}}"#;
        let key: Key = serde_json::from_str(text).unwrap();
        assert_eq!(key.limits.max_budget_nanos, Some(5));
        assert_eq!(key.tags().collect::<Vec<_>>(), ["x"]);
        let back = serde_json::to_value(&key).unwrap();
        assert_eq!(back["from_the_future"]["a"], 1);
        assert_eq!(back["max_budget_nanos"], 5);
    }

    #[test]
    fn a_blocked_key_is_revoked_and_an_old_one_expired() {
        let mut key = Key { expires_ms: Some(100), ..Key::default() };
        assert_eq!(key.status(99), KeyStatus::Active);
        assert_eq!(key.status(100), KeyStatus::Expired);
        key.blocked = true;
        assert_eq!(key.status(0), KeyStatus::Revoked);
    }
}
