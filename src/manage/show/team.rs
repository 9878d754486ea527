//! Teams and their members.

use serde_json::{Value, json};

use super::{budget, maybe_usd, object, offset, usd, windows};
use crate::domain::keys::{Budget, JsonMap, Member, Team};

/// A row with its members.
pub fn row(team: &Team, members: &[Member]) -> JsonMap {
    object(json!({
        "team_id": team.team_id,
        "team_alias": team.team_alias,
        "organization_id": team.organization_id,
        "admins": [],
        "members": [],
        "members_with_roles": members.iter().map(with_role).collect::<Vec<_>>(),
        "team_member_permissions": team.team_member_permissions,
        "metadata": team.metadata,
        "models": team.models,
        "max_budget": maybe_usd(team.limits.max_budget_nanos),
        "soft_budget": maybe_usd(team.limits.soft_budget_nanos),
        "spend": usd(team.state.spend_nanos),
        "total_spend": usd(team.state.total_spend_nanos),
        "budget_duration": team.limits.budget_duration,
        "budget_reset_at": offset(team.state.budget_reset_at_ms),
        "budget_limits": windows(&team.budget_limits),
        "tpm_limit": team.limits.tpm_limit,
        "rpm_limit": team.limits.rpm_limit,
        "tpd_limit": team.limits.tpd_limit,
        "max_parallel_requests": team.limits.max_parallel_requests,
        "blocked": team.blocked,
        "model_id": null,
        "model_spend": {},
        "model_max_budget": team.limits.model_max_budget,
        "router_settings": team.router_settings.clone().unwrap_or_else(|| json!({})),
        "policies": team.policies,
        "access_group_ids": team.access_group_ids,
        "default_team_member_models": team.default_team_member_models,
        "object_permission_id": team.object_permission_id,
        "object_permission": null,
        "litellm_model_table": model_table(team),
        "created_at": offset(team.created_at_ms),
        "updated_at": offset(team.updated_at_ms),
    }))
}

fn model_table(team: &Team) -> Value {
    if team.model_aliases.is_empty() { Value::Null } else { json!({"model_aliases": team.model_aliases}) }
}

fn with_role(member: &Member) -> Value {
    json!({"user_id": member.user_id, "user_email": member.user_email, "role": member.role})
}

/// One of `team_memberships`: what a member may spend, and from where that comes.
pub fn membership(member: &Member, shared: Option<&Budget>, team_wide: Option<&Budget>) -> Value {
    let (table, source) = match (shared, team_wide) {
        _ if member.limits != Default::default() || !member.allowed_models.is_empty() => {
            let mut own = budget::own(&member.limits);
            own["allowed_models"] = member.allowed_models.clone().into();
            (own, "member")
        }
        (Some(shared), _) => (budget::linked(shared), "budget"),
        (None, Some(team_wide)) => (budget::linked(team_wide), "team"),
        (None, None) => (Value::Null, "none"),
    };
    json!({
        "user_id": member.user_id,
        "team_id": member.team_id,
        "budget_id": member.budget_id,
        "spend": usd(member.state.spend_nanos),
        "total_spend": usd(member.state.total_spend_nanos),
        "budget_reset_at": offset(member.state.budget_reset_at_ms),
        "litellm_budget_table": table,
        "budget_source": source,
    })
}
