//! Customers are refused, and let in again.

use serde_json::{Value, json};

use super::{show, unknown};
use crate::base::error::Error;
use crate::domain::keys::EndUser;
use crate::manage::{Call, Changed, fail};
use crate::store::{StoreError, StoreErrorKind};

/// `/customer/block`. One that was never seen becomes known, so that it is refused when it comes.
///
/// # Errors
/// 422 without `user_ids`; 400 for a name that cannot be kept.
pub async fn block(call: Call) -> Result<Value, Error> {
    let rows = set(&call, true).await?;
    Ok(json!({"blocked_users": rows}))
}

/// `/customer/unblock`.
///
/// # Errors
/// 404 naming those that do not exist, and nothing is changed then; 422 without `user_ids`.
pub async fn unblock(call: Call) -> Result<Value, Error> {
    let rows = set(&call, false).await?;
    Ok(json!({"unblocked_users": rows}))
}

async fn set(call: &Call, blocked: bool) -> Result<Vec<Value>, Error> {
    let ids = call.body.texts("user_ids")?.value().ok_or_else(|| fail::missing("user_ids"))?;
    let asked = ids.clone();
    let rows = call.manage.store().transaction(call.now_ms, move |transaction| {
        let mut rows = Vec::new();
        for id in &asked {
            let change = |row: &mut EndUser| -> Result<(), StoreError> {
                row.blocked = blocked;
                Ok(())
            };
            rows.push(match transaction.get::<EndUser>(id, "")? {
                Some(_) => transaction.update(id, "", &change)?,
                None if blocked => {
                    let row = EndUser { user_id: id.clone(), blocked, ..EndUser::default() };
                    transaction.create(row, 0)?
                }
                None => return Err(StoreError::not_found(id.clone())),
            });
        }
        Ok(rows)
    });
    let rows = rows.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => unknown("user_ids", &error.message),
        _ => fail::store(error),
    })?;
    for id in ids {
        call.manage.tell(Changed::EndUser(id));
    }
    Ok(rows.iter().map(|row| show::row(row, None)).collect())
}
