//! Cooldown: real failures make a deployment rest, callers cannot, and a group never goes dark.

use serde_json::json;

use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

const GOOD: &str = "sk-fake.text=good";

#[tokio::test]
async fn a_429_sends_the_next_requests_elsewhere_until_it_is_over() {
    let provider = FakeProvider::start().await;
    let bad = "sk-fake.status=429.fail_times=1";
    let models = [openai("gpt", &provider, bad), openai("gpt", &provider, GOOD)];
    let settings = json!({"router_settings": {"cooldown_time": 1}});
    let gateway = Gateway::start().workers(2).serve(&with(config(&models), settings)).await;
    eventually("the bad one is met", || async {
        (gateway.chat(&chat("gpt")).await.status() == 429).then_some(())
    })
    .await;
    for _ in 0..20 {
        assert_eq!(gateway.chat(&chat("gpt")).await.status(), 200);
    }
    assert_eq!(provider.stats(bad).requests, 1);
    let health = gateway.get("/health").await.json();
    assert_eq!((&health["healthy_count"], &health["unhealthy_count"]), (&json!(1), &json!(1)));
    assert!(health["unhealthy_endpoints"][0]["cooling_seconds"].as_f64().unwrap() <= 1.0, "{health}");
    assert_eq!(gateway.metric("litellm_deployment_state", &[bad]).await, Some(2.0));
    assert_eq!(gateway.metric("litellm_deployment_cooled_down_total", &[bad]).await, Some(1.0));
    eventually("it is used again", || async {
        gateway.chat(&chat("gpt")).await;
        (provider.stats(bad).requests > 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_providers_wait_is_longer_than_ours() {
    let provider = FakeProvider::start().await;
    let bad = "sk-fake.status=429.retry_after=600";
    let models = [openai("gpt", &provider, bad), openai("gpt", &provider, GOOD)];
    let gateway =
        Gateway::serve(&with(config(&models), json!({"router_settings": {"cooldown_time": 1}}))).await;
    eventually("the bad one is met", || async {
        (gateway.chat(&chat("gpt")).await.status() == 429).then_some(())
    })
    .await;
    let health = gateway.get("/health").await.json();
    assert!(health["unhealthy_endpoints"][0]["cooling_seconds"].as_f64().unwrap() > 500.0, "{health}");
}

#[tokio::test]
async fn a_group_never_goes_dark() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("gpt", &provider, "sk-fake.status=429.fail_times=1.text=back.id=1"),
        openai("gpt", &provider, "sk-fake.status=429.fail_times=1.text=back.id=2"),
    ];
    let gateway =
        Gateway::serve(&with(config(&models), json!({"router_settings": {"cooldown_time": 60}}))).await;
    assert_eq!(gateway.chat(&chat("gpt")).await.status(), 429);
    assert_eq!(gateway.chat(&chat("gpt")).await.status(), 429);
    assert_eq!(gateway.get("/health").await.status(), 503, "all rest, and that can be seen");
    // Both rest for a minute, yet somebody is asked, and it is well again.
    assert_eq!(gateway.chat(&chat("gpt")).await.said(), "back");
    assert_eq!(gateway.get("/health/readiness").await.status(), 200);
}

#[tokio::test]
async fn with_a_fallback_a_resting_group_is_left_alone() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("gpt", &provider, "sk-fake.status=429.id=1"),
        openai("gpt", &provider, "sk-fake.status=429.id=2"),
        openai("spare", &provider, GOOD),
    ];
    let settings = json!({"router_settings": {"cooldown_time": 60, "fallbacks": [{"gpt": ["spare"]}]}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    for _ in 0..10 {
        assert_eq!(gateway.chat(&chat("gpt")).await.said(), "good");
    }
    let asked = provider.stats("sk-fake.status=429.id=1").requests
        + provider.stats("sk-fake.status=429.id=2").requests;
    assert_eq!(asked, 2, "each was asked once, then both rested");
}

#[tokio::test]
async fn callers_cannot_cool_a_deployment() {
    let provider = FakeProvider::start().await;
    let scripts = ["status=400", "status=422", "status=413", "context_window", "content_policy"];
    for script in scripts {
        let keys = [format!("sk-fake.{script}.id=1"), format!("sk-fake.{script}.id=2")];
        let models = [openai("gpt", &provider, &keys[0]), openai("gpt", &provider, &keys[1])];
        let settings = json!({"router_settings": {"allowed_fails": 0, "cooldown_time": 60}});
        let gateway = Gateway::serve(&with(config(&models), settings)).await;
        for _ in 0..10 {
            assert!(gateway.chat(&chat("gpt")).await.status() < 500);
        }
        let health = gateway.get("/health").await.json();
        assert_eq!(health["healthy_count"], 2, "{script}: {health}");
    }
    let slow = "sk-fake.slow=5000";
    let models = [openai("gpt", &provider, slow), openai("gpt", &provider, "sk-fake.slow=5000.id=2")];
    let settings = json!({"router_settings": {"allowed_fails": 0, "cooldown_time": 60}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    for headers in [("x-litellm-timeout", "0.05"), ("x-stainless-read-timeout", "0.05")] {
        for _ in 0..5 {
            let reply = gateway.post_with("/v1/chat/completions", &[headers], &chat("gpt")).await;
            assert_eq!(reply.status(), 408, "{}", reply.text());
        }
    }
    for _ in 0..5 {
        let body = with(chat("gpt"), json!({"stream": true, "stream_timeout": 0.05}));
        assert_eq!(gateway.chat(&body).await.status(), 408);
    }
    let health = gateway.get("/health").await.json();
    assert_eq!(health["healthy_count"], 2, "short timeouts of callers: {health}");
}

#[tokio::test]
async fn allowed_fails_is_how_many_are_allowed() {
    let provider = FakeProvider::start().await;
    let bad = "sk-fake.status=500";
    let models = [
        with(openai("gpt", &provider, bad), json!({"litellm_params": {"order": 1}})),
        with(openai("gpt", &provider, GOOD), json!({"litellm_params": {"order": 2}})),
    ];
    let settings = json!({"router_settings": {"allowed_fails": 2, "cooldown_time": 60}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(gateway.chat(&chat("gpt")).await.status());
    }
    assert_eq!(statuses, [500, 500, 500, 200, 200, 200]);
}

#[tokio::test]
async fn disable_cooldowns_means_it() {
    let provider = FakeProvider::start().await;
    let bad = "sk-fake.status=429";
    let models = [
        with(openai("gpt", &provider, bad), json!({"litellm_params": {"order": 1}})),
        with(openai("gpt", &provider, GOOD), json!({"litellm_params": {"order": 2}})),
    ];
    let gateway =
        Gateway::serve(&with(config(&models), json!({"router_settings": {"disable_cooldowns": true}}))).await;
    for _ in 0..5 {
        assert_eq!(gateway.chat(&chat("gpt")).await.status(), 429);
    }
}

#[tokio::test]
async fn a_deployment_alone_is_not_cooled_by_a_429() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.status=429.fail_times=3.text=well";
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, key)])).await;
    for status in [429, 429, 429, 200] {
        assert_eq!(gateway.chat(&chat("gpt")).await.status(), status);
    }
    eventually("healthy again", || async { (gateway.get("/health").await.status() == 200).then_some(()) })
        .await;
}
