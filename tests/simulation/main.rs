//! Simulated clusters: replicas with the real book of what they hold, one database, and the real script in a Redis of
//! our own making. Calls are delayed, lost on their way there or back; replicas are killed; Redis is wiped. Each seed is
//! one history; a failing one names itself (`STAGEDOOR_SEED=n` runs it alone, `STAGEDOOR_SEEDS=n` that many).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod orders;
mod redis;
mod wiped;
mod world;

use world::{Faults, World};

const SEEDS: u64 = 300;

fn seeds() -> std::ops::Range<u64> {
    let said = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match said("STAGEDOOR_SEED") {
        Some(one) => one..one + 1,
        None => 0..said("STAGEDOOR_SEEDS").unwrap_or(SEEDS),
    }
}

fn run(faults: Faults) {
    for seed in seeds() {
        let told = std::panic::catch_unwind(|| World::new(seed, faults).live());
        if let Err(cause) = told {
            eprintln!("seed {seed} fails: STAGEDOOR_SEED={seed}");
            std::panic::resume_unwind(cause);
        }
    }
}

#[test]
fn delays_alone() {
    run(Faults { loss: 0.0, kills: false, flushes: false });
}

#[test]
fn lost_calls() {
    run(Faults { loss: 0.1, kills: false, flushes: false });
}

#[test]
fn killed_replicas() {
    run(Faults { loss: 0.02, kills: true, flushes: false });
}

#[test]
fn a_wiped_redis() {
    run(Faults { loss: 0.02, kills: true, flushes: true });
}
