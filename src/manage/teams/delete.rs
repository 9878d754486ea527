//! Deleting teams with their keys and members.

use serde_json::{Value, json};

use super::find;
use crate::base::error::Error;
use crate::manage::{Call, Changed, fail};

/// `/team/delete`.
///
/// # Errors
/// 404 when one of them does not exist, and nothing is deleted then; 422 without a list.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let ids = call.body.texts("team_ids")?.value().filter(|ids| !ids.is_empty());
    let ids = ids.ok_or_else(|| fail::missing("team_ids"))?;
    let mut rows = Vec::new();
    for id in &ids {
        let team = find(&call, id).await?;
        rows.push(super::shown(&call, &team).await?);
    }
    let deleted = call.manage.store().delete_teams(ids, call.by(), call.now_ms).await;
    let (teams, keys) = deleted.map_err(fail::store)?;
    keys.iter().for_each(|key| call.manage.tell(key.into()));
    teams.into_iter().for_each(|team| call.manage.tell(Changed::Team(team.team_id)));
    Ok(json!({"deleted_teams": rows}))
}
