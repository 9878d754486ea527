//! What is done to the cluster, promise by promise.

pub mod clocks;
pub mod database;
pub mod exact;
pub mod ledger;
pub mod money;
pub mod redis;
pub mod rolling;
pub mod shared;
pub mod slots;
