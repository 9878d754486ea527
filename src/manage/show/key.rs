//! Keys: a row as `/key/info` shows it, the reply of `/key/generate`, and the flat row of changes.

use serde_json::{Value, json};

use super::{budget, maybe_usd, object, offset, usd, windows, zulu};
use crate::domain::keys::{Budget, JsonMap, Key, Limits};

/// Fields that requests name at the top and that are kept in the metadata.
pub const IN_METADATA: [&str; 12] = [
    "model_rpm_limit",
    "model_tpm_limit",
    "tag_rpm_limit",
    "mcp_rpm_limit",
    "tags",
    "guardrails",
    "prompts",
    "enforced_params",
    "disable_global_guardrails",
    "allowed_passthrough_routes",
    "default_estimated_output_tokens",
    "default_estimated_output_tokens_per_model",
];

/// A row, without its status; `budget` is the one it points to.
pub fn row(key: &Key, budget: Option<&Budget>) -> JsonMap {
    let mut row = object(json!({
        "key_name": key.key_name,
        "key_alias": key.key_alias,
        "soft_budget_cooldown": false,
        "spend": usd(key.state.spend_nanos),
        "total_spend": usd(key.state.total_spend_nanos),
        "expires": offset(key.expires_ms),
        "models": key.models,
        "aliases": key.aliases,
        "config": key.config,
        "router_settings": key.router_settings.clone().unwrap_or_else(|| json!({})),
        "user_id": key.user_id,
        "team_id": key.team_id,
        "agent_id": key.agent_id,
        "project_id": key.project_id,
        "permissions": key.permissions,
        "max_parallel_requests": key.limits.max_parallel_requests,
        "metadata": key.metadata,
        "blocked": key.blocked,
        "tpm_limit": key.limits.tpm_limit,
        "rpm_limit": key.limits.rpm_limit,
        "tpd_limit": key.limits.tpd_limit,
        "max_budget": maybe_usd(key.limits.max_budget_nanos),
        "soft_budget": maybe_usd(key.limits.soft_budget_nanos),
        "budget_duration": key.limits.budget_duration,
        "budget_reset_at": offset(key.state.budget_reset_at_ms),
        "allowed_cache_controls": key.allowed_cache_controls,
        "allowed_routes": key.allowed_routes,
        "key_type": key.key_type.as_deref().unwrap_or("default"),
    }));
    row.extend(rest(key, budget));
    row
}

/// The fields after those that have a meaning for every key.
fn rest(key: &Key, budget: Option<&Budget>) -> JsonMap {
    object(json!({
        "policies": key.policies,
        "access_group_ids": key.access_group_ids,
        "model_spend": {},
        "model_max_budget": key.limits.model_max_budget,
        "budget_fallbacks": key.budget_fallbacks,
        "budget_id": key.budget_id,
        "end_user_budget_id": key.end_user_budget_id,
        "throttle_on_budget_exceeded": key.throttle_on_budget_exceeded,
        "temp_budget_increase": maybe_usd(key.temp_budget_increase_nanos),
        "temp_budget_expiry": offset(key.temp_budget_expiry_ms),
        "rpm_limit_type": key.rpm_limit_type,
        "tpm_limit_type": key.tpm_limit_type,
        "organization_id": key.organization_id,
        "object_permission_id": key.object_permission_id,
        "created_at": offset(key.created_at_ms),
        "created_by": key.created_by,
        "updated_at": offset(key.updated_at_ms),
        "updated_by": key.updated_by,
        "settings_updated_at": offset(key.settings_updated_at_ms),
        "last_active": offset(key.state.last_active_ms),
        "rotation_count": key.rotation_count,
        "auto_rotate": key.auto_rotate,
        "rotation_interval": key.rotation_interval,
        "last_rotation_at": offset(key.last_rotation_at_ms),
        "key_rotation_at": offset(key.key_rotation_at_ms),
        "budget_limits": windows(&key.budget_limits),
        "litellm_budget_table": budget_table(key, budget),
        "litellm_organization_table": null,
        "litellm_project_table": null,
        "object_permission": null,
        "jwt_key_mappings": [],
    }))
}

/// What LiteLLM keeps in its budget table for a key: the budget it points to, or its own soft budget.
fn budget_table(key: &Key, linked: Option<&Budget>) -> Value {
    match linked {
        Some(linked) => budget::linked(linked),
        None if key.limits.soft_budget_nanos.is_some() => {
            let soft = Limits { soft_budget_nanos: key.limits.soft_budget_nanos, ..Limits::default() };
            budget::own(&soft)
        }
        None => Value::Null,
    }
}

/// `info` of `/key/info`.
pub fn info(key: &Key, budget: Option<&Budget>, now_ms: i64) -> JsonMap {
    let mut info = row(key, budget);
    info.insert("status".into(), key.status(now_ms).as_str().into());
    info
}

/// The flat row that a change answers: its hash as `token`.
pub fn changed(key: &Key, budget: Option<&Budget>) -> JsonMap {
    let mut shown = row(key, budget);
    shown.insert("token".into(), key.hash.clone().into());
    shown
}

/// The reply of `/key/generate`: the only place where a secret is shown.
pub fn generated(key: &Key, secret: &str, budget: Option<&Budget>) -> JsonMap {
    let mut shown = row(key, budget);
    for name in [
        "soft_budget_cooldown",
        "total_spend",
        "agent_id",
        "model_spend",
        "soft_budget",
        "end_user_budget_id",
        "litellm_organization_table",
        "litellm_project_table",
        "jwt_key_mappings",
        "rotation_count",
        "last_rotation_at",
        "last_active",
        "settings_updated_at",
        "temp_budget_increase",
        "temp_budget_expiry",
        "throttle_on_budget_exceeded",
        "object_permission_id",
    ] {
        shown.shift_remove(name);
    }
    shown.insert("duration".into(), Value::Null);
    for name in ["model_rpm_limit", "model_tpm_limit", "guardrails", "tags", "enforced_params"] {
        shown.insert(name.into(), Value::Null);
    }
    for (name, ms) in [
        ("expires", key.expires_ms),
        ("created_at", Some(key.created_at_ms)),
        ("updated_at", Some(key.updated_at_ms)),
        ("key_rotation_at", key.key_rotation_at_ms),
        ("budget_reset_at", key.state.budget_reset_at_ms),
    ] {
        shown.insert(name.into(), zulu(ms));
    }
    shown.insert("key".into(), secret.into());
    shown.insert("token".into(), key.hash.clone().into());
    shown.insert("token_id".into(), key.hash.clone().into());
    shown
}
