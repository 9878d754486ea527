//! `simple-shuffle`: a draw, weighted by what the config says.

use smallvec::SmallVec;

use crate::base::rng::Rng;
use crate::domain::deployment::Capacity;
use crate::domain::routing::{Candidate, PickContext, Strategy};

/// Draws with the first of `weight`, `rpm` and `tpm` that any candidate has, else uniformly.
///
/// A candidate without that metric counts with the average of those that have it. A weight of 0 means
/// "only if nothing else is left".
#[derive(Debug, Clone, Copy)]
pub struct SimpleShuffle;

type Weights = SmallVec<[f64; 8]>;

impl Strategy for SimpleShuffle {
    fn pick(
        &mut self,
        candidates: &[Candidate<'_>],
        _: &PickContext<'_>,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        draw(&weights(candidates), rng)
    }
}

fn weights(candidates: &[Candidate<'_>]) -> Weights {
    let capacities = || candidates.iter().map(|candidate| &candidate.deployment.capacity);
    let resting = |capacity: &Capacity| capacity.weight == Some(0.0);
    let all_rest = capacities().all(resting);
    let takes_part = |capacity: &Capacity| all_rest || !resting(capacity);
    let metrics: [fn(&Capacity) -> Option<f64>; 3] = [
        |capacity| capacity.weight,
        |capacity| capacity.rpm.map(|rpm| rpm as f64),
        |capacity| capacity.tpm.map(|tpm| tpm as f64),
    ];
    for metric in metrics {
        let value = |capacity: &Capacity| metric(capacity).filter(|value| value.is_finite() && *value > 0.0);
        let known: Weights = capacities().filter(|one| takes_part(one)).filter_map(value).collect();
        if !known.is_empty() {
            let average = known.iter().sum::<f64>() / known.len() as f64;
            return capacities()
                .map(|one| if takes_part(one) { value(one).unwrap_or(average) } else { 0.0 })
                .collect();
        }
    }
    capacities().map(|one| if takes_part(one) { 1.0 } else { 0.0 }).collect()
}

fn draw(weights: &[f64], rng: &mut dyn Rng) -> Option<usize> {
    let mut left = rng.unit() * weights.iter().sum::<f64>();
    let mut last = None;
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        last = Some(index);
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::domain::routing::View;
    use crate::domain::routing::testing::{candidate, context, sized};

    fn shares(capacities: &[Capacity]) -> Vec<f64> {
        let deployments: Vec<_> = capacities.iter().map(|capacity| sized("x", capacity.clone())).collect();
        let view = View::default();
        let candidates: Vec<_> = deployments.iter().map(|one| candidate(one, &view)).collect();
        let mut rng = fastrand::Rng::with_seed(7);
        let mut counts = vec![0.0; capacities.len()];
        for _ in 0..20_000 {
            let picked = SimpleShuffle.pick(&candidates, &context(Instant::now()), &mut rng).unwrap();
            counts[picked] += 1.0;
        }
        counts.iter().map(|count| count / 20_000.0).collect()
    }

    fn assert_shares(capacities: &[Capacity], expected: &[f64]) {
        let found = shares(capacities);
        let close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.02);
        assert!(close, "{found:?}, expected {expected:?}");
    }

    fn weight(weight: f64) -> Capacity {
        Capacity { weight: Some(weight), ..Capacity::default() }
    }

    fn rpm(rpm: u64) -> Capacity {
        Capacity { rpm: Some(rpm), ..Capacity::default() }
    }

    #[test]
    fn weights_of_three_to_one_give_three_quarters_in_any_order() {
        assert_shares(&[weight(3.0), weight(1.0)], &[0.75, 0.25]);
        assert_shares(&[weight(1.0), weight(3.0)], &[0.25, 0.75]);
        assert_shares(&[weight(0.1), weight(0.3)], &[0.25, 0.75]);
    }

    #[test]
    fn weight_beats_rpm_beats_tpm_beats_nothing() {
        let both = Capacity { rpm: Some(1), ..weight(3.0) };
        assert_shares(&[both, Capacity { rpm: Some(999), ..weight(1.0) }], &[0.75, 0.25]);
        assert_shares(&[rpm(300), rpm(100)], &[0.75, 0.25]);
        let tpm = |tpm| Capacity { tpm: Some(tpm), ..Capacity::default() };
        assert_shares(&[tpm(9_000), tpm(1_000)], &[0.9, 0.1]);
        assert_shares(&[Capacity::default(), Capacity::default()], &[0.5, 0.5]);
    }

    #[test]
    fn who_lacks_the_metric_counts_with_the_average_never_with_nothing() {
        assert_shares(&[rpm(90), rpm(30), Capacity::default()], &[0.5, 1.0 / 6.0, 1.0 / 3.0]);
    }

    #[test]
    fn a_weight_of_zero_serves_only_when_nothing_else_is_left() {
        assert_shares(&[weight(0.0), weight(1.0), Capacity::default()], &[0.0, 0.5, 0.5]);
        assert_shares(&[weight(0.0), Capacity::default()], &[0.0, 1.0]);
        assert_shares(&[weight(0.0), weight(0.0)], &[0.5, 0.5]);
        assert_shares(&[weight(0.0)], &[1.0]);
    }

    #[test]
    fn nobody_is_picked_from_nothing() {
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(SimpleShuffle.pick(&[], &context(Instant::now()), &mut rng), None);
    }
}
