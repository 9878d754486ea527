//! A key that is taken away on one replica is refused on all within a second, under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::Replicas;
use super::redis::Redis;
use crate::harness::{FakeProvider, Gateway, chat, config, openai, with};
use crate::manage::{ask, done, key, postgres_url};

/// How long a key may still work.
const BOUND: Duration = Duration::from_secs(1);
/// Pause between the requests of one replica's clients: 200 requests a second on three replicas.
const PACE: Duration = Duration::from_millis(15);

/// Sends requests until `stop`; answers when the last one began that was served, and how many were.
async fn load(
    gateway: &Gateway,
    key: &str,
    seen: &AtomicBool,
    stop: &AtomicBool,
) -> (Option<Instant>, usize) {
    let (mut last, mut served) = (None, 0);
    let mut pace = tokio::time::interval(PACE);
    let mut refused = 0;
    while !stop.load(Ordering::Relaxed) || refused < 20 {
        pace.tick().await;
        let began = Instant::now();
        let reply = ask(gateway, key, "POST", "/v1/chat/completions", &chat("gpt")).await;
        match reply.status() {
            200 => {
                (last, served, refused) = (Some(began), served + 1, 0);
                if served >= 20 {
                    seen.store(true, Ordering::Relaxed);
                }
            }
            400 | 401 | 403 | 422 => refused += 1,
            other => panic!("{other}: {}", reply.text()),
        }
    }
    (last, served)
}

/// Makes the change on the first replica while all are under load; answers how long the key still worked.
async fn takes(replicas: &Replicas, what: &str, key: &str, path: &str, body: Value) -> Duration {
    let stop = AtomicBool::new(false);
    let seen: Vec<AtomicBool> = replicas.0.iter().map(|_| AtomicBool::new(false)).collect();
    let loads = replicas.0.iter().zip(&seen).map(|(gateway, seen)| load(gateway, key, seen, &stop));
    let change = async {
        let warm = || seen.iter().all(|seen| seen.load(Ordering::Relaxed));
        while !warm() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        done(&replicas.0[0], "POST", path, body).await;
        let changed = Instant::now();
        stop.store(true, Ordering::Relaxed);
        changed
    };
    let (results, changed) = join(join_all(loads), change).await;
    let after =
        |last: Option<Instant>| last.map_or(Duration::ZERO, |last| last.saturating_duration_since(changed));
    let worked = results.iter().map(|(last, _)| after(*last)).max().unwrap();
    let served: usize = results.iter().map(|(_, served)| served).sum();
    eprintln!("{what}: {served} requests served, the last one began {worked:?} after the change");
    assert!(worked < BOUND, "{what}: {worked:?}");
    worked
}

async fn every_way_of_revoking(replicas: &Replicas) {
    let first = &replicas.0[0];
    let own = key(first, json!({})).await;
    takes(replicas, "deleted", &own, "/key/delete", json!({"keys": [own]})).await;
    let own = key(first, json!({})).await;
    takes(replicas, "blocked", &own, "/key/block", json!({"key": own})).await;
    let own = key(first, json!({})).await;
    takes(replicas, "other models", &own, "/key/update", json!({"key": own, "models": ["other"]})).await;
    let own = key(first, json!({"max_budget": 100.0})).await;
    takes(replicas, "no budget left", &own, "/key/update", json!({"key": own, "max_budget": 0.0})).await;
    let team = done(first, "POST", "/team/new", json!({"team_alias": "t"})).await;
    let own = key(first, json!({"team_id": team["team_id"]})).await;
    let gone = json!({"team_ids": [team["team_id"]]});
    takes(replicas, "team deleted", &own, "/team/delete", gone).await;
}

async fn configured(provider: &FakeProvider) -> Value {
    let mut model = openai("gpt", provider, "sk-fake.text=fine");
    model["model_info"]["input_cost_per_token"] = json!(0.000_000_001);
    model["model_info"]["output_cost_per_token"] = json!(0.000_000_001);
    let general = json!({"general_settings": {"database_url": postgres_url().await}});
    with(config(&[model]), general)
}

#[tokio::test]
async fn over_redis() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let replicas = Replicas::over(&redis, &configured(&provider).await).await;
    every_way_of_revoking(&replicas).await;
}

#[tokio::test]
async fn over_postgresql_alone() {
    let provider = FakeProvider::start().await;
    let replicas = Replicas::start(&configured(&provider).await).await;
    every_way_of_revoking(&replicas).await;
}
