//! Health, readiness and metrics, and going down without breaking anything.

use serde_json::json;

use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

#[tokio::test]
async fn health_is_free_and_says_more_to_who_has_the_key() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.id=1")])).await;
    for path in ["/health/liveliness", "/health/liveness", "/health/readiness", "/health", "/"] {
        assert_eq!(gateway.raw("GET", path, &[], b"").await.status(), 200, "{path}");
    }
    let anonymous = gateway.raw("GET", "/health", &[], b"").await.json();
    assert_eq!(anonymous["healthy_count"], 1);
    assert!(anonymous.get("healthy_endpoints").is_none());
    let known = gateway.get("/health").await.json();
    assert_eq!(known["healthy_endpoints"][0]["model_id"], "sk-fake.id=1");
    assert!(!known.to_string().contains("api_key"));
    assert_eq!(gateway.raw("GET", "/health/readiness/details", &[], b"").await.status(), 401);
    assert_eq!(gateway.raw("GET", "/health?active=true", &[], b"").await.status(), 401);
    assert_eq!(provider.total().requests, 0, "looking spends nothing");
}

#[tokio::test]
async fn active_checks_ask_every_deployment() {
    let provider = FakeProvider::start().await;
    let embedding =
        with(openai("embed", &provider, "sk-fake.id=e"), json!({"model_info": {"mode": "embedding"}}));
    let models =
        [openai("gpt", &provider, "sk-fake.id=1"), openai("gpt", &provider, "sk-fake.status=401"), embedding];
    let gateway = Gateway::serve(&config(&models)).await;
    let health = gateway.get("/health?active=true").await.json();
    assert_eq!((&health["healthy_count"], &health["unhealthy_count"]), (&json!(2), &json!(1)), "{health}");
    assert_eq!(health["unhealthy_endpoints"][0]["model_id"], "sk-fake.status=401");
    assert!(health["unhealthy_endpoints"][0]["error"].as_str().unwrap().contains("`invalid_api_key`"));
    assert_eq!(provider.total().requests, 3);
    assert_eq!(provider.log("sk-fake.id=e")[0].path, "/v1/embeddings");
    gateway.get("/health?active=true&model=embed").await;
    assert_eq!(provider.total().requests, 4);
    gateway.idle().await;
}

#[tokio::test]
async fn metrics_have_the_names_that_dashboards_know() {
    let provider = FakeProvider::start().await;
    let limited = with(
        openai("gpt", &provider, "sk-fake.id=1"),
        json!({"litellm_params": {"rpm": 100, "tpm": 100_000}}),
    );
    let models = [
        limited,
        openai("bad", &provider, "sk-fake.status=500"),
        openai("bad", &provider, "sk-fake.status=429"),
    ];
    let settings =
        json!({"litellm_settings": {"fallbacks": [{"bad": ["gpt"]}]}, "router_settings": {"num_retries": 2}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    gateway.chat(&chat("gpt")).await;
    gateway.chat(&chat("bad")).await;
    gateway.chat(&with(chat("bad"), json!({"disable_fallbacks": true}))).await;
    gateway.stream("/v1/chat/completions", &chat("gpt")).await.rest().await;
    let wanted = [
        "litellm_request_total",
        "litellm_failed_requests_total",
        "litellm_deployment_latency_seconds_bucket",
        "litellm_proxy_total_requests_metric_total",
        "litellm_proxy_failed_requests_metric_total",
        "litellm_request_total_latency_metric_bucket",
        "litellm_llm_api_latency_metric_bucket",
        "litellm_llm_api_time_to_first_token_metric_bucket",
        "litellm_overhead_latency_metric_bucket",
        "litellm_total_tokens_metric_total",
        "litellm_input_tokens_metric_total",
        "litellm_output_tokens_metric_total",
        "litellm_deployment_state",
        "litellm_deployment_cooled_down_total",
        "litellm_deployment_success_responses_total",
        "litellm_deployment_failure_responses_total",
        "litellm_deployment_total_requests_total",
        "litellm_deployment_latency_per_output_token_bucket",
        "litellm_deployment_tpm_limit",
        "litellm_deployment_rpm_limit",
        "litellm_deployment_successful_fallbacks_total",
        "litellm_in_flight_requests",
        "stagedoor_deployment_in_flight",
    ];
    eventually("all metrics", || async {
        let text = gateway.raw("GET", "/metrics", &[], b"").await.text();
        wanted.iter().all(|name| text.contains(&format!("\n{name}"))).then_some(())
    })
    .await;
    let reply = gateway.raw("GET", "/metrics", &[], b"").await;
    assert!(reply.must("content-type").starts_with("text/plain; version=0.0.4"));
    assert_eq!(gateway.metric("litellm_request_total", &["\"200\""]).await, Some(3.0));
}

#[tokio::test]
async fn metrics_can_want_the_key() {
    let provider = FakeProvider::start().await;
    let settings = json!({"litellm_settings": {"require_auth_for_metrics_endpoint": true}});
    let gateway = Gateway::serve(&with(config(&[openai("gpt", &provider, "sk-fake.id=1")]), settings)).await;
    assert_eq!(gateway.raw("GET", "/metrics", &[], b"").await.status(), 401);
    assert_eq!(gateway.get("/metrics").await.status(), 200);
    let made = gateway.post("/key/generate", &json!({})).await.json();
    let of_tenant = format!("Bearer {}", made["key"].as_str().unwrap());
    let headers = [("authorization", of_tenant.as_str())];
    assert_eq!(gateway.raw("GET", "/metrics", &headers, b"").await.status(), 403, "they show all tenants");
}

#[tokio::test]
async fn sigterm_lets_open_streams_finish() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("gpt", &provider, "sk-fake.chunks=30.chunk_delay=50"),
        openai("slow", &provider, "sk-fake.slow=1200.text=whole"),
    ];
    let mut gateway = Gateway::start().env("SHUTDOWN_DRAIN_DELAY", "0.5").serve(&config(&models)).await;
    let mut stream = gateway.stream("/v1/chat/completions", &chat("gpt")).await;
    let mut whole = gateway.send("/v1/chat/completions", &[], &chat("slow")).await;
    stream.until_content(1).await;
    provider.wait_total(|stats| stats.in_flight == 2).await;
    gateway.signal("TERM");
    eventually("readiness says no", || async {
        (gateway.get("/health/readiness").await.status() == 503).then_some(())
    })
    .await;
    assert_eq!(gateway.get("/health/liveliness").await.status(), 200);
    assert_eq!(stream.rest().await.dones(), 1, "the open stream was broken");
    assert_eq!(whole.reply().await.unwrap().said(), "whole");
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_request_in_the_drain_delay_is_still_served() {
    let provider = FakeProvider::start().await;
    let mut gateway = Gateway::start()
        .env("SHUTDOWN_DRAIN_DELAY", "1")
        .serve(&config(&[openai("gpt", &provider, "sk-fake.id=1")]))
        .await;
    gateway.signal("TERM");
    gateway.logged("shutting down").await;
    assert_eq!(gateway.chat(&chat("gpt")).await.status(), 200, "load balancers need a moment to notice");
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.hang")];
    let mut gateway = Gateway::start().env("SHUTDOWN_DRAIN_DELAY", "0").serve(&config(&models)).await;
    let _conn = gateway.send("/v1/chat/completions", &[], &chat("gpt")).await;
    provider.wait_total(|stats| stats.in_flight == 1).await;
    gateway.signal("TERM");
    gateway.logged("shutting down").await;
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    gateway.logged("open=1").await;
}

#[tokio::test]
async fn head_has_the_status_of_get_and_no_body() {
    let broken = json!({"model_name": "gpt", "litellm_params": {"model": "openai/gpt-4o"}});
    let gateway = Gateway::serve(&config(&[broken])).await;
    let mut conn = gateway.connect().await;
    for path in ["/health", "/health/liveliness", "/metrics", "/nope"] {
        conn.send("HEAD", path, &[], b"").await;
        let head = conn.head().await.unwrap().status;
        // The next answer begins where a body of the one before would stand.
        conn.send("GET", path, &[], b"").await;
        let reply = conn.reply().await.unwrap();
        assert_eq!(head, reply.status(), "{path}");
        assert_eq!(head == 503, path == "/health", "{path}");
    }
}
