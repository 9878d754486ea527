//! Which models a caller sees: those it may use; all of them if it manages them.

use std::sync::Arc;

use crate::actors::key_directory::{Identity, Terms};
use crate::actors::topology::Table;
use crate::base::error::Error;
use crate::domain::deployment::Deployment;
use crate::domain::routing::groups::{Member, Resolved, Via};
use crate::manage::{Call, fail};

/// What a caller may see.
pub struct Sight(Option<Identity>);

impl Sight {
    /// Of this caller. Its owners are read anew, so that what was changed a moment ago holds.
    ///
    /// # Errors
    /// 503.
    pub async fn of(call: &Call) -> Result<Self, Error> {
        let Some(key) = call.caller.key.as_ref().filter(|_| !call.caller.sees_all()) else {
            return Ok(Sight(None));
        };
        let grant = call.manage.store().grant(&key.hash, call.now_ms).await.map_err(fail::store)?;
        Ok(Sight(Some(match grant {
            Some(grant) => Identity::of_grant(grant, call.now_ms, Terms::default()),
            // Deleted since it was identified.
            None => return Err(fail::forbidden("The key is no longer there.")),
        })))
    }

    /// Whether it sees a group, under the name that clients use.
    pub fn has_group(&self, table: &Table, name: &str) -> bool {
        let Some(identity) = &self.0 else { return true };
        table.groups.resolve(name).is_some_and(|resolved| {
            identity.forbids(&[name, &resolved.group], |group| resolved.in_access_group(group)).is_none()
        })
    }

    /// Whether it sees a deployment.
    pub fn has(&self, table: &Table, deployment: &Arc<Deployment>) -> bool {
        let Some(identity) = &self.0 else { return true };
        let group = &deployment.group;
        let resolved = if group.contains('*') { alone(deployment) } else { table.groups.resolve(group) };
        resolved.is_some_and(|resolved| {
            identity.forbids(&[group], |name| resolved.in_access_group(name)).is_none()
        })
    }
}

/// A wildcard group's name is a pattern, which nobody can ask for as it is.
fn alone(deployment: &Arc<Deployment>) -> Option<Resolved> {
    let member = Member { deployment: Arc::clone(deployment), model: deployment.model.as_str().into() };
    let group = Arc::clone(&deployment.group);
    Some(Resolved { name: Arc::clone(&group), group, members: [member].into(), via: Via::Wildcard })
}
