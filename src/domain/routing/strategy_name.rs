//! How `router_settings` name the strategies and their arguments.

use std::time::Duration;

/// The routing strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StrategyName {
    /// `simple-shuffle`
    #[default]
    SimpleShuffle,
    /// `least-busy`
    LeastBusy,
    /// `latency-based-routing`
    LatencyBased,
    /// `usage-based-routing` and `usage-based-routing-v2`
    UsageBased,
    /// `cost-based-routing`
    CostBased,
}

impl StrategyName {
    /// The name in config files.
    pub const fn as_str(self) -> &'static str {
        match self {
            StrategyName::SimpleShuffle => "simple-shuffle",
            StrategyName::LeastBusy => "least-busy",
            StrategyName::LatencyBased => "latency-based-routing",
            StrategyName::UsageBased => "usage-based-routing-v2",
            StrategyName::CostBased => "cost-based-routing",
        }
    }
}

/// `routing_strategy_args`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrategyArgs {
    /// How long latency samples count (LiteLLM's `ttl`, 3600 s).
    pub ttl: Duration,
    /// Deployments within `lowest * (1 + buffer)` share the load.
    pub lowest_latency_buffer: f64,
}

impl Default for StrategyArgs {
    fn default() -> Self {
        StrategyArgs { ttl: Duration::from_secs(3600), lowest_latency_buffer: 0.0 }
    }
}
