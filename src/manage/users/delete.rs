//! Deleting users with their keys and memberships.

use serde_json::Value;

use super::no_such_user;
use crate::base::error::Error;
use crate::domain::keys::User;
use crate::manage::{Call, Changed, fail};

/// `/user/delete`: answers how many.
///
/// # Errors
/// 404 when one of them does not exist, and nothing is deleted then; 422 without a list.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let ids = call.body.texts("user_ids")?.value().filter(|ids| !ids.is_empty());
    let ids = ids.ok_or_else(|| fail::missing("user_ids"))?;
    let store = call.manage.store();
    let mut teams = Vec::new();
    for id in &ids {
        if store.get::<User>(id, "").await.map_err(fail::store)?.is_none() {
            return Err(no_such_user(id));
        }
        teams.extend(super::memberships(&call.manage, id).await?.into_iter().map(|member| member.team_id));
    }
    let (users, keys) = store.delete_users(ids, call.by(), call.now_ms).await.map_err(fail::store)?;
    keys.iter().for_each(|key| call.manage.tell(key.into()));
    teams.into_iter().for_each(|team| call.manage.tell(Changed::Team(team)));
    for user in &users {
        call.manage.tell(Changed::User(user.user_id.clone()));
    }
    Ok(users.len().into())
}
