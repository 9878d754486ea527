//! The store and the management operations, from the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::boot::{Master, StartError};
use crate::actors::response_cache::ResponseCache;
use crate::base::error::Kind;
use crate::base::money::Nanos;
use crate::base::secret::Secret;
use crate::config::Config;
use crate::config::model::{ConfiguredUser, Governance};
use crate::manage::costs::Prices;
use crate::manage::models::Models;
use crate::manage::{self, Changes, Manage, Settings};
use crate::store::{Store, StoreOptions};

/// How long to wait before a database that is not there is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What the management operations know of what is served.
#[derive(Default)]
pub struct Served {
    /// What it costs.
    pub prices: Prices,
    /// The models themselves.
    pub models: Models,
    /// Answers that are kept.
    pub cache: Option<ResponseCache>,
}

/// Opens the management operations on the store and brings it up to date. A database that is not there yet is no
/// reason not to start.
pub fn open(
    config: &Config,
    store: Store,
    master: &Master,
    changes: Arc<dyn Changes>,
    served: Served,
) -> Manage {
    if config.governance.store.database_url.is_none() {
        tracing::warn!(
            "no general_settings.database_url: keys, users, teams and spend are kept in memory and are lost \
             when the program ends; set it to sqlite:///stagedoor.db or postgresql://..."
        );
    }
    let manage = manage(config, store, &master.key, changes, served);
    actix_rt::spawn(prepare(manage.clone(), config.governance.users.clone()));
    manage
}

/// The operations on a store.
pub fn manage(
    config: &Config,
    store: Store,
    master_key: &Secret,
    changes: Arc<dyn Changes>,
    served: Served,
) -> Manage {
    let Served { prices, models, cache } = served;
    let settings = Settings { prices, models, cache, ..settings(&config.governance) };
    Manage::new(store, settings, master_key.clone(), changes)
}

/// Brings the database up to date and the users of the file into it, as soon as there is one.
async fn prepare(manage: Manage, users: Vec<ConfiguredUser>) {
    let mut told = false;
    loop {
        match configure(&manage, &users).await {
            Ok(()) => {
                tracing::info!(kind = manage.store().kind(), users = users.len(), "the database is ready");
                return;
            }
            Err(cause) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%cause, "the database is not there; trying again");
                }
                actix_rt::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn configure(manage: &Manage, users: &[ConfiguredUser]) -> Result<(), String> {
    manage.store().ping().await.map_err(|cause| cause.to_string())?;
    for user in users {
        if let Err(error) = manage::users::configure(manage, user, manage::now_ms()).await {
            if error.kind() == Kind::StoreUnavailable {
                return Err(error.to_string());
            }
            // Trying again would not help.
            tracing::error!(user_id = user.user_id, %error, "a user of user_config cannot be kept");
        }
    }
    Ok(())
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
        key_bytes: identity.generated_key_bytes,
        shortest_custom_key: identity.custom_key_length,
        no_key_names: identity.hides_key_names,
        keys_need_team: identity.keys_need_team,
        team_keys: grants.team_keys.clone(),
        personal_keys: grants.personal_keys.clone(),
        proxy_budget_nanos: money.proxy_budget.as_ref().map(|budget| budget.max.get()),
        prices: Prices::default(),
        models: Models::default(),
        cache: None,
    }
}

/// The configured store; nothing is opened yet.
///
/// # Errors
/// When the URL cannot be read.
pub fn store(config: &Config) -> Result<Store, StartError> {
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
        None => Store::in_memory(options),
    };
    opened.map_err(|cause| StartError::System(format!("general_settings.database_url: {cause}")))
}
