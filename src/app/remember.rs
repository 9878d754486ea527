//! The store and the management operations, from the configuration.

use std::sync::Arc;

use super::boot::{Master, StartError};
use crate::base::secret::Secret;
use crate::config::Config;
use crate::manage::changes::NoCopies;
use crate::manage::{Manage, Settings};
use crate::store::{Store, StoreOptions};

/// Opens the store and says what it is. A database that is not there yet is no reason not to start.
///
/// # Errors
/// When the URL cannot be read.
pub fn open(config: &Config, master: &Master) -> Result<Manage, StartError> {
    let store = store(config)?;
    let looked_at = store.clone();
    actix_rt::spawn(async move {
        match looked_at.ping().await {
            Ok(()) => tracing::info!(kind = looked_at.kind(), "the database is ready"),
            Err(cause) => tracing::warn!(%cause, "the database is not there; trying again with each request"),
        }
    });
    Ok(manage(store, master.key.clone()))
}

/// The operations on a store.
pub fn manage(store: Store, master_key: Secret) -> Manage {
    Manage::new(store, Settings::default(), master_key, Arc::new(NoCopies))
}

fn store(config: &Config) -> Result<Store, StartError> {
    let options = StoreOptions::default();
    let opened = match &config.general.database_url {
        Some(url) => Store::new(url.expose(), options),
        None => {
            tracing::warn!(
                "no general_settings.database_url: keys, users, teams and spend are kept in memory and are lost \
                 when the program ends; set it to sqlite:///stagedoor.db or postgresql://..."
            );
            Store::in_memory(options)
        }
    };
    opened.map_err(|cause| StartError::System(format!("general_settings.database_url: {cause}")))
}
