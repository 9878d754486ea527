//! Users: people and programs that own keys.

mod configure;
mod delete;
mod fields;
mod info;
mod list;
mod new;
mod sign_in;
mod spend;
mod update;

pub use configure::{configure, key_for};
pub use delete::delete;
pub use info::{flat_info, info};
pub use list::{available_roles, available_users, list};
pub use new::new;
pub use sign_in::{invitation, password};
pub use spend::{reset_budget, spend};
pub use update::{bulk_update, update};

use serde_json::Value;

use super::{Call, Manage, fail, show};
use crate::base::error::Error;
use crate::domain::keys::{Member, OrgMember, User};
use crate::store::{Find, Store, Test, Value as Column};

/// A user by its id.
async fn find(call: &Call, user_id: &str) -> Result<Option<User>, Error> {
    call.manage.store().get::<User>(user_id, "").await.map_err(fail::store)
}

/// A user by its e-mail, whatever the case.
///
/// # Errors
/// 503.
pub async fn find_by_email(store: &Store, email: &str) -> Result<Option<User>, Error> {
    let find = Find::all(vec![Test::Is("email", Column::from(email.to_lowercase()))]);
    Ok(store.find::<User>(find).await.map_err(fail::store)?.rows.into_iter().next())
}

/// The user that a request names in `user_id`, or else in `user_email`.
async fn named(call: &Call, body: &super::body::Body) -> Result<User, Error> {
    let (id, email) = (body.id("user_id")?.value(), body.id("user_email")?.value());
    let found = match (&id, &email) {
        (Some(id), _) => find(call, id).await?,
        (None, Some(email)) => find_by_email(call.manage.store(), email).await?,
        (None, None) => return Err(fail::missing("user_id")),
    };
    found.ok_or_else(|| no_such_user(&id.or(email).unwrap_or_default()))
}

/// 404.
fn no_such_user(name: &str) -> Error {
    fail::not_found("user_id", format!("User {name} not found"))
}

/// The teams that a user is in.
async fn memberships(manage: &Manage, user_id: &str) -> Result<Vec<Member>, Error> {
    let find = Find::all(vec![Test::Is("part", Column::from(user_id))]);
    Ok(manage.store().find::<Member>(find).await.map_err(fail::store)?.rows)
}

/// The row of a user as it is shown.
async fn shown(call: &Call, user: &User) -> Result<Value, Error> {
    let teams = memberships(&call.manage, &user.user_id).await?;
    let teams: Vec<String> = teams.into_iter().map(|member| member.team_id).collect();
    let find = Find::all(vec![Test::Is("part", Column::from(&user.user_id))]);
    let organizations = call.manage.store().find::<OrgMember>(find).await.map_err(fail::store)?.rows;
    Ok(Value::Object(show::user::row(user, &teams, &organizations)))
}
