//! From config text to a checked, immutable [`Config`], with all problems at once.

pub mod model;

pub use model::Config;
