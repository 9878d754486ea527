//! Promise 1: every answer that a client has whole is in the ledger, once, whatever was killed meanwhile.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Done, End, Load, Request, count};
use crate::harness::{FakeProvider, chat, with};
use crate::load_time;
use crate::report::Report;
use crate::stage::{Plan, Stage, a_while, cent};

const CLIENTS: usize = 12;
/// How long replicas live, in turn.
const LIFE: Duration = Duration::from_secs(3);

/// A replica is killed every three seconds; the database stands still for a part of the time, and is stopped for another.
pub async fn kills_and_a_stopped_database(report: &Report) {
    let provider = FakeProvider::start().await;
    let models = vec![cent("gpt", &provider, "sk-fake.completion_tokens=10")];
    let plan = Plan { models, own_database: true, ..Plan::default() };
    let mut stage = Stage::start(provider, plan).await;
    let keys = stage.keys(4, json!({"max_budget": 1_000_000})).await;
    let of = keys.clone();
    let load = Load::of_clients(&stage.ring, CLIENTS, move |client, turn| {
        let stream = (client + turn) % 3 == 0;
        Request::new(
            &of[(client + turn) % of.len()],
            with(chat("gpt"), json!({"max_tokens": 10, "stream": stream})),
        )
    });
    let kills = trouble(&mut stage).await;
    let all = load.end().await;
    stage.counts_together().await;
    judge(&stage, report, &all, kills, &keys).await;
}

/// Kills replicas in turn. Of six lives the database stands still in the second, and is away in the fourth.
async fn trouble(stage: &mut Stage) -> usize {
    let (end, mut kills) = (Instant::now() + load_time(), 0);
    while Instant::now() < end {
        match kills % 6 {
            1 => stage.postgres.signal("STOP"),
            2 => stage.postgres.signal("CONT"),
            3 => stage.database("stop").await,
            4 => stage.database("start").await,
            _ => {}
        }
        a_while(LIFE / 2).await;
        stage.kill(kills % 3).await;
        a_while(LIFE / 2).await;
        stage.start_again(kills % 3).await;
        kills += 1;
    }
    match kills % 6 {
        2 => stage.postgres.signal("CONT"),
        4 => stage.database("start").await,
        _ => {}
    }
    kills
}

async fn judge(stage: &Stage, report: &Report, all: &[Done], kills: usize, keys: &[String]) {
    let whole: HashSet<&str> =
        all.iter().filter(|done| done.end == End::Whole).map(|done| done.id.as_str()).collect();
    let what = format!("{} answers, {kills} x kill -9, database frozen and stopped", whole.len());
    report.note(1, &what, count(all, End::Whole), "> 100", whole.len() > 100);
    let rows = stage
        .settled(|rows| {
            let known: HashSet<&str> = rows.iter().map(|row| row.call_id.as_str()).collect();
            whole.iter().all(|id| known.contains(id))
        })
        .await;
    let mut times: HashMap<&str, usize> = HashMap::new();
    rows.iter().for_each(|row| *times.entry(&row.call_id).or_default() += 1);
    report.exactly(1, "  rows missing", whole.iter().filter(|id| !times.contains_key(*id)).count(), 0);
    report.exactly(1, "  rows doubled", times.values().filter(|times| **times > 1).count(), 0);
    // The kill came between the row and the last byte.
    let (paid, cut) = (rows.iter().filter(|row| row.status == "success").count(), count(all, End::Cut));
    let extra = paid - whole.len().min(paid);
    report.note(1, "  rows of answers that a kill has cut", extra, &format!("<= {cut} cut"), extra <= cut);
    let mut spent = 0;
    for key in keys {
        spent += stage.spend(key).await;
    }
    let sum: i64 = rows.iter().map(|row| row.spend).sum();
    report.exactly(1, "  spend of the keys, nano-dollars, against the rows'", spent, sum);
    report.exactly(1, "  stagedoor audit: exit code", stage.audit(), 0);
}
