//! Fallbacks and what they hold: the next group's limits and the price of the body that is sent there.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{got, key};
use crate::harness::{FakeProvider, Gateway, Reply, chat, config, eventually, openai, with};

/// `a` is broken; `b` and `c` answer with ten tokens at 0.001 each.
async fn gateway(provider: &FakeProvider, fallbacks: Value) -> Gateway {
    let model = |group: &str, up: &str| {
        let price = json!({"input_cost_per_token": 0, "output_cost_per_token": 0.001});
        with(openai(group, provider, up), json!({"litellm_params": price}))
    };
    let models = [
        model("a", "sk-fake.status=503"),
        model("b", "sk-fake.completion_tokens=10.prompt_tokens=5.id=b"),
        model("c", "sk-fake.completion_tokens=10.prompt_tokens=5.id=c"),
    ];
    let settings = json!({
        "general_settings": {"database_url": "sqlite:///hops.db"},
        "router_settings": {"fallbacks": fallbacks, "num_retries": 0, "disable_cooldowns": true},
    });
    Gateway::serve(&with(config(&models), settings)).await
}

async fn call(gateway: &Gateway, key: &str, body: &Value) -> Reply {
    gateway.post_with("/v1/chat/completions", &[("authorization", &format!("Bearer {key}"))], body).await
}

async fn spend(gateway: &Gateway, key: &str) -> f64 {
    got(gateway, &format!("/key/info?key={key}")).await["info"]["spend"].as_f64().unwrap()
}

#[tokio::test]
async fn a_fallback_that_the_request_brings_is_held_by_its_own_body() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!([])).await;
    let key = key(&gateway, json!({"max_budget": 1.0})).await;
    let with_fallback = |target: Value| with(chat("a"), json!({"max_tokens": 10, "fallbacks": [target]}));
    let large = with_fallback(json!({"model": "b", "max_tokens": 2000}));
    let refused = call(&gateway, &key, &large).await;
    assert_eq!(refused.status(), 503);
    let message = refused.error()["message"].as_str().unwrap().to_string();
    assert!(message.contains("this request could cost 2.0"), "{message}");
    let many = with_fallback(json!({"model": "b", "n": 101}));
    assert_eq!(call(&gateway, &key, &many).await.status(), 503);
    assert!(provider.log("sk-fake.completion_tokens=10.prompt_tokens=5.id=b").is_empty());
    let small = with_fallback(json!({"model": "b", "max_tokens": 20}));
    assert_eq!(call(&gateway, &key, &small).await.status(), 200);
    // Too dear at one place is not too dear at the next.
    let cheaper = json!([{"model": "b", "max_tokens": 2000}, {"model": "c", "max_tokens": 10}]);
    let body = with(chat("a"), json!({"max_tokens": 10, "fallbacks": cheaper}));
    let reply = call(&gateway, &key, &body).await;
    assert_eq!((reply.status(), reply.must("x-litellm-model-group")), (200, "c"));
    eventually("two answers are paid", || async { (spend(&gateway, &key).await == 0.02).then_some(()) })
        .await;
}

#[tokio::test]
async fn the_next_groups_own_limits_hold_for_fallbacks() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!([{"a": ["b", "c"]}])).await;
    let limits = json!({"model_rpm_limit": {"a": 30, "b": 5, "c": 7}});
    let key = key(&gateway, limits).await;
    let body = with(chat("a"), json!({"max_tokens": 10}));
    let replies = join_all((0..30).map(|_| call(&gateway, &key, &body))).await;
    let mut answered = BTreeMap::new();
    for reply in &replies {
        let place = if reply.status() == 200 { reply.must("x-litellm-model-group") } else { "nobody" };
        *answered.entry(place.to_string()).or_insert(0) += 1;
    }
    let expected = [("b", 5), ("c", 7), ("nobody", 18)];
    assert_eq!(answered, expected.map(|(place, count)| (place.to_string(), count)).into());
    // Who found an answer elsewhere takes nothing of the group that failed.
    let standing = super::done_by(&gateway, &key, "GET", "/v1/limits", Value::Null).await;
    assert!(standing["limits"].is_array(), "{standing}");
    let again = call(&gateway, &key, &body).await;
    assert_eq!(again.status(), 503, "{}", again.text());
}
