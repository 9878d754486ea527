//! What a request says about a team's fields, put into the team.

use serde_json::{Map, Value};

use crate::base::error::Error;
use crate::domain::keys::{Budget, RouterSettings, Team};
use crate::manage::Caller;
use crate::manage::authority::fields as authority;
use crate::manage::body::{Body, Given};
use crate::manage::fail;
use crate::manage::keys::fields::{limits, metadata, windows};

/// Fields that requests name at the top and that are kept in the metadata.
const IN_METADATA: [&str; 6] =
    ["model_rpm_limit", "model_tpm_limit", "tags", "guardrails", "prompts", "secret_manager_settings"];

/// Fields that together are the budget of members without one of their own.
const MEMBER_BUDGET: [&str; 4] =
    ["team_member_budget", "team_member_budget_duration", "team_member_rpm_limit", "team_member_tpm_limit"];

/// Puts all fields of a request into a team, those of [`member_budget`] left out.
///
/// # Errors
/// 422 for values of wrong types, 400 for values that make no sense.
pub fn apply(body: &Body, team: &mut Team) -> Result<(), Error> {
    body.name("team_alias")?.set(&mut team.team_alias);
    body.id("organization_id")?.set(&mut team.organization_id);
    body.texts("models")?.fill(&mut team.models);
    body.object("model_aliases")?.fill(&mut team.model_aliases);
    limits(body, &mut team.limits)?;
    windows(body, &mut team.budget_limits)?;
    body.texts("team_member_permissions")?.fill(&mut team.team_member_permissions);
    body.texts("default_team_member_models")?.fill(&mut team.default_team_member_models);
    body.bool("blocked")?.fill(&mut team.blocked);
    match body.object("router_settings")? {
        Given::Absent => {}
        Given::Null => team.router_settings = None,
        Given::Is(settings) => {
            RouterSettings::parse(&settings)?;
            team.router_settings = Some(Value::Object(settings));
        }
    }
    body.texts("policies")?.fill(&mut team.policies);
    body.texts("access_group_ids")?.fill(&mut team.access_group_ids);
    body.id("object_permission_id")?.set(&mut team.object_permission_id);
    metadata(body, &mut team.metadata, &IN_METADATA)
}

/// Whether a request says something about the budget of members without one of their own.
pub fn names_member_budget(body: &Body) -> bool {
    MEMBER_BUDGET.iter().any(|name| body.has(name))
}

/// Puts what a request says about that budget into its row.
///
/// # Errors
/// As [`apply`].
pub fn member_budget(body: &Body, budget: &mut Budget) -> Result<(), Error> {
    body.dollars("team_member_budget")?.set(&mut budget.limits.max_budget_nanos);
    body.period("team_member_budget_duration")?.set(&mut budget.limits.budget_duration);
    body.limit("team_member_rpm_limit")?.set(&mut budget.limits.rpm_limit);
    body.limit("team_member_tpm_limit")?.set(&mut budget.limits.tpm_limit);
    Ok(())
}

/// Judges what became of a team under the hands of somebody who runs it: it may not have more than before.
///
/// # Errors
/// 403 naming the field.
pub fn judge(caller: &Caller, body: &Body, before: &Team, after: &Team) -> Result<(), Error> {
    if caller.is_admin() {
        return Ok(());
    }
    if before.team_member_budget_id.is_some()
        && let Some(name) = MEMBER_BUDGET.iter().find(|name| body.has(name))
    {
        let message = format!("`{name}` also bounds you: it can only be set by an admin.");
        return Err(fail::forbidden_field(name, message));
    }
    let before = stored(before);
    authority::judge(authority::TEAM, &before, &stored(after), &before)
}

fn stored(team: &Team) -> Map<String, Value> {
    match serde_json::to_value(team) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}
