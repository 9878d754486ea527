//! The management API without HTTP: keys, users, teams and their kin are made, changed, shown and deleted here.
//!
//! An operation takes a [`Call`] (who asks, and what) and answers JSON in the shape that LiteLLM's clients read.
//! [`authority`] says in one table who may call what; what is left to an operation is which rows are the caller's
//! own and which fields it may set. Every successful write is told to [`Changes`], so that no copy of a row
//! outlives its change.

pub mod authority;
pub mod body;
pub mod cache;
pub mod call;
pub mod caller;
pub mod changes;
pub mod fail;
pub mod import;
pub mod keys;
pub mod settings;
pub mod show;
mod spend;
pub mod teams;
pub mod users;

pub mod budgets;
mod caps;
pub mod costs;
pub mod customers;
pub mod logs;
pub mod models;
pub mod organizations;
mod period;
pub mod reports;
mod rows;
mod scope;
pub mod tags;

#[cfg(test)]
pub mod testing;

use std::sync::Arc;

use crate::base::ids;
use crate::base::secret::Secret;
use crate::store::Store;

pub use crate::base::clock::unix_ms as now_ms;
pub use call::Call;
pub use caller::Caller;
pub use changes::{Changed, Changes};
pub use settings::Settings;

/// What the operations work with. Clones share it.
#[derive(Clone)]
pub struct Manage(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings,
    master_key: Secret,
    master_hash: String,
    changes: Arc<dyn Changes>,
}

impl Manage {
    /// The operations on this store; `changes` is told what they change.
    pub fn new(store: Store, settings: Settings, master_key: Secret, changes: Arc<dyn Changes>) -> Self {
        let master_hash = ids::sha256_hex(master_key.expose());
        Manage(Arc::new(Inner { store, settings, master_key, master_hash, changes }))
    }

    /// Where everything is kept.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What the configuration says about keys, users and teams.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// SHA-256 of the master key, under which no other key can be made.
    pub fn master_hash(&self) -> &str {
        &self.0.master_hash
    }

    /// Whether this is the master key.
    pub fn is_master(&self, key: &str) -> bool {
        self.0.master_key.matches(key)
    }

    /// Tells everybody who keeps copies that this has changed.
    pub fn tell(&self, changed: Changed) {
        self.0.changes.tell(changed);
    }

    /// Whether other replicas, should there be some, hear of changes at once.
    pub fn reaches_others(&self) -> bool {
        self.0.changes.reaches_others()
    }
}
