//! What a key and its team change about their requests: names, fallbacks, retries, and what happens without money.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ask, done, key, refused};
use crate::harness::{FakeProvider, Gateway, Reply, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";

/// Three groups whose answers cost 0.01, one of which is broken.
async fn gateway(provider: &FakeProvider, litellm: Value) -> Gateway {
    let cent = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let model = |name: &str, key: &str| with(openai(name, provider, key), cent.clone());
    let models = [
        model("good", "sk-fake.id=good.completion_tokens=10"),
        model("other", "sk-fake.id=other.completion_tokens=10"),
        model("broken", "sk-fake.id=broken.status=503"),
    ];
    let settings =
        json!({"general_settings": {"database_url": "sqlite:///r.db"}, "litellm_settings": litellm});
    Gateway::serve(&with(config(&models), settings)).await
}

async fn call(gateway: &Gateway, key: &str, model: &str) -> Reply {
    let body = with(chat(model), json!({"max_tokens": 10}));
    ask(gateway, key, "POST", CHAT, &body).await
}

/// The status, and the name of who served.
fn served_by(reply: &Reply) -> (u16, Option<&str>) {
    let id = reply.header("x-litellm-model-id").and_then(|id| id.split(['=', '.']).nth(2));
    (reply.status(), id)
}

#[tokio::test]
async fn aliases_are_other_names_and_no_way_around_a_list() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({})).await;
    let team = json!({"team_id": "red", "model_aliases": {"best": "other"}});
    done(&gateway, "POST", "/team/new", team).await;
    let own = key(&gateway, json!({"team_id": "red", "aliases": {"fast": "good", "odd": "best"}})).await;
    for (asked, served) in [("fast", "good"), ("best", "other"), ("good", "good")] {
        let reply = call(&gateway, &own, asked).await;
        assert_eq!(served_by(&reply), (200, Some(served)), "{asked}: {}", reply.text());
    }
    assert_eq!(call(&gateway, &own, "odd").await.status(), 404, "the team's names come before the key's");
    let bounded = key(&gateway, json!({"models": ["good", "fast"], "aliases": {"fast": "other"}})).await;
    assert_eq!(call(&gateway, &bounded, "fast").await.status(), 403);
}

#[tokio::test]
async fn router_settings_of_a_key_replace_the_configured_ones() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({"num_retries": 0})).await;
    let plain = key(&gateway, json!({})).await;
    assert_eq!(call(&gateway, &plain, "broken").await.status(), 503);
    let settings = json!({
        "fallbacks": [{"broken": ["other"]}],
        "num_retries": 1,
        "model_group_alias": {"b": "broken"},
    });
    // The fallback is the operator's choice: the key's own list need not name it.
    let own = key(&gateway, json!({"models": ["broken"], "router_settings": settings})).await;
    let reply = call(&gateway, &own, "b").await;
    assert_eq!(served_by(&reply), (200, Some("other")), "{}", reply.text());
    assert_eq!(reply.header("x-litellm-attempted-fallbacks"), Some("1"));
    // One that the request brings along wins, and is checked.
    let body = with(chat("broken"), json!({"fallbacks": ["good"]}));
    assert_eq!(ask(&gateway, &own, "POST", CHAT, &body).await.status(), 403);
    let wrong = json!({"router_settings": {"num_retries": "many"}});
    let (status, error) = refused(&gateway, crate::harness::KEY, "POST", "/key/generate", wrong).await;
    assert_eq!((status, error["param"].clone()), (400, json!("router_settings.num_retries")));
}

#[tokio::test]
async fn a_key_moves_to_another_model_when_its_budget_for_one_is_gone() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({})).await;
    let fields = json!({
        "model_max_budget": {"good": {"max_budget": 0.01, "budget_duration": "1d"}},
        "budget_fallbacks": {"good": ["nowhere", "other"]},
        "max_budget": 0.03,
    });
    let key = key(&gateway, fields).await;
    for served in ["good", "other", "other"] {
        let reply = call(&gateway, &key, "good").await;
        assert_eq!(served_by(&reply), (200, Some(served)), "{}", reply.text());
    }
    assert_eq!(call(&gateway, &key, "good").await.status(), 422, "no money at all is no money for others");
}

#[tokio::test]
async fn a_key_goes_on_slowly_when_its_budget_is_gone() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({"budget_exceeded_throttle_percentage": 0.1})).await;
    let fields = json!({"max_budget": 0.01, "rpm_limit": 40, "throttle_on_budget_exceeded": true});
    let slow = key(&gateway, fields).await;
    let mut counts = BTreeMap::new();
    for _ in 0..10 {
        *counts.entry(call(&gateway, &slow, "good").await.status()).or_insert(0) += 1;
    }
    // One with money; then a tenth of 40 a minute, which that one belongs to.
    assert_eq!(counts, BTreeMap::from([(200, 4), (429, 6)]));
    let unlimited = key(&gateway, json!({"max_budget": 0.01, "throttle_on_budget_exceeded": true})).await;
    assert_eq!(call(&gateway, &unlimited, "good").await.status(), 200);
    assert_eq!(call(&gateway, &unlimited, "good").await.status(), 422, "there is no rate to lower");
}
