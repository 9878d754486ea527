//! What a routing strategy is, and the one for each name.

use std::time::Instant;

use super::strategies::{CostBased, LatencyBased, LeastBusy, SimpleShuffle, UsageBased};
use super::{Candidate, StrategyArgs, StrategyName};
use crate::base::rng::Rng;

/// Picks one of the candidates that the filter left.
pub trait Strategy: Send {
    /// The index of the chosen candidate; `None` when there is none, or none that keeps its limits.
    fn pick(
        &mut self,
        candidates: &[Candidate<'_>],
        context: &PickContext<'_>,
        rng: &mut dyn Rng,
    ) -> Option<usize>;
}

/// What strategies need to know of the request.
#[derive(Debug, Clone, Copy)]
pub struct PickContext<'a> {
    /// Whether the caller wants a stream.
    pub stream: bool,
    /// About how many tokens it takes from `tpm` limits.
    pub estimated_tokens: u64,
    /// The moment of the decision.
    pub now: Instant,
    /// The group.
    pub group: &'a str,
}

/// The strategy of this name.
pub fn strategy(name: StrategyName, args: StrategyArgs) -> Box<dyn Strategy> {
    match name {
        StrategyName::SimpleShuffle => Box::new(SimpleShuffle),
        StrategyName::LeastBusy => Box::new(LeastBusy),
        StrategyName::LatencyBased => Box::new(LatencyBased::new(args)),
        StrategyName::UsageBased => Box::new(UsageBased),
        StrategyName::CostBased => Box::new(CostBased),
    }
}
