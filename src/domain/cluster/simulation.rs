//! Replicas that tell each other over a network that delays, loses, doubles and swaps messages, and that die and come
//! back: whatever happens, everybody knows the truth soon after it stands still. A failing seed is in the message.

use std::time::{Duration, Instant};

use super::{Announcer, Numbers, Peers, Report, SILENT};

const SEEDS: u64 = 2_000;
const TICK: Duration = Duration::from_millis(100);
const DEPLOYMENTS: [&str; 3] = ["a", "b", "c"];

struct Replica {
    voice: Announcer,
    peers: Peers,
    used: [Numbers; 3],
    alive: bool,
}

impl Replica {
    fn new(name: String) -> Self {
        let (voice, peers) = (Announcer::new(name, 0), Peers::default());
        Replica { voice, peers, used: [Numbers::default(); 3], alive: true }
    }

    fn says(&mut self, now: Instant) -> Vec<Report> {
        let used = DEPLOYMENTS.iter().map(|id| (*id).to_owned()).zip(self.used);
        self.voice.next(used, Vec::new(), Vec::new(), false, now)
    }
}

struct World {
    rng: fastrand::Rng,
    now: Instant,
    replicas: Vec<Replica>,
    /// When, to whom, what.
    post: Vec<(Instant, usize, Report)>,
    born: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let replicas = (0..3).map(|name| Replica::new(name.to_string())).collect();
        World {
            rng: fastrand::Rng::with_seed(seed),
            now: Instant::now(),
            replicas,
            post: Vec::new(),
            born: 3,
        }
    }

    fn disturb(&mut self) {
        let one = self.rng.usize(0..3);
        let replica = &mut self.replicas[one];
        match self.rng.u32(0..12) {
            0 if replica.alive => replica.alive = false,
            0 => {
                self.born += 1;
                *replica = Replica::new(self.born.to_string());
            }
            _ => {
                let number = u64::from(self.rng.u32(0..4));
                let in_flight = self.rng.u32(0..3);
                replica.used[self.rng.usize(0..3)] = Numbers { in_flight, requests: number, tokens: number };
            }
        }
    }

    fn step(&mut self, loss: f64) {
        self.now += TICK;
        for from in 0..3 {
            if !self.replicas[from].alive {
                continue;
            }
            let now = self.now;
            for report in self.replicas[from].says(now) {
                for to in (0..3).filter(|to| *to != from) {
                    let copies =
                        if self.rng.f64() < loss { 0 } else { 1 + usize::from(self.rng.u32(0..10) == 0) };
                    for _ in 0..copies {
                        let delay = Duration::from_millis(self.rng.u64(0..300));
                        self.post.push((now + delay, to, report.clone()));
                    }
                }
            }
        }
        let now = self.now;
        self.post.sort_by_key(|(at, _, _)| *at);
        let later = self.post.split_off(self.post.partition_point(|(at, _, _)| *at <= now));
        for (_, to, report) in std::mem::replace(&mut self.post, later) {
            self.replicas[to].peers.hear(&report, now);
        }
        self.replicas.iter_mut().for_each(|replica| replica.peers.forget_silent(now));
    }

    fn check(&self, seed: u64) {
        for (index, replica) in self.replicas.iter().enumerate().filter(|(_, replica)| replica.alive) {
            let others: Vec<&Replica> = (0..3)
                .filter(|other| *other != index)
                .map(|other| &self.replicas[other])
                .filter(|other| other.alive)
                .collect();
            assert_eq!(replica.peers.count(), others.len(), "seed {seed}: who is there");
            let sums = replica.peers.sums();
            for (position, id) in DEPLOYMENTS.iter().enumerate() {
                let known = sums.get(id).copied().unwrap_or_default();
                let truth: u32 = others.iter().map(|other| other.used[position].in_flight).sum();
                let requests: u64 = others.iter().map(|other| other.used[position].requests).sum();
                assert_eq!((known.in_flight, known.requests), (truth, requests), "seed {seed}: {id}");
            }
        }
    }
}

#[test]
fn everybody_knows_the_truth_once_it_stands_still() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..60 {
            if world.rng.u32(0..3) > 0 {
                world.disturb();
            }
            world.step(0.3);
        }
        // Still, and nothing is lost any more: silence, then one beat and its way.
        let quiet = SILENT + Duration::from_secs(1);
        for _ in 0..quiet.as_millis() / TICK.as_millis() {
            world.step(0.0);
        }
        world.check(seed);
    }
}

#[test]
fn changes_are_said_at_once_and_silence_costs_one_message_a_second() {
    let mut replica = Replica::new("x".into());
    let start = Instant::now();
    let mut said = 0;
    for tick in 0..50 {
        said += replica.says(start + TICK * tick).len();
    }
    assert_eq!(said, 5);
    replica.used[1].in_flight = 2;
    let reports = replica.says(start + TICK * 51);
    assert_eq!(reports[0].used, [("b".to_owned(), replica.used[1])]);
    replica.used[1].in_flight = 0;
    let reports = replica.says(start + TICK * 52);
    assert_eq!(reports[0].used, [("b".to_owned(), Numbers::default())], "nothing is said, too");
}

#[test]
fn many_deployments_become_several_messages() {
    let mut voice = Announcer::new("x", 0);
    let used = (0..1_201).map(|n| (n.to_string(), Numbers { in_flight: 1, ..Numbers::default() }));
    let reports = voice.next(used, Vec::new(), Vec::new(), false, Instant::now());
    assert_eq!(reports.iter().map(|report| report.used.len()).collect::<Vec<_>>(), [500, 500, 201]);
    let mut peers = Peers::default();
    assert!(reports.iter().all(|report| peers.hear(report, Instant::now())));
    assert_eq!(peers.sums().len(), 1_201);
    assert!(peers.hear(&voice.farewell(), Instant::now()));
    assert_eq!(peers.count(), 0);
}
