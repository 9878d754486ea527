//! Cooldowns of replicas that tell each other over a network that delays, loses, doubles and swaps messages, and that die
//! and come back. A failing seed is in the message.

use std::time::{Duration, Instant};

use super::{Announcer, Report, Rest};
use crate::base::error::Kind;
use crate::domain::reliability::CooldownRules;
use crate::domain::routing::state::{AttemptFact, DeploymentState, FailureFact};
use crate::domain::routing::testing::deployment;

const SEEDS: u64 = 2_000;
const TICK: Duration = Duration::from_millis(100);
/// The longest that a message is under way; it is taken in with the next tick.
const DELAY: Duration = Duration::from_millis(300);
/// Everything is said again so often.
const BEAT: Duration = Duration::from_secs(1);
/// Two tellings of one cooldown may differ by so much.
const SAME: Duration = Duration::from_millis(500);
const IDS: [&str; 2] = ["a", "b"];

struct Replica {
    voice: Announcer,
    states: [DeploymentState; 2],
    /// The ends of the cooldowns that it began.
    began: [Option<Instant>; 2],
    urgent: bool,
    alive: bool,
}

impl Replica {
    fn new(name: usize, now: Instant) -> Self {
        let states = IDS.map(|id| DeploymentState::new(&deployment(id), now));
        let voice = Announcer::new(name.to_string(), 0);
        Replica { voice, states, began: [None; 2], urgent: false, alive: true }
    }

    fn says(&mut self, now: Instant) -> Vec<Report> {
        let rest = |(id, state): (&&str, &DeploymentState)| {
            let view = state.view(now);
            let remaining = view.own_cooling_until?.saturating_duration_since(now);
            let rest = Rest { remaining, cause: view.cooldown_cause? };
            (!remaining.is_zero()).then(|| ((*id).to_owned(), rest))
        };
        let rests = IDS.iter().zip(&self.states).filter_map(rest).collect();
        self.voice.next(Vec::new(), rests, Vec::new(), std::mem::take(&mut self.urgent), now)
    }

    fn hear(&mut self, report: &Report, now: Instant) {
        for (id, rest) in &report.rests {
            let at = IDS.iter().position(|known| known == id).unwrap();
            self.states[at].hear(now + rest.remaining, rest.cause, now);
        }
    }
}

struct World {
    rng: fastrand::Rng,
    now: Instant,
    replicas: Vec<Replica>,
    /// When, to whom, what.
    post: Vec<(Instant, usize, Report)>,
    /// The latest end of any cooldown that somebody began.
    ends: [Option<Instant>; 2],
    born: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let replicas = (0..3).map(|name| Replica::new(name, now)).collect();
        let rng = fastrand::Rng::with_seed(seed);
        World { rng, now, replicas, post: Vec::new(), ends: [None; 2], born: 3 }
    }

    fn disturb(&mut self) {
        let (one, at) = (self.rng.usize(0..3), self.rng.usize(0..2));
        let replica = &mut self.replicas[one];
        match self.rng.u32(0..12) {
            0 if replica.alive => replica.alive = false,
            0 => {
                self.born += 1;
                *replica = Replica::new(self.born, self.now);
            }
            1..5 if replica.alive => {
                let seen = refusal(Duration::from_millis(self.rng.u64(100..8_000)), self.now);
                let rules = CooldownRules::default();
                if let Some(begun) = replica.states[at].observe(&seen, &rules, 2, self.now) {
                    replica.urgent = true;
                    replica.began[at] = replica.began[at].max(Some(begun.until));
                    self.ends[at] = self.ends[at].max(Some(begun.until));
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, loss: f64) {
        self.now += TICK;
        let now = self.now;
        for from in 0..3 {
            if !self.replicas[from].alive {
                continue;
            }
            for report in self.replicas[from].says(now) {
                for to in (0..3).filter(|to| *to != from) {
                    let doubled = usize::from(self.rng.u32(0..10) == 0);
                    for _ in 0..if self.rng.f64() < loss { 0 } else { 1 + doubled } {
                        let at = now + DELAY.mul_f64(self.rng.f64());
                        self.post.push((at, to, report.clone()));
                    }
                }
            }
        }
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.post).into_iter().partition(|(at, ..)| *at <= now);
        self.post = later;
        due.iter().for_each(|(_, to, report)| self.replicas[*to].hear(report, now));
    }

    fn resting(&self, replica: &Replica, at: usize) -> Option<Instant> {
        replica.states[at].view(self.now).cooling(self.now)
    }

    /// Nobody rests longer than somebody's failures made it: what is heard is not said on.
    fn nobody_keeps_it_going(&self, seed: u64) {
        for replica in self.replicas.iter().filter(|replica| replica.alive) {
            for (at, id) in IDS.iter().enumerate() {
                let known = self.resting(replica, at);
                let longest = self.ends[at].map(|end| end + DELAY + TICK);
                assert!(known <= longest, "seed {seed}: {id}");
            }
        }
    }

    /// What one that is alive began rests on all.
    fn everybody_knows(&self, seed: u64) {
        let living = || self.replicas.iter().filter(|replica| replica.alive);
        for (at, id) in IDS.iter().enumerate() {
            let Some(end) = living().filter_map(|replica| replica.began[at]).max() else { continue };
            if end <= self.now + SAME {
                continue;
            }
            for replica in living() {
                let known = self.resting(replica, at);
                assert!(known >= Some(end - SAME), "seed {seed}: {id}");
            }
        }
    }
}

fn refusal(retry_after: Duration, now: Instant) -> AttemptFact {
    let kind = Kind::UpstreamRateLimit;
    let message = "slow down".to_owned();
    AttemptFact {
        started: now,
        finished: now,
        first_token: None,
        latency: TICK,
        output_tokens: 0,
        stream: false,
        outcome: Err(FailureFact { kind, retry_after: Some(retry_after), caller_timeout: false, message }),
    }
}

#[test]
fn what_one_makes_rest_rests_on_all_and_no_longer() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..60 {
            world.disturb();
            world.step(0.3);
            world.nobody_keeps_it_going(seed);
        }
        // Nothing is lost any more: one beat and its way.
        let quiet = BEAT + DELAY + 2 * TICK;
        for _ in 0..quiet.as_millis() / TICK.as_millis() {
            world.step(0.0);
            world.nobody_keeps_it_going(seed);
        }
        world.everybody_knows(seed);
        world.now += Duration::from_secs(10);
        for replica in &world.replicas {
            assert!((0..2).all(|at| world.resting(replica, at).is_none()), "seed {seed}");
        }
    }
}
