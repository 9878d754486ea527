//! What Stagedoor knows and decides, without IO: deployments, routing, reliability, providers.

pub mod deployment;
pub mod providers;
pub mod reliability;
pub mod routing;
