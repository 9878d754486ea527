//! Promises 10 and 13: what replicas tell each other, revoked keys and how busy deployments are.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Load, at_once};
use crate::harness::{FakeProvider, chat, openai};
use crate::report::Report;
use crate::stage::{Plan, REPLICAS, Stage, a_while, capped};

/// A key under 200 requests a second is blocked, let go on, and deleted, each on one replica.
pub async fn revoked_keys(report: &Report) {
    let stage = Stage::start(FakeProvider::start().await, Plan::default()).await;
    let key = stage.key(json!({"max_budget": 1_000})).await;
    at_once(&stage.ring, &capped(&key), 2 * REPLICAS).await;
    let request = capped(&key);
    let load = Load::steady(&stage.ring, Duration::from_millis(5), move |_| request.clone());
    let second = Duration::from_secs(1);
    a_while(second).await;
    let mut changes = Vec::new();
    let deleted = json!({"keys": [key]});
    for (path, body, passes) in [
        ("/key/block", json!({"key": key}), false),
        ("/key/unblock", json!({"key": key}), true),
        ("/key/delete", deleted, false),
    ] {
        let asked = Instant::now();
        stage.manage("POST", path, body).await;
        changes.push((path, passes, asked, Instant::now()));
        a_while(2 * second).await;
    }
    let all = load.end().await;
    for (at, (path, passes, _, from)) in changes.iter().enumerate() {
        let to = changes.get(at + 1).map_or(*from + 2 * second, |(_, _, asked, _)| *asked);
        let wrong = all.iter().filter(|done| done.began >= *from && done.began < to);
        let last = wrong.filter(|done| (done.status == 200) != *passes).map(|done| done.began).max();
        let took = last.map_or(Duration::ZERO, |last| last.duration_since(*from));
        report.within(10, &format!("{path} on one replica, 200 req/s: the last wrong answer"), took, second);
    }
}

/// Equal upstreams behind least-busy, over all replicas.
pub async fn least_busy(report: &Report) {
    let provider = FakeProvider::start().await;
    let keys: Vec<String> = (0..4).map(|n| format!("sk-fake.id={n}.slow=100")).collect();
    let models = keys.iter().map(|key| openai("gpt", &provider, key)).collect();
    let settings = json!({"router_settings": {"routing_strategy": "least-busy"}});
    let stage = Stage::start(provider, Plan { models, settings, ..Plan::default() }).await;
    let key = stage.key(json!({})).await;
    let request = crate::client::Request::new(&key, chat("gpt"));
    at_once(&stage.ring, &request, 2 * REPLICAS).await;
    let load = Load::of_clients(&stage.ring, 24, move |_, _| request.clone());
    a_while(Duration::from_secs(5)).await;
    load.end().await;
    let served: Vec<u64> = keys.iter().map(|key| stage.provider.stats(key).requests).collect();
    #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
    let share = |n: &u64| *n as f64 * 100.0 / served.iter().sum::<u64>() as f64;
    let shares: Vec<String> = served.iter().map(|n| format!("{:.1}", share(n))).collect();
    let held = served.iter().all(|n| (share(n) - 25.0).abs() <= 3.0);
    let what = format!("least-busy, 4 equal upstreams, {} requests: percent", served.iter().sum::<u64>());
    report.note(13, &what, shares.join(" "), "25 +-3 each", held);
}
