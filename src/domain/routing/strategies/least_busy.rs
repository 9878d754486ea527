//! `least-busy`: the fewest attempts under way.

use super::ties::lowest;
use crate::base::rng::Rng;
use crate::domain::routing::{Candidate, PickContext, Strategy};

/// Picks the deployment with the fewest attempts under way, ties at random. A slow deployment holds its
/// attempts for longer and so gets fewer.
#[derive(Debug, Clone, Copy)]
pub struct LeastBusy;

impl Strategy for LeastBusy {
    fn pick(
        &mut self,
        candidates: &[Candidate<'_>],
        _: &PickContext<'_>,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        lowest(candidates.iter().map(|candidate| Some(candidate.load())), rng)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::domain::routing::View;
    use crate::domain::routing::testing::{candidate, context, deployment};

    #[test]
    fn pending_picks_count_as_load() {
        let (one, view) = (Arc::new(deployment("a")), View::default());
        let idle = candidate(&one, &view);
        let candidates = [
            Candidate { in_flight: 2, ..idle },
            Candidate { in_flight: 0, picks_pending: 3, ..idle },
            Candidate { in_flight: 1, ..idle },
        ];
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(LeastBusy.pick(&candidates, &context(Instant::now()), &mut rng), Some(2));
    }
}
