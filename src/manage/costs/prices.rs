//! Where the prices of models come from.

use std::fmt;
use std::sync::Arc;

use crate::domain::pricing::{Adjust, Model, Price, PriceBook, resolve};
use crate::domain::providers::detect::detect;

/// A price, and whose it is.
#[derive(Debug, Clone)]
pub struct Priced {
    /// The price.
    pub price: Arc<Price>,
    /// The provider.
    pub provider: String,
}

/// Finds the price of a model by the name that clients use.
type Lookup = dyn Fn(&str) -> Option<Priced> + Send + Sync;

/// The prices of the configured deployments, and behind them the price list. The default knows the list only.
#[derive(Clone, Default)]
pub struct Prices(Option<Arc<Lookup>>);

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices").field("deployments", &self.0.is_some()).finish()
    }
}

impl Prices {
    /// Prices that are looked up with `lookup` first, at each question anew.
    pub fn new(lookup: impl Fn(&str) -> Option<Priced> + Send + Sync + 'static) -> Self {
        Prices(Some(Arc::new(lookup)))
    }

    /// What this model costs; `None` when nobody knows.
    pub fn of(&self, model: &str) -> Option<Priced> {
        self.0.as_ref().and_then(|lookup| lookup(model)).or_else(|| listed(model))
    }
}

/// The price list's entry of a name such as `gpt-4o` or `anthropic/claude-sonnet-4-5`.
fn listed(model: &str) -> Option<Priced> {
    let (provider, bare) = detect(model, None, None)?;
    let own = serde_json::Map::new();
    let of = Model { provider: provider.name, model: &bare, base_model: None, own: &own };
    let price = resolve(PriceBook::shipped(), &of, Adjust::default()).ok().flatten()?;
    Some(Priced { price: Arc::new(price), provider: provider.name.to_string() })
}
