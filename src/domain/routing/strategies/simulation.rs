//! Seeded simulations of the strategies under load, in simulated time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::error::Kind;
use crate::domain::deployment::Deployment;
use crate::domain::reliability::CooldownRules;
use crate::domain::routing::testing::{candidate, context, deployment};
use crate::domain::routing::{
    AttemptFact, Candidate, DeploymentState, FailureFact, PickContext, Strategy, StrategyArgs, StrategyName,
    View, strategy,
};

/// What an upstream does with a request that starts after so many seconds: how long it takes, and whether
/// it fails then.
type Behaviour = fn(f64) -> (f64, bool);

struct World {
    start: Instant,
    deployments: Vec<Arc<Deployment>>,
    behaviours: Vec<Behaviour>,
    states: Vec<DeploymentState>,
    views: Vec<View>,
    in_flight: Vec<u32>,
    running: BinaryHeap<Reverse<(Duration, usize, Duration, bool)>>,
    strategy: Box<dyn Strategy>,
    rng: fastrand::Rng,
    stream: bool,
}

impl World {
    fn new(name: StrategyName, behaviours: &[Behaviour]) -> Self {
        let start = Instant::now();
        let deployments: Vec<_> =
            (0..behaviours.len()).map(|index| Arc::new(deployment(&index.to_string()))).collect();
        World {
            start,
            states: deployments.iter().map(|one| DeploymentState::new(one, start)).collect(),
            views: vec![View::default(); behaviours.len()],
            in_flight: vec![0; behaviours.len()],
            deployments,
            behaviours: behaviours.to_vec(),
            running: BinaryHeap::new(),
            strategy: strategy(name, StrategyArgs::default()),
            rng: fastrand::Rng::with_seed(42),
            stream: false,
        }
    }

    /// Sends `rate` requests a second, evenly spread, from `from` to `to`; returns the share of each.
    fn run(&mut self, rate: f64, from: f64, to: f64) -> Vec<f64> {
        let mut counts = vec![0.0; self.deployments.len()];
        let total = ((to - from) * rate) as usize;
        for request in 0..total {
            let picked = self.send(from + request as f64 / rate);
            counts[picked] += 1.0;
        }
        counts.iter().map(|count| count / total as f64).collect()
    }

    fn send(&mut self, seconds: f64) -> usize {
        let at = Duration::from_secs_f64(seconds);
        self.finish_until(at);
        let candidates: Vec<Candidate> = (0..self.deployments.len())
            .map(|index| Candidate {
                in_flight: self.in_flight[index],
                ..candidate(&self.deployments[index], &self.views[index])
            })
            .collect();
        let context = PickContext { stream: self.stream, ..context(self.start + at) };
        let picked = self.strategy.pick(&candidates, &context, &mut self.rng).unwrap();
        let (latency, fails) = self.behaviours[picked](seconds);
        let latency = latency * (0.8 + 0.4 * self.rng.f64());
        self.in_flight[picked] += 1;
        self.running.push(Reverse((at + Duration::from_secs_f64(latency), picked, at, fails)));
        picked
    }

    fn finish_until(&mut self, until: Duration) {
        while let Some(Reverse((end, index, begin, fails))) = self.running.peek().copied()
            && end <= until
        {
            self.running.pop();
            self.in_flight[index] -= 1;
            let failure = FailureFact {
                kind: Kind::UpstreamInternal,
                retry_after: None,
                caller_timeout: false,
                message: String::new(),
            };
            let fact = AttemptFact {
                started: self.start + begin,
                finished: self.start + end,
                first_token: self.stream.then_some(end - begin),
                latency: end - begin,
                output_tokens: 100,
                stream: self.stream,
                outcome: if fails { Err(failure) } else { Ok(()) },
            };
            let rules = CooldownRules { disabled: true, ..CooldownRules::default() };
            self.states[index].observe(&fact, &rules, self.deployments.len(), fact.finished);
            self.views[index] = self.states[index].view(fact.finished);
        }
    }
}

const FAST: Behaviour = |_| (0.2, false);
const TEN_TIMES_SLOWER: Behaviour = |_| (2.0, false);

#[test]
fn least_busy_gives_four_equals_a_quarter_each() {
    let shares = World::new(StrategyName::LeastBusy, &[FAST; 4]).run(50.0, 0.0, 100.0);
    assert!(shares.iter().all(|share| (share - 0.25).abs() < 0.03), "{shares:?}");
    let quiet = World::new(StrategyName::LeastBusy, &[FAST; 4]).run(2.0, 0.0, 1_000.0);
    assert!(quiet.iter().all(|share| (share - 0.25).abs() < 0.03), "sequential traffic too: {quiet:?}");
}

#[test]
fn least_busy_gives_a_ten_times_slower_one_little() {
    for rate in [30.0, 100.0] {
        let behaviours = [FAST, TEN_TIMES_SLOWER, FAST, FAST];
        let shares = World::new(StrategyName::LeastBusy, &behaviours).run(rate, 0.0, 100.0);
        assert!(shares[1] < 0.08, "{rate} a second: {shares:?}");
    }
}

#[test]
fn latency_based_avoids_the_slow_and_spreads_over_equals() {
    for stream in [false, true] {
        let mut world = World::new(StrategyName::LatencyBased, &[FAST, TEN_TIMES_SLOWER, FAST, FAST]);
        world.stream = stream;
        let shares = world.run(50.0, 0.0, 60.0);
        assert!(shares[1] < 0.03 && shares[1] > 0.0, "{shares:?}");
        assert!([0, 2, 3].iter().all(|index| shares[*index] > 0.2), "no herd: {shares:?}");
    }
}

#[test]
fn latency_based_finds_a_healed_deployment_within_thirty_seconds() {
    let heals: Behaviour = |seconds| (if seconds < 60.0 { 4.0 } else { 0.05 }, false);
    for (rate, stream) in [(2.0, false), (2.0, true), (10.0, false), (50.0, true)] {
        let mut world = World::new(StrategyName::LatencyBased, &[FAST, FAST, heals, FAST]);
        world.stream = stream;
        let sick = world.run(rate, 0.0, 60.0);
        assert!(sick[2] < 0.12, "{rate} a second: {sick:?}");
        world.run(rate, 60.0, 90.0);
        let healed = world.run(rate, 90.0, 120.0);
        assert!(healed[2] > 0.5, "{rate} a second, stream {stream}: {healed:?}");
    }
}

#[test]
fn latency_based_leaves_a_quickly_failing_deployment_and_returns_when_it_works() {
    let heals: Behaviour = |seconds| (0.05, seconds < 60.0);
    let mut world = World::new(StrategyName::LatencyBased, &[FAST, heals, FAST]);
    let sick = world.run(20.0, 0.0, 60.0);
    assert!(sick[1] < 0.1, "{sick:?}");
    world.run(20.0, 60.0, 90.0);
    let healed = world.run(20.0, 90.0, 120.0);
    assert!(healed[1] > 0.5, "{healed:?}");
}

#[test]
fn latency_based_survives_one_slow_cold_sample() {
    let cold_start: Behaviour = |seconds| (if seconds < 1.0 { 5.0 } else { 0.05 }, false);
    let mut world = World::new(StrategyName::LatencyBased, &[FAST, cold_start]);
    world.run(20.0, 0.0, 15.0);
    let later = world.run(20.0, 15.0, 45.0);
    assert!(later[1] > 0.7, "{later:?}");
}

#[test]
fn no_thundering_herd_on_a_cold_or_best_deployment() {
    let mut world = World::new(StrategyName::LatencyBased, &[FAST, FAST, |_| (0.19, false), FAST]);
    let mut burst = [0; 4];
    for _ in 0..100 {
        burst[world.send(0.0)] += 1;
    }
    assert!(burst.iter().all(|count| (20..=30).contains(count)), "cold: {burst:?}");
    world.run(20.0, 1.0, 30.0);
    let mut burst = [0; 4];
    for _ in 0..100 {
        burst[world.send(40.0)] += 1;
    }
    assert!(burst.iter().all(|count| (15..=40).contains(count)), "warm: {burst:?}");
}

#[test]
fn simple_shuffle_needs_no_state() {
    let shares = World::new(StrategyName::SimpleShuffle, &[FAST, TEN_TIMES_SLOWER]).run(100.0, 0.0, 100.0);
    assert!((shares[0] - 0.5).abs() < 0.02, "{shares:?}");
}
