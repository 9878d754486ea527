//! Providers: whose API a deployment speaks, and how requests and replies translate.

pub mod anthropic;
pub mod azure;
pub mod cohere;
pub mod detect;
pub mod drop_path;
pub mod mock;
pub mod openai;
pub mod params;
pub mod provider;
pub mod scrub;
pub mod table;
#[cfg(test)]
mod testing;
pub mod upstream_error;
pub mod url;

pub use detect::detect;
pub use provider::{Dialect, Provider};
