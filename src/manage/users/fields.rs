//! What a request says about a user's fields, put into the user.

use crate::base::error::Error;
use crate::domain::keys::{Role, User};
use crate::manage::body::{Body, Given};
use crate::manage::fail;
use crate::manage::keys::fields::{limits, metadata};

/// Fields that requests name at the top and that are kept in the metadata.
const IN_METADATA: [&str; 4] = ["model_rpm_limit", "model_tpm_limit", "tags", "guardrails"];

/// Puts all fields of a request into a user.
///
/// # Errors
/// 422 for values of wrong types, 400 for values that make no sense.
pub fn apply(body: &Body, user: &mut User) -> Result<(), Error> {
    if body.raw("password").is_some_and(|password| !password.is_null()) {
        return Err(fail::invalid("password", "Users have keys here, no passwords."));
    }
    body.name("user_alias")?.set(&mut user.user_alias);
    body.name("user_email")?.set(&mut user.user_email);
    body.id("sso_user_id")?.set(&mut user.sso_user_id);
    body.id("organization_id")?.set(&mut user.organization_id);
    match body.id("user_role")? {
        Given::Absent => {}
        Given::Null => user.user_role = None,
        Given::Is(name) => user.user_role = Some(role(&name)?),
    }
    limits(body, &mut user.limits)?;
    body.id("budget_id")?.set(&mut user.budget_id);
    body.texts("models")?.fill(&mut user.models);
    body.texts("allowed_cache_controls")?.fill(&mut user.allowed_cache_controls);
    body.texts("policies")?.fill(&mut user.policies);
    body.id("object_permission_id")?.set(&mut user.object_permission_id);
    metadata(body, &mut user.metadata, &IN_METADATA)
}

/// A role by its name.
///
/// # Errors
/// 422.
fn role(name: &str) -> Result<Role, Error> {
    Role::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        fail::wrong_type("user_role", format!("`user_role` must be one of {}.", names.join(", ")))
    })
}
