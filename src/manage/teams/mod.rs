//! Teams and their members.

mod delete;
mod fields;
mod info;
mod list;
mod members;
mod membership;
mod new;
mod permissions;
mod update;

pub use delete::delete;
pub use info::{info, me};
pub use list::{available, list, paged_list};
pub use membership::{add, add_several, change, remove, reset_member_spend};
pub use new::new;
pub use permissions::{permissions, set_permissions};
pub use update::{add_models, block, patch, remove_models, reset_spend, unblock, update};

use serde_json::Value;

use super::{Call, fail, show};
use crate::base::error::Error;
use crate::domain::keys::{Member, Team};
use crate::store::{Find, Test, Value as Column};

/// A team that must exist.
async fn find(call: &Call, team_id: &str) -> Result<Team, Error> {
    let found = call.manage.store().get::<Team>(team_id, "").await.map_err(fail::store)?;
    found.ok_or_else(|| no_such_team(team_id))
}

/// 404.
fn no_such_team(team_id: &str) -> Error {
    fail::not_found("team_id", format!("Team not found, passed team_id={team_id}"))
}

/// Lets only admins and those who run a team pass.
fn must_run(call: &Call, team_id: &str) -> Result<(), Error> {
    if call.caller.is_admin() || call.caller.runs_team(team_id) {
        return Ok(());
    }
    let message = format!("Only an admin, or somebody who runs team {team_id}, may do this.");
    Err(fail::forbidden_field("team_id", message))
}

/// Lets only those pass who see everything or are in a team.
fn must_belong(call: &Call, team_id: &str) -> Result<(), Error> {
    let key_of_team = call.caller.key.as_ref().is_some_and(|key| key.team_id.as_deref() == Some(team_id));
    if call.caller.sees_all() || call.caller.membership(team_id).is_some() || key_of_team {
        return Ok(());
    }
    Err(fail::forbidden_field("team_id", format!("You are not in team {team_id}.")))
}

/// The members of a team, in the order in which they came.
async fn members_of(call: &Call, team_id: &str) -> Result<Vec<Member>, Error> {
    let tests = vec![Test::Is("id", Column::from(team_id))];
    let find = Find { descending: false, ..Find::all(tests) };
    Ok(call.manage.store().find::<Member>(find).await.map_err(fail::store)?.rows)
}

/// The row of a team as it is shown.
async fn shown(call: &Call, team: &Team) -> Result<Value, Error> {
    let members = members_of(call, &team.team_id).await?;
    Ok(Value::Object(show::team::row(team, &members)))
}
