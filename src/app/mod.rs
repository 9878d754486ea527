//! From the command line to a running server, and down again.

pub mod accounts;
pub mod audit;
pub mod banner;
pub mod boot;
pub mod carrier;
pub mod cli;
mod coordination;
mod evictions;
mod exports;
pub mod fixed;
pub mod generate_key;
pub mod health;
pub mod heartbeat;
pub mod import_litellm;
pub mod models;
pub mod prices;
pub mod remember;
pub mod server;
pub mod shutdown;
pub mod watch;

pub use boot::run;
