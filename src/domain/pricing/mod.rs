//! What answers cost: the price list, a deployment's own prices, bills and estimates.
//!
//! [`resolve`] makes the [`Price`] of one deployment, once, when the configuration is loaded; [`cost`] and
//! [`estimate`] compute with it and touch neither maps nor the heap. Which entry counts is decided by the
//! deployment that served, never by the model's name in the reply. What has no price is `None`, never 0.

mod adjust;
mod book;
mod cost;
mod estimate;
mod field;
mod images;
mod listed;
pub mod measure;
mod price;
mod rates;
mod resolve;
mod sheet;

pub use adjust::{Adjust, AdjustConfig, Ratio};
pub use book::{PriceBook, PriceProblem};
pub use cost::{Cost, cost};
pub use estimate::{Demand, estimate, is_bounded};
pub use field::is_price;
pub use listed::{ListedModel, fill, find, owner_of};
pub use price::Price;
pub use resolve::{Model, resolve};
