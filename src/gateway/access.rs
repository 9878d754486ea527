//! May this caller ask for this model?

use super::call::Call;
use super::caller::Caller;
use crate::base::error::{Error, Kind};
use crate::domain::routing::groups::Resolved;
use crate::domain::scope::ScopeKind;

/// Checks the model lists of key, team, member, user and organization.
///
/// # Errors
/// 403. Which models are allowed is not disclosed.
pub fn check(caller: &Caller, call: &Call) -> Result<(), Error> {
    let names = [&*call.requested, &*call.resolved.group];
    let Some(whose) = forbidden(caller, &names, &call.resolved) else { return Ok(()) };
    let type_ = match whose {
        ScopeKind::Team | ScopeKind::TeamMember => "team_model_access_denied",
        ScopeKind::User => "user_model_access_denied",
        ScopeKind::Organization => "org_model_access_denied",
        _ => "key_model_access_denied",
    };
    let shown: String = call.requested.chars().take(200).collect();
    let message = format!(
        "The requested model '{shown}' is not available for this API key, or the model name is invalid. Check the \
         models available to you and try again."
    );
    Err(Error::new(Kind::Forbidden, message).with_type(type_).with_param("model"))
}

/// Whose list does not have the model under any of its names.
pub fn forbidden(caller: &Caller, names: &[&str], resolved: &Resolved) -> Option<ScopeKind> {
    let in_access_group = |name: &str| {
        resolved.members.iter().any(|member| {
            let groups = member.deployment.info.raw.get("access_groups").and_then(|groups| groups.as_array());
            groups.into_iter().flatten().any(|group| group.as_str() == Some(name))
        })
    };
    caller.identity().forbids(names, in_access_group)
}
