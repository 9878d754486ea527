//! May this caller ask for this model?

use super::call::Call;
use super::caller::Caller;
use crate::actors::key_directory::Identity;
use crate::base::error::{Error, Kind};
use crate::domain::routing::groups::Resolved;
use crate::domain::scope::ScopeKind;

/// Checks the model lists of key, team, member, user and organization, for the group that was asked for and for the
/// fallbacks that the request brings along. Fallbacks of the configuration are the operator's choice.
///
/// # Errors
/// 403. Which models are allowed is not disclosed.
pub fn check(caller: &Caller, call: &Call) -> Result<(), Error> {
    if let Some(whose) = forbidden(caller, &[&call.requested, &call.resolved.group], &call.resolved) {
        return Err(denied(whose, &call.requested));
    }
    for target in call.request_fallbacks.targets() {
        let Some(resolved) = call.table.groups.resolve(target) else { continue };
        if let Some(whose) = forbidden(caller, &[target, &resolved.group], &resolved) {
            return Err(denied(whose, target));
        }
    }
    Ok(())
}

fn denied(whose: ScopeKind, model: &str) -> Error {
    let type_ = match whose {
        ScopeKind::Team | ScopeKind::TeamMember => "team_model_access_denied",
        ScopeKind::User => "user_model_access_denied",
        ScopeKind::Organization => "org_model_access_denied",
        _ => "key_model_access_denied",
    };
    let shown: String = model.chars().take(200).collect();
    let message = format!(
        "The requested model '{shown}' is not available for this API key, or the model name is invalid. Check the \
         models available to you and try again."
    );
    Error::new(Kind::Forbidden, message).with_type(type_).with_param("model")
}

/// Whose list does not have the model under any of its names.
pub fn forbidden(caller: &Caller, names: &[&str], resolved: &Resolved) -> Option<ScopeKind> {
    caller.identity().forbids(names, |name| resolved.in_access_group(name))
}

/// Whether a caller could ask for this group, and so may be told that there is one.
pub fn may_know(identity: &Identity, resolved: &Resolved) -> bool {
    let names = [&*resolved.name, &*resolved.group];
    identity.forbids(&names, |name| resolved.in_access_group(name)).is_none()
}
