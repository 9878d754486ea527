//! Routing does what its name says, seen from the providers' side.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

/// `total` requests, `at_once` of them at a time.
async fn load(gateway: &Gateway, total: usize, at_once: usize) {
    let next = AtomicUsize::new(0);
    let client = || async {
        while next.fetch_add(1, Ordering::Relaxed) < total {
            let reply = gateway.chat(&chat("gpt")).await;
            assert_eq!(reply.status(), 200, "{}", reply.text());
        }
    };
    futures_util::future::join_all((0..at_once).map(|_| client())).await;
}

/// The share of all requests that each key got, percent.
fn shares(provider: &FakeProvider, keys: &[String]) -> Vec<f64> {
    let total = provider.total().requests as f64;
    keys.iter().map(|key| 100.0 * provider.stats(key).requests as f64 / total).collect()
}

fn group(provider: &FakeProvider, keys: &[String]) -> Vec<Value> {
    keys.iter().map(|key| openai("gpt", provider, key)).collect()
}

#[tokio::test]
async fn least_busy_gives_equals_the_same() {
    let provider = FakeProvider::start().await;
    let keys: Vec<String> = (0..4).map(|n| format!("sk-fake.slow=10.id={n}")).collect();
    let settings = json!({"router_settings": {"routing_strategy": "least-busy"}});
    let gateway = Gateway::start().workers(2).serve(&with(config(&group(&provider, &keys)), settings)).await;
    load(&gateway, 800, 16).await;
    let shares = shares(&provider, &keys);
    assert!(shares.iter().all(|share| (20.0..30.0).contains(share)), "{shares:?}");
}

#[tokio::test]
async fn least_busy_spares_a_slow_one() {
    let provider = FakeProvider::start().await;
    let mut keys: Vec<String> = (0..3).map(|n| format!("sk-fake.slow=20.id={n}")).collect();
    keys.push("sk-fake.slow=200.id=3".into());
    let settings = json!({"router_settings": {"routing_strategy": "least-busy"}});
    let gateway = Gateway::start().workers(2).serve(&with(config(&group(&provider, &keys)), settings)).await;
    load(&gateway, 800, 12).await;
    let shares = shares(&provider, &keys);
    assert!(shares[3] < 10.0, "{shares:?}");
}

#[tokio::test]
async fn weights_of_three_to_one() {
    let provider = FakeProvider::start().await;
    for field in ["weight", "rpm"] {
        provider.clear();
        let factor = if field == "rpm" { 100_000 } else { 1 };
        let keys: Vec<String> = (0..2).map(|n| format!("sk-fake.id={n}")).collect();
        let mut models = group(&provider, &keys);
        for (model, weight) in models.iter_mut().zip([3, 1]) {
            model["litellm_params"][field] = json!(weight * factor);
        }
        let gateway = Gateway::start().workers(2).serve(&config(&models)).await;
        load(&gateway, 1200, 8).await;
        let shares = shares(&provider, &keys);
        assert!((70.0..80.0).contains(&shares[0]), "{field}: {shares:?}");
    }
}

#[tokio::test]
async fn latency_based_routing_finds_a_healed_deployment() {
    let provider = FakeProvider::start().await;
    let keys = ["sk-fake.slow=40.id=steady".to_owned(), "sk-fake.id=healing".to_owned()];
    let settings =
        json!({"router_settings": {"routing_strategy": "latency-based-routing", "cooldown_time": 1}});
    let gateway = Gateway::serve(&with(config(&group(&provider, &keys)), settings)).await;
    provider.script(&keys[1], "slow=400");
    load(&gateway, 60, 4).await;
    let before = shares(&provider, &keys);
    assert!(before[1] < 30.0, "the slow one is avoided: {before:?}");
    provider.script(&keys[1], "slow=1");
    eventually("the healed one serves most", || async {
        provider.clear();
        load(&gateway, 40, 4).await;
        (shares(&provider, &keys)[1] > 60.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn parallel_requests_are_never_exceeded() {
    let provider = FakeProvider::start().await;
    let keys: Vec<String> = (0..2).map(|n| format!("sk-fake.slow=30.id={n}")).collect();
    let mut models = group(&provider, &keys);
    for model in &mut models {
        model["litellm_params"]["max_parallel_requests"] = json!(3);
    }
    let gateway = Gateway::start().workers(2).serve(&config(&models)).await;
    let replies =
        futures_util::future::join_all((0..60).map(|_| async { gateway.chat(&chat("gpt")).await })).await;
    for key in &keys {
        assert!(provider.stats(key).max_in_flight <= 3, "{key}: {:?}", provider.stats(key));
    }
    let served = replies.iter().filter(|reply| reply.status() == 200).count();
    assert!(served >= 6, "{served}");
    for reply in replies.iter().filter(|reply| reply.status() != 200) {
        assert_eq!(reply.status(), 429, "{}", reply.text());
        assert_eq!(reply.error()["code"], "rate_limit_exceeded");
    }
    gateway.idle().await;
    assert_eq!(gateway.chat(&chat("gpt")).await.status(), 200);
}

#[tokio::test]
async fn rpm_is_never_exceeded() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.id=rpm";
    let model = with(openai("gpt", &provider, key), json!({"litellm_params": {"rpm": 20}}));
    let gateway = Gateway::start().workers(2).serve(&config(&[model])).await;
    let replies =
        futures_util::future::join_all((0..50).map(|_| async { gateway.chat(&chat("gpt")).await })).await;
    assert_eq!(replies.iter().filter(|reply| reply.status() == 200).count(), 20);
    assert_eq!(provider.stats(key).requests, 20);
    let refused = replies.iter().find(|reply| reply.status() == 429).unwrap();
    let wait: u64 = refused.must("retry-after").parse().unwrap();
    // Windows slide in steps of up to a second.
    assert!((1..=61).contains(&wait), "{wait}");
    assert!(refused.error()["message"].as_str().unwrap().contains("rpm"));
}
