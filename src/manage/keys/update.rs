//! Changing keys.

use serde_json::{Value, json};

use super::{access, baseline, bounds, changed_row, fields, generate, owners};
use crate::base::error::Error;
use crate::domain::keys::Key;
use crate::domain::ledger::{AccountId, AccountKind};
use crate::manage::body::{Body, Given};
use crate::manage::{Call, fail};
use crate::store::StoreError;

/// `/key/update`.
///
/// # Errors
/// 404 for an unknown key, 403 for what the caller may not change, 400 and 422 for fields.
pub async fn update(call: Call) -> Result<Value, Error> {
    let key = access::named(&call).await?;
    let given = call.body.raw("key").cloned();
    let saved = change(&call, key, &call.body).await?;
    let mut row = changed_row(&call, &saved).await?;
    row["key"] = given.unwrap_or_else(|| saved.hash.into());
    Ok(row)
}

/// `/key/bulk_update`: each on its own; what fails is told beside what went well.
///
/// # Errors
/// 422 when there is no list.
pub async fn bulk_update(call: Call) -> Result<Value, Error> {
    let asked = call.body.objects("keys")?.value().ok_or_else(|| fail::missing("keys"))?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let total = asked.len();
    for body in asked {
        let name = body.raw("key").cloned().unwrap_or_default();
        match change_one(&call, &body).await {
            Ok(info) => done.push(json!({"key": name, "key_info": info})),
            Err(error) => {
                failed.push(json!({"key": name, "key_info": null, "failed_reason": error.message()}));
            }
        }
    }
    Ok(json!({"total_requested": total, "successful_updates": done, "failed_updates": failed}))
}

async fn change_one(call: &Call, body: &Body) -> Result<Value, Error> {
    let name = body.must("key")?;
    let key = access::find(call, &name).await?.ok_or_else(access::no_such_key)?;
    let saved = change(call, key, body).await?;
    changed_row(call, &saved).await
}

/// Changes a key as `body` says.
async fn change(call: &Call, before: Key, body: &Body) -> Result<Key, Error> {
    access::must_change(call, &before).await?;
    let spend = body.dollars("spend")?;
    if spend != Given::Absent && !call.caller.is_admin() {
        return Err(fail::forbidden_field("spend", "`spend` can only be set by an admin."));
    }
    let mut after = before.clone();
    fields::apply(body, &mut after, call.now_ms)?;
    bounds::keep(body, &call.manage.settings().upper_bounds, call.caller.is_admin(), &before, &after)?;
    owners::judge_team(call, &before, &after).await?;
    baseline::judge(&call.caller, &before, &after)?;
    let (body, caller, by, now_ms) = (body.clone(), call.caller.clone(), call.by(), call.now_ms);
    let (hash, alias) = (before.hash.clone(), after.key_alias.clone());
    let saved = call.manage.store().transaction(now_ms, move |transaction| {
        owners::budgets_exist(transaction, &before, &after)?;
        let mut saved = transaction.update::<Key>(&hash, "", &|key| {
            let now = key.clone();
            // The row may have changed since it was judged.
            let said = |error: Error| StoreError::invalid(error.message());
            fields::apply(&body, key, now_ms).map_err(said)?;
            baseline::judge(&caller, &now, key).map_err(said)?;
            key.updated_by.clone_from(&by);
            key.settings_updated_at_ms = Some(now_ms);
            Ok(())
        })?;
        if let Given::Is(spend) = spend {
            let id = AccountId::new(AccountKind::Key, &hash);
            saved.state.spend_nanos = transaction.set_spend(&id, spend)?.spend_nanos;
        }
        Ok(saved)
    });
    let saved = saved.await.map_err(|error| generate::refused(error, alias.as_deref()))?;
    call.manage.tell((&saved).into());
    Ok(saved)
}

/// `/key/block`.
///
/// # Errors
/// 404; 403 when it is somebody else's.
pub async fn block(call: Call) -> Result<Value, Error> {
    let key = of_body(&call).await?;
    access::must_change(&call, &key).await?;
    set_blocked(&call, key, true).await
}

/// `/key/unblock`: for admins and those who run the key's team; nobody lifts a block from itself.
///
/// # Errors
/// 404; 403.
pub async fn unblock(call: Call) -> Result<Value, Error> {
    let key = of_body(&call).await?;
    must_govern(&call, &key)?;
    set_blocked(&call, key, false).await
}

/// Lets only those through who stand above a key: admins, and for keys of others in a team those who run it.
fn must_govern(call: &Call, key: &Key) -> Result<(), Error> {
    let caller = &call.caller;
    let runs = key.team_id.as_deref().is_some_and(|team| caller.runs_team(team));
    if caller.is_admin() || (runs && !access::is_own(caller, key)) {
        return Ok(());
    }
    Err(fail::forbidden_field(
        "key",
        "This can only be done by an admin, or by those who run the key's team.",
    ))
}

async fn of_body(call: &Call) -> Result<Key, Error> {
    let name = call.body.must("key")?;
    access::find(call, &name).await?.ok_or_else(access::no_such_key)
}

async fn set_blocked(call: &Call, key: Key, blocked: bool) -> Result<Value, Error> {
    let by = call.by();
    let saved = call.manage.store().update::<Key>(&key.hash, "", call.now_ms, move |key| {
        key.blocked = blocked;
        key.updated_by.clone_from(&by);
        Ok(())
    });
    let saved = saved.await.map_err(|error| generate::refused(error, None))?;
    call.manage.tell((&saved).into());
    changed_row(call, &saved).await
}

/// `/key/{key}/reset_spend`: sets what was spent in this period to something lower.
///
/// # Errors
/// 404; 403; 400 when it is more than was spent.
pub async fn reset_spend(call: Call) -> Result<Value, Error> {
    let key = access::find(&call, call.in_path("key")).await?.ok_or_else(access::no_such_key)?;
    must_govern(&call, &key)?;
    let id = AccountId::new(AccountKind::Key, &key.hash);
    let (spend, previous) = crate::manage::spend::lower(&call, id).await?;
    call.manage.tell((&key).into());
    Ok(json!({
        "key_hash": key.hash,
        "spend": spend,
        "previous_spend": previous,
        "max_budget": crate::manage::show::maybe_usd(key.limits.max_budget_nanos),
        "budget_reset_at": crate::manage::show::offset(key.state.budget_reset_at_ms),
    }))
}

/// `/key/health`: the caller's key was accepted, or nobody would be here.
///
/// # Errors
/// None.
pub async fn health(_: Call) -> Result<Value, Error> {
    Ok(json!({"key": "healthy", "logging_callbacks": null}))
}
