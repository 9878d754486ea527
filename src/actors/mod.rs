//! One writer per fact: the actors and the small shared memory they publish into.

pub mod alerter;
pub mod bulletin;
pub mod cell;
pub mod cluster;
pub mod confirmed;
pub mod coordinator;
pub mod deployment;
pub mod export;
pub mod keeper;
pub mod key_directory;
pub mod outbox;
pub mod response_cache;
pub mod router;
pub mod semantic_cache;
pub mod spend_writer;
pub mod spool_gauges;
pub mod stored_models;
pub mod topology;
pub mod wild_prices;
