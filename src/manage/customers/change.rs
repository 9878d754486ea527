//! Customers are made, changed and deleted.

use serde_json::{Value, json};

use super::{fields, shown, unknown};
use crate::base::error::Error;
use crate::domain::keys::{Budget, EndUser};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::manage::{Call, Changed, budgets, fail};
use crate::store::{StoreError, StoreErrorKind};

/// `/customer/new`.
///
/// # Errors
/// 400 when the name is taken, for an unknown budget, for a budget along with limits; 422.
pub async fn new(call: Call) -> Result<Value, Error> {
    let user_id = call.body.must("user_id")?;
    let mut row = EndUser { user_id: user_id.clone(), ..EndUser::default() };
    fields::apply(&call.body, &mut row, None)?;
    let spend = call.body.dollars("spend")?.value().unwrap_or(0);
    if let Some(id) = &row.budget_id {
        budgets::must_exist(&call, id).await?;
    }
    let made = call.manage.store().create(row, spend, call.now_ms).await;
    let made = made.map_err(|error| match error.kind {
        StoreErrorKind::Conflict(_) => {
            fail::invalid("user_id", format!("Customer already exists, user_id={user_id}"))
                .with_type("bad_request")
        }
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::EndUser(user_id));
    shown(&call, made).await
}

/// `/customer/update`: changes the fields that the request names. Limits that are changed are the customer's own
/// from then on.
///
/// # Errors
/// 404 when there is no such customer; as [`new`].
pub async fn update(call: Call) -> Result<Value, Error> {
    let user_id = call.body.must("user_id")?;
    // What cannot be right is told before anything is read.
    fields::apply(&call.body, &mut EndUser::default(), None)?;
    let spend = call.body.dollars("spend")?.value();
    if let Some(id) = call.body.id("budget_id")?.value() {
        budgets::must_exist(&call, &id).await?;
    }
    let (body, id) = (call.body.clone(), user_id.clone());
    let changed = call.manage.store().transaction(call.now_ms, move |transaction| {
        let row = transaction.get::<EndUser>(&id, "")?;
        let shared = match row.and_then(|row| row.budget_id) {
            Some(budget) => transaction.get::<Budget>(&budget, "")?,
            None => None,
        };
        transaction.update::<EndUser>(&id, "", &|row| {
            fields::apply(&body, row, shared.as_ref())
                .map_err(|error| StoreError::invalid(error.message().to_string()))
        })
    });
    let mut changed = changed.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => unknown("user_id", &user_id),
        _ => fail::store(error),
    })?;
    if let Some(spend) = spend {
        let account = AccountId::new(AccountKind::EndUser, &user_id);
        let set = call.manage.store().set_spend(account, spend, call.now_ms).await.map_err(fail::store)?;
        changed.state.spend_nanos = set.spend_nanos;
    }
    call.manage.tell(Changed::EndUser(user_id));
    shown(&call, changed).await
}

/// `/customer/delete`: all of them, or, when one does not exist, none.
///
/// # Errors
/// 404 naming those that do not exist; 422.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let ids = call.body.texts("user_ids")?.value().ok_or_else(|| fail::missing("user_ids"))?;
    let asked = ids.clone();
    let gone = call.manage.store().transaction(call.now_ms, move |transaction| {
        let mut missing = Vec::new();
        for id in &asked {
            if transaction.get::<EndUser>(id, "")?.is_none() {
                missing.push(id.as_str());
            }
        }
        if !missing.is_empty() {
            return Err(StoreError::not_found(missing.join(", ")));
        }
        let mut gone = 0;
        for id in &asked {
            gone += usize::from(transaction.delete::<EndUser>(id, "")?.is_some());
        }
        Ok(gone)
    });
    let gone = gone.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => unknown("user_ids", &error.message),
        _ => fail::store(error),
    })?;
    for id in ids {
        call.manage.tell(Changed::EndUser(id));
    }
    let message = format!("Successfully deleted {gone} customers.");
    Ok(json!({"deleted_customers": gone, "message": message}))
}
