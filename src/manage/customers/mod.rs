//! Customers (`/customer/*`, `/end_user/*`): the callers' own users, named by `user` in requests.
//!
//! A customer has limits of its own, or points to a shared budget, never both. When the limits of one that points
//! to a shared budget are changed, it gets a copy of them for itself: the others keep what they have.

mod block;
mod change;
mod fields;
mod show;

pub use block::{block, unblock};
pub use change::{delete, new, update};

use serde_json::Value;

use super::{Call, fail, rows};
use crate::base::error::Error;
use crate::domain::keys::{Budget, EndUser};
use crate::store::Find;

/// `/customer/info`: the customer of `end_user_id`.
///
/// # Errors
/// 404 when there is none; 422 when none is named.
pub async fn info(call: Call) -> Result<Value, Error> {
    let id = call.query.must("end_user_id")?;
    let found = call.manage.store().get::<EndUser>(&id, "").await.map_err(fail::store)?;
    shown(&call, found.ok_or_else(|| unknown("end_user_id", &id))?).await
}

/// `/customer/list`: all customers, newest first; at most 10 000 at a time, further ones by `page`.
///
/// # Errors
/// 422 for a page that is none; 503.
pub async fn list(call: Call) -> Result<Value, Error> {
    let (page, size) = call.page("size", 10_000, 10_000)?;
    let find = Find { page, size, ..Find::default() };
    let rows = call.manage.store().find::<EndUser>(find).await.map_err(fail::store)?.rows;
    let linked = rows::named::<Budget>(&call, rows.iter().filter_map(|row| row.budget_id.as_deref())).await?;
    let budget = |row: &EndUser| row.budget_id.as_ref().and_then(|id| linked.get(id));
    Ok(rows.iter().map(|row| show::row(row, budget(row))).collect())
}

/// A customer with the budget that it points to.
async fn shown(call: &Call, row: EndUser) -> Result<Value, Error> {
    let mut linked = rows::named::<Budget>(call, row.budget_id.as_deref().into_iter()).await?;
    let budget = row.budget_id.as_ref().and_then(|id| linked.remove(id));
    Ok(show::row(&row, budget.as_ref()))
}

/// 404.
fn unknown(param: &str, id: &str) -> Error {
    fail::not_found(param, format!("Customer not found, {param}={id}")).with_type("not_found")
}

#[cfg(test)]
mod tests;
