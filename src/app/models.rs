//! What is served, for the management operations; models of the database on their way into it.

use std::sync::Arc;

use super::boot::{Master, process_env};
use super::remember::Served;
use crate::actors::keeper::Kept;
use crate::actors::stored_models::StoredModels;
use crate::actors::topology::{Current, Ground, Topology};
use crate::base::seal::Seal;
use crate::config::Config;
use crate::config::stored::Opener;
use crate::manage::costs::{Priced, Prices};
use crate::manage::models::{Database, Models};
use crate::store::Store;

/// What opens the models of the database; `None` when they are not kept there (`store_model_in_db`).
pub fn opener(config: &Config, master: &Master) -> Option<Opener> {
    let store = &config.governance.store;
    if !store.holds_models {
        return None;
    }
    if store.salt_key.is_none() && master.made {
        tracing::warn!(
            "models in the database are encrypted with a master key that was made for this run: set LITELLM_SALT_KEY, \
             or they cannot be read after a restart"
        );
    }
    let passphrase = store.salt_key.clone().unwrap_or_else(|| master.key.clone());
    Some(Opener { seal: Seal::new(passphrase), environment: Arc::new(process_env) })
}

/// What brings the models of the database into the table; `None` when they are not kept there.
pub fn stored(store: &Store, topology: &Kept<Topology>, ground: &Ground) -> Option<StoredModels> {
    ground.opener.as_ref()?;
    Some(StoredModels::new(store.clone(), topology.clone(), ground.control.clone()))
}

/// Begins to follow the models of the database. A database that is away is waited for, while the file's serve.
pub fn follow(config: &Config, stored: Option<StoredModels>, ground: &Ground, current: &Current) -> Served {
    let database = stored.zip(ground.opener.clone()).map(|(models, opener)| {
        actix_rt::spawn(models.clone().follow(config.governance.store.models_every));
        Database { models, opener }
    });
    Served { prices: prices(current), models: Models::new(Arc::clone(current), database), cache: None }
}

/// What the deployments cost that are configured when the question comes.
fn prices(current: &Current) -> Prices {
    let current = Arc::clone(current);
    Prices::new(move |name| {
        let table = current.load();
        let members = table.groups.resolve(name)?.members;
        members.iter().find_map(|member| {
            let (deployment, price) = (&member.deployment, table.price(member)?);
            Some(Priced { price, provider: deployment.provider.name.to_string() })
        })
    })
}
