//! Lists of teams.

use serde_json::{Value, json};

use super::members_of;
use crate::base::error::Error;
use crate::domain::keys::{Key, Member, Team};
use crate::manage::keys::access;
use crate::manage::{Call, fail, show};
use crate::store::{Entity, Find, Test, Value as Column};

/// Teams in the list without pages.
const MOST: u32 = 1_000;

/// `sort_by` and its columns.
const SORTS: [(&str, &str); 6] = [
    ("team_id", "id"),
    ("team_alias", "alias"),
    ("created_at", "created_ms"),
    ("spend", "spend"),
    ("max_budget", "max_budget"),
    ("updated_at", "updated_ms"),
];

/// `/team/list`: an array; those who do not see everything see the teams they are in.
///
/// # Errors
/// 403 for somebody else's teams.
pub async fn list(call: Call) -> Result<Value, Error> {
    let find = Find { size: MOST, ..Find::all(tests(&call).await?) };
    let teams = call.manage.store().find::<Team>(find).await.map_err(fail::store)?.rows;
    let ids: Vec<Column> = teams.iter().map(|team| Column::from(&team.team_id)).collect();
    let members = find_all::<Member>(&call, "id", ids.clone()).await?;
    let keys = find_all::<Key>(&call, "team_id", ids).await?;
    let shown = teams.iter().map(|team| row(&call, team, &members, &keys)).collect();
    Ok(Value::Array(shown))
}

async fn find_all<E: Entity>(call: &Call, column: &'static str, ids: Vec<Column>) -> Result<Vec<E>, Error> {
    let find = Find { descending: false, ..Find::all(vec![Test::OneOf(column, ids)]) };
    Ok(call.manage.store().find::<E>(find).await.map_err(fail::store)?.rows)
}

/// A team with what the caller may see of its members' budgets and its keys.
fn row(call: &Call, team: &Team, members: &[Member], keys: &[Key]) -> Value {
    let members: Vec<Member> =
        members.iter().filter(|member| member.team_id == team.team_id).cloned().collect();
    let mut row = Value::Object(show::team::row(team, &members));
    let all = call.caller.sees_all() || call.caller.runs_team(&team.team_id);
    let own = members.iter().filter(|member| all || call.caller.is_user(&member.user_id));
    row["team_memberships"] = own.map(|member| show::team::membership(member, None, None)).collect();
    let of_team = keys.iter().filter(|key| key.team_id.as_ref() == Some(&team.team_id));
    let seen = of_team.filter(|key| all || access::is_own(&call.caller, key));
    row["keys"] = seen.map(|key| Value::Object(show::key::changed(key, None))).collect();
    row
}

/// `/v2/team/list`: the same with pages.
///
/// # Errors
/// As [`list`]; 400 and 422 for pages and orders that do not exist.
pub async fn paged_list(call: Call) -> Result<Value, Error> {
    let (page, size) = call.page("page_size", 10, 100)?;
    let (sort_by, descending) = call.order(&SORTS)?;
    let find = Find { tests: tests(&call).await?, sort_by, descending, page, size };
    let found = call.manage.store().find::<Team>(find).await.map_err(fail::store)?;
    let mut teams = Vec::new();
    for team in &found.rows {
        let members = members_of(&call, &team.team_id).await?;
        let mut row = Value::Object(show::team::row(team, &members));
        let of_team = vec![Test::Is("team_id", Column::from(&team.team_id))];
        let keys = call.manage.store().find::<Key>(Find { size: 1, ..Find::all(of_team) }).await;
        row["members_count"] = members.len().into();
        row["keys_count"] = keys.map_err(fail::store)?.total.into();
        teams.push(row);
    }
    let (total, pages) = (found.total, found.pages(size));
    Ok(json!({"teams": teams, "total": total, "page": page, "page_size": size, "total_pages": pages}))
}

/// `/team/available`: teams that anybody may join; there are none such here.
///
/// # Errors
/// None.
pub async fn available(_: Call) -> Result<Value, Error> {
    Ok(json!([]))
}

async fn tests(call: &Call) -> Result<Vec<Test>, Error> {
    let query = &call.query;
    let mut tests = Vec::new();
    if let Some(user) = query.id("user_id")?.value() {
        if !call.caller.sees_all() && !call.caller.is_user(&user) {
            let message = "Only admin users can query all teams/other teams.";
            return Err(fail::forbidden_field("user_id", message));
        }
        let find = Find::all(vec![Test::Is("part", Column::from(&user))]);
        let of_user = call.manage.store().find::<Member>(find).await.map_err(fail::store)?.rows;
        tests.push(Test::OneOf("id", of_user.iter().map(|member| Column::from(&member.team_id)).collect()));
    }
    if !call.caller.sees_all() {
        let mut own: Vec<Column> =
            call.caller.memberships.iter().map(|member| Column::from(&member.team_id)).collect();
        own.extend(call.caller.key.as_ref().and_then(|key| key.team_id.as_ref()).map(Column::from));
        tests.push(Test::OneOf("id", own));
    }
    for (name, column) in [("organization_id", "organization_id"), ("team_id", "id")] {
        if let Some(value) = query.id(name)?.value() {
            tests.push(Test::Is(column, Column::from(value)));
        }
    }
    if let Some(alias) = query.id("team_alias")?.value() {
        tests.push(Test::Contains("alias", alias));
    }
    if let Some(search) = query.id("search")?.value() {
        let columns = ["id", "alias"].into_iter();
        tests.push(Test::Any(columns.map(|column| Test::Contains(column, search.clone())).collect()));
    }
    match query.id("status")?.value().as_deref() {
        None => {}
        Some("active") => tests.push(Test::Is("blocked", false.into())),
        Some("blocked") => tests.push(Test::Is("blocked", true.into())),
        // Deleted teams are not kept.
        Some("deleted") => tests.push(Test::OneOf("id", Vec::new())),
        Some(_) => return Err(fail::invalid("status", "`status` must be active, blocked or deleted.")),
    }
    Ok(tests)
}
