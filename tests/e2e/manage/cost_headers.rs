//! Answers say what they have cost.

use serde_json::json;

use super::key;
use crate::harness::{FakeProvider, Gateway, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn an_answer_tells_its_cost_and_what_its_key_has_spent() {
    let provider = FakeProvider::start().await;
    let usage = "sk-fake.prompt_tokens=100.completion_tokens=50";
    let price =
        json!({"litellm_params": {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.00002}});
    let unpriced = json!({"litellm_params": {"model": "openai/nobody-knows"}});
    let models = [
        with(openai("gpt", &provider, usage), price),
        with(openai("new", &provider, "sk-fake.id=new"), unpriced),
    ];
    let settings = json!({
        "general_settings": {"database_url": "sqlite:///c.db"},
        "litellm_settings": {"cost_discount_config": {"openai": 0.5}, "cost_margin_config": {"openai": 0.1}},
    });
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    for fields in [json!({}), json!({"max_budget": 1, "budget_duration": "1d"})] {
        let key = key(&gateway, fields).await;
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let reply = gateway.post_with(CHAT, &headers, &chat("gpt")).await;
        let told = |name: &str| reply.header(&format!("x-litellm-{name}")).map(str::to_string);
        for (name, value) in [
            // Half of 0.002, and a tenth of that on top.
            ("response-cost", Some("0.0011")),
            ("response-cost-original", Some("0.002")),
            ("response-cost-input", Some("0.001")),
            ("response-cost-output", Some("0.001")),
            ("response-cost-discount-amount", Some("0.001")),
            ("response-cost-margin-amount", Some("0.0001")),
            ("response-cost-margin-percent", Some("0.1")),
            ("response-cost-cache-read", None),
            ("key-spend", Some("0.0011")),
        ] {
            assert_eq!(told(name).as_deref(), value, "{name}");
        }
        // A stream's head leaves before its cost is known.
        let stream = gateway.stream_with(CHAT, &headers, &chat("gpt")).await;
        assert_eq!(stream.head.header("x-litellm-key-spend"), Some("0.0011"));
        assert_eq!(stream.head.header("x-litellm-response-cost"), None);
        stream.rest().await;
        let reply = gateway.post_with(CHAT, &headers, &chat("gpt")).await;
        assert_eq!(reply.header("x-litellm-key-spend"), Some("0.0033"));
    }
    let reply = gateway.chat(&chat("gpt")).await;
    assert_eq!(reply.header("x-litellm-response-cost"), Some("0.0011"));
    assert_eq!(reply.header("x-litellm-key-spend"), None, "the master key has no budget to watch");
    let reply = gateway.chat(&chat("new")).await;
    assert_eq!(reply.header("x-litellm-response-cost"), None, "unknown is not free");
}
