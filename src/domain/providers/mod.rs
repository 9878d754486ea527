//! Providers: whose API a deployment speaks, and how requests and replies translate.

pub mod provider;

pub use provider::{Dialect, Provider};
