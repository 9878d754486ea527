//! Streams that go wrong: a cut answer is never shown as a complete one.

use serde_json::json;

use crate::harness::{FakeProvider, Gateway, anthropic, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_cut_stream_ends_with_an_error_event() {
    let provider = FakeProvider::start().await;
    for fault in ["cut=3", "clean_cut=3"] {
        let key = format!("sk-fake.{fault}");
        let models = [openai("gpt", &provider, &key), anthropic("claude", &provider, &format!("{key}.id=a"))];
        let gateway = Gateway::serve(&config(&models)).await;
        for model in ["gpt", "claude"] {
            let told = gateway.stream(CHAT, &chat(model)).await.rest().await;
            let error = told.broken();
            assert_eq!(told.text(), "tok0 tok1 tok2 ", "{fault} {model}");
            assert_eq!(error["code"], "upstream_cut", "{fault} {model}: {error}");
            assert!(told.whole, "the error event is the end of a whole HTTP body");
        }
        gateway.idle().await;
    }
}

#[tokio::test]
async fn what_breaks_before_the_first_token_is_tried_elsewhere() {
    let provider = FakeProvider::start().await;
    for fault in ["cut=0", "clean_cut=0", "error_in_200", "midstream_error=0", "close", "reset", "status=503"]
    {
        let broken = format!("sk-fake.{fault}");
        let healthy = format!("sk-fake.text=rescued.id={}", fault.replace('=', "-"));
        // `order` makes the broken one the first choice.
        let models = [
            with(openai("gpt", &provider, &broken), json!({"litellm_params": {"order": 1}})),
            with(openai("gpt", &provider, &healthy), json!({"litellm_params": {"order": 2}})),
        ];
        let gateway =
            Gateway::serve(&with(config(&models), json!({"router_settings": {"num_retries": 2}}))).await;
        let stream = gateway.stream(CHAT, &chat("gpt")).await;
        assert_eq!(stream.head.header("x-litellm-attempted-retries"), Some("1"), "{fault}");
        assert_eq!(stream.head.header("x-litellm-model-id"), Some(healthy.as_str()), "{fault}");
        let told = stream.rest().await;
        assert_eq!(told.complete(), "rescued", "{fault}");
        assert_eq!(provider.stats(&broken).requests, 1, "{fault}");
    }
}

#[tokio::test]
async fn with_nowhere_to_go_the_status_is_honest() {
    let provider = FakeProvider::start().await;
    let table = [
        ("cut=0", 502),
        ("clean_cut=0", 502),
        ("error_in_200", 500),
        ("midstream_error=0", 500),
        ("close", 502),
        ("reset", 502),
        ("garbage", 502),
        ("status=503", 503),
    ];
    for (fault, status) in table {
        let gateway = Gateway::serve(&config(&[openai("gpt", &provider, &format!("sk-fake.{fault}"))])).await;
        let reply = gateway.chat(&with(chat("gpt"), json!({"stream": true}))).await;
        assert_eq!(reply.status(), status, "{fault}: {}", reply.text());
        reply.error();
    }
}

#[tokio::test]
async fn an_error_in_the_middle_keeps_the_providers_words() {
    let provider = FakeProvider::start().await;
    let script =
        "midstream_error=2.error_type=insufficient_quota.error_code=quota_gone.error_message=Quota%20gone";
    let models = [
        openai("gpt", &provider, &format!("sk-fake.{script}")),
        anthropic("claude", &provider, "sk-fake.midstream_error=2"),
    ];
    let gateway = Gateway::serve(&config(&models)).await;
    let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
    let error = told.broken();
    assert_eq!((&error["type"], &error["code"]), (&json!("insufficient_quota"), &json!("quota_gone")));
    assert!(error["message"].as_str().unwrap().contains("Quota gone"), "{error}");
    assert_eq!(told.text(), "tok0 tok1 ");
    let error = gateway.stream(CHAT, &chat("claude")).await.rest().await.broken();
    assert_eq!(error["type"], "overloaded_error", "{error}");
    assert!(error["message"].as_str().unwrap().contains("Overloaded"), "{error}");
    // Nothing is repeated once the client has a part of the answer.
    assert_eq!(provider.total().requests, 2);
}

#[tokio::test]
async fn a_stalled_stream_ends_after_stream_timeout() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.stall_after=2")];
    let timeout = json!({"router_settings": {"stream_timeout": 0.3}});
    let gateway = Gateway::serve(&with(config(&models), timeout)).await;
    let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
    let error = told.broken();
    assert_eq!(error["code"], "upstream_timeout", "{error}");
    assert_eq!(told.text(), "tok0 tok1 ");
    provider.wait_until("sk-fake.stall_after=2", |stats| stats.in_flight == 0).await;
    gateway.idle().await;
}

#[tokio::test]
async fn a_stall_before_the_first_token_is_retried_elsewhere() {
    let provider = FakeProvider::start().await;
    let models = [
        with(openai("gpt", &provider, "sk-fake.stall_after=0"), json!({"litellm_params": {"order": 1}})),
        with(openai("gpt", &provider, "sk-fake.text=rescued"), json!({"litellm_params": {"order": 2}})),
    ];
    let settings = json!({"router_settings": {"stream_timeout": 0.3, "num_retries": 1}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
    assert_eq!(told.complete(), "rescued");
    provider.wait_until("sk-fake.stall_after=0", |stats| stats.aborted == 1).await;
}

#[tokio::test]
async fn one_unfinished_choice_of_two_is_a_cut() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.clean_cut=4")])).await;
    let told = gateway.stream(CHAT, &with(chat("gpt"), json!({"n": 2}))).await.rest().await;
    assert_eq!(told.broken()["code"], "upstream_cut");
}
