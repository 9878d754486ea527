//! Filter and strategy in one step.

use std::time::Duration;

use smallvec::SmallVec;

use super::filter::filter;
use super::{Candidate, FilterRequest, FilterSettings, Full, Nothing, PickContext, Strategy};
use crate::base::rng::Rng;

/// The index of the candidate that serves the next attempt.
///
/// # Errors
/// Why none may. [`Nothing::AllCooling`] names the one that is tried all the same, unless the request has
/// somewhere better to go.
pub fn choose(
    candidates: &[Candidate<'_>],
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
    wait: &dyn Fn(usize, Full) -> Duration,
    strategy: &mut dyn Strategy,
    context: &PickContext<'_>,
    rng: &mut dyn Rng,
) -> Result<usize, Nothing> {
    let left = filter(candidates, request, settings, wait)?;
    if let [only] = left.as_slice() {
        return Ok(*only);
    }
    let rest: SmallVec<[Candidate<'_>; 8]> =
        left.iter().filter_map(|index| candidates.get(*index).copied()).collect();
    let first = left.first().copied().ok_or(Nothing::AllBroken)?;
    let picked = strategy.pick(&rest, context, rng).and_then(|picked| left.get(picked).copied());
    Ok(picked.unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::domain::routing::testing::{candidate, context, deployment};
    use crate::domain::routing::{RequestTags, StrategyArgs, StrategyName, Tried, View, strategy};

    #[test]
    fn the_strategy_chooses_among_what_the_filter_left() {
        let now = Instant::now();
        let one = Arc::new(deployment("x"));
        let cooling = View { cooling_until: Some(now + Duration::from_secs(5)), ..View::default() };
        let fine = View::default();
        let busy = |in_flight, view| Candidate { in_flight, ..candidate(&one, view) };
        let candidates = [busy(0, &cooling), busy(7, &fine), busy(0, &fine), busy(3, &fine)];
        let mut tried = Tried::new();
        tried.failed(2);
        let tags = RequestTags::default();
        let request = FilterRequest { tags: &tags, input_tokens: 1, estimated_tokens: 1, tried: &tried, now };
        let mut strategy = strategy(StrategyName::LeastBusy, StrategyArgs::default());
        let picked = choose(
            &candidates,
            &request,
            &FilterSettings::default(),
            &|_, _| Duration::ZERO,
            &mut *strategy,
            &context(now),
            &mut fastrand::Rng::with_seed(1),
        );
        assert_eq!(picked, Ok(3));
    }
}
