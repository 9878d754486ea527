//! What metrics say of callers, money and limits.

use serde_json::json;

use super::{done, key};
use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

#[tokio::test]
async fn series_name_whose_requests_they_are() {
    let provider = FakeProvider::start().await;
    let price = json!({"litellm_params": {"input_cost_per_token": 0.0001, "output_cost_per_token": 0.0002},
        "model_info": {"id": "one"}});
    let models =
        [with(openai("gpt", &provider, "sk-fake.id=1"), price), openai("free", &provider, "sk-fake.id=2")];
    let settings = json!({"general_settings": {"database_url": "sqlite:///metered.db"}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    done(&gateway, "POST", "/team/new", json!({"team_id": "red", "team_alias": "Red", "rpm_limit": 70}))
        .await;
    let limits =
        json!({"key_alias": "mine", "team_id": "red", "user_id": "ann", "rpm_limit": 50, "tpm_limit": 9000});
    let own = key(&gateway, limits).await;
    let bearer = format!("Bearer {own}");
    let headers = [("authorization", bearer.as_str())];
    let reply = gateway.post_with("/v1/chat/completions", &headers, &chat("gpt")).await;
    assert_eq!(reply.status(), 200);
    let cost: f64 = reply.header("x-litellm-response-cost").unwrap().parse().unwrap();
    assert_eq!(gateway.post_with("/v1/chat/completions", &headers, &chat("free")).await.status(), 200);
    assert_eq!(gateway.post_with("/v1/chat/completions", &headers, &chat("none")).await.status(), 404);
    let mine = ["api_key_alias=\"mine\"", "team=\"red\"", "team_alias=\"Red\"", "user=\"ann\""];
    let spent = eventually("it is counted", || gateway.metric("litellm_spend_metric_total", &mine)).await;
    assert!((spent - cost).abs() < 1e-12 && cost > 0.0, "{spent} {cost}");
    assert_eq!(gateway.metric("litellm_requests_metric_total", &mine).await, Some(2.0));
    assert_eq!(gateway.metric("litellm_proxy_failed_requests_metric_total", &mine).await, Some(1.0));
    assert_eq!(gateway.metric("litellm_zero_cost_requests_total", &["no_price"]).await, Some(1.0));
    let of_key = |kind: &'static str| ["api_key_alias=\"mine\"", kind];
    for (name, kind, value) in [
        ("litellm_api_key_rate_limit_allowed_metric", "\"requests\"", 50.0),
        ("litellm_api_key_rate_limit_used_metric", "\"requests\"", 2.0),
        ("litellm_api_key_rate_limit_allowed_metric", "\"tokens\"", 9000.0),
    ] {
        assert_eq!(gateway.metric(name, &of_key(kind)).await, Some(value), "{name} {kind}");
    }
    assert_eq!(gateway.metric("litellm_team_rate_limit_allowed_metric", &["team=\"red\""]).await, Some(70.0));
    // What the provider says of its own limit.
    assert_eq!(
        gateway.metric("litellm_remaining_requests_metric", &["model_id=\"one\""]).await,
        Some(9999.0)
    );
    assert_eq!(
        gateway.metric("litellm_request_queue_time_seconds_count", &["model=\"gpt\""]).await,
        Some(1.0)
    );
    assert!(gateway.metric("process_resident_memory_bytes", &[]).await.unwrap() > 1e6);
    for actor in ["\"deployment\"", "\"key_directory\""] {
        assert_eq!(gateway.metric("stagedoor_actor_mailbox_messages", &[actor]).await, Some(0.0), "{actor}");
    }
}

#[tokio::test]
async fn our_own_limits_are_told_from_a_providers() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.id=1"), openai("full", &provider, "sk-fake.status=429")];
    let settings = json!({"general_settings": {"database_url": "sqlite:///limits.db"},
        "router_settings": {"num_retries": 0}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let own = key(&gateway, json!({"rpm_limit": 2})).await;
    let bearer = format!("Bearer {own}");
    let headers = [("authorization", bearer.as_str())];
    for (model, status) in [("full", 429), ("gpt", 200), ("gpt", 429)] {
        let reply = gateway.post_with("/v1/chat/completions", &headers, &chat(model)).await;
        assert_eq!(reply.status(), status, "{model}: {}", reply.text());
    }
    for (group, class) in [("full", "RateLimitError"), ("gpt", "HTTPException")] {
        let labels = [format!("model_group=\"{group}\""), format!("exception_class=\"{class}\"")];
        let failed = gateway.metric("litellm_failed_requests_total", &[&labels[0], &labels[1]]).await;
        assert_eq!(failed, Some(1.0), "{group}");
    }
    let refused = ["exception_status=\"429\"", "exception_class=\"HTTPException\""];
    assert_eq!(gateway.metric("litellm_proxy_failed_requests_metric_total", &refused).await, Some(1.0));
    let theirs = ["exception_status=\"429\"", "exception_class=\"Openai.RateLimitError\""];
    assert_eq!(gateway.metric("litellm_proxy_failed_requests_metric_total", &theirs).await, Some(1.0));
}
