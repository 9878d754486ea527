//! What Stagedoor knows and decides, without IO: deployments, routing, reliability, providers.

pub mod bridge;
pub mod deployment;
pub mod prices;
pub mod providers;
pub mod reliability;
pub mod routing;
pub mod tokens;
