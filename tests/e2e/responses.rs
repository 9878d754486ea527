//! The Responses API, spoken by the provider itself and over a bridge.

use serde_json::json;

use crate::harness::{FakeProvider, Gateway, anthropic, config, openai, with};

const PATH: &str = "/v1/responses";

#[tokio::test]
async fn streams_are_whole_natively_and_over_a_bridge() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("native", &provider, "sk-fake.text=a b c.id=n"),
        anthropic("bridged", &provider, "sk-fake.text=a b c.id=b"),
    ];
    let gateway = Gateway::serve(&config(&models)).await;
    for model in ["native", "bridged"] {
        let body = json!({"model": model, "input": "Say"});
        let told = gateway.stream(PATH, &body).await.rest().await;
        let values = told.values();
        let text: String = values
            .iter()
            .filter(|value| value["type"] == "response.output_text.delta")
            .filter_map(|value| value["delta"].as_str())
            .collect();
        assert_eq!(text, "a b c", "{model}: {told:#?}");
        let last = values.last().unwrap();
        assert_eq!(last["type"], "response.completed", "{model}");
        assert_eq!(last["response"]["model"], model, "{model}");
        assert_eq!(last["response"]["usage"]["input_tokens"], 9, "{model}: {last}");
        assert_eq!(told.names().last(), Some(&"response.completed"), "{model}");
        let numbers: Vec<u64> = values.iter().filter_map(|value| value["sequence_number"].as_u64()).collect();
        assert!(numbers.is_sorted() && numbers.len() == values.len(), "{model}: {numbers:?}");

        let whole = gateway.post(PATH, &body).await.json();
        let message = whole["output"].as_array().unwrap().iter().find(|item| item["type"] == "message");
        assert_eq!(message.unwrap()["content"][0]["text"], "a b c", "{model}: {whole}");
        assert_eq!((&whole["object"], &whole["status"]), (&json!("response"), &json!("completed")));
    }
}

#[tokio::test]
async fn a_broken_stream_is_never_completed() {
    let provider = FakeProvider::start().await;
    for fault in ["cut=2", "clean_cut=2", "midstream_error=2"] {
        let models = [
            openai("native", &provider, &format!("sk-fake.{fault}.id=n")),
            anthropic("bridged", &provider, &format!("sk-fake.{fault}.id=b")),
        ];
        let gateway = Gateway::serve(&config(&models)).await;
        for model in ["native", "bridged"] {
            let told = gateway.stream(PATH, &json!({"model": model, "input": "Say"})).await.rest().await;
            let values = told.values();
            assert!(values.iter().all(|v| v["type"] != "response.completed"), "{fault} {model}: {told:#?}");
            let last = values.last().unwrap();
            let failed =
                last["type"] == "error" || last["type"] == "response.failed" || last["error"].is_object();
            assert!(failed, "{fault} {model}: {last}");
            assert_eq!(told.dones(), 0, "{fault} {model}");
        }
        gateway.idle().await;
    }
}

#[tokio::test]
async fn a_failure_before_any_text_goes_to_a_fallback() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("native", &provider, "sk-fake.status=500"),
        anthropic("spare", &provider, "sk-fake.text=spare"),
    ];
    let settings = json!({"litellm_settings": {"fallbacks": [{"native": ["spare"]}]}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let told = gateway.stream(PATH, &json!({"model": "native", "input": "Say"})).await.rest().await;
    assert_eq!(told.values().last().unwrap()["type"], "response.completed", "{told:#?}");
}
