//! Showing a team.

use serde_json::{Value, json};

use super::{find, members_of, must_belong};
use crate::base::error::Error;
use crate::domain::keys::{Budget, Key, Member, Team};
use crate::manage::{Call, fail, show};
use crate::store::{Find, Test, Value as Column};

/// Keys shown when the request does not say how many.
const KEYS: i64 = 1_000;

/// `/team/info`: the team, its keys and its memberships; members who do not run it see their own keys only.
///
/// # Errors
/// 404; 403 for others.
pub async fn info(call: Call) -> Result<Value, Error> {
    let team_id = match call.query.id("team_id")?.value() {
        Some(id) => id,
        None => own_team(&call).ok_or_else(|| fail::missing("team_id"))?,
    };
    must_belong(&call, &team_id)?;
    let team = find(&call, &team_id).await?;
    let members = members_of(&call, &team_id).await?;
    let mut row = Value::Object(show::team::row(&team, &members));
    let team_wide = budget(&call, team.team_member_budget_id.as_deref()).await?;
    row["team_member_budget_table"] = team_wide.as_ref().map_or(Value::Null, show::budget::linked);
    row["caller_edit_access"] = (call.caller.is_admin() || call.caller.runs_team(&team_id)).into();
    let keys = keys(&call, &team).await?;
    let memberships = memberships(&call, &members, team_wide.as_ref()).await?;
    Ok(json!({"team_id": team_id, "team_info": row, "keys": keys, "team_memberships": memberships}))
}

fn own_team(call: &Call) -> Option<String> {
    call.caller.key.as_ref().and_then(|key| key.team_id.clone())
}

async fn budget(call: &Call, id: Option<&str>) -> Result<Option<Budget>, Error> {
    match id {
        Some(id) => call.manage.store().get::<Budget>(id, "").await.map_err(fail::store),
        None => Ok(None),
    }
}

async fn keys(call: &Call, team: &Team) -> Result<Vec<Value>, Error> {
    let size = call.query.count("key_limit")?.unwrap_or(KEYS).clamp(0, KEYS);
    let mut tests = vec![Test::Is("team_id", Column::from(&team.team_id))];
    if !call.caller.sees_all() && !call.caller.runs_team(&team.team_id) {
        tests.push(Test::Is("user_id", Column::from(call.caller.user_id.as_deref())));
    }
    let size = u32::try_from(size).unwrap_or_default();
    if size == 0 {
        return Ok(Vec::new());
    }
    let find = Find { size, ..Find::all(tests) };
    let found = call.manage.store().find::<Key>(find).await.map_err(fail::store)?.rows;
    Ok(found.iter().map(|key| Value::Object(show::key::changed(key, None))).collect())
}

/// What the members may spend; those who do not run the team see themselves only.
async fn memberships(
    call: &Call,
    members: &[Member],
    team_wide: Option<&Budget>,
) -> Result<Vec<Value>, Error> {
    let mut shown = Vec::new();
    for member in members {
        let all = call.caller.sees_all() || call.caller.runs_team(&member.team_id);
        if all || call.caller.is_user(&member.user_id) {
            let own = budget(call, member.budget_id.as_deref()).await?;
            shown.push(show::team::membership(member, own.as_ref(), team_wide));
        }
    }
    Ok(shown)
}

/// `/team/{team_id}/members/me`: the caller in the team.
///
/// # Errors
/// 404 when it is not in the team.
pub async fn me(call: Call) -> Result<Value, Error> {
    let team_id = call.in_path("team_id").to_string();
    let Some(member) = call.caller.membership(&team_id) else {
        return Err(fail::not_found("team_id", format!("You are not in team {team_id}.")));
    };
    let team = find(&call, &team_id).await?;
    let (own, team_wide) = (
        budget(&call, member.budget_id.as_deref()).await?,
        budget(&call, team.team_member_budget_id.as_deref()).await?,
    );
    let mut shown = show::team::membership(member, own.as_ref(), team_wide.as_ref());
    shown["role"] = json!(member.role);
    shown["user_email"] = member.user_email.clone().into();
    shown["team_alias"] = team.team_alias.into();
    Ok(shown)
}
