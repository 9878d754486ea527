//! Promise 17: every replica is replaced by a new one while 200 streams are open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Done, End, Load, Request, Ring, count};
use crate::harness::{FakeProvider, Gateway, chat, with};
use crate::report::Report;
use crate::stage::{Plan, REPLICAS, Stage, a_while, cent};

const STREAMS: usize = 200;
/// A stream lasts three seconds.
const PROVIDER: &str = "sk-fake.chunks=20.chunk_delay=150.completion_tokens=10";
/// How often the load balancer looks.
const LOOK: Duration = Duration::from_millis(200);

/// Takes a replica out when its readiness says so, as a load balancer does, and waits for its end.
async fn leaves(ring: &Ring, mut replica: Gateway) {
    replica.signal("TERM");
    while replica.get("/health/readiness").await.status() == 200 {
        a_while(LOOK).await;
    }
    ring.remove(replica.addr);
    let status = replica.ended().await;
    assert!(status.success(), "{status}: {}", replica.log());
}

/// One after the other.
pub async fn open_streams(report: &Report) {
    let provider = FakeProvider::start().await;
    let models = vec![cent("gpt", &provider, PROVIDER)];
    let mut stage = Stage::start(provider, Plan { models, ..Plan::default() }).await;
    let key = stage.key(json!({"max_budget": 1_000_000, "max_parallel_requests": 10_000})).await;
    let request = Request::new(&key, with(chat("gpt"), json!({"stream": true, "max_tokens": 10})));
    let load = Load::of_clients(&stage.ring, STREAMS, move |_, _| request.clone());
    stage
        .provider
        .wait_within(PROVIDER, Duration::from_secs(20), |stats| stats.in_flight > 150)
        .await
        .unwrap();
    let since = Instant::now();
    let mut leaving = Vec::new();
    for place in 0..REPLICAS {
        let new = stage.spare(place + REPLICAS).await;
        stage.ring.add(new.addr);
        let old = stage.swap(place, new);
        let ring = Arc::clone(&stage.ring);
        leaving.push(tokio::spawn(async move { leaves(&ring, old).await }));
        a_while(Duration::from_secs(2)).await;
    }
    for one in leaving {
        one.await.unwrap();
    }
    let took = since.elapsed();
    let all = load.end().await;
    judge(&stage, report, &all, took).await;
}

async fn judge(stage: &Stage, report: &Report, all: &[Done], took: Duration) {
    let what =
        format!("rolling restart of 3 replicas in {:.1} s, 200 open streams: streams", took.as_secs_f64());
    report.note(17, &what, all.len(), &format!("> {STREAMS}"), all.len() > STREAMS);
    let most = stage.provider.stats(PROVIDER).max_in_flight;
    report.note(17, "  open at once, at most", most, "200", most >= 190);
    report.exactly(17, "  broken", count(all, End::Cut), 0);
    report.exactly(17, "  ended with an error", count(all, End::Error), 0);
    report.exactly(17, "  found nobody", count(all, End::Nobody), 0);
    let rows = stage.settled(|rows| rows.len() >= all.len()).await;
    report.exactly(17, "  rows in the ledger", rows.len(), all.len());
}
