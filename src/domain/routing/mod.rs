//! Which deployment serves the next attempt: pure decisions over snapshots.
//!
//! A request's model name becomes a group's members ([`groups`]), the members become candidates with what
//! is known of each at this moment ([`snapshot`], published by [`state`]), the candidates that may not or
//! cannot serve are left out ([`mod@filter`]), and a [`mod@strategy`] picks one of the rest
//! ([`mod@choose`]). Why it came out so is told on demand ([`explain`]).

pub mod alias;
pub mod choose;
pub mod explain;
pub mod filter;
pub mod groups;
pub mod samples;
pub mod series;
pub mod snapshot;
pub mod state;
pub mod strategies;
pub mod strategy;
pub mod strategy_name;
pub mod tags;
#[cfg(test)]
pub(crate) mod testing;
pub mod tried;
pub mod wildcard;

pub use alias::Alias;
pub use choose::choose;
pub use explain::{Decision, Exclusion, Seen};
pub use filter::{FilterRequest, FilterSettings, Nothing, filter};
pub use groups::{Groups, Member, Resolved};
pub use snapshot::{Candidate, Full, LastError, View};
pub use state::{AttemptFact, DeploymentState, FailureFact};
pub use strategy::{PickContext, Strategy, strategy};
pub use strategy_name::{StrategyArgs, StrategyName};
pub use tags::RequestTags;
pub use tried::Tried;
