//! Who may call what: one table of routes ([`ROUTES`]), the lists of routes that a key may be bound to
//! ([`groups`]), and the fields that only admins may set ([`fields`]).

pub mod fields;
pub mod groups;
mod routes;

#[cfg(test)]
mod tests;

use super::caller::{Caller, Standing};
use super::fail;
use crate::base::error::Error;

pub use routes::ROUTES;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `GET`, and `HEAD`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

/// What somebody may do with a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Everything.
    All,
    /// Only with rows of its own; the operation says which those are.
    Own,
    /// Nothing.
    No,
}

/// A row of the table. The holder of the master key may call every route.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The method.
    pub verb: Verb,
    /// The path, `{names}` in it standing for one part each.
    pub path: &'static str,
    /// `proxy_admin`.
    pub admin: Right,
    /// `proxy_admin_viewer`.
    pub viewer: Right,
    /// `internal_user`.
    pub user: Right,
    /// `internal_user_viewer`.
    pub user_viewer: Right,
    /// A key without a user, or whose user does not exist.
    pub nobody: Right,
}

impl Rule {
    /// What somebody of this standing may do.
    pub fn right(&self, standing: Standing) -> Right {
        match standing {
            Standing::Master => Right::All,
            Standing::Admin => self.admin,
            Standing::Viewer => self.viewer,
            Standing::User => self.user,
            Standing::UserViewer => self.user_viewer,
            Standing::Nobody => self.nobody,
        }
    }
}

/// The row of a route.
pub fn rule(verb: Verb, path: &str) -> Option<&'static Rule> {
    ROUTES.iter().find(|rule| rule.verb == verb && rule.path == path)
}

/// Whether a caller may call a route at all; `path` is what it asked for, `pattern` the route's.
///
/// # Errors
/// 403 when its role or its key's list of routes says no.
pub fn admit(caller: &Caller, verb: Verb, pattern: &str, path: &str) -> Result<Right, Error> {
    if let Some(key) = &caller.key
        && !groups::allows(&key.allowed_routes, path)
    {
        return Err(fail::forbidden(format!(
            "Virtual key is not allowed to call this route. Only allowed to call routes: [{}]. Tried to call \
             route: {pattern}",
            key.allowed_routes.join(", ")
        )));
    }
    // A route without a row is nobody's but the master's; a test holds that each has one.
    let right = match (rule(verb, pattern), caller.standing) {
        (_, Standing::Master) => Right::All,
        (Some(rule), standing) => rule.right(standing),
        (None, _) => Right::No,
    };
    if right == Right::No {
        return Err(denied(caller, pattern));
    }
    Ok(right)
}

/// 403: not with this role. A path may hold a key; the route's pattern does not.
pub fn denied(caller: &Caller, pattern: &str) -> Error {
    fail::forbidden(format!(
        "Your role does not allow this. Route={pattern}. Your role={}.",
        caller.standing.as_str()
    ))
}
