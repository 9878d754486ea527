//! Every metric, named once, and the log's set-up.

pub mod bound;
pub mod caller_series;
pub mod dollars;
pub mod late;
pub mod log_writer;
pub mod logging;
pub mod management_line;
pub mod metrics;
pub mod names;
pub mod process;
pub mod request_line;
pub mod series;

pub use metrics::Metrics;
