//! Changing teams.

use serde_json::{Value, json};

use super::{fields, find, must_run, no_such_team, shown};
use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::{Budget, Team};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::manage::body::{Body, Given};
use crate::manage::{Call, Changed, fail, show};
use crate::store::{StoreError, StoreErrorKind};

/// `POST /team/update`.
///
/// # Errors
/// 404; 403 for what the caller may not change; 400 and 422 for fields.
pub async fn update(call: Call) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    changed(&call, &team_id).await
}

/// `PATCH /team/{team_id}`.
///
/// # Errors
/// As [`update`].
pub async fn patch(call: Call) -> Result<Value, Error> {
    let team_id = call.in_path("team_id").to_string();
    changed(&call, &team_id).await
}

async fn changed(call: &Call, team_id: &str) -> Result<Value, Error> {
    must_run(call, team_id)?;
    let before = find(call, team_id).await?;
    let mut after = before.clone();
    fields::apply(&call.body, &mut after)?;
    fields::judge(&call.caller, &call.body, &before, &after)?;
    let spend = call.body.dollars("spend")?;
    if spend != Given::Absent && !call.caller.is_admin() {
        return Err(fail::forbidden_field("spend", "`spend` can only be set by an admin."));
    }
    let mut budget = Budget { budget_id: ids::call_id(), ..Budget::default() };
    fields::member_budget(&call.body, &mut budget)?;
    let team = save(call, team_id, budget, spend).await?;
    Ok(json!({"team_id": team_id, "data": shown(call, &team).await?}))
}

/// Changes the team, the budget of its members, and what it has spent, all or nothing.
async fn save(call: &Call, team_id: &str, fresh: Budget, spend: Given<i64>) -> Result<Team, Error> {
    let (id, body, caller) = (team_id.to_string(), call.body.clone(), call.caller.clone());
    let saved = call.manage.store().transaction(call.now_ms, move |transaction| {
        let said = |error: Error| StoreError::invalid(error.message());
        let mut member_budget = transaction.get::<Team>(&id, "")?.and_then(|team| team.team_member_budget_id);
        if fields::names_member_budget(&body) {
            let existing = match &member_budget {
                Some(id) => transaction.get::<Budget>(id, "")?,
                None => None,
            };
            let saved = match existing {
                Some(budget) => transaction.update::<Budget>(&budget.budget_id, "", &|budget| {
                    fields::member_budget(&body, budget).map_err(said)
                })?,
                None => transaction.create(fresh.clone(), 0)?,
            };
            member_budget = Some(saved.budget_id);
        }
        let mut team = transaction.update::<Team>(&id, "", &|team| {
            let before = team.clone();
            fields::apply(&body, team).map_err(said)?;
            fields::judge(&caller, &body, &before, team).map_err(said)?;
            team.team_member_budget_id.clone_from(&member_budget);
            Ok(())
        })?;
        if let Given::Is(spend) = spend {
            let account = AccountId::new(AccountKind::Team, &id);
            team.state.spend_nanos = transaction.set_spend(&account, spend)?.spend_nanos;
        }
        Ok(team)
    });
    let team = saved.await.map_err(|error| refused(error, team_id))?;
    call.manage.tell(Changed::Team(team_id.to_string()));
    Ok(team)
}

fn refused(error: StoreError, team_id: &str) -> Error {
    match error.kind {
        StoreErrorKind::NotFound => no_such_team(team_id),
        _ => fail::store(error),
    }
}

/// `/team/block`.
///
/// # Errors
/// 404.
pub async fn block(call: Call) -> Result<Value, Error> {
    set(&call, |team, _| team.blocked = true).await
}

/// `/team/unblock`.
///
/// # Errors
/// 404.
pub async fn unblock(call: Call) -> Result<Value, Error> {
    set(&call, |team, _| team.blocked = false).await
}

/// `/team/model/add`.
///
/// # Errors
/// 404; 422.
pub async fn add_models(call: Call) -> Result<Value, Error> {
    models(&call)?;
    set(&call, |team, body| {
        for model in models_of(body) {
            if !team.models.contains(&model) {
                team.models.push(model);
            }
        }
    })
    .await
}

/// `/team/model/delete`. The last model cannot be taken away: a team without a list may use all.
///
/// # Errors
/// 404; 422; 400 for the last one.
pub async fn remove_models(call: Call) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    must_run(&call, &team_id)?;
    let gone = models(&call)?;
    let team = find(&call, &team_id).await?;
    if !team.models.is_empty() && team.models.iter().all(|model| gone.contains(model)) {
        let message =
            "A team without models may use all of them. Block the team, or use `no-default-models`.";
        return Err(fail::invalid("models", message));
    }
    set(&call, |team, body| {
        let gone = models_of(body);
        team.models.retain(|model| !gone.contains(model));
    })
    .await
}

fn models(call: &Call) -> Result<Vec<String>, Error> {
    call.body.texts("models")?.value().ok_or_else(|| fail::missing("models"))
}

fn models_of(body: &Body) -> Vec<String> {
    body.texts("models").ok().and_then(Given::value).unwrap_or_default()
}

/// Changes the team that the body names and answers its row.
async fn set(call: &Call, change: fn(&mut Team, &Body)) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    let body = call.body.clone();
    let saved = call.manage.store().update::<Team>(&team_id, "", call.now_ms, move |team| {
        change(team, &body);
        Ok(())
    });
    let team = saved.await.map_err(|error| refused(error, &team_id))?;
    call.manage.tell(Changed::Team(team_id));
    shown(call, &team).await
}

/// `/team/{team_id}/reset_spend`: sets what was spent in this period to something lower.
///
/// # Errors
/// 404; 400 when it is more than was spent.
pub async fn reset_spend(call: Call) -> Result<Value, Error> {
    let team = find(&call, call.in_path("team_id")).await?;
    let account = AccountId::new(AccountKind::Team, &team.team_id);
    let (spend, previous) = crate::manage::spend::lower(&call, account).await?;
    call.manage.tell(Changed::Team(team.team_id.clone()));
    Ok(json!({
        "team_id": team.team_id,
        "spend": spend,
        "previous_spend": previous,
        "max_budget": show::maybe_usd(team.limits.max_budget_nanos),
        "budget_reset_at": show::offset(team.state.budget_reset_at_ms),
    }))
}
