//! `usage-based-routing` (and `-v2`): the most room left.

use super::ties::lowest;
use crate::base::rng::Rng;
use crate::domain::routing::{Candidate, PickContext, Strategy};

/// Picks the deployment that used the least of its tokens in the last minute, as a share of `tpm` where
/// all have one, else in tokens; then by requests, then by attempts under way, then at random. One whose
/// limits leave no room for the request is not picked.
#[derive(Debug, Clone, Copy)]
pub struct UsageBased;

impl Strategy for UsageBased {
    fn pick(
        &mut self,
        candidates: &[Candidate<'_>],
        context: &PickContext<'_>,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        let by_tpm = candidates.iter().all(|one| one.deployment.capacity.tpm.is_some());
        let by_rpm = candidates.iter().all(|one| one.deployment.capacity.rpm.is_some());
        let scores = candidates.iter().map(|one| {
            let capacity = &one.deployment.capacity;
            let tokens = used(one.used_tpm, capacity.tpm.filter(|_| by_tpm));
            let requests = used(one.used_rpm, capacity.rpm.filter(|_| by_rpm));
            let room = one.full(context.estimated_tokens, None).is_none();
            room.then_some((tokens, requests, one.load()))
        });
        lowest(scores, rng)
    }
}

fn used(amount: u64, limit: Option<u64>) -> f64 {
    amount as f64 / limit.unwrap_or(1).max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Instant;

    use super::*;
    use crate::domain::deployment::Capacity;
    use crate::domain::routing::View;
    use crate::domain::routing::testing::{candidate, context, sized};

    /// Which of (tpm limit, rpm limit, used tokens, used requests) can be picked.
    fn picks(rows: &[(Option<u64>, Option<u64>, u64, u64)]) -> HashSet<usize> {
        let capacity = |tpm, rpm| Capacity { tpm, rpm, ..Capacity::default() };
        let deployments: Vec<_> =
            rows.iter().map(|(tpm, rpm, ..)| sized("x", capacity(*tpm, *rpm))).collect();
        let view = View::default();
        let candidates: Vec<_> = deployments
            .iter()
            .zip(rows)
            .map(|(one, (_, _, used_tpm, used_rpm))| Candidate {
                used_tpm: *used_tpm,
                used_rpm: *used_rpm,
                ..candidate(one, &view)
            })
            .collect();
        let mut rng = fastrand::Rng::with_seed(3);
        (0..100).filter_map(|_| UsageBased.pick(&candidates, &context(Instant::now()), &mut rng)).collect()
    }

    #[test]
    fn the_least_used_wins_and_ties_are_random() {
        assert_eq!(picks(&[(None, None, 50, 0), (None, None, 20, 0)]), HashSet::from([1]));
        assert_eq!(picks(&[(None, None, 20, 3), (None, None, 20, 2)]), HashSet::from([1]));
        assert_eq!(picks(&[(None, None, 20, 2), (None, None, 20, 2)]), HashSet::from([0, 1]));
    }

    #[test]
    fn shares_count_where_there_are_limits() {
        assert_eq!(picks(&[(Some(1_000), None, 500, 0), (Some(100), None, 60, 0)]), HashSet::from([0]));
    }

    #[test]
    fn limits_are_usable_to_the_last_unit_and_respected() {
        assert_eq!(picks(&[(Some(100), Some(5), 90, 4)]), HashSet::from([0]), "the last request of five");
        assert_eq!(picks(&[(Some(100), Some(5), 90, 5)]), HashSet::new());
        assert_eq!(picks(&[(Some(100), Some(5), 91, 0)]), HashSet::new(), "ten tokens do not fit");
    }
}
