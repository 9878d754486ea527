//! Every metric, named once, and the log's set-up.

pub mod bound;
pub mod caller_series;
pub mod labels;
pub mod late;
pub mod log_writer;
pub mod logging;
pub mod management_line;
pub mod metrics;
pub mod names;
pub mod process;
mod registry;
pub mod request_line;
pub mod series;
pub mod text;
pub mod values;

pub use metrics::Metrics;
