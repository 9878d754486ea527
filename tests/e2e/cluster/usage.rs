//! Deployments are used as if the replicas were one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Replicas;
use super::redis::Redis;
use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

fn least_busy(provider: &FakeProvider, keys: &[String]) -> Value {
    let models: Vec<Value> = keys.iter().map(|key| openai("gpt", provider, key)).collect();
    with(config(&models), json!({"router_settings": {"routing_strategy": "least-busy"}}))
}

/// `total` requests in turn over the replicas, `at_once` of them at a time.
async fn load(replicas: &Replicas, total: usize, at_once: usize) {
    let next = AtomicUsize::new(0);
    let client = || async {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= total {
                return;
            }
            let reply = replicas.0[turn % replicas.0.len()].chat(&chat("gpt")).await;
            assert_eq!(reply.status(), 200, "{}", reply.text());
        }
    };
    futures_util::future::join_all((0..at_once).map(|_| client())).await;
}

fn shares(provider: &FakeProvider, keys: &[String]) -> Vec<f64> {
    let total = provider.total().requests as f64;
    keys.iter().map(|key| 100.0 * provider.stats(key).requests as f64 / total).collect()
}

/// What the others have under way, as a replica knows it.
async fn elsewhere(gateway: &Gateway) -> u64 {
    let health = gateway.get("/health").await.json();
    let list = health["healthy_endpoints"].as_array().unwrap().iter();
    list.map(|entry| entry["in_flight_elsewhere"].as_u64().unwrap()).sum()
}

async fn knows(gateway: &Gateway, count: u64) {
    eventually(&format!("{count} under way elsewhere"), || async {
        (elsewhere(gateway).await == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn least_busy_is_least_busy_of_all_and_a_dead_replica_counts_no_more() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let keys: Vec<String> = (0..4).map(|n| format!("sk-fake.slow=60000.id={n}")).collect();
    let mut replicas = Replicas::over(&redis, &least_busy(&provider, &keys)).await;
    let mut open = Vec::new();
    for round in 0..12u64 {
        let gateway = &replicas.0[round as usize % 3];
        // The others' share of what is open: all but this replica's own.
        knows(gateway, round - round / 3).await;
        open.push(gateway.send("/v1/chat/completions", &[], &chat("gpt")).await);
        eventually("the provider has it", || async {
            (provider.total().requests == round + 1).then_some(())
        })
        .await;
    }
    let each: Vec<u64> = keys.iter().map(|key| provider.stats(key).requests).collect();
    assert_eq!(each, [3, 3, 3, 3], "each replica sees what the others have open");
    let dead = replicas.0.pop().unwrap();
    knows(&replicas.0[0], 8).await;
    dead.signal("KILL");
    let since = Instant::now();
    knows(&replicas.0[0], 4).await;
    eprintln!("a killed replica's counts were gone after {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    drop(replicas.0.pop());
    replicas.know_each_other(1.0).await;
}

#[tokio::test]
async fn equals_get_the_same_and_a_slow_one_is_spared() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let keys: Vec<String> = (0..4).map(|n| format!("sk-fake.slow=30.id={n}")).collect();
    let replicas = Replicas::over(&redis, &least_busy(&provider, &keys)).await;
    load(&replicas, 1_200, 24).await;
    let equal = shares(&provider, &keys);
    eprintln!("four equal deployments over three replicas: {equal:.1?} %");
    assert!(equal.iter().all(|share| (22.0..28.0).contains(share)), "{equal:?}");
    drop(replicas);

    provider.clear();
    let mut keys: Vec<String> = (0..3).map(|n| format!("sk-fake.slow=30.id=1{n}")).collect();
    keys.push("sk-fake.slow=300.id=13".into());
    let replicas = Replicas::over(&redis, &least_busy(&provider, &keys)).await;
    load(&replicas, 900, 18).await;
    let one_slow = shares(&provider, &keys);
    eprintln!("the last one ten times slower: {one_slow:.1?} %");
    assert!(one_slow[3] < 8.0, "{one_slow:?}");
}

#[tokio::test]
async fn one_replicas_429_spares_the_others() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let bad = "sk-fake.status=429.retry_after=60";
    let models = [openai("gpt", &provider, bad), openai("gpt", &provider, "sk-fake.text=good")];
    let replicas = Replicas::over(&redis, &config(&models)).await;
    eventually("the bad one is met", || async {
        (replicas.0[0].chat(&chat("gpt")).await.status() == 429).then_some(())
    })
    .await;
    let since = Instant::now();
    for gateway in &replicas.0[1..] {
        eventually("the others know", || async {
            (gateway.get("/health").await.json()["unhealthy_count"] == 1).then_some(())
        })
        .await;
    }
    eprintln!("the others knew of the cooldown after {:?}", since.elapsed());
    for turn in 0..60 {
        assert_eq!(replicas.0[turn % 3].chat(&chat("gpt")).await.status(), 200);
    }
    assert_eq!(provider.stats(bad).requests, 1);
    let health = replicas.0[2].get("/health").await.json();
    let cooling = health["unhealthy_endpoints"][0]["cooling_seconds"].as_f64().unwrap();
    assert!((50.0..=60.0).contains(&cooling), "{cooling}");
}

#[tokio::test]
async fn a_deployments_rpm_holds_for_all_together() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let mut model = openai("gpt", &provider, "sk-fake.text=good");
    model["litellm_params"]["rpm"] = json!(6);
    let replicas = Replicas::over(&redis, &config(&[model])).await;
    for _ in 0..6 {
        assert_eq!(replicas.0[0].chat(&chat("gpt")).await.status(), 200);
    }
    for gateway in &replicas.0[1..] {
        eventually("the others count it", || async {
            (gateway.chat(&chat("gpt")).await.status() == 429).then_some(())
        })
        .await;
    }
    let served = provider.total().requests;
    eprintln!("rpm 6 over three replicas: {served} served");
    assert!(served < 18, "each replica by itself would have served 6");
}

/// What one replica has measured the others go by, too, instead of trying every deployment themselves.
#[tokio::test]
async fn latencies_that_one_replica_has_measured_are_known_to_all() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let (slow, fast, open) = ("sk-fake.slow=400.id=slow", "sk-fake.id=fast", "sk-fake.hang");
    let models =
        [openai("gpt", &provider, slow), openai("gpt", &provider, fast), openai("open", &provider, open)];
    let settings = json!({"router_settings": {"routing_strategy": "latency-based-routing"}});
    let replicas = Replicas::over(&redis, &with(config(&models), settings)).await;
    let (first, last) = (&replicas.0[0], &replicas.0[2]);
    // Two of each: the first sample pays for connections.
    eventually("both were measured", || async {
        assert_eq!(first.chat(&chat("gpt")).await.status(), 200);
        let each = [slow, fast].map(|key| provider.stats(key).requests);
        (each.iter().all(|requests| *requests >= 2)).then_some(())
    })
    .await;
    // A replica's words come in their order: whoever has heard of this knows what was measured before it.
    let under_way = first.send("/v1/chat/completions", &[], &chat("open")).await;
    knows(last, 1).await;
    let before = provider.stats(slow).requests;
    for _ in 0..4 {
        assert_eq!(last.chat(&chat("gpt")).await.status(), 200);
    }
    assert_eq!(provider.stats(slow).requests, before, "nobody needs to try it again");
    drop(under_way);
}
