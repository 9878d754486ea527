//! The routing strategies, one a file.

mod cost;
mod latency;
mod least_busy;
mod shuffle;
mod ties;
mod usage;

#[cfg(test)]
mod simulation;

pub use cost::CostBased;
pub use latency::LatencyBased;
pub use least_busy::LeastBusy;
pub use shuffle::SimpleShuffle;
pub use usage::UsageBased;
