//! Showing users.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{find, no_such_user, shown};
use crate::base::error::Error;
use crate::domain::keys::{Key, Member, Team};
use crate::manage::{Call, fail, show};
use crate::store::{Find, Test, Value as Column};

/// Keys and teams shown at most; beyond that there are the lists, which have pages.
const MOST: u32 = 1_000;

/// Whom the query is about: itself, unless it says otherwise and the caller sees all.
///
/// # Errors
/// 403 for somebody else.
pub fn asked(call: &Call) -> Result<Option<String>, Error> {
    let asked = call.query.id("user_id")?.value();
    match asked {
        Some(id) if !call.caller.sees_all() && !call.caller.is_user(&id) => {
            let own = call.caller.user_id.as_deref().unwrap_or("None");
            let message =
                format!("key not allowed to access this user's info. user_id={id}, key's user_id={own}");
            Err(fail::forbidden_field("user_id", message))
        }
        Some(id) => Ok(Some(id)),
        None if call.caller.key.is_none() => Ok(None),
        None => Ok(call.caller.user_id.clone()),
    }
}

/// `/user/info`: a user with its keys and teams; the master key without an id sees all keys and teams.
///
/// # Errors
/// 404; 403 for somebody else.
pub async fn info(call: Call) -> Result<Value, Error> {
    let Some(id) = asked(&call)? else {
        if call.caller.key.is_some() {
            return own_key_only(&call);
        }
        let keys = keys(&call, Vec::new()).await?;
        let teams = teams(&call, Vec::new()).await?;
        return Ok(json!({"user_id": null, "user_info": null, "keys": keys, "teams": teams}));
    };
    let Some(user) = find(&call, &id).await? else { return Err(no_such_user(&id)) };
    let row = shown(&call, &user).await?;
    let keys = keys(&call, vec![Test::Is("user_id", Column::from(&id))]).await?;
    let ids = row["teams"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let teams = teams(&call, vec![Test::OneOf("id", ids.map(Column::from).collect())]).await?;
    Ok(json!({"user_id": id, "user_info": row, "keys": keys, "teams": teams}))
}

/// What a key without a user sees.
fn own_key_only(call: &Call) -> Result<Value, Error> {
    let keys: Vec<Value> =
        call.caller.key.iter().map(|key| Value::Object(show::key::changed(key, None))).collect();
    Ok(json!({"user_id": null, "user_info": null, "keys": keys, "teams": []}))
}

/// `/v2/user/info`: the user alone.
///
/// # Errors
/// As [`info`].
pub async fn flat_info(call: Call) -> Result<Value, Error> {
    let id = asked(&call)?.ok_or_else(|| fail::missing("user_id"))?;
    let user = find(&call, &id).await?.ok_or_else(|| no_such_user(&id))?;
    let row = shown(&call, &user).await?;
    let names = [
        "user_id",
        "user_email",
        "user_alias",
        "user_role",
        "spend",
        "max_budget",
        "models",
        "budget_duration",
        "budget_reset_at",
        "metadata",
        "created_at",
        "updated_at",
        "sso_user_id",
        "teams",
        "tpm_limit",
        "rpm_limit",
        "model_max_budget",
    ];
    Ok(names
        .into_iter()
        .map(|name| (name.to_string(), row[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into())
}

async fn keys(call: &Call, tests: Vec<Test>) -> Result<Vec<Value>, Error> {
    let find = Find { size: MOST, ..Find::all(tests) };
    let found = call.manage.store().find::<Key>(find).await.map_err(fail::store)?.rows;
    let ids: Vec<Column> = found.iter().filter_map(|key| key.team_id.as_ref()).map(Column::from).collect();
    let teams = call.manage.store().find::<Team>(Find::all(vec![Test::OneOf("id", ids)])).await;
    let aliases: BTreeMap<String, Option<String>> =
        teams.map_err(fail::store)?.rows.into_iter().map(|team| (team.team_id, team.team_alias)).collect();
    let shown = found.iter().map(|key| {
        let mut row = Value::Object(show::key::changed(key, None));
        row["team_alias"] = key.team_id.as_ref().and_then(|id| aliases.get(id).cloned().flatten()).into();
        row
    });
    Ok(shown.collect())
}

async fn teams(call: &Call, tests: Vec<Test>) -> Result<Vec<Value>, Error> {
    let store = call.manage.store();
    let teams = store.find::<Team>(Find { size: MOST, ..Find::all(tests) }).await.map_err(fail::store)?.rows;
    let ids = teams.iter().map(|team| Column::from(&team.team_id)).collect();
    let members =
        store.find::<Member>(Find::all(vec![Test::OneOf("id", ids)])).await.map_err(fail::store)?.rows;
    let shown = teams.iter().map(|team| {
        let own: Vec<Member> =
            members.iter().filter(|member| member.team_id == team.team_id).cloned().collect();
        Value::Object(show::team::row(team, &own))
    });
    Ok(shown.collect())
}
