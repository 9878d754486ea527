//! The store and the management operations, from the configuration.

use std::sync::Arc;

use super::boot::StartError;
use crate::base::money::Nanos;
use crate::base::secret::Secret;
use crate::config::Config;
use crate::config::model::Governance;
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

/// The operations on the store.
pub fn manage(config: &Config, store: Store, master_key: Secret, changes: Arc<dyn Changes>) -> Manage {
    Manage::new(store, settings(&config.governance), master_key, changes)
}

/// What the configuration says about keys, users and teams.
fn settings(governance: &Governance) -> Settings {
    let Governance { grants, identity, money, .. } = governance;
    Settings {
        default_key_params: grants.key_defaults.clone(),
        upper_bounds: grants.key_ceilings.clone(),
        default_user_params: grants.user_defaults.clone(),
        default_team_params: grants.team_defaults.clone(),
        user_budget_nanos: grants.internal_user_budget.map(Nanos::get),
        user_budget_duration: grants.internal_user_budget_duration.clone(),
        no_custom_keys: identity.only_generated_keys,
        grace_period: identity.rotation_grace.clone(),
        teams_without_maker: identity.admins_stay_out_of_teams,
        calendar: money.calendar.clone(),
    }
}

fn store(config: &Config) -> Result<Store, StartError> {
    let Governance { store: said, money, .. } = &config.governance;
    let default = StoreOptions::default();
    let options = StoreOptions {
        connections: said.connections,
        patience: said.patience.unwrap_or(default.patience),
        calendar: money.calendar.clone(),
        ..default
    };
    let opened = match &said.database_url {
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
