//! Promise 12: parallel requests over three replicas, however they end.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{End, Load, Request, at_once, count};
use crate::harness::{FakeProvider, chat, eventually, openai, with};
use crate::load_time;
use crate::look::Counters;
use crate::report::Report;
use crate::stage::{Plan, Stage, a_while};

/// Parallel requests of the key.
const LIMIT: usize = 8;
const CLIENTS: usize = 24;
const PROVIDER: &str = "sk-slots";
/// How long the provider behaves in one way.
const MOOD: Duration = Duration::from_millis(400);

/// What clients want, in turn: an answer, one within a time, a stream, a stream that they leave.
fn request(key: &str, turn: usize) -> Request {
    let body = match turn % 4 {
        0 => json!({}),
        1 => json!({"timeout": 0.3}),
        _ => json!({"stream": true}),
    };
    let request = Request::new(key, with(chat("gpt"), body));
    if turn % 4 == 3 { request.hangs_up_after(Duration::from_millis(120)) } else { request }
}

/// A provider whose mood changes, clients who time out and hang up, and a replica that is killed twice.
pub async fn mixed_ends_and_a_kill(report: &Report) {
    let provider = FakeProvider::start().await;
    let models = vec![openai("gpt", &provider, PROVIDER)];
    let mut stage = Stage::start(provider, Plan { models, ..Plan::default() }).await;
    let key = stage.key(json!({"max_parallel_requests": LIMIT})).await;
    let own = key.clone();
    let load = Load::of_clients(&stage.ring, CLIENTS, move |client, turn| request(&own, client + turn));
    let (end, mut turn) = (Instant::now() + load_time() / 2, 0);
    let moods = [
        "slow=250",
        "chunks=8.chunk_delay=30",
        "status=500",
        "slow=600",
        "close",
        "chunks=9.chunk_delay=20.cut=4",
    ];
    while Instant::now() < end {
        stage.provider.script(PROVIDER, moods[turn % moods.len()]);
        a_while(MOOD).await;
        turn += 1;
        if turn == 8 {
            stage.kill(2).await;
            stage.start_again(2).await;
        }
    }
    stage.provider.script(PROVIDER, "slow=5000");
    a_while(MOOD).await;
    stage.kill(1).await;
    stage.start_again(1).await;
    stage.provider.script(PROVIDER, "slow=100");
    let all = load.end().await;
    let since = Instant::now();
    let most = stage.provider.stats(PROVIDER).max_in_flight;
    let [whole, errors, gone, cut] =
        [End::Whole, End::Error, End::HungUp, End::Cut].map(|end| count(&all, end));
    let what = "requests: whole, failed or refused, hung up, cut; two x kill -9";
    let figures = format!("{whole}, {errors}, {gone}, {cut}");
    report.note(12, what, figures, "some of each", whole > 20 && errors > 20 && gone > 5 && cut > 0);
    // Whoever takes Redis for lost goes on with a part of its own, which a starved machine may bring about.
    let lost: usize = stage.logged("Redis cannot be used").iter().sum();
    report.tell(12, "  replicas that took Redis for lost", lost, "0", lost == 0);
    report.note(12, "  most at the provider at once", most, "8", most == LIMIT as u64 || lost > 0);
    free_again(&stage, report, &key, since).await;
}

async fn free_again(stage: &Stage, report: &Report, key: &str, since: Instant) {
    let request = Request::new(key, chat("gpt"));
    eventually("all places are free", || async {
        let counts = at_once(&stage.ring, &request, LIMIT).await;
        (counts.get(&200) == Some(&LIMIT)).then_some(())
    })
    .await;
    report.within(12, "  rest until all were free", since.elapsed(), Duration::from_secs(5));
    let mut counters = Counters::of(&stage.redis);
    eventually("nobody holds one", || {
        let held = counters.slots();
        async move { (held == 0).then_some(()) }
    })
    .await;
    let counts = at_once(&stage.ring, &request, 3 * LIMIT).await;
    report.exactly(12, "  24 at once: admitted", counts.get(&200).copied().unwrap_or(0), LIMIT);
}
