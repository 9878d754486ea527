//! Who is in an organization, and who runs it.

use crate::base::error::Error;
use crate::domain::keys::OrgMember;
use crate::manage::{Call, fail};
use crate::store::{Find, Test};

/// The role of those who run an organization.
const ADMIN: &str = "org_admin";

/// The organizations in which the caller is.
///
/// # Errors
/// 503.
pub async fn own(call: &Call) -> Result<Vec<String>, Error> {
    let Some(user) = &call.caller.user_id else { return Ok(Vec::new()) };
    let find = Find::all(vec![Test::Is("part", user.into())]);
    let found = call.manage.store().find::<OrgMember>(find).await.map_err(fail::store)?;
    Ok(found.rows.into_iter().map(|member| member.organization_id).collect())
}

/// Lets only those look at an organization who see everything or are in it.
///
/// # Errors
/// 403; 503.
pub async fn must_be_in(call: &Call, id: &str) -> Result<(), Error> {
    if call.caller.sees_all() || membership(call, id).await?.is_some() {
        return Ok(());
    }
    Err(fail::forbidden_field("organization_id", "You are not in this organization."))
}

/// Lets only admins, and those who run the organization, change who is in it.
///
/// # Errors
/// 403; 503.
pub async fn must_run(call: &Call, id: &str) -> Result<(), Error> {
    let runs = |member: OrgMember| member.user_role.as_deref() == Some(ADMIN);
    if call.caller.is_admin() || membership(call, id).await?.is_some_and(runs) {
        return Ok(());
    }
    Err(fail::forbidden_field("organization_id", "You do not run this organization."))
}

async fn membership(call: &Call, id: &str) -> Result<Option<OrgMember>, Error> {
    let Some(user) = &call.caller.user_id else { return Ok(None) };
    call.manage.store().get::<OrgMember>(id, user).await.map_err(fail::store)
}
