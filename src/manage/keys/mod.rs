//! Virtual keys.

pub mod access;
mod baseline;
mod bounds;
mod fields;
mod generate;
mod info;
mod owners;

pub use generate::{generate, service_account};
pub use info::{info, info_of_several};

use super::{Call, fail};
use crate::base::error::Error;
use crate::domain::keys::{Budget, Key};

/// The budget that a key points to.
async fn budget_of(call: &Call, key: &Key) -> Result<Option<Budget>, Error> {
    match &key.budget_id {
        Some(id) => call.manage.store().get::<Budget>(id, "").await.map_err(fail::store),
        None => Ok(None),
    }
}
