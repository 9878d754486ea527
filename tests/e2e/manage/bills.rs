//! One row for every end, with the right cost: cached, written and reasoning tokens, whole and streamed, straight
//! through and behind a bridge; nothing for an error before the first token.

use serde_json::{Value, json};

use super::{got, key};
use crate::harness::config::at;
use crate::harness::{FakeProvider, Gateway, Manual, Streaming, anthropic, config, eventually, openai, with};

/// Prices of which no two are alike.
fn priced(model: Value) -> Value {
    let prices = json!({
        "input_cost_per_token": 0.001,
        "cache_read_input_token_cost": 0.0001,
        "cache_creation_input_token_cost": 0.002,
        "output_cost_per_token": 0.003,
        "output_cost_per_reasoning_token": 0.005,
    });
    with(model, json!({"litellm_params": prices}))
}

async fn gateway(models: &[Value]) -> Gateway {
    let settings = json!({"general_settings": {"database_url": "sqlite:///bills.db"}});
    Gateway::serve(&with(config(models), settings)).await
}

/// The rows of a key, as soon as there are so many.
async fn rows(gateway: &Gateway, key: &str, count: usize) -> Vec<Value> {
    let path = format!("/spend/logs?api_key={key}");
    eventually("all rows", || async {
        let logs = got(gateway, &path).await;
        logs.as_array().filter(|rows| rows.len() >= count).cloned()
    })
    .await
}

#[tokio::test]
async fn every_endpoint_is_billed_alike_streamed_or_not() {
    let provider = FakeProvider::start().await;
    let up = "sk-fake.prompt_tokens=10.cached_tokens=4.completion_tokens=8";
    let models = [
        priced(openai("gpt", &provider, &format!("{up}.reasoning_tokens=3"))),
        priced(anthropic("claude", &provider, &format!("{up}.cache_creation_tokens=5"))),
    ];
    let gateway = gateway(&models).await;
    // 6 x 0.001 + 4 x 0.0001 + 5 x 0.003 + 3 x 0.005, and where the cache is counted beside the input
    // 10 x 0.001 + 4 x 0.0001 + 5 x 0.002 + 8 x 0.003.
    for (model, cost) in [("gpt", 0.0364), ("claude", 0.0444)] {
        let key = key(&gateway, json!({})).await;
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let bodies = [
            ("/v1/chat/completions", json!({"messages": [{"role": "user", "content": "Hello"}]})),
            ("/v1/completions", json!({"prompt": "Hello"})),
            ("/v1/responses", json!({"input": "Hello"})),
        ];
        for (path, body) in bodies {
            let body = with(body, json!({"model": model}));
            let whole = gateway.post_with(path, &headers, &body).await;
            assert_eq!(whole.status(), 200, "{path}: {}", whole.text());
            gateway.stream_with(path, &headers, &body).await.rest().await;
        }
        for row in rows(&gateway, &key, 6).await {
            assert_eq!((&row["spend"], &row["status"]), (&json!(cost), &json!("success")), "{row}");
            assert_eq!((&row["estimated"], &row["unpriced"]), (&json!(false), &json!(false)), "{row}");
        }
        assert_eq!(rows(&gateway, &key, 6).await.len(), 6);
    }
}

#[tokio::test]
async fn an_error_before_the_first_token_costs_nothing() {
    let provider = FakeProvider::start().await;
    let models = [
        priced(openai("gpt", &provider, "sk-fake.midstream_error=0")),
        priced(anthropic("claude", &provider, "sk-fake.midstream_error=0.id=2")),
        priced(anthropic("cut", &provider, "sk-fake.cut=0")),
    ];
    let gateway = gateway(&models).await;
    let key = key(&gateway, json!({"max_budget": 1.0})).await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    for model in ["gpt", "claude", "cut"] {
        for path in ["/v1/chat/completions", "/v1/responses"] {
            let body = with(crate::harness::chat(model), json!({"stream": true, "input": "Hello"}));
            let reply = gateway.post_with(path, &headers, &body).await;
            assert_ne!(reply.status(), 200, "{model} {path}: {}", reply.text());
        }
    }
    let rows = rows(&gateway, &key, 6).await;
    assert_eq!(rows.len(), 6);
    for row in rows {
        assert_eq!((&row["spend"], &row["status"]), (&json!(0.0), &json!("failure")), "{row}");
    }
}

#[tokio::test]
async fn what_nobody_counted_is_estimated_and_says_so() {
    let provider = FakeProvider::start().await;
    let models = [
        priced(openai("gpt", &provider, "sk-fake.no_usage")),
        with(
            openai("vectors", &provider, "sk-fake.no_usage.id=v"),
            json!({"litellm_params": {"input_cost_per_token": 0.001}}),
        ),
        with(openai("nobody-knows", &provider, "sk-fake.id=n"), json!({})),
    ];
    let gateway = gateway(&models).await;
    gateway.logged("no price is known for these models").await;
    let key = key(&gateway, json!({})).await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let chat = crate::harness::chat("gpt");
    gateway.stream_with("/v1/chat/completions", &headers, &chat).await.rest().await;
    for (path, body) in [
        ("/v1/responses", json!({"model": "gpt", "input": "Hello"})),
        ("/v1/completions", json!({"model": "gpt", "prompt": "Hello"})),
        ("/v1/embeddings", json!({"model": "vectors", "input": "Hello"})),
        ("/v1/chat/completions", crate::harness::chat("nobody-knows")),
    ] {
        assert_eq!(gateway.post_with(path, &headers, &body).await.status(), 200, "{path}");
    }
    for row in rows(&gateway, &key, 5).await {
        let spend = row["spend"].as_f64().unwrap();
        if row["model_group"] == "nobody-knows" {
            assert_eq!((spend, &row["unpriced"]), (0.0, &json!(true)), "{row}");
        } else {
            assert!(spend > 0.0 && row["estimated"] == true && row["unpriced"] == false, "{row}");
        }
        if row["model_group"] == "vectors" {
            // Vectors are no text that anybody wrote.
            assert_eq!(row["completion_tokens"], 0, "{row}");
        }
    }
    assert_eq!(gateway.metric("stagedoor_unpriced_requests_total", &["nobody-knows"]).await, Some(1.0));
}

#[tokio::test]
async fn a_response_that_fails_half_way_is_a_failure_and_paid_for() {
    let provider = Manual::listen().await;
    let gateway = gateway(&[priced(at("gpt", "openai/up", &provider.v1(), "sk-hand"))]).await;
    let key = key(&gateway, json!({})).await;
    let bearer = format!("Bearer {key}");
    let body = json!({"model": "gpt", "input": "Hello", "stream": true});
    let conn = gateway.send("/v1/responses", &[("authorization", &bearer)], &body).await;
    let mut asked = provider.asked().await;
    asked.begin_stream().await;
    let usage = json!({"input_tokens": 10, "output_tokens": 2, "total_tokens": 12});
    let error = json!({"code": "server_error", "message": "The model broke."});
    for (name, event) in [
        ("response.output_text.delta", json!({"delta": "Hi"})),
        ("response.failed", json!({"response": {"status": "failed", "error": error, "usage": usage}})),
    ] {
        let event = with(event, json!({"type": name}));
        asked.chunk(format!("event: {name}\ndata: {event}\n\n").as_bytes()).await;
    }
    asked.end().await;
    Streaming::of(conn).await.rest().await;
    let row = rows(&gateway, &key, 1).await.remove(0);
    // 10 x 0.001 + 2 x 0.003.
    assert_eq!((&row["spend"], &row["status"]), (&json!(0.016), &json!("failure")), "{row}");
}
