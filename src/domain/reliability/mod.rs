//! Retries, fallbacks and cooldowns as pure decisions.

pub mod policy;

pub use policy::{AllowedFails, ClassCounts, Fallback, Fallbacks, RetryPolicy};
