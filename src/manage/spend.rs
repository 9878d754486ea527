//! Setting what an owner has spent.

use serde_json::Value;

use super::{Call, fail, show};
use crate::base::error::Error;
use crate::base::money::Nanos;
use crate::domain::ledger::AccountId;
use crate::store::{StoreError, StoreErrorKind};

/// Sets the spend of the current period to the request's `reset_to`; answers it and what it was before, in dollars.
///
/// # Errors
/// 422 without an amount; 400 when it is more than was spent; 503.
pub async fn lower(call: &Call, id: AccountId) -> Result<(Value, Value), Error> {
    let to = call.body.dollars("reset_to")?.value().ok_or_else(|| fail::missing("reset_to"))?;
    // Rows that are stored meanwhile would be set back without being told of.
    let lowered = call.manage.store().transaction(call.now_ms, move |transaction| {
        let previous = transaction.account(&id)?.spend_nanos;
        if to > previous {
            let (to, previous) = (Nanos::new(to), Nanos::new(previous));
            let message = format!("reset_to ({to}) must be <= current spend ({previous})");
            return Err(StoreError::invalid(message));
        }
        Ok((transaction.set_spend(&id, to)?.spend_nanos, previous))
    });
    let (spend, previous) = lowered.await.map_err(|error| match error.kind {
        StoreErrorKind::Invalid => fail::invalid("reset_to", error.message),
        _ => fail::store(error),
    })?;
    Ok((show::usd(spend), show::usd(previous)))
}
