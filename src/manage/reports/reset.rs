//! `/global/spend/reset`: keys and teams begin with nothing spent.

use serde_json::{Value, json};

use crate::base::error::Error;
use crate::domain::ledger::AccountKind;
use crate::manage::{Call, Changed, fail};

/// Sets the spend of all keys and teams to 0. What they have spent ever, their rows, and all other owners stay as
/// they are.
///
/// # Errors
/// 503.
pub async fn reset(call: Call) -> Result<Value, Error> {
    let kinds = vec![AccountKind::Key, AccountKind::Team];
    let count = call.manage.store().clear_spend(kinds).await.map_err(fail::store)?;
    call.manage.tell(Changed::Everything);
    tracing::info!(count, "the spend of all keys and teams was set to 0");
    Ok(json!({"message": "The spend of all keys and teams is 0 now.", "status": "success"}))
}
