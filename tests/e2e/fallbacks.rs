//! Fallbacks: by configuration and by request, for the errors that they are meant for.

use serde_json::{Value, json};

use crate::harness::{FakeProvider, Gateway, chat, config, openai, with};

async fn gateway(provider: &FakeProvider, settings: Value) -> Gateway {
    let models = [
        openai("broken", provider, "sk-fake.status=500"),
        openai("broken2", provider, "sk-fake.status=503"),
        openai("refusing", provider, "sk-fake.status=400"),
        openai("small", provider, "sk-fake.context_window"),
        openai("prim", provider, "sk-fake.content_policy"),
        openai("spare", provider, "sk-fake.text=spare"),
        openai("large", provider, "sk-fake.text=large"),
    ];
    Gateway::serve(&with(config(&models), settings)).await
}

#[tokio::test]
async fn each_kind_of_error_has_its_own_list() {
    let provider = FakeProvider::start().await;
    let settings = json!({"litellm_settings": {
        "fallbacks": [{"broken": ["broken2", "spare"]}, {"refusing": ["spare"]}],
        "context_window_fallbacks": [{"small": ["large"]}],
        "content_policy_fallbacks": [{"prim": ["spare"]}],
    }});
    let gateway = gateway(&provider, settings).await;
    for (model, said, hops) in [("broken", "spare", "2"), ("small", "large", "1"), ("prim", "spare", "1")] {
        let reply = gateway.chat(&chat(model)).await;
        assert_eq!(reply.said(), said, "{model}");
        assert_eq!(reply.must("x-litellm-attempted-fallbacks"), hops, "{model}");
        assert_eq!(reply.must("x-litellm-model-group"), said, "{model}");
        let streamed = gateway.stream("/v1/chat/completions", &chat(model)).await.rest().await;
        assert_eq!(streamed.complete(), said, "{model}");
    }
    let reply = gateway.chat(&chat("refusing")).await;
    assert_eq!(reply.status(), 400, "a caller's own mistake goes nowhere");
    assert_eq!(provider.stats("sk-fake.text=spare").requests, 4);
}

#[tokio::test]
async fn default_fallbacks_catch_what_has_no_list() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({"litellm_settings": {"default_fallbacks": ["spare"]}})).await;
    assert_eq!(gateway.chat(&chat("broken")).await.said(), "spare");
}

#[tokio::test]
async fn fallback_mapping_is_a_plain_map() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({"fallback_mapping": {"broken": ["spare"]}})).await;
    assert_eq!(gateway.chat(&chat("broken")).await.said(), "spare");
}

#[tokio::test]
async fn a_request_brings_its_own_or_wants_none() {
    let provider = FakeProvider::start().await;
    let gateway =
        gateway(&provider, json!({"litellm_settings": {"fallbacks": [{"broken": ["spare"]}]}})).await;
    let body = with(chat("broken"), json!({"fallbacks": ["large"]}));
    assert_eq!(gateway.chat(&body).await.said(), "large");
    let own_text = json!([{"role": "user", "content": "in other words"}]);
    let body = with(chat("broken"), json!({"fallbacks": [{"model": "large", "messages": own_text}]}));
    assert_eq!(gateway.chat(&body).await.said(), "large");
    assert_eq!(provider.log("sk-fake.text=large")[1].body["messages"], own_text);
    let body = with(chat("broken"), json!({"disable_fallbacks": true}));
    let reply = gateway.chat(&body).await;
    assert_eq!(reply.status(), 500);
    assert_eq!(reply.must("x-litellm-attempted-fallbacks"), "0");
    for entry in provider.log_all() {
        for own in ["fallbacks", "disable_fallbacks"] {
            assert!(entry.body.get(own).is_none(), "{own} reached the provider");
        }
    }
}

#[tokio::test]
async fn when_all_fail_the_first_failure_is_told_and_the_others_named() {
    let provider = FakeProvider::start().await;
    let settings = json!({"litellm_settings": {"num_retries": 1, "retry_after": 0, "fallbacks": [{"broken": ["broken2"]}]}});
    let gateway = gateway(&provider, settings).await;
    let body = with(chat("broken"), json!({"num_retries": 0}));
    let reply = gateway.chat(&body).await;
    assert_eq!(reply.status(), 500);
    assert_eq!(reply.must("x-litellm-attempted-fallbacks"), "1");
    let message = reply.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("broken2"), "{message}");
    assert_eq!(provider.total().requests, 2);
    let failed = gateway.metric("litellm_deployment_failed_fallbacks_total", &[]).await;
    assert_eq!(failed, Some(1.0));
}

#[tokio::test]
async fn circles_end() {
    let provider = FakeProvider::start().await;
    let settings =
        json!({"litellm_settings": {"fallbacks": [{"broken": ["broken2"]}, {"broken2": ["broken"]}]}});
    let gateway = gateway(&provider, settings).await;
    let reply = gateway.chat(&chat("broken")).await;
    assert_eq!(reply.status(), 500);
    assert_eq!(provider.total().requests, 2, "each group once");
}
