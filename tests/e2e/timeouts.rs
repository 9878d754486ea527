//! Honest time: the configuration bounds a provider's silence, the caller bounds the whole.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{FakeProvider, Gateway, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn silence_ends_after_request_timeout() {
    let provider = FakeProvider::start().await;
    for place in [
        json!({"litellm_settings": {"request_timeout": 0.3}}),
        json!({"router_settings": {"timeout": 0.3}}),
        json!({"model_list": [with(openai("gpt", &provider, "sk-fake.hang"), json!({"litellm_params": {"timeout": 0.3}}))]}),
    ] {
        let gateway =
            Gateway::serve(&with(config(&[openai("gpt", &provider, "sk-fake.hang")]), place.clone())).await;
        for stream in [false, true] {
            let begun = Instant::now();
            let reply = gateway.chat(&with(chat("gpt"), json!({"stream": stream}))).await;
            assert_eq!(reply.status(), 408, "{place}");
            assert_eq!(reply.error()["code"], "upstream_timeout");
            let took = begun.elapsed();
            assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&took), "{took:?}");
        }
        provider.wait_total(|stats| stats.in_flight == 0).await;
        gateway.idle().await;
    }
}

#[tokio::test]
async fn a_timeout_is_tried_elsewhere() {
    let provider = FakeProvider::start().await;
    let models = [
        with(openai("gpt", &provider, "sk-fake.hang"), json!({"litellm_params": {"order": 1}})),
        with(openai("gpt", &provider, "sk-fake.text=quick"), json!({"litellm_params": {"order": 2}})),
    ];
    let settings = json!({"router_settings": {"num_retries": 1, "timeout": 0.3}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    assert_eq!(gateway.chat(&chat("gpt")).await.said(), "quick");
    provider.wait_until("sk-fake.hang", |stats| stats.aborted == 1).await;
}

#[tokio::test]
async fn slow_but_alive_streams_are_not_cut() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.chunks=10.chunk_delay=100")];
    let settings = json!({"router_settings": {"timeout": 0.5, "stream_timeout": 0.5}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    // The SDK's read timeout bounds silence, not the length of an answer.
    let headers = [("x-stainless-read-timeout", "0.5")];
    let told = gateway.stream_with(CHAT, &headers, &chat("gpt")).await.rest().await;
    told.complete();
}

#[tokio::test]
async fn the_callers_time_bounds_everything_with_its_retries() {
    let provider = FakeProvider::start().await;
    let keys = ["sk-fake.hang.id=1", "sk-fake.hang.id=2", "sk-fake.status=500.id=3"];
    for (n, key) in keys.iter().enumerate() {
        let settings = json!({"router_settings": {"num_retries": 10, "retry_after": 1}});
        let gateway = Gateway::serve(&with(config(&[openai("gpt", &provider, key)]), settings)).await;
        let wishes: [(&[(&str, &str)], _); 4] = [
            (&[], json!({"timeout": 0.4})),
            (&[], json!({"request_timeout": 0.4})),
            (&[("x-litellm-timeout", "0.4")], json!({})),
            (&[("x-stainless-read-timeout", "0.4")], json!({})),
        ];
        for (headers, more) in wishes {
            let begun = Instant::now();
            let reply = gateway.post_with(CHAT, headers, &with(chat("gpt"), more.clone())).await;
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(3), "{key} {headers:?} {more}: {took:?}");
            if n < 2 {
                assert_eq!(reply.status(), 408, "{}", reply.text());
                assert_eq!(reply.error()["code"], "deadline_exceeded");
                assert_eq!(reply.header("x-should-retry"), Some("false"));
            } else {
                assert!([408, 500].contains(&reply.status()), "{}", reply.text());
            }
        }
        provider.wait_until(key, |stats| stats.in_flight == 0).await;
    }
}

#[tokio::test]
async fn the_callers_time_ends_a_stream_too() {
    let provider = FakeProvider::start().await;
    let gateway =
        Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.chunks=500.chunk_delay=20")])).await;
    let begun = Instant::now();
    let body = with(chat("gpt"), json!({"timeout": 0.5}));
    let told = gateway.stream(CHAT, &body).await.rest().await;
    assert_eq!(told.broken()["code"], "deadline_exceeded");
    assert!(begun.elapsed() < Duration::from_secs(8), "the whole takes ten seconds: {:?}", begun.elapsed());
    provider.wait_total(|stats| stats.aborted == 1).await;
}
