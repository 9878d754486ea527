//! Virtual keys.

pub mod access;
mod baseline;
mod bounds;
mod delete;
pub mod fields;
pub mod generate;
mod info;
pub mod list;
pub mod owners;
mod regenerate;
mod rules;
#[cfg(test)]
mod tests;
mod update;

pub use delete::delete;
pub use generate::{generate, service_account};
pub use info::{info, info_of_several};
pub use list::{aliases, list};
pub use regenerate::regenerate;
pub use update::{block, bulk_update, health, reset_spend, unblock, update};

use serde_json::Value;

use super::{Call, fail, show};
use crate::base::error::Error;
use crate::domain::keys::{Budget, Key};

/// The budget that a key points to.
async fn budget_of(call: &Call, key: &Key) -> Result<Option<Budget>, Error> {
    match &key.budget_id {
        Some(id) => call.manage.store().get::<Budget>(id, "").await.map_err(fail::store),
        None => Ok(None),
    }
}

/// The flat row of a changed key.
async fn changed_row(call: &Call, key: &Key) -> Result<Value, Error> {
    let budget = budget_of(call, key).await?;
    Ok(Value::Object(show::key::changed(key, budget.as_ref())))
}
