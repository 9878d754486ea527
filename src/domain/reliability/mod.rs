//! Retries, fallbacks and cooldowns as pure decisions.
//!
//! After each failed attempt [`cooldown`] decides whether the deployment rests, [`retry`] whether the
//! group is tried again and when, and, once it gives up, [`fallback`] which group comes next.

pub mod cooldown;
pub mod fallback;
pub mod outage;
pub mod policy;
pub mod request_fallbacks;
pub mod retry;

pub use cooldown::{CooldownRules, CooldownStarted, Thresholds, Trigger};
pub use fallback::FallbackPlan;
pub use outage::{HangWatch, Outage, OutageRules, OutageWatch};
pub use policy::{AllowedFails, Class, ClassCounts, Fallback, Fallbacks, RetryPolicy};
pub use request_fallbacks::RequestFallbacks;
pub use retry::{GroupFacts, Next, RetryState};
