//! What Stagedoor knows and decides, without IO: deployments, routing, reliability, providers, limits, budgets,
//! prices.

pub mod alert;
pub mod bridge;
pub mod budget;
pub mod cache;
pub mod cluster;
pub mod commons;
pub mod deployment;
pub mod export;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod notice;
pub mod pricing;
pub mod providers;
pub mod redact;
pub mod reliability;
pub mod routing;
pub mod scope;
pub mod semantic;
pub mod tokens;
