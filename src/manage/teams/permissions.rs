//! What members who do not run a team may do with its keys.

use serde_json::{Value, json};

use super::{find, must_belong, must_run};
use crate::base::error::Error;
use crate::domain::keys::Team;
use crate::manage::{Call, Changed, fail};

/// Routes that can be given to members.
const AVAILABLE: [&str; 10] = [
    "/key/info",
    "/key/health",
    "/key/list",
    "/key/generate",
    "/key/update",
    "/key/delete",
    "/key/regenerate",
    "/key/{key_id}/regenerate",
    "/key/block",
    "/key/aliases",
];

/// `/team/permissions_list`.
///
/// # Errors
/// 404; 403 for others than members.
pub async fn permissions(call: Call) -> Result<Value, Error> {
    let team_id = call.query.must("team_id")?;
    must_belong(&call, &team_id)?;
    let team = find(&call, &team_id).await?;
    Ok(told(&team))
}

/// `/team/permissions_update`.
///
/// # Errors
/// 404; 403; 400 for routes that cannot be given; 422.
pub async fn set_permissions(call: Call) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    must_run(&call, &team_id)?;
    let name = "team_member_permissions";
    let wanted = call.body.texts(name)?.value().ok_or_else(|| fail::missing(name))?;
    if let Some(bad) = wanted.iter().find(|route| !AVAILABLE.contains(&route.as_str())) {
        let message = format!("`{bad}` cannot be given to members. It can be {}.", AVAILABLE.join(", "));
        return Err(fail::invalid(name, message));
    }
    find(&call, &team_id).await?;
    let saved = call.manage.store().update::<Team>(&team_id, "", call.now_ms, move |team| {
        team.team_member_permissions.clone_from(&wanted);
        Ok(())
    });
    let team = saved.await.map_err(fail::store)?;
    call.manage.tell(Changed::Team(team_id));
    Ok(told(&team))
}

fn told(team: &Team) -> Value {
    json!({
        "team_id": team.team_id,
        "team_member_permissions": team.team_member_permissions,
        "all_available_permissions": AVAILABLE,
    })
}
