//! One retry budget: never more attempts than allowed, never twice the one that just failed, no idle waits.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{FakeProvider, Gateway, Reply, chat, config, openai, with};

fn retries(models: &[Value], num_retries: u32) -> Value {
    with(config(models), json!({"router_settings": {"num_retries": num_retries, "disable_cooldowns": true}}))
}

#[tokio::test]
async fn attempts_never_exceed_one_and_the_retries() {
    let provider = FakeProvider::start().await;
    let keys = ["sk-fake.status=500.id=1", "sk-fake.status=503.id=2", "sk-fake.close.id=3"];
    let models: Vec<Value> = keys.iter().map(|key| openai("gpt", &provider, key)).collect();
    for allowed in [0_u64, 1, 2] {
        provider.clear();
        let gateway = Gateway::serve(&retries(&models, u32::try_from(allowed).unwrap())).await;
        let reply = gateway.chat(&chat("gpt")).await;
        assert!([500, 502, 503].contains(&reply.status()), "{}", reply.text());
        assert_eq!(provider.total().requests, 1 + allowed);
        assert!(keys.iter().all(|key| provider.stats(key).requests <= 1), "one was tried twice");
        assert_eq!(reply.must("x-litellm-attempted-retries"), allowed.to_string());
        // Another deployment could serve each time, and nothing follows the last attempt: no wait at all.
        assert!(waited(&reply) == 0.0, "{}", reply.must("server-timing"));
    }
}

#[tokio::test]
async fn a_retry_goes_to_a_deployment_that_did_not_fail() {
    let provider = FakeProvider::start().await;
    let models =
        [openai("gpt", &provider, "sk-fake.status=500"), openai("gpt", &provider, "sk-fake.text=rescued")];
    let gateway = Gateway::serve(&retries(&models, 1)).await;
    for _ in 0..20 {
        let reply = gateway.chat(&chat("gpt")).await;
        assert_eq!((reply.status(), reply.said().as_str()), (200, "rescued"));
        assert_eq!(reply.must("x-litellm-model-id"), "sk-fake.text=rescued");
        let tried_twice = reply.must("x-litellm-attempted-retries") == "1";
        assert_eq!(reply.header("x-litellm-max-retries").is_some(), tried_twice);
    }
}

#[tokio::test]
async fn a_deployment_alone_waits_as_long_as_it_is_told() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.status=429.retry_after=1.fail_times=1.text=ok";
    let gateway = Gateway::serve(&retries(&[openai("gpt", &provider, key)], 2)).await;
    let begun = Instant::now();
    let reply = gateway.chat(&chat("gpt")).await;
    assert_eq!(reply.said(), "ok");
    let took = begun.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(15)).contains(&took), "{took:?}");
    assert!(waited(&reply) >= 1000.0, "{}", reply.must("server-timing"));
}

/// Milliseconds between attempts.
fn waited(reply: &Reply) -> f64 {
    let timing = reply.must("server-timing");
    timing.split(", ").find_map(|part| part.strip_prefix("wait;dur=")).map_or(0.0, |ms| ms.parse().unwrap())
}

#[tokio::test]
async fn retry_after_is_no_reason_to_wait_when_another_can_serve() {
    let provider = FakeProvider::start().await;
    let models = [
        with(
            openai("gpt", &provider, "sk-fake.status=429.retry_after=30"),
            json!({"litellm_params": {"order": 1}}),
        ),
        with(openai("gpt", &provider, "sk-fake.text=now"), json!({"litellm_params": {"order": 2}})),
    ];
    let gateway = Gateway::serve(&retries(&models, 2)).await;
    let begun = Instant::now();
    assert_eq!(gateway.chat(&chat("gpt")).await.said(), "now");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn callers_mistakes_are_not_repeated_and_a_wrong_key_only_elsewhere() {
    let provider = FakeProvider::start().await;
    for status in [400, 413, 422] {
        let key = |n: u32| format!("sk-fake.status={status}.id={n}");
        let models = [openai("gpt", &provider, &key(1)), openai("gpt", &provider, &key(2))];
        provider.clear();
        let gateway = Gateway::serve(&retries(&models, 3)).await;
        let reply = gateway.chat(&chat("gpt")).await;
        assert_eq!(reply.status(), status);
        assert_eq!(provider.total().requests, 1, "{status}");
        assert_eq!(reply.header("x-should-retry"), Some("false"), "{status}");
    }
    for status in [401, 403, 404] {
        provider.clear();
        let bad = format!("sk-fake.status={status}");
        let alone = Gateway::serve(&retries(&[openai("gpt", &provider, &bad)], 3)).await;
        assert_eq!(alone.chat(&chat("gpt")).await.status(), status);
        assert_eq!(provider.total().requests, 1, "{status} alone");

        let models = [
            with(openai("gpt", &provider, &bad), json!({"litellm_params": {"order": 1}})),
            with(openai("gpt", &provider, "sk-fake.text=fine"), json!({"litellm_params": {"order": 2}})),
        ];
        let gateway = Gateway::serve(&retries(&models, 3)).await;
        assert_eq!(gateway.chat(&chat("gpt")).await.said(), "fine", "{status}");
        assert_eq!(provider.stats(&bad).requests, 2, "{status}: once alone, once here");
    }
}

#[tokio::test]
async fn retry_policy_counts_by_class() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("limited", &provider, "sk-fake.status=429.retry_after_ms=1"),
        openai("broken", &provider, "sk-fake.status=500.retry_after_ms=1"),
        openai("refused", &provider, "sk-fake.status=400.retry_after_ms=1"),
    ];
    let policy = json!({"router_settings": {"num_retries": 1, "retry_policy":
        {"RateLimitErrorRetries": 3, "InternalServerErrorRetries": 0, "BadRequestErrorRetries": 2}}});
    let gateway = Gateway::serve(&with(config(&models), policy)).await;
    for (model, status, attempts) in [("limited", 429, 4), ("broken", 500, 1), ("refused", 400, 3)] {
        provider.clear();
        assert_eq!(gateway.chat(&chat(model)).await.status(), status);
        assert_eq!(provider.total().requests, attempts, "{model}");
    }
}

#[tokio::test]
async fn a_request_chooses_its_own_retries() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.status=500.retry_after_ms=1";
    let gateway = Gateway::serve(&retries(&[openai("gpt", &provider, key)], 2)).await;
    gateway.chat(&with(chat("gpt"), json!({"num_retries": 0}))).await;
    assert_eq!(provider.total().requests, 1);
    let path = "/v1/chat/completions";
    let reply = gateway.post_with(path, &[("x-litellm-num-retries", "1")], &chat("gpt")).await;
    assert_eq!(provider.total().requests, 3);
    assert_eq!(reply.must("x-litellm-max-retries"), "1");
    assert!(provider.log(key).iter().all(|entry| entry.body.get("num_retries").is_none()));
}

#[tokio::test]
async fn answers_and_errors_say_what_was_done() {
    let provider = FakeProvider::start().await;
    let models =
        [openai("gpt", &provider, "sk-fake.id=fine"), openai("bad", &provider, "sk-fake.status=500")];
    let gateway = Gateway::serve(&config(&models)).await;
    let path = "/v1/chat/completions";
    for model in ["gpt", "bad"] {
        for stream in [false, true] {
            let body = with(chat(model), json!({"stream": stream}));
            let reply = gateway.post_with(path, &[("x-litellm-call-id", "my-call")], &body).await;
            assert_eq!(reply.must("x-litellm-call-id"), "my-call");
            assert_eq!(reply.must("x-litellm-model-group"), model);
            assert_eq!(reply.must("x-litellm-attempted-retries"), "0");
            assert_eq!(reply.must("x-litellm-attempted-fallbacks"), "0");
            assert_eq!(reply.must("x-litellm-model-api-base"), provider.v1());
            reply.must("x-litellm-response-duration-ms");
            let timing = reply.must("server-timing");
            assert!(["gateway", "upstream", "wait", "total"].iter().all(|part| timing.contains(part)));
        }
    }
    let reply = gateway.chat(&chat("gpt")).await;
    assert_eq!(reply.must("x-ratelimit-remaining-requests"), "9999");
    assert!(reply.must("llm_provider-x-request-id").starts_with("req_fake"));
}
