//! The user, team and budgets that a key names.

use super::access;
use crate::base::error::Error;
use crate::domain::keys::{Budget, Key, Team};
use crate::manage::{Call, fail};
use crate::store::{StoreError, Transaction};

/// Lets a caller give a key to this team only if it may make keys there. A key of a team makes keys of that team
/// only: otherwise its holder would leave the team's budget behind.
///
/// # Errors
/// 403; 400 for a team that does not exist.
pub async fn judge_team(call: &Call, before: &Key, after: &Key) -> Result<(), Error> {
    let caller = &call.caller;
    if caller.is_admin() || (after.team_id == before.team_id && !after.hash.is_empty()) {
        return Ok(());
    }
    let own_team = caller.key.as_ref().and_then(|key| key.team_id.as_deref());
    let Some(team_id) = after.team_id.as_deref() else {
        if own_team.is_some() || before.team_id.is_some() {
            return Err(fail::forbidden_field("team_id", "The key must stay in its team."));
        }
        return Ok(());
    };
    if own_team.is_some_and(|own| own != team_id) {
        return Err(fail::forbidden_field("team_id", "A key of a team makes keys of that team only."));
    }
    let team = call.manage.store().get::<Team>(team_id, "").await.map_err(fail::store)?;
    if team.is_none() {
        let message = format!("Team not found, passed team_id={team_id}");
        return Err(fail::invalid("team_id", message));
    }
    access::must_act_in_team(call, team_id, true).await
}

/// Finds the shared budgets that a key is made to point to, in the transaction that saves it. What it pointed to
/// before may be gone since, and is no reason to refuse other changes.
///
/// # Errors
/// `Invalid` when one does not exist.
pub fn budgets_exist(transaction: &mut Transaction<'_>, before: &Key, after: &Key) -> Result<(), StoreError> {
    for (name, old, new) in [
        ("budget_id", &before.budget_id, &after.budget_id),
        ("end_user_budget_id", &before.end_user_budget_id, &after.end_user_budget_id),
    ] {
        if let Some(id) = new
            && old != new
            && transaction.get::<Budget>(id, "")?.is_none()
        {
            return Err(StoreError::invalid(format!("Budget not found, {name}={id}")));
        }
    }
    Ok(())
}
