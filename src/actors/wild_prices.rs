//! Prices of what is asked for through wildcards: they are those of the model, which only the request names.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use crate::config::model::Prices;
use crate::domain::deployment::Deployment;
use crate::domain::pricing::{Model, Price, resolve};

/// The most models that are kept; callers choose the names.
const MOST: usize = 2_000;

/// By deployment and the provider's own name of the model.
type Known = HashMap<(usize, Arc<str>), Option<Arc<Price>>>;

/// The prices that one table's wildcards have been asked for; they go with the table.
#[derive(Default)]
pub struct WildPrices(Mutex<Known>);

impl WildPrices {
    /// What `model` costs with this deployment, whose own prices count first; `None` when nobody knows.
    pub fn of(&self, deployment: &Deployment, model: &Arc<str>, prices: &Prices) -> Option<Arc<Price>> {
        let place = (deployment.position, Arc::clone(model));
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&place) {
            return known.clone();
        }
        let found = look_up(deployment, model, prices);
        let mut known = lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(place, found.clone());
        found
    }
}

fn look_up(deployment: &Deployment, model: &str, prices: &Prices) -> Option<Arc<Price>> {
    let provider = deployment.provider.name;
    let base_model = deployment.info.base_model.as_deref();
    let of = Model { provider, model, base_model, own: &deployment.info.raw };
    // What is wrong among the deployment's own prices was told when the configuration was read.
    resolve(prices.book(), &of, prices.adjust(provider)).ok().flatten().map(Arc::new)
}
