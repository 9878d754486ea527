//! What Stagedoor knows and decides, without IO: deployments, routing, reliability, providers, limits, budgets.

pub mod bridge;
pub mod budget;
pub mod deployment;
pub mod limits;
pub mod prices;
pub mod providers;
pub mod reliability;
pub mod routing;
pub mod scope;
pub mod tokens;
