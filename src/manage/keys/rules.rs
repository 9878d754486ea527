//! Who may make keys at all, as the configuration says (`key_generation_settings`).

use crate::base::error::Error;
use crate::domain::keys::{Key, Role, TeamRole};
use crate::manage::body::Body;
use crate::manage::caller::Standing;
use crate::manage::{Call, fail};

/// Judges a new key by the rules for keys of teams, or for personal ones. Admins stand above the roles, not above
/// the fields that have to be there.
///
/// # Errors
/// 403 for a role that may not; 400 for a field that is missing.
pub fn judge(call: &Call, body: &Body, key: &Key) -> Result<(), Error> {
    let settings = call.manage.settings();
    let Some(team_id) = &key.team_id else {
        if settings.keys_need_team {
            return Err(fail::invalid("team_id", "Every key must belong to a team: `team_id` is required."));
        }
        let Some(rule) = &settings.personal_keys else { return Ok(()) };
        let allowed = rule.roles.as_ref().is_none_or(|roles| roles.iter().any(|role| has(call, *role)));
        return ruled(call, body, allowed, &rule.required);
    };
    let Some(rule) = &settings.team_keys else { return Ok(()) };
    let own = call.caller.membership(team_id).map_or(TeamRole::User, |member| member.role);
    let allowed = rule.roles.as_ref().is_none_or(|roles| roles.contains(&own));
    ruled(call, body, allowed, &rule.required)
}

fn has(call: &Call, role: Role) -> bool {
    Standing::of_role(Some(role)) == call.caller.standing
}

fn ruled(call: &Call, body: &Body, allowed: bool, required: &[String]) -> Result<(), Error> {
    if !allowed && !call.caller.is_admin() {
        return Err(fail::forbidden("Your role may not make such keys (key_generation_settings)."));
    }
    match required.iter().find(|name| body.raw(name).is_none_or(serde_json::Value::is_null)) {
        Some(name) => Err(fail::invalid(name, format!("`{name}` is required (key_generation_settings)."))),
        None => Ok(()),
    }
}
