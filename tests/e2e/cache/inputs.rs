//! Embeddings are kept input by input; the other endpoints as wholes.

use serde_json::{Value, json};

use super::cached_config;
use crate::harness::{FakeProvider, Gateway, chat, config, openai, with};

const UP: &str = "sk-fake.id=vectors";

async fn gateway(provider: &FakeProvider, more: Value) -> Gateway {
    let models =
        json!({"model_list": [openai("gpt", provider, UP), openai("spare", provider, "sk-fake.id=spare")]});
    Gateway::serve(&with(with(cached_config(provider, json!({"type": "local"})), models), more)).await
}

async fn embed(gateway: &Gateway, input: Value) -> (Value, Option<String>) {
    let reply = gateway.post("/v1/embeddings", &json!({"model": "gpt", "input": input})).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    (reply.json(), reply.header("x-litellm-cache-hit").map(str::to_owned))
}

/// What the provider was asked for, one list for each call.
fn asked(provider: &FakeProvider) -> Vec<Value> {
    provider.log(UP).into_iter().map(|entry| entry.body["input"].clone()).collect()
}

#[tokio::test]
async fn only_unknown_inputs_are_asked_for() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({})).await;
    let (first, _) = embed(&gateway, json!(["a", "b"])).await;
    let (mixed, hit) = embed(&gateway, json!(["c", "b", "a", "d"])).await;
    assert_eq!(asked(&provider), [json!(["a", "b"]), json!(["c", "d"])]);
    assert_eq!(hit.as_deref(), Some("False"));
    let vectors = |answer: &Value| -> Vec<Value> {
        let data = answer["data"].as_array().unwrap();
        assert!(data.iter().enumerate().all(|(place, item)| item["index"] == json!(place)), "{answer}");
        data.iter().map(|item| item["embedding"].clone()).collect()
    };
    let (known, all) = (vectors(&first), vectors(&mixed));
    assert_eq!((&all[2], &all[1]), (&known[0], &known[1]), "each input has its own vector");
    assert_eq!(mixed["usage"], json!({"prompt_tokens": 16, "total_tokens": 16}));
    let (again, hit) = embed(&gateway, json!(["d", "c", "b", "a"])).await;
    assert_eq!((asked(&provider).len(), hit.as_deref()), (2, Some("True")));
    assert_eq!(vectors(&again), [&all[3], &all[0], &all[1], &all[2]].map(Value::clone));
    let (single, hit) = embed(&gateway, json!("c")).await;
    assert_eq!((vectors(&single)[0].clone(), hit.as_deref()), (all[0].clone(), Some("True")));
    let (_, hit) = embed(&gateway, json!([99, 100])).await;
    let (_, again) = embed(&gateway, json!([99, 100])).await;
    assert_eq!((hit.as_deref(), again.as_deref()), (Some("False"), Some("True")), "tokens are one input");
    let other =
        gateway.post("/v1/embeddings", &json!({"model": "gpt", "input": ["a"], "dimensions": 4})).await;
    assert_eq!(other.json()["data"][0]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(asked(&provider).len(), 4);
}

#[tokio::test]
async fn vectors_of_two_models_do_not_come_together() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({"router_settings": {"fallbacks": [{"gpt": ["spare"]}]}})).await;
    embed(&gateway, json!(["a"])).await;
    provider.script(UP, "status=500");
    let (answer, _) = embed(&gateway, json!(["a", "b"])).await;
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    assert_eq!(provider.log("sk-fake.id=spare")[0].body["input"], json!(["a", "b"]), "all of it");
    let (_, hit) = embed(&gateway, json!(["b"])).await;
    assert_eq!(hit.as_deref(), Some("False"), "what the spare one answered is not kept");
}

#[tokio::test]
async fn every_kind_of_call_is_kept_or_not_as_the_configuration_says() {
    let provider = FakeProvider::start().await;
    let bodies = [
        ("chat/completions", chat("gpt"), true),
        ("completions", json!({"model": "gpt", "prompt": "Hello"}), true),
        ("embeddings", json!({"model": "gpt", "input": ["a", "b"]}), true),
        ("rerank", json!({"model": "gpt", "query": "q", "documents": ["a", "b"]}), true),
        ("responses", json!({"model": "gpt", "input": "Hello"}), true),
        ("moderations", json!({"model": "gpt", "input": "a"}), false),
        ("images/generations", json!({"model": "gpt", "prompt": "a dot"}), false),
        ("audio/speech", json!({"model": "gpt", "input": "say it", "voice": "alloy"}), false),
    ];
    let all = gateway(&provider, json!({})).await;
    let chats = json!({"litellm_settings": {"cache_params": {"supported_call_types": ["acompletion", "completion"]}}});
    let only_chat = gateway(&provider, chats).await;
    for (endpoint, body, kept) in bodies {
        let path = format!("/v1/{endpoint}");
        for (gateway, kept) in [(&all, kept), (&only_chat, endpoint == "chat/completions")] {
            let first = gateway.post(&path, &body).await;
            let again = gateway.post(&path, &body).await;
            assert_eq!((first.status(), again.status()), (200, 200), "{endpoint}");
            let hit = kept.then_some("True");
            assert_eq!(again.header("x-litellm-cache-hit"), hit, "{endpoint}");
            if kept {
                assert_eq!(
                    (first.text(), first.header("content-type")),
                    (again.text(), again.header("content-type"))
                );
            }
        }
    }
}

/// A form with a file and these fields; the boundary is another one each time.
fn form(boundary: &str, sound: &str, fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let mut body = String::new();
    for (name, value) in fields {
        body +=
            &format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n{sound}\r\n--{boundary}--\r\n"
    );
    (format!("multipart/form-data; boundary={boundary}"), body.into_bytes())
}

#[tokio::test]
async fn transcriptions_are_kept_by_the_sound() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&with(
        config(&[openai("gpt", &provider, UP)]),
        json!({"litellm_settings": {"cache": true, "cache_params": {"type": "local"}}}),
    ))
    .await;
    let bearer = format!("Bearer {}", crate::harness::KEY);
    let hit = async |boundary: &str, sound: &str, language: &str| {
        let (kind, body) = form(boundary, sound, &[("model", "gpt"), ("language", language)]);
        let headers = [("authorization", bearer.as_str()), ("content-type", kind.as_str())];
        let reply = gateway.raw("POST", "/v1/audio/transcriptions", &headers, &body).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.header("x-litellm-cache-hit") == Some("True")
    };
    assert!(!hit("one", "la la", "en").await);
    assert!(hit("another", "la la", "en").await);
    assert!(!hit("one", "la lo", "en").await);
    assert!(!hit("one", "la la", "de").await);
}
