//! The store and the management operations, from the configuration.

use std::sync::Arc;

use super::boot::StartError;
use crate::base::secret::Secret;
use crate::config::Config;
use crate::manage::{Changes, Manage, Settings};
use crate::store::{Store, StoreOptions};

/// Opens the store and says what it is. A database that is not there yet is no reason not to start.
///
/// # Errors
/// When the URL cannot be read.
pub fn open(config: &Config) -> Result<Store, StartError> {
    let store = store(config)?;
    let looked_at = store.clone();
    actix_rt::spawn(async move {
        match looked_at.ping().await {
            Ok(()) => tracing::info!(kind = looked_at.kind(), "the database is ready"),
            Err(cause) => tracing::warn!(%cause, "the database is not there; trying again with each request"),
        }
    });
    Ok(store)
}

/// The operations on a store.
pub fn manage(store: Store, master_key: Secret, changes: Arc<dyn Changes>) -> Manage {
    Manage::new(store, Settings::default(), master_key, changes)
}

fn store(config: &Config) -> Result<Store, StartError> {
    let settings = &config.governance;
    let mut options = StoreOptions {
        connections: settings.store.connections,
        calendar: settings.money.calendar.clone(),
        ..StoreOptions::default()
    };
    options.patience = settings.store.patience.unwrap_or(options.patience);
    let opened = match &settings.store.database_url {
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
