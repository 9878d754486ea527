//! Stagedoor: an LLM gateway cluster. See ARCHITECTURE.md for the map.

pub mod base;
pub mod config;
pub mod domain;
pub mod telemetry;
pub mod wire;
