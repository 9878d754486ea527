//! Users.

use serde_json::{Value, json};

use super::{maybe_usd, object, offset, usd};
use crate::domain::keys::{JsonMap, OrgMember, User};

/// A row with the teams it is in.
pub fn row(user: &User, teams: &[String], organizations: &[OrgMember]) -> JsonMap {
    object(json!({
        "user_id": user.user_id,
        "user_alias": user.user_alias,
        "user_email": user.user_email,
        "user_role": user.user_role,
        "team_id": null,
        "teams": teams,
        "organization_id": user.organization_id,
        "sso_user_id": user.sso_user_id,
        "max_budget": maybe_usd(user.limits.max_budget_nanos),
        "soft_budget": maybe_usd(user.limits.soft_budget_nanos),
        "spend": usd(user.state.spend_nanos),
        "total_spend": usd(user.state.total_spend_nanos),
        "models": user.models,
        "metadata": user.metadata,
        "max_parallel_requests": user.limits.max_parallel_requests,
        "tpm_limit": user.limits.tpm_limit,
        "rpm_limit": user.limits.rpm_limit,
        "budget_id": user.budget_id,
        "budget_duration": user.limits.budget_duration,
        "budget_reset_at": offset(user.state.budget_reset_at_ms),
        "allowed_cache_controls": user.allowed_cache_controls,
        "policies": user.policies,
        "model_spend": {},
        "model_max_budget": user.limits.model_max_budget,
        "object_permission_id": user.object_permission_id,
        "object_permission": null,
        "created_at": offset(user.created_at_ms),
        "updated_at": offset(user.updated_at_ms),
        "password_reset_required": false,
        "last_breach_check_at": null,
        "organization_memberships": organizations.iter().map(membership).collect::<Vec<_>>(),
    }))
}

fn membership(member: &OrgMember) -> Value {
    json!({
        "user_id": member.user_id,
        "organization_id": member.organization_id,
        "user_role": member.user_role,
        "spend": usd(member.state.spend_nanos),
        "budget_id": member.budget_id,
        "created_at": offset(member.created_at_ms),
        "updated_at": offset(member.updated_at_ms),
    })
}
