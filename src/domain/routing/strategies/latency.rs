//! `latency-based-routing`: the lowest expected time, with an eye on who may have become better.

use std::time::Instant;

use smallvec::SmallVec;

use super::ties::lowest;
use crate::base::rng::Rng;
use crate::domain::routing::series::{STALE, Series};
use crate::domain::routing::{Candidate, PickContext, Strategy, StrategyArgs, View};

/// The share of picks that may look at a deployment of which nothing was heard for [`STALE`].
const EXPLORATION: f64 = 0.1;

/// The same when nothing was heard for three times as long: with little traffic, looks must not be left
/// to luck if a healed deployment is to be found within 30 seconds.
const LATE_EXPLORATION: f64 = 0.3;

/// How many times its latency a deployment costs on top when all its recent attempts fail.
const TROUBLE_COST: f64 = 20.0;

/// What a deployment is assumed to need while nothing is known of any, seconds.
const UNKNOWN: f64 = 1.0;

/// Picks the lowest `latency * (attempts under way + 1)`.
///
/// Counting the attempts under way spreads a burst over equally good deployments and keeps a herd off the
/// best one. A deployment without samples is tried, one request at a time; a share of the picks looks at
/// one that nothing was heard of for [`STALE`], so that a healed deployment is found again. Failures and
/// timeouts make a deployment look slower for a while.
#[derive(Debug, Clone, Copy)]
pub struct LatencyBased {
    args: StrategyArgs,
}

impl LatencyBased {
    /// With `ttl` and `lowest_latency_buffer`.
    pub fn new(args: StrategyArgs) -> Self {
        LatencyBased { args }
    }

    /// The latencies of all candidates in one unit: time to first token for streams, else seconds per
    /// output token if all that answered told their tokens, else seconds. `None` where none is known.
    fn latencies(&self, candidates: &[Candidate<'_>], context: &PickContext<'_>) -> Latencies {
        let per_token = |view: &View| view.per_token.known(self.args.ttl, context.now);
        let whole = |view: &View| view.whole.known(self.args.ttl, context.now);
        if context.stream {
            let first = |series: &Series| series.known(self.args.ttl, context.now);
            return candidates.iter().map(|one| first(&one.view.first_token)).collect();
        }
        let all_tell =
            candidates.iter().all(|one| whole(one.view).is_none() || per_token(one.view).is_some());
        candidates.iter().map(|one| if all_tell { per_token(one.view) } else { whole(one.view) }).collect()
    }

    /// One that nothing is known of and nothing is asked of yet.
    fn cold(candidates: &[Candidate<'_>], known: &Latencies, rng: &mut dyn Rng) -> Option<usize> {
        let idle = |(one, known): (&Candidate<'_>, &Option<f64>)| {
            (known.is_none() && one.load() == 0 && one.view.failures_in_row == 0).then_some(())
        };
        lowest(candidates.iter().zip(known).map(idle), rng)
    }

    /// The idle one that nothing was heard of for longest.
    fn stale(candidates: &[Candidate<'_>], now: Instant, rng: &mut dyn Rng) -> Option<usize> {
        let silent = |one: &Candidate<'_>| {
            let last = one.view.last_attempt;
            let old = last.is_none_or(|last| now.saturating_duration_since(last) >= STALE);
            (old && one.load() == 0).then_some(last)
        };
        lowest(candidates.iter().map(silent), rng)
    }

    fn exploration(stale: Option<&Candidate<'_>>, now: Instant) -> f64 {
        let last = stale.and_then(|one| one.view.last_attempt);
        let late = last.is_none_or(|last| now.saturating_duration_since(last) >= STALE * 3);
        if late { LATE_EXPLORATION } else { EXPLORATION }
    }

    fn cheapest(
        &self,
        candidates: &[Candidate<'_>],
        known: &Latencies,
        now: Instant,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        let known_ones: Latencies = known.iter().copied().filter(Option::is_some).collect();
        let average = known_ones.iter().flatten().sum::<f64>() / known_ones.len() as f64;
        let typical = if average.is_finite() { average } else { UNKNOWN };
        let expected: SmallVec<[f64; 8]> = candidates
            .iter()
            .zip(known)
            .map(|(one, known)| known.unwrap_or(typical) * (1.0 + TROUBLE_COST * one.view.trouble.at(now)))
            .collect();
        let best = expected.iter().copied().fold(f64::INFINITY, f64::min);
        let shared = best * (1.0 + self.args.lowest_latency_buffer.max(0.0));
        let cost = |(one, expected): (&Candidate<'_>, &f64)| {
            let latency = if *expected <= shared { best } else { *expected };
            Some(latency * f64::from(one.load().saturating_add(1)))
        };
        lowest(candidates.iter().zip(&expected).map(cost), rng)
    }
}

type Latencies = SmallVec<[Option<f64>; 8]>;

impl Strategy for LatencyBased {
    fn pick(
        &mut self,
        candidates: &[Candidate<'_>],
        context: &PickContext<'_>,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        let known = self.latencies(candidates, context);
        if let Some(cold) = Self::cold(candidates, &known, rng) {
            return Some(cold);
        }
        if let Some(stale) = Self::stale(candidates, context.now, rng)
            && rng.unit() < Self::exploration(candidates.get(stale), context.now)
        {
            return Some(stale);
        }
        self.cheapest(candidates, &known, context.now, rng)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::deployment::Deployment;
    use crate::domain::routing::testing::{candidate, context, deployment};

    fn series(seconds: f64, now: Instant) -> Series {
        let mut series = Series::default();
        for _ in 0..3 {
            series.add(seconds, now);
        }
        series
    }

    fn view(whole: f64, now: Instant) -> View {
        View { whole: series(whole, now), last_attempt: Some(now), ..View::default() }
    }

    fn picks(
        views: &[View],
        loads: &[u32],
        stream: bool,
        args: StrategyArgs,
        now: Instant,
    ) -> HashMap<usize, u32> {
        let one: Arc<Deployment> = Arc::new(deployment("x"));
        let candidates: Vec<_> = views
            .iter()
            .zip(loads)
            .map(|(view, load)| Candidate { in_flight: *load, ..candidate(&one, view) })
            .collect();
        let mut strategy = LatencyBased::new(args);
        let mut rng = fastrand::Rng::with_seed(5);
        let mut counts = HashMap::new();
        for _ in 0..1_000 {
            let context = PickContext { stream, ..context(now) };
            *counts.entry(strategy.pick(&candidates, &context, &mut rng).unwrap()).or_default() += 1;
        }
        counts
    }

    fn only(index: usize) -> HashMap<usize, u32> {
        HashMap::from([(index, 1_000)])
    }

    #[test]
    fn the_fastest_wins_until_it_is_busy() {
        let now = Instant::now();
        let args = StrategyArgs::default();
        let views = [view(0.1, now), view(0.5, now)];
        assert_eq!(picks(&views, &[0, 0], false, args, now), only(0));
        assert_eq!(picks(&views, &[3, 0], false, args, now), only(0));
        assert_eq!(picks(&views, &[9, 0], false, args, now), only(1));
    }

    #[test]
    fn cold_deployments_are_tried_one_request_at_a_time() {
        let now = Instant::now();
        let args = StrategyArgs::default();
        let views = [view(0.1, now), View::default()];
        assert_eq!(picks(&views, &[0, 0], false, args, now), only(1));
        assert_eq!(picks(&views, &[0, 1], false, args, now), only(0));
        let all_cold = [View::default(), View::default()];
        assert_eq!(picks(&all_cold, &[4, 3], false, args, now), only(1), "a burst spreads");
    }

    #[test]
    fn streams_go_by_their_first_token() {
        let now = Instant::now();
        let talkative = View { first_token: series(0.1, now), ..view(9.0, now) };
        let sluggish = View { first_token: series(0.9, now), ..view(1.0, now) };
        let views = [talkative, sluggish];
        assert_eq!(picks(&views, &[0, 0], true, StrategyArgs::default(), now), only(0));
        assert_eq!(picks(&views, &[0, 0], false, StrategyArgs::default(), now), only(1));
    }

    #[test]
    fn per_token_counts_only_when_everybody_tells_tokens() {
        let now = Instant::now();
        let args = StrategyArgs::default();
        let long_answers = View { per_token: series(0.01, now), ..view(8.0, now) };
        let short_answers = View { per_token: series(0.05, now), ..view(2.0, now) };
        let views = [long_answers.clone(), short_answers];
        assert_eq!(picks(&views, &[0, 0], false, args, now), only(0));
        assert_eq!(picks(&[long_answers, view(2.0, now)], &[0, 0], false, args, now), only(1));
    }

    #[test]
    fn the_buffer_shares_the_load_among_nearly_equals() {
        let now = Instant::now();
        let args = StrategyArgs { lowest_latency_buffer: 0.5, ..StrategyArgs::default() };
        let shares = picks(&[view(0.1, now), view(0.14, now), view(0.3, now)], &[0, 0, 0], false, args, now);
        assert!(shares[&0] > 400 && shares[&1] > 400 && !shares.contains_key(&2), "{shares:?}");
    }

    #[test]
    fn failures_make_a_deployment_look_slow_for_a_while() {
        let now = Instant::now();
        let mut failing = view(0.1, now);
        for _ in 0..3 {
            failing.trouble.add(1.0, now);
        }
        let views = [failing, view(0.5, now)];
        let args = StrategyArgs::default();
        assert_eq!(picks(&views, &[0, 0], false, args, now), only(1));
        let later = now + Duration::from_secs(60);
        let shares = picks(&views, &[1, 1], false, args, later);
        assert_eq!(shares, only(0), "forgiven");
    }

    #[test]
    fn samples_older_than_the_ttl_are_unknown_again() {
        let now = Instant::now();
        let args = StrategyArgs { ttl: Duration::from_secs(60), ..StrategyArgs::default() };
        let later = now + Duration::from_secs(61);
        assert_eq!(picks(&[view(0.1, later), view(5.0, now)], &[0, 0], false, args, later), only(1));
    }

    #[test]
    fn a_silent_deployment_gets_its_share_of_looks() {
        let now = Instant::now();
        let later = now + STALE;
        let views = [view(0.1, later), view(5.0, now)];
        let shares = picks(&views, &[0, 0], false, StrategyArgs::default(), later);
        assert!((60..150).contains(&shares[&1]), "{shares:?}");
        let asked = picks(&views, &[0, 1], false, StrategyArgs::default(), later);
        assert_eq!(asked, only(0), "one look at a time");
    }
}
