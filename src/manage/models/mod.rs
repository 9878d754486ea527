//! Models: what is served (`/model/info`, `/model_group/info`), and models in the database (`/model/new` and its
//! kin), whose `litellm_params` lie there encrypted.
//!
//! A model that is added or changed is checked by the reader of the configuration file before it is saved; what
//! that one would complain about is answered with the field's name. What somebody may write who is not the one who
//! runs the gateway is judged in [`trust`].

mod change;
pub mod credentials;
mod delete;
mod facts;
mod fields;
mod groups;
mod info;
mod item;
mod trust;
mod visible;

use std::fmt;
use std::sync::Arc;

use crate::actors::stored_models::StoredModels;
use crate::actors::topology::{Current, Table};
use crate::base::error::{Error, Kind};
use crate::config::stored::Opener;

pub use change::{block, new, patch, unblock, update};
pub use delete::delete;
pub use groups::groups;
pub use info::{info, page};

use super::{Call, fail};

/// What is served, and how models of the database get there. The default serves nothing.
#[derive(Clone, Default)]
pub struct Models {
    current: Option<Current>,
    database: Option<Database>,
}

/// Models of the database.
#[derive(Clone)]
pub struct Database {
    /// Brings them into the table.
    pub models: StoredModels,
    /// Encrypts and opens their rows.
    pub opener: Opener,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("database", &self.database.is_some()).finish_non_exhaustive()
    }
}

impl Models {
    /// Of this table; without a database models live in the file only.
    pub fn new(current: Current, database: Option<Database>) -> Self {
        Models { current: Some(current), database }
    }
}

/// What is served at this moment.
fn table(call: &Call) -> Result<Arc<Table>, Error> {
    let current = call.manage.settings().models.current.as_ref();
    current
        .map(|current| current.load_full())
        .ok_or_else(|| Error::new(Kind::Internal, "There is no table of models."))
}

/// Where models are added.
///
/// LiteLLM answers 500 when `store_model_in_db` is off. Nothing has failed here: the request asks for something that
/// this gateway is set up not to do, and no repetition will change that, so it is a 400.
fn database(call: &Call) -> Result<&Database, Error> {
    call.manage.settings().models.database.as_ref().ok_or_else(|| {
        let message = "Models cannot be changed through the API: set general_settings.store_model_in_db to true, or \
                       STORE_MODEL_IN_DB=True in the environment, and restart.";
        fail::invalid("store_model_in_db", message)
    })
}

/// The change is in the database; brings it into the table. When that cannot be done now, the next regular look
/// does it, so it is no failure of the request.
async fn bring_in(database: &Database) {
    if let Err(cause) = database.models.refresh().await {
        tracing::warn!(%cause, "a changed model is in use a little later");
    }
}
