//! Hanging up stops the spending: the provider's connection is closed at once, everything is given back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::tls::Certificate;
use crate::harness::{FakeProvider, Gateway, anthropic, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";
const BOUND_MS: f64 = 250.0;

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1e3
}

/// After the client has hung up at `left`: the provider saw it in time, and nothing is in flight.
async fn stopped(provider: &FakeProvider, gateway: &Gateway, key: &str, left: f64) {
    provider.wait_until(key, |stats| stats.in_flight == 0).await;
    let log = provider.log(key);
    assert_eq!(log.len(), 1, "nothing is retried for somebody who has gone");
    let closed = log[0].closed_at_ms.expect("the provider's answer was cut short");
    assert!(closed - left < BOUND_MS, "closed {:.0} ms after the client", closed - left);
    gateway.idle().await;
    assert_eq!(provider.total().requests, 1);
}

async fn in_every_phase(start: impl Fn() -> crate::harness::gateway::Start) {
    let phases = [
        ("silent stream", "sk-fake.hang", true, 0),
        ("stream before its first token", "sk-fake.stall_after=0", true, 0),
        ("stream in its middle", "sk-fake.stall_after=3", true, 3),
        ("flowing stream", "sk-fake.chunks=2000.chunk_delay=5", true, 3),
        ("whole answer", "sk-fake.slow=20000", false, 0),
    ];
    for (phase, key, stream, after) in phases {
        let provider = FakeProvider::start().await;
        let models = [openai("gpt", &provider, key), openai("gpt", &provider, "sk-fake.id=other")];
        // Both can serve, so that a retry would be seen; the first is the first choice.
        let models = [
            with(models[0].clone(), json!({"litellm_params": {"order": 1}, "model_info": {"id": "first"}})),
            with(models[1].clone(), json!({"litellm_params": {"order": 2}})),
        ];
        let settings = json!({"router_settings": {"num_retries": 3},
            "litellm_settings": {"fallbacks": [{"gpt": ["gpt"]}]}});
        let gateway = start().serve(&with(config(&models), settings)).await;
        let body = with(chat("gpt"), json!({"stream": stream}));
        let conn = gateway.send(CHAT, &[], &body).await;
        provider.wait_until(key, |stats| stats.in_flight == 1).await;
        let left = if after > 0 {
            let mut stream = crate::harness::Streaming::of(conn).await;
            stream.until_content(after).await;
            drop(stream);
            now_ms()
        } else {
            drop(conn);
            now_ms()
        };
        eprintln!("{phase}");
        stopped(&provider, &gateway, key, left).await;
        let failed = gateway.metric("litellm_deployment_failure_responses_total", &[]).await.unwrap_or(0.0);
        assert_eq!(failed, 0.0, "{phase}: a client that leaves speaks against no deployment");
        let gone = gateway.metric("litellm_request_total", &["\"499\""]).await;
        assert_eq!(gone, Some(1.0), "{phase}: {}", gateway.get("/metrics").await.text());
        let named =
            gateway.metric("litellm_proxy_total_requests_metric_total", &["model_id=\"first\""]).await;
        assert_eq!(named, Some(1.0), "{phase}: {}", gateway.get("/metrics").await.text());
        let counted =
            gateway.metric("litellm_deployment_total_requests_total", &["model_id=\"first\""]).await;
        assert_eq!(counted, Some(1.0), "{phase}: the attempt is counted");
        let line = gateway.logged("status=499").await;
        assert!(
            line.contains(" deployment=first attempts=1 ") && line.contains(" upstream_ms="),
            "{phase}: {line}"
        );
        assert!(!line.contains(" upstream_ms=0.000 "), "{phase}: {line}");
    }
}

#[tokio::test]
async fn over_plain_http() {
    in_every_phase(Gateway::start).await;
}

#[tokio::test]
async fn over_tls() {
    in_every_phase(|| Gateway::start().tls(Certificate::new())).await;
}

#[tokio::test]
async fn behind_keep_alive_comments() {
    let provider = FakeProvider::start().await;
    let base = with(
        config(&[openai("gpt", &provider, "sk-fake.hang")]),
        json!({"litellm_settings": {"sse_keepalive_ping_interval_seconds": 0.1}}),
    );
    let gateway = Gateway::serve(&base).await;
    let mut stream = gateway.stream(CHAT, &chat("gpt")).await;
    stream.block().await.unwrap();
    drop(stream);
    stopped(&provider, &gateway, "sk-fake.hang", now_ms()).await;
}

#[tokio::test]
async fn while_waiting_for_a_retry() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.status=429.retry_after=30";
    let settings = json!({"router_settings": {"num_retries": 3}});
    let gateway = Gateway::serve(&with(config(&[openai("gpt", &provider, key)]), settings)).await;
    let conn = gateway.send(CHAT, &[], &chat("gpt")).await;
    provider.wait_until(key, |stats| stats.completed == 1).await;
    assert_eq!(gateway.metric("litellm_in_flight_requests", &[]).await, Some(1.0));
    drop(conn);
    gateway.idle().await;
    assert_eq!(provider.total().requests, 1);
    let line = gateway.logged("status=499").await;
    assert!(line.contains(" deployment=") && line.contains(" attempts=1 "), "{line}");
}

#[tokio::test]
async fn with_a_translated_stream() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.stall_after=2";
    let gateway = Gateway::serve(&config(&[anthropic("claude", &provider, key)])).await;
    for (path, body) in [
        (CHAT, chat("claude")),
        ("/v1/responses", json!({"model": "claude", "input": "Hello"})),
        ("/v1/completions", json!({"model": "claude", "prompt": "Hello"})),
    ] {
        provider.clear();
        let mut stream = gateway.stream(path, &body).await;
        stream.event().await.unwrap();
        drop(stream);
        stopped(&provider, &gateway, key, now_ms()).await;
    }
}

#[tokio::test]
async fn many_at_once_leave_nothing_behind() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("gpt", &provider, "sk-fake.stall_after=1.id=many1"),
        openai("gpt", &provider, "sk-fake.hang.id=many2"),
    ];
    let gateway = Gateway::start().workers(2).serve(&config(&models)).await;
    let body = with(chat("gpt"), json!({"stream": true}));
    let mut open = Vec::new();
    for _ in 0..60 {
        open.push(gateway.send(CHAT, &[], &body).await);
    }
    provider.wait_total(|stats| stats.in_flight == 60).await;
    assert_eq!(gateway.metric("stagedoor_deployment_in_flight", &[]).await, Some(60.0));
    drop(open);
    provider.wait_total(|stats| stats.in_flight == 0).await;
    gateway.idle().await;
    assert_eq!(provider.total().aborted, 60);
}

#[tokio::test]
async fn on_disconnect_drain_reads_to_the_end() {
    let provider = FakeProvider::start().await;
    for (key, stream, comments) in [
        ("sk-fake.chunks=20.chunk_delay=20.completion_tokens=2.id=s", true, Value::Null),
        ("sk-fake.slow=300.completion_tokens=2.id=w", false, Value::Null),
        ("sk-fake.slow=400.completion_tokens=2.id=k", true, json!(0.1)),
    ] {
        let model =
            with(openai("gpt", &provider, key), json!({"litellm_params": {"on_disconnect": "drain"}}));
        let settings = json!({"litellm_settings": {"sse_keepalive_ping_interval_seconds": comments}});
        let gateway = Gateway::serve(&with(config(&[model]), settings)).await;
        let conn = gateway.send(CHAT, &[], &with(chat("gpt"), json!({"stream": stream}))).await;
        provider.wait_until(key, |stats| stats.in_flight == 1).await;
        if stream {
            let mut stream = crate::harness::Streaming::of(conn).await;
            stream.block().await.unwrap();
            drop(stream);
        } else {
            drop(conn);
        }
        let stats = provider.wait_until(key, |stats| stats.in_flight == 0).await;
        assert_eq!((stats.completed, stats.aborted), (1, 0), "{key}");
        gateway.idle().await;
        let tokens = gateway.metric("litellm_input_tokens_metric_total", &[]).await;
        assert_eq!(tokens, Some(9.0), "{key}: what it cost is known");
        // The provider's count, not an estimate from what came.
        let tokens = gateway.metric("litellm_output_tokens_metric_total", &[]).await;
        assert_eq!(tokens, Some(2.0), "{key}");
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_slows_the_provider_down() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.size=30000000.chunks=300";
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, key)])).await;
    let mut stream = gateway.stream(CHAT, &chat("gpt")).await;
    stream.event().await.unwrap();
    // Nobody reads on: the answer must not pile up in the gateway.
    let peak = crate::bad_input::rss_after(&gateway, Duration::from_millis(500)).await;
    assert!(peak < 120 * 1024, "{peak} KiB resident");
    drop(stream);
    gateway.idle().await;
}

#[tokio::test]
async fn the_time_of_a_stream_that_somebody_leaves_is_not_the_gateways() {
    for on_disconnect in ["cancel", "drain"] {
        let provider = FakeProvider::start().await;
        let key = "sk-fake.chunks=200.chunk_delay=5";
        let drains = json!({"litellm_params": {"on_disconnect": on_disconnect}});
        let model = if on_disconnect == "drain" {
            with(openai("gpt", &provider, key), drains)
        } else {
            openai("gpt", &provider, key)
        };
        let gateway = Gateway::serve(&config(&[model])).await;
        let mut stream = gateway.stream(CHAT, &chat("gpt")).await;
        // Half a second of the provider's.
        stream.until_content(100).await;
        drop(stream);
        provider.wait_until(key, |stats| stats.in_flight == 0).await;
        gateway.idle().await;
        let own = gateway.metric("litellm_overhead_latency_metric_sum", &[]).await.unwrap();
        assert!(own < 0.25, "{on_disconnect}: {own} s are said to be the gateway's");
    }
}
