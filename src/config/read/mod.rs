//! The settings sections, each read by its own file.

pub mod cache;
pub mod export;
pub mod fallbacks;
pub mod general;
pub mod governance;
pub mod litellm;
pub mod policies;
pub mod redis;
pub mod router;
pub mod semantic;
