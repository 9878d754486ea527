//! Setting what an owner has spent.

use serde_json::Value;

use super::{Call, fail, show};
use crate::base::error::Error;
use crate::base::money::Nanos;
use crate::domain::ledger::AccountId;

/// Sets the spend of the current period to the request's `reset_to`; answers it and what it was before, in dollars.
///
/// # Errors
/// 422 without an amount; 400 when it is more than was spent; 503.
pub async fn lower(call: &Call, id: AccountId) -> Result<(Value, Value), Error> {
    let to = call.body.dollars("reset_to")?.value().ok_or_else(|| fail::missing("reset_to"))?;
    let store = call.manage.store();
    let found = store.accounts(vec![id.clone()], call.now_ms).await.map_err(fail::store)?;
    let previous = found.get(&id).map_or(0, |account| account.spend_nanos);
    if to > previous {
        let (to, previous) = (Nanos::new(to), Nanos::new(previous));
        let message = format!("reset_to ({to}) must be <= current spend ({previous})");
        return Err(fail::invalid("reset_to", message));
    }
    let account = store.set_spend(id, to, call.now_ms).await.map_err(fail::store)?;
    Ok((show::usd(account.spend_nanos), show::usd(previous)))
}
