//! Every metric, named once, and the log's set-up.

pub mod logging;
pub mod metrics;
pub mod names;
pub mod series;

pub use metrics::Metrics;
