//! Making teams.

use serde_json::Value;

use super::{fields, members};
use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::{Budget, Member, Organization, Team, TeamRole};
use crate::manage::body::Body;
use crate::manage::{Call, Changed, fail, show};
use crate::store::{StoreError, StoreErrorKind, Transaction};

/// `/team/new`.
///
/// # Errors
/// 400 when the id is taken, and for fields; 422.
pub async fn new(call: Call) -> Result<Value, Error> {
    let mut body = call.body.clone();
    for (name, value) in &call.manage.settings().default_team_params {
        if body.raw(name).is_none_or(Value::is_null) {
            body.0.insert(name.clone(), value.clone());
        }
    }
    let team_id = body.name("team_id")?.value().unwrap_or_else(ids::call_id);
    let mut team = Team { team_id: team_id.clone(), ..Team::default() };
    fields::apply(&body, &mut team)?;
    let budget = member_budget(&body)?;
    let wanted = everybody(&call, &body)?;
    let spend = body.dollars("spend")?.value().unwrap_or(0);
    let saved = call.manage.store().transaction(call.now_ms, move |transaction| {
        save(transaction, team.clone(), budget.clone(), &wanted, spend)
    });
    let (team, members) = saved.await.map_err(|error| refused(error, &team_id))?;
    for member in &members {
        call.manage.tell(Changed::User(member.user_id.clone()));
    }
    call.manage.tell(Changed::Team(team_id));
    let mut row = show::team::row(&team, &members);
    row.insert("created_at".into(), show::zulu(team.created_at_ms));
    row.insert("updated_at".into(), show::zulu(team.updated_at_ms));
    Ok(Value::Object(row))
}

fn member_budget(body: &Body) -> Result<Option<Budget>, Error> {
    if !fields::names_member_budget(body) {
        return Ok(None);
    }
    let mut budget = Budget { budget_id: ids::call_id(), ..Budget::default() };
    fields::member_budget(body, &mut budget)?;
    Ok(Some(budget))
}

/// Those whom the request names, and the one who makes the team as its admin.
fn everybody(call: &Call, body: &Body) -> Result<Vec<members::Wanted>, Error> {
    let none = Body::default();
    let mut all = Vec::new();
    for who in body.objects("members_with_roles")?.value().unwrap_or_default() {
        all.push(members::wanted(&who, &none)?);
    }
    let maker = call.caller.user_id.clone().filter(|_| !call.manage.settings().teams_without_maker);
    if let Some(user_id) = maker
        && !all.iter().any(|wanted| wanted.member.user_id == user_id)
    {
        let member = Member { user_id, role: TeamRole::Admin, ..Member::default() };
        all.push(members::Wanted { member, fresh_id: String::new() });
    }
    Ok(all)
}

fn save(
    transaction: &mut Transaction<'_>,
    mut team: Team,
    budget: Option<Budget>,
    wanted: &[members::Wanted],
    spend: i64,
) -> Result<(Team, Vec<Member>), StoreError> {
    if let Some(id) = &team.organization_id
        && transaction.get::<Organization>(id, "")?.is_none()
    {
        return Err(StoreError::invalid(format!("Organization not found, passed organization_id={id}")));
    }
    if let Some(budget) = budget {
        team.team_member_budget_id = Some(transaction.create(budget, 0)?.budget_id);
    }
    let team = transaction.create(team, spend)?;
    let mut members = Vec::new();
    for wanted in wanted {
        members.push(members::put(transaction, &team, wanted)?.1);
    }
    Ok((team, members))
}

fn refused(error: StoreError, team_id: &str) -> Error {
    match &error.kind {
        StoreErrorKind::Conflict(_) => {
            let message = format!("Team id = {team_id} already exists. Please use a different team id.");
            fail::invalid("team_id", message)
        }
        StoreErrorKind::Invalid if error.message.starts_with("Organization") => {
            fail::invalid("organization_id", error.message)
        }
        _ => fail::store(error),
    }
}
