//! Keys, users, limits, budgets and the ledger: settings from several sections, one file for each theme.

mod alerts;
mod caps;
mod grants;
mod identity;
mod limits;
mod money;
mod prices;
mod store;
mod users;
pub mod variables;

use std::path::PathBuf;

use crate::config::context::Context;
use crate::config::model::Governance;
use crate::config::scope::Scope;

/// Reads all of it. `files` learns of a price list that has been read. The limits that deployments give to keys
/// are added when deployments have been read.
pub fn read(
    context: &Context<'_>,
    root: &Scope<'_>,
    general: &Scope<'_>,
    litellm: &Scope<'_>,
    files: &mut Vec<PathBuf>,
) -> Governance {
    let store = store::store(context, general, litellm);
    let spool = store::spool(context, general, store.database_url.as_ref());
    let users = users::read(context, root, store.holds_models);
    Governance {
        spool,
        identity: identity::read(context, general),
        grants: grants::read(litellm),
        limits: limits::read(general),
        money: money::read(context, litellm, files),
        alerts: alerts::read(context, general),
        users,
        store,
    }
}
