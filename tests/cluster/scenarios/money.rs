//! Promise 4: after everything at once, what Redis counts, what the ledger says and what keys have spent is one sum.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Done, End, Load, Request, at_once, count};
use crate::harness::{FakeProvider, chat, openai, with};
use crate::load_time;
use crate::look::Counters;
use crate::report::Report;
use crate::stage::{Plan, Stage, a_while, capped};

const CLIENTS: usize = 12;
/// The rest after which everything must agree.
const REST: Duration = Duration::from_secs(5);

/// A group with prices that leave nano-dollars.
fn odd(group: &str, provider: &FakeProvider, key: &str) -> Value {
    let price = json!({"litellm_params": {"input_cost_per_token": 0.000000123, "output_cost_per_token": 0.000004567}});
    with(openai(group, provider, key), price)
}

/// The ways in which requests end, in turn.
fn request(key: &str, turn: usize) -> Request {
    let (group, more, patience) = match turn % 9 {
        0..=2 => ("gpt", json!({"max_tokens": 50}), None),
        3 => ("gpt", json!({"max_tokens": 50, "stream": true}), None),
        4 => ("fails", json!({"max_tokens": 50}), None),
        5 => ("hangs", json!({"max_tokens": 50, "timeout": 0.2}), None),
        6 => ("cut", json!({"max_tokens": 50, "stream": true}), None),
        7 => ("long", json!({"max_tokens": 50, "stream": true}), Some(150)),
        _ => ("late", json!({}), Some(100)),
    };
    let request = Request::new(key, with(chat(group), more));
    match patience {
        Some(ms) => request.hangs_up_after(Duration::from_millis(ms)),
        None => request,
    }
}

/// Mixed load, a flush of Redis in its middle, and a replica killed under it.
pub async fn everything_at_once(report: &Report) {
    let provider = FakeProvider::start().await;
    let models = vec![
        odd("gpt", &provider, "sk-fake.prompt_tokens=7.completion_tokens=13"),
        odd("fails", &provider, "sk-fake.id=1.status=500"),
        odd("hangs", &provider, "sk-fake.id=2.hang"),
        odd("cut", &provider, "sk-fake.id=3.chunks=9.cut=4"),
        odd("long", &provider, "sk-fake.id=4.chunks=100.chunk_delay=20"),
        odd("late", &provider, "sk-fake.id=5.slow=400"),
    ];
    let mut stage = Stage::start(provider, Plan { models, ..Plan::default() }).await;
    // Each with a budget of its own, one of a team that it shares with another, and none that is ever in the way.
    let keys = stage.keys(3, json!({"max_budget": 1_000})).await;
    let of = keys.clone();
    let load =
        Load::of_clients(&stage.ring, CLIENTS, move |client, turn| request(&of[turn % 3], client + turn));
    a_while(load_time() / 4).await;
    stage.redis.tell(&["FLUSHALL"]);
    a_while(load_time() / 4).await;
    stage.kill(1).await;
    stage.start_again(1).await;
    a_while(load_time() / 4).await;
    let all = load.end().await;
    a_while(REST).await;
    judge(&stage, report, &all, &keys).await;
}

async fn judge(stage: &Stage, report: &Report, all: &[Done], keys: &[String]) {
    let [whole, errors, gone, cut] =
        [End::Whole, End::Error, End::HungUp, End::Cut].map(|end| count(all, end));
    let what = "requests: whole, failed, hung up, cut by the kill; FLUSHALL, kill -9";
    let figures = format!("{whole}, {errors}, {gone}, {cut}");
    report.note(4, what, figures, "some of each", whole > 50 && errors > 50 && gone > 10);
    // What the wiped counters had of a key that has rested since is told with its next request.
    for key in keys {
        at_once(&stage.ring, &capped(key), 1).await;
    }
    stage.settled(|_| false).await;
    let accounts = Counters::of(&stage.redis).accounts();
    let ledger: i64 = stage.rows().await.iter().map(|row| row.spend).sum();
    let mut spent = Vec::new();
    for key in keys {
        spent.push(stage.spend(key).await);
    }
    spent.sort_unstable();
    let counted: Vec<i64> = accounts.iter().map(|account| account.sum()).collect();
    report.exactly(4, "  spend of the keys against the ledger, nano-dollars", spent.iter().sum(), ledger);
    report.exactly(4, "  Redis' accounts against the ledger", counted.iter().sum(), ledger);
    report.exactly(4, "  Redis' accounts against the keys, one by one", text(&counted), text(&spent));
    report.exactly(4, "  reserved for nobody", accounts.iter().map(|account| account.held).sum(), 0);
    report.exactly(4, "  slots held by nobody", Counters::of(&stage.redis).slots(), 0);
}

fn text(sums: &[i64]) -> String {
    format!("{sums:?}")
}
