//! Stagedoor: an LLM gateway cluster. See ARCHITECTURE.md for the map.

pub mod actors;
pub mod app;
pub mod base;
pub mod config;
pub mod domain;
pub mod gateway;
pub mod http;
pub mod manage;
pub mod redis_link;
pub mod spool;
pub mod store;
pub mod telemetry;
pub mod upstream;
pub mod wire;
