//! Shared budgets (`/budget/*`): rows of limits that keys, users, members, customers, organizations and tags can
//! point to.

mod settings;
mod show;

pub use settings::settings;

use serde_json::Value;

use super::body::Body;
use super::keys::fields;
use super::{Call, Changed, fail, rows};
use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::Budget;
use crate::store::{Find, StoreError, StoreErrorKind};

/// `/budget/new`.
///
/// # Errors
/// 400 when the id is taken or a field makes no sense; 422 for fields of wrong types.
pub async fn new(call: Call) -> Result<Value, Error> {
    let budget_id = call.body.id("budget_id")?.value().unwrap_or_else(ids::call_id);
    let by = call.by();
    let mut budget =
        Budget { budget_id: budget_id.clone(), created_by: by.clone(), updated_by: by, ..Budget::default() };
    apply(&call.body, &mut budget)?;
    let made = call.manage.store().create(budget, 0, call.now_ms).await;
    let made = made.map_err(|error| match error.kind {
        StoreErrorKind::Conflict(_) => {
            fail::invalid("budget_id", format!("Budget with id '{budget_id}' already exists."))
        }
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::Budget(budget_id));
    Ok(show::row(&made))
}

/// `/budget/update`: changes the fields that the request names, for everybody who points to the budget.
///
/// # Errors
/// 404 when there is no such budget; as [`new`].
pub async fn update(call: Call) -> Result<Value, Error> {
    let budget_id = call.body.must("budget_id")?;
    apply(&call.body, &mut Budget::default())?;
    let (body, by) = (call.body.clone(), call.by());
    let changed = call.manage.store().update::<Budget>(&budget_id, "", call.now_ms, move |budget| {
        budget.updated_by.clone_from(&by);
        apply(&body, budget).map_err(|error| StoreError::invalid(error.message()))
    });
    let changed = changed.await.map_err(|error| refused(error, "budget_id", &budget_id))?;
    call.manage.tell(Changed::Budget(budget_id));
    Ok(show::row(&changed))
}

/// `/budget/info`: the budgets of these ids; those that do not exist are left out.
///
/// # Errors
/// 400 for an empty list; 422.
pub async fn info(call: Call) -> Result<Value, Error> {
    let asked = call.body.texts("budgets")?.value().ok_or_else(|| fail::missing("budgets"))?;
    if asked.is_empty() {
        return Err(fail::invalid("budgets", "`budgets` must name at least one budget."));
    }
    let mut found = rows::named::<Budget>(&call, asked.iter().map(String::as_str)).await?;
    Ok(asked.iter().filter_map(|id| found.remove(id)).map(|budget| show::row(&budget)).collect())
}

/// `/budget/list`: all budgets, newest first.
///
/// # Errors
/// 503.
pub async fn list(call: Call) -> Result<Value, Error> {
    let page = call.manage.store().find::<Budget>(Find::default()).await.map_err(fail::store)?;
    Ok(page.rows.iter().map(show::row).collect())
}

/// `/budget/delete`: those who point to it have no limit from it any more.
///
/// # Errors
/// 404 when there is no such budget; 422 without `id`.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let id = call.body.must("id")?;
    let gone = call.manage.store().delete_budget(&id, call.now_ms).await.map_err(fail::store)?;
    let gone = gone.ok_or_else(|| unknown("id", &id))?;
    call.manage.tell(Changed::Budget(id));
    Ok(show::row(&gone))
}

/// The budget of this id, which a request names for an owner.
///
/// # Errors
/// 400 when there is none; 503.
pub async fn must_exist(call: &Call, id: &str) -> Result<Budget, Error> {
    let found = call.manage.store().get::<Budget>(id, "").await.map_err(fail::store)?;
    found.ok_or_else(|| fail::invalid("budget_id", format!("Budget not found, budget_id={id}")))
}

fn apply(body: &Body, budget: &mut Budget) -> Result<(), Error> {
    fields::limits(body, &mut budget.limits)?;
    body.texts("allowed_models")?.fill(&mut budget.allowed_models);
    Ok(())
}

fn unknown(param: &str, id: &str) -> Error {
    fail::not_found(param, format!("Budget not found, {param}={id}"))
}

fn refused(error: StoreError, param: &str, id: &str) -> Error {
    match error.kind {
        StoreErrorKind::NotFound => unknown(param, id),
        _ => fail::store(error),
    }
}

#[cfg(test)]
mod tests;
