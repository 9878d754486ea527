//! Organizations (`/organization/*`): they own teams, have members and bound what all of them spend together.

mod access;
mod change;
mod member_fields;
mod members;
mod show;

pub use change::{delete, new, update};
pub use members::{member_add, member_delete, member_update};

use serde_json::Value;

use super::{Call, fail};
use crate::base::error::Error;
use crate::domain::keys::Organization;
use crate::store::{Find, Test};

/// `/organization/info`: the organization of `organization_id`, with members and teams.
///
/// # Errors
/// 404 when there is none; 403 for those who are not in it; 422.
pub async fn info(call: Call) -> Result<Value, Error> {
    let id = call.query.must("organization_id")?;
    access::must_be_in(&call, &id).await?;
    let found = call.manage.store().get::<Organization>(&id, "").await.map_err(fail::store)?;
    show::whole(&call, &found.ok_or_else(|| unknown("organization_id", &id))?).await
}

/// `/organization/list`: all organizations, or those in which the caller is; newest first. `org_id` and
/// `org_alias` (a part of it) narrow it down.
///
/// # Errors
/// 503.
pub async fn list(call: Call) -> Result<Value, Error> {
    let mut tests = Vec::new();
    tests.extend(call.query.id("org_id")?.value().map(|id| Test::Is("id", id.into())));
    tests.extend(call.query.id("org_alias")?.value().map(|text| Test::Contains("alias", text)));
    if !call.caller.sees_all() {
        let own = access::own(&call).await?;
        tests.push(Test::OneOf("id", own.into_iter().map(Into::into).collect()));
    }
    let found = call.manage.store().find::<Organization>(Find::all(tests)).await.map_err(fail::store)?;
    Ok(show::several(&call, &found.rows).await?.into())
}

/// 404.
fn unknown(param: &str, id: &str) -> Error {
    fail::not_found(param, format!("Organization not found, {param}={id}"))
}

#[cfg(test)]
mod tests;
