//! Which fields of a row somebody who is no admin may set, and how far.
//!
//! A change is judged by what it does, not by what the request says: the row before and the row after are compared
//! field by field, so no way of writing a request leads around the table. The measure is what the caller has
//! itself (`reach`): for keys the key it calls with, for teams the team as it is. A field that stands in no table
//! is for admins.

use serde_json::{Map, Value};

use crate::base::error::Error;
use crate::manage::fail;

/// What somebody who is no admin may do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Everything.
    Set,
    /// Nothing.
    Not,
    /// Nothing above what it has; no value is above all values.
    UpTo,
    /// Only what is in its own list; an empty list has everything in it.
    Within,
    /// What it likes if it has nothing there itself, otherwise only the same.
    Same,
    /// The same for a budget's period, which means nothing without a budget.
    SamePeriod,
    /// Only from off to on.
    SwitchOn,
    /// Free form, but what governs its use stays what it is.
    Metadata,
    /// Nobody sets it; operations do.
    Kept,
    /// The operation judges.
    Elsewhere,
}

/// Fields of keys, by their stored names.
pub const KEY: &[(&str, May)] = &[
    ("key_alias", May::Set),
    ("config", May::Set),
    ("policies", May::Set),
    ("allowed_cache_controls", May::Same),
    ("rpm_limit_type", May::Same),
    ("tpm_limit_type", May::Same),
    ("auto_rotate", May::Set),
    ("rotation_interval", May::Set),
    ("soft_budget_nanos", May::Set),
    ("metadata", May::Metadata),
    ("blocked", May::SwitchOn),
    ("models", May::Within),
    ("max_budget_nanos", May::UpTo),
    ("max_parallel_requests", May::UpTo),
    ("rpm_limit", May::UpTo),
    ("tpm_limit", May::UpTo),
    ("tpd_limit", May::UpTo),
    ("expires_ms", May::UpTo),
    ("budget_duration", May::SamePeriod),
    ("budget_limits", May::Same),
    ("model_max_budget", May::Same),
    ("budget_fallbacks", May::Same),
    ("aliases", May::Same),
    ("user_id", May::Elsewhere),
    ("team_id", May::Elsewhere),
    ("allowed_routes", May::Elsewhere),
    ("key_type", May::Elsewhere),
    ("organization_id", May::Not),
    ("project_id", May::Not),
    ("agent_id", May::Not),
    ("budget_id", May::Not),
    ("end_user_budget_id", May::Not),
    ("throttle_on_budget_exceeded", May::Not),
    ("temp_budget_increase_nanos", May::Not),
    ("temp_budget_expiry_ms", May::Not),
    ("permissions", May::Not),
    ("access_group_ids", May::Not),
    ("object_permission_id", May::Not),
    ("router_settings", May::Not),
    ("hash", May::Kept),
    ("first_hash", May::Kept),
    ("key_name", May::Kept),
    ("rotation_count", May::Kept),
    ("last_rotation_at_ms", May::Kept),
    ("key_rotation_at_ms", May::Kept),
    ("created_at_ms", May::Kept),
    ("created_by", May::Kept),
    ("updated_at_ms", May::Kept),
    ("updated_by", May::Kept),
    ("settings_updated_at_ms", May::Kept),
];

/// Fields of teams, by their stored names; for those who run the team.
pub const TEAM: &[(&str, May)] = &[
    ("team_alias", May::Set),
    ("team_member_permissions", May::Set),
    ("team_member_budget_id", May::Elsewhere),
    ("policies", May::Set),
    ("soft_budget_nanos", May::Set),
    ("metadata", May::Metadata),
    ("models", May::Within),
    ("default_team_member_models", May::Set),
    ("max_budget_nanos", May::UpTo),
    ("max_parallel_requests", May::UpTo),
    ("rpm_limit", May::UpTo),
    ("tpm_limit", May::UpTo),
    ("tpd_limit", May::UpTo),
    ("budget_duration", May::SamePeriod),
    ("budget_limits", May::Same),
    ("model_max_budget", May::Same),
    ("model_aliases", May::Not),
    ("blocked", May::SwitchOn),
    ("organization_id", May::Not),
    ("router_settings", May::Not),
    ("access_group_ids", May::Not),
    ("object_permission_id", May::Not),
    ("team_id", May::Kept),
    ("created_at_ms", May::Kept),
    ("updated_at_ms", May::Kept),
];

/// Entries of the metadata that the gateway goes by.
pub const GOVERNING: [&str; 13] = [
    "cache",
    "model_rpm_limit",
    "model_tpm_limit",
    "tag_rpm_limit",
    "mcp_rpm_limit",
    "tags",
    "guardrails",
    "enforced_params",
    "disable_global_guardrails",
    "allowed_passthrough_routes",
    "default_estimated_output_tokens",
    "litellm_disabled_callbacks",
    "default_estimated_output_tokens_per_model",
];

/// Those of them that stay what they are, whatever the caller has itself: they keep requests from being told of, and make
/// owners pay for answers that are known.
const FOR_ADMINS: [&str; 2] = ["cache", "litellm_disabled_callbacks"];

/// Judges a change by somebody who is no admin.
///
/// # Errors
/// 403 naming the first field that it may not set so.
pub fn judge(
    table: &[(&str, May)],
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    reach: &Map<String, Value>,
) -> Result<(), Error> {
    for (name, new) in after {
        if before.get(name) == Some(new) {
            continue;
        }
        let may = table.iter().find(|(own, _)| own == name).map_or(May::Not, |(_, may)| *may);
        let own = reach.get(name).unwrap_or(&Value::Null);
        let allowed = match may {
            May::Set | May::Kept | May::Elsewhere => true,
            May::Not => false,
            May::UpTo => own.is_null() || new.as_i64().zip(own.as_i64()).is_some_and(|(new, own)| new <= own),
            May::Within => within(new, own),
            May::Same => is_empty(own) || new == own,
            May::SamePeriod => !has_budget(reach) || new == own,
            May::SwitchOn => new == &Value::Bool(true),
            May::Metadata => {
                let old = before.get(name).unwrap_or(&Value::Null);
                GOVERNING.iter().all(|name| match FOR_ADMINS.contains(name) {
                    true => new.get(name) == old.get(name),
                    false => keeps(name, new, own),
                })
            }
        };
        if !allowed {
            return Err(refusal(name, may));
        }
    }
    Ok(())
}

fn refusal(name: &str, may: May) -> Error {
    let name = api_name(name);
    let why = match may {
        May::UpTo | May::Within | May::Same | May::SamePeriod => "cannot be more than what you have yourself",
        May::SwitchOn => "can only be switched off by an admin",
        May::Metadata => "has entries that only an admin may change",
        _ => "can only be set by an admin",
    };
    fail::forbidden_field(name, format!("`{name}` {why}."))
}

/// What the API calls a stored field.
pub fn api_name(stored: &str) -> &str {
    match stored {
        "expires_ms" => "duration",
        _ => stored.trim_end_matches("_nanos").trim_end_matches("_ms"),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn within(new: &Value, own: &Value) -> bool {
    let (Some(new), Some(own)) = (new.as_array(), own.as_array()) else { return true };
    own.is_empty() || (!new.is_empty() && new.iter().all(|name| own.contains(name)))
}

/// A period that begins anew gives money back where there is a limit.
fn has_budget(row: &Map<String, Value>) -> bool {
    ["max_budget_nanos", "budget_id"].iter().any(|name| row.get(*name).is_some_and(|own| !own.is_null()))
}

fn keeps(name: &str, new: &Value, own: &Value) -> bool {
    own.get(name).is_none_or(|own| is_empty(own) || new.get(name) == Some(own))
}
