//! Promises 2 and 3: limits and budgets over three replicas, one of them killed and started again in between.
//!
//! A replica that takes Redis for lost goes on with its part of what is left, beside the others. On a machine that is too
//! busy to run everybody a burst can make it do so; then nothing is said about counting together, and the burst is made
//! anew. How often is in the report.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::at_once;
use crate::harness::{FakeProvider, eventually};
use crate::report::Report;
use crate::stage::{Plan, Stage, capped};

/// How often a burst is made at most.
const TRIES: usize = 5;

/// What came of a burst.
struct Burst {
    key: String,
    counts: BTreeMap<u16, usize>,
    /// How often it had to be made.
    tries: usize,
}

impl Burst {
    fn of(&self, status: u16) -> usize {
        self.counts.get(&status).copied().unwrap_or(0)
    }
}

fn lost(stage: &Stage) -> usize {
    stage.logged("Redis cannot be used").iter().sum()
}

/// So many calls at once on a new key.
async fn burst(stage: &Stage, fields: &Value, calls: usize) -> Burst {
    for tries in 1.. {
        let (key, before) = (stage.key(fields.clone()).await, lost(stage));
        let counts = at_once(&stage.ring, &capped(&key), calls).await;
        if lost(stage) == before || tries == TRIES {
            return Burst { key, counts, tries };
        }
        stage.counts_together().await;
    }
    unreachable!()
}

/// Sixty calls on a new key, kill -9 and start of a replica, and then so many more.
async fn interrupted(stage: &mut Stage, place: usize, fields: &Value, calls: usize) -> Burst {
    for tries in 1.. {
        let first = burst(stage, fields, 60).await;
        stage.kill(place).await;
        stage.start_again(place).await;
        stage.counts_together().await;
        let before = lost(stage);
        let mut counts = at_once(&stage.ring, &capped(&first.key), calls).await;
        if lost(stage) == before || tries == TRIES {
            first.counts.iter().for_each(|(status, n)| *counts.entry(*status).or_insert(0) += n);
            return Burst { key: first.key, counts, tries };
        }
    }
    unreachable!()
}

fn made(report: &Report, promise: u32, bursts: &[&Burst]) {
    let again: usize = bursts.iter().map(|burst| burst.tries - 1).sum();
    let held = bursts.iter().all(|burst| burst.tries < TRIES);
    report.note(promise, "  bursts made anew: a replica took Redis for lost", again, "0 unless busy", held);
}

/// 200 at once on a limit of 100 a minute, then as many again after a replica was killed and started again.
pub async fn rates(report: &Report) {
    let mut stage = Stage::start(FakeProvider::start().await, Plan::default()).await;
    let limit = json!({"rpm_limit": 100});
    let once = burst(&stage, &limit, 200).await;
    report.exactly(2, "200 at once, rpm_limit 100: admitted", once.of(200), 100);
    report.exactly(2, "  refused with 429", once.of(429), 100);
    let twice = interrupted(&mut stage, 1, &limit, 200).await;
    report.exactly(2, "60, kill -9 and start of a replica, 200: admitted", twice.of(200), 100);
    made(report, 2, &[&once, &twice]);
}

/// 500 calls of a cent at once on a budget of a dollar; and the same with a replica killed in between.
pub async fn budgets(report: &Report) {
    let mut stage = Stage::start(FakeProvider::start().await, Plan::default()).await;
    let dollar = json!({"max_budget": 1.0});
    let once = burst(&stage, &dollar, 500).await;
    report.exactly(3, "500 at once, 0.01 each, max_budget 1.00: admitted", once.of(200), 100);
    report.exactly(3, "  refused with 422", once.of(422), 400);
    let twice = interrupted(&mut stage, 0, &dollar, 300).await;
    report.exactly(3, "60, kill -9 and start of a replica, 300: admitted", twice.of(200), 100);
    made(report, 3, &[&once, &twice]);
    for (burst, what) in [(&once, "  the ledger's nano-dollars"), (&twice, "  and of the second key")] {
        let spent = eventually("the ledger has them", || async {
            let spent = stage.spend(&burst.key).await;
            (spent >= 1_000_000_000).then_some(spent)
        })
        .await;
        report.exactly(3, what, spent, 1_000_000_000);
    }
}
