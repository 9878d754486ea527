//! Operators are told of budgets at their webhooks, and requests never wait for that.

use serde_json::{Value, json};

use super::{done, key};
use crate::harness::collector::Received;
use crate::harness::{Collector, FakeProvider, Gateway, Manual, chat, config, openai, with};

/// A gateway whose answers cost exactly 0.01, and that tells `addresses`.
async fn gateway(provider: &FakeProvider, environment: &[(&str, &str)], general: Value) -> Gateway {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let model = with(openai("gpt", provider, "sk-fake.completion_tokens=10"), price);
    let settings = json!({"general_settings": with(json!({"database_url": "sqlite:///a.db"}), general)});
    let mut start = Gateway::start();
    for (name, value) in environment {
        start = start.env(name, value);
    }
    start.serve(&with(config(&[model]), settings)).await
}

async fn call(gateway: &Gateway, key: &str) -> u16 {
    let bearer = format!("Bearer {key}");
    let body = with(chat("gpt"), json!({"max_tokens": 10}));
    gateway.post_with("/v1/chat/completions", &[("authorization", &bearer)], &body).await.status()
}

/// The next alert, answered like this.
async fn told(operator: &Manual, status: &str) -> Value {
    let mut asked = operator.asked().await;
    let body = serde_json::from_slice(&asked.body).unwrap();
    asked.answer(status, "text/plain", b"ok").await;
    body
}

#[tokio::test]
async fn a_webhook_is_told_once_of_each_line() {
    let (provider, operator) = (FakeProvider::start().await, Manual::listen().await);
    let url = format!("http://{}/hook-secret", operator.addr);
    let gateway = gateway(&provider, &[("WEBHOOK_URL", &url)], json!({"alerting": ["webhook"]})).await;
    done(&gateway, "POST", "/team/new", json!({"team_id": "red", "team_alias": "Red"})).await;
    let fields = json!({"team_id": "red", "key_alias": "ci", "soft_budget": 0.02, "max_budget": 0.03});
    let key = key(&gateway, fields).await;
    // Nobody answers yet, and nobody waits.
    for _ in 0..3 {
        assert_eq!(call(&gateway, &key).await, 200);
    }
    assert_eq!(call(&gateway, &key).await, 422);
    let soft = told(&operator, "503 Service Unavailable").await;
    assert_eq!(told(&operator, "200 OK").await, soft, "tried again");
    assert_eq!((&soft["event"], &soft["event_group"]), (&json!("soft_budget_crossed"), &json!("key")));
    assert_eq!((&soft["spend"], &soft["soft_budget"]), (&json!(0.02), &json!(0.02)));
    assert_eq!((&soft["key_alias"], &soft["team_alias"]), (&json!("ci"), &json!("Red")));
    assert_eq!(soft["token"].as_str().unwrap().len(), 64);
    let spent = told(&operator, "200 OK").await;
    assert_eq!((&spent["event"], &spent["spend"]), (&json!("budget_crossed"), &json!(0.03)));
    assert!(!soft.to_string().contains(&key));
    assert!(!gateway.log().contains("hook-secret") && !gateway.log().contains(&key));
}

#[tokio::test]
async fn slack_is_told_of_a_team_and_a_refusing_address_is_given_up() {
    let (provider, slack, webhook) =
        (FakeProvider::start().await, Manual::listen().await, Manual::listen().await);
    let environment = [
        ("SLACK_WEBHOOK_URL", format!("http://{}/s", slack.addr)),
        ("WEBHOOK_URL", format!("http://{}/hook-secret", webhook.addr)),
    ];
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let gateway = gateway(&provider, &environment, json!({"alerting": ["slack", "webhook"]})).await;
    done(&gateway, "POST", "/team/new", json!({"team_id": "red", "soft_budget": 0.01})).await;
    let key = key(&gateway, json!({"team_id": "red"})).await;
    assert_eq!(call(&gateway, &key).await, 200);
    let said = told(&slack, "200 OK").await;
    let text = said["text"].as_str().unwrap();
    assert!(text.contains("Alert type: `budget_alerts`") && text.contains("team_id: `red`"), "{text}");
    told(&webhook, "403 Forbidden").await;
    let line = gateway.logged("an alert could not be delivered").await;
    assert!(line.contains("403") && !line.contains("hook-secret"), "{line}");
    let metrics = gateway.get("/metrics").await.text();
    assert!(metrics.contains(r#"stagedoor_alerts_total{target="webhook",result="failed"} 1"#), "{metrics}");
}

#[tokio::test]
async fn slack_is_told_of_slow_and_failed_requests_cooldowns_and_outages() {
    let (provider, slack) = (FakeProvider::start().await, Collector::start().await);
    let settings = json!({"general_settings": {"alerting": ["slack"], "alerting_threshold": 0.2,
        "alert_to_webhook_url": {"outage_alerts": slack.url("/outages")}}});
    let models = [
        openai("bad", &provider, "sk-fake.status=500"),
        openai("slow", &provider, "sk-fake.slow=300"),
        openai("full", &provider, "sk-fake.status=429.id=1"),
        openai("full", &provider, "sk-fake.status=429.id=2"),
    ];
    let gateway = Gateway::start()
        .env("SLACK_WEBHOOK_URL", &slack.url("/all"))
        .serve(&with(config(&models), settings))
        .await;
    assert_eq!(gateway.chat(&chat("slow")).await.status(), 200);
    assert_eq!(gateway.chat(&chat("full")).await.status(), 429);
    for _ in 0..6 {
        assert_eq!(gateway.chat(&chat("bad")).await.status(), 500);
    }
    let texts = |all: &[Received]| -> Vec<String> {
        all.iter().map(|one| one.json()["text"].as_str().unwrap().to_owned()).collect()
    };
    let all = slack
        .until("/all", |all| {
            let all = texts(all);
            let told = |kind: &str| all.iter().any(|text| text.contains(&format!("Alert type: `{kind}`")));
            ["llm_too_slow", "llm_exceptions", "cooldown_deployment"]
                .iter()
                .all(|kind| told(kind))
                .then_some(all)
        })
        .await;
    let of_bad = |text: &&String| text.contains("llm_exceptions") && text.contains("model_group: `bad`");
    assert_eq!(all.iter().filter(of_bad).count(), 1, "told once: {all:?}");
    let outage = texts(&slack.until("/outages", |all| (!all.is_empty()).then(|| all.to_vec())).await);
    assert!(
        outage[0].contains("5 attempts failed") && outage[0].contains("model_group: `bad`"),
        "{outage:?}"
    );
    assert!(!all.iter().any(|text| text.contains("Hello") || text.contains("127.0.0.1")), "{all:?}");
}

#[tokio::test]
async fn slack_is_told_of_a_provider_that_hangs_while_its_clients_leave() {
    let (provider, slack) = (FakeProvider::start().await, Collector::start().await);
    let settings = json!({"general_settings": {"alerting": ["slack"], "alerting_threshold": 1.2,
        "alert_types": ["llm_too_slow", "outage_alerts"]}});
    let models = [with(openai("mute", &provider, "sk-fake.hang"), json!({"model_info": {"id": "dep-mute"}}))];
    let gateway = Gateway::start()
        .env("SLACK_WEBHOOK_URL", &slack.url("/all"))
        .serve(&with(config(&models), settings))
        .await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(gateway.send("/v1/chat/completions", &[], &chat("mute")).await);
    }
    provider.wait_total(|stats| stats.in_flight == 5).await;
    // The clients' own patience, which is shorter than any of the gateway's.
    tokio::time::sleep(std::time::Duration::from_millis(1_300)).await;
    drop(open);
    let all = slack
        .until("/all", |all| {
            let all: Vec<String> =
                all.iter().map(|one| one.json()["text"].as_str().unwrap().to_owned()).collect();
            let told = |kind: &str| all.iter().any(|text| text.contains(&format!("Alert type: `{kind}`")));
            (told("llm_too_slow") && told("outage_alerts")).then_some(all)
        })
        .await;
    assert!(all.iter().all(|text| text.contains("model_id: `dep-mute`")), "{all:?}");
    let outage = all.iter().find(|text| text.contains("outage_alerts")).unwrap();
    assert!(outage.contains("5 clients left before the first token"), "{outage}");
}
