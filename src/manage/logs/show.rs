//! A row of the ledger as the API shows it.

use serde_json::{Value, json};

use crate::domain::keys::JsonMap;
use crate::domain::ledger::{LedgerRow, Status};
use crate::manage::show::{object, usd, zulu};
use crate::store::InSession;

/// What was asked and answered; kept in a row's metadata when it is kept at all.
const CONTENT: [&str; 3] = ["messages", "response", "proxy_server_request"];

/// A row with what was asked and answered.
pub fn row(row: &LedgerRow) -> Value {
    let mut shown = listed(row);
    for name in CONTENT {
        shown[name] = row.metadata.get(name).cloned().unwrap_or_else(|| json!({}));
    }
    shown
}

/// What was asked and answered; empty objects where it was not kept.
pub fn content(row: &LedgerRow) -> Value {
    let each = CONTENT.map(|name| {
        let kept = row.metadata.get(name).cloned().unwrap_or_else(|| json!({}));
        (name.to_string(), kept)
    });
    Value::Object(each.into_iter().collect())
}

/// A row as lists show it. `request_id` is the ledger's own id, which is unique; the provider's stands in
/// `response_id`, and both are found by.
pub fn listed(row: &LedgerRow) -> Value {
    let cache_hit = match row.cache_hit {
        Some(true) => "True",
        Some(false) => "False",
        None => "None",
    };
    let cache_key = if row.cache_key.is_empty() { "Cache OFF" } else { &row.cache_key };
    json!({
        "request_id": row.id,
        "response_id": row.response_id,
        "litellm_call_id": row.call_id,
        "call_type": row.call_type,
        "api_key": row.key_hash,
        "spend": usd(row.spend_nanos),
        "total_tokens": row.total_tokens(),
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "startTime": zulu(row.started_ms),
        "endTime": zulu(row.ended_ms),
        "completionStartTime": zulu(row.first_token_ms),
        "request_duration_ms": row.duration_ms(),
        "model": row.model,
        "model_id": row.model_id,
        "model_group": row.model_group,
        "custom_llm_provider": row.provider,
        "api_base": row.api_base,
        "user": row.user_id,
        "team_id": row.team_id,
        "organization_id": row.organization_id,
        "end_user": row.end_user,
        "agent_id": null,
        "metadata": metadata(row),
        "cache_hit": cache_hit,
        "cache_key": cache_key,
        "request_tags": row.tags,
        "requester_ip_address": row.requester_ip,
        "session_id": row.session_id,
        "status": row.status.as_str(),
        "unpriced": row.unpriced,
        "estimated": row.estimated,
        "mcp_namespaced_tool_name": null,
        "billing_agent_id": null,
        "created_at": zulu(row.started_ms),
        "updated_at": zulu(row.ended_ms),
    })
}

/// The latest row of a session, with how many rows the session has and what they cost.
pub fn in_session(found: &InSession) -> Value {
    let mut shown = listed(&found.row);
    shown["session_total_count"] = found.rows.into();
    shown["session_total_spend"] = usd(found.spend_nanos);
    shown
}

fn metadata(row: &LedgerRow) -> JsonMap {
    let mut shown = object(json!({
        "status": row.status.as_str(),
        "usage_object": usage(row),
        "cost_breakdown": breakdown(row),
        "user_api_key": row.key_hash,
        "user_api_key_alias": named(&row.key_alias),
        "user_api_key_user_id": named(&row.user_id),
        "user_api_key_team_id": named(&row.team_id),
        "user_api_key_org_id": named(&row.organization_id),
        "requester_ip_address": named(&row.requester_ip),
        "error_information": error(row),
    }));
    let further = row.metadata.iter().filter(|(name, _)| !CONTENT.contains(&name.as_str()));
    shown.extend(further.map(|(name, value)| (name.clone(), value.clone())));
    shown
}

fn named(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn usage(row: &LedgerRow) -> Value {
    json!({
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "total_tokens": row.total_tokens(),
        "prompt_tokens_details": {
            "cached_tokens": row.cached_tokens,
            "cache_creation_tokens": row.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": row.reasoning_tokens},
    })
}

/// The parts of the bill in dollars; what is no amount is shown as it was kept.
fn breakdown(row: &LedgerRow) -> JsonMap {
    let dollars = |value: &Value| value.as_i64().map_or_else(|| value.clone(), usd);
    row.cost_breakdown.iter().map(|(name, value)| (name.clone(), dollars(value))).collect()
}

fn error(row: &LedgerRow) -> Value {
    if row.status == Status::Success {
        return Value::Null;
    }
    json!({
        "error_code": row.error_code,
        "error_class": row.error_class,
        "error_message": row.error_message,
    })
}
