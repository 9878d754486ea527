//! `cost-based-routing`: the cheapest.

use super::ties::lowest;
use crate::base::rng::Rng;
use crate::domain::deployment::ModelInfo;
use crate::domain::routing::{Candidate, PickContext, Strategy};

/// Picks the lowest price of an input and an output token together, ties at random. A deployment without
/// a price is the last resort; one whose limits leave no room is not picked.
#[derive(Debug, Clone, Copy)]
pub struct CostBased;

impl Strategy for CostBased {
    fn pick(
        &mut self,
        candidates: &[Candidate<'_>],
        context: &PickContext<'_>,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        let scores = candidates.iter().map(|one| {
            let room = one.full(context.estimated_tokens, None).is_none();
            room.then(|| price(&one.deployment.info))
        });
        lowest(scores, rng)
    }
}

/// A model with only one of the two prices (embeddings have no output) costs that one.
fn price(info: &ModelInfo) -> f64 {
    match (info.input_cost_per_token, info.output_cost_per_token) {
        (None, None) => f64::INFINITY,
        (input, output) => input.unwrap_or(0.0) + output.unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::domain::deployment::{Capacity, Deployment};
    use crate::domain::routing::View;
    use crate::domain::routing::testing::{candidate, context, deployment};

    fn priced(input: Option<f64>, output: Option<f64>, rpm: Option<u64>) -> Arc<Deployment> {
        let info =
            ModelInfo { input_cost_per_token: input, output_cost_per_token: output, ..ModelInfo::default() };
        let capacity = Capacity { rpm, ..Capacity::default() };
        Arc::new(Deployment { info, capacity, ..deployment("x") })
    }

    fn picks(deployments: &[Arc<Deployment>]) -> HashSet<usize> {
        let view = View::default();
        let candidates: Vec<_> =
            deployments.iter().map(|one| Candidate { used_rpm: 1, ..candidate(one, &view) }).collect();
        let mut rng = fastrand::Rng::with_seed(3);
        (0..100).filter_map(|_| CostBased.pick(&candidates, &context(Instant::now()), &mut rng)).collect()
    }

    #[test]
    fn the_cheapest_with_room_wins_and_the_unknown_comes_last() {
        let (cheap, dear) = (priced(Some(1e-6), Some(2e-6), None), priced(Some(3e-6), Some(9e-6), None));
        let (unknown, cheap_but_full) = (priced(None, None, None), priced(Some(1e-9), None, Some(1)));
        assert_eq!(picks(&[dear.clone(), cheap.clone(), unknown.clone()]), HashSet::from([1]));
        assert_eq!(picks(&[cheap.clone(), dear.clone(), cheap.clone()]), HashSet::from([0, 2]));
        assert_eq!(picks(&[cheap_but_full.clone(), dear, unknown.clone()]), HashSet::from([1]));
        assert_eq!(picks(&[cheap_but_full.clone(), unknown.clone(), unknown]), HashSet::from([1, 2]));
        assert_eq!(picks(&[cheap_but_full]), HashSet::new());
    }
}
