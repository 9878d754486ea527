//! Operators are told what all replicas have spent together, and by one of them.

use serde_json::{Value, json};

use super::Replicas;
use super::redis::Redis;
use crate::harness::{FakeProvider, Gateway, Manual, chat, config, openai, with};
use crate::manage::{key, postgres_url};

/// Calls of a cent, on one replica after the other, until the operator is told.
async fn spend_until_told(replicas: &Replicas, key: &str, operator: &Manual) -> Value {
    let bearer = format!("Bearer {key}");
    let body = with(chat("gpt"), json!({"max_tokens": 10}));
    let spend = async {
        for replica in replicas.0.iter().cycle() {
            let reply = replica.post_with("/v1/chat/completions", &[("authorization", &bearer)], &body).await;
            assert_eq!(reply.status(), 200, "{}", reply.text());
        }
    };
    tokio::select! {
        () = spend => unreachable!("nobody stops"),
        mut asked = operator.asked() => {
            let told = serde_json::from_slice(&asked.body).unwrap();
            asked.answer("200 OK", "text/plain", b"ok").await;
            told
        }
    }
}

async fn alerts(gateway: &Gateway) -> f64 {
    let labels = [r#"target="webhook""#, r#"result="sent""#];
    gateway.metric("stagedoor_alerts_total", &labels).await.unwrap_or_default()
}

#[tokio::test]
async fn one_replica_tells_what_all_have_spent() {
    let (redis, provider, operator) =
        (Redis::start(&[]), FakeProvider::start().await, Manual::listen().await);
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let model = with(openai("gpt", &provider, "sk-fake.completion_tokens=10"), price);
    let settings = json!({
        "general_settings": {
            "database_url": postgres_url().await, "proxy_batch_write_at": 0.1, "alerting": ["webhook"],
        },
        "environment_variables": {"WEBHOOK_URL": format!("http://{}/hook", operator.addr)},
    });
    let replicas = Replicas::over(&redis, &with(config(&[model]), settings)).await;
    for turn in 1..=2 {
        let key = key(&replicas.0[0], json!({"key_alias": format!("k{turn}"), "soft_budget": 0.3})).await;
        let told = spend_until_told(&replicas, &key, &operator).await;
        assert_eq!(
            (&told["event"], &told["key_alias"]),
            (&json!("soft_budget_crossed"), &json!(format!("k{turn}")))
        );
        // A third of that was spent here: no replica alone has come so far.
        assert!(told["spend"].as_f64().unwrap() < 0.6, "{told}");
    }
    let mut sent = 0.0;
    for replica in &replicas.0 {
        sent += alerts(replica).await;
    }
    assert!(sent <= 2.0, "two keys, two alerts: {sent}");
}
