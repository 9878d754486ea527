//! Sinks that fail, refuse, hang or are not there.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{everywhere, models, question, start};
use crate::harness::{Collector, FakeProvider, Gateway, Manual, eventually, with};

/// A gateway that tells `GENERIC_LOGGER_ENDPOINT` only.
async fn telling(provider: &FakeProvider, url: &str, more: &[(&str, String)]) -> Gateway {
    let settings = json!({"litellm_settings": {"callbacks": ["generic_api"]}});
    let mut environment =
        vec![("GENERIC_LOGGER_ENDPOINT", url.to_owned()), ("DEFAULT_FLUSH_INTERVAL_SECONDS", "1".to_owned())];
    environment.extend_from_slice(more);
    start(&environment, &with(models(provider), settings)).await
}

async fn calls(gateway: &Gateway, count: usize) {
    for _ in 0..count {
        assert_eq!(gateway.chat(&question("gpt")).await.status(), 200);
    }
}

/// The ids of all events of these requests.
fn ids(all: &[crate::harness::collector::Received]) -> Vec<String> {
    let told = all.iter().flat_map(|one| one.json().as_array().unwrap().clone());
    told.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_a_failing_sink_did_not_take_comes_again() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    collector
        .answer_with(&[("503 Service Unavailable", ""), ("429 Too Many Requests", "retry-after: 1\r\n")]);
    let gateway = telling(&provider, &collector.url("/x"), &[]).await;
    calls(&gateway, 3).await;
    let all = collector.until("/x", |all| (all.len() >= 3).then(|| all.to_vec())).await;
    assert_eq!((all[1].body.clone(), all[2].body.clone()), (all[0].body.clone(), all[0].body.clone()));
    gateway.logged("a sink takes finished requests again").await;
    eventually("all are sent", || async {
        let sent = gateway.metric("stagedoor_export_events_total", &["generic_api", "sent"]).await;
        (sent == Some(3.0)).then_some(())
    })
    .await;
    assert_eq!(gateway.metric("stagedoor_export_retries_total", &["generic_api"]).await, Some(2.0));
    assert_eq!(gateway.metric("stagedoor_export_events_waiting", &["generic_api"]).await, Some(0.0));
    assert_eq!(gateway.log().matches("a sink cannot be told of finished requests").count(), 1);
}

#[tokio::test]
async fn what_is_too_large_at_once_comes_in_parts_and_a_refusal_is_final() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    collector.answer_with(&[("413 Payload Too Large", "")]);
    let gateway = telling(&provider, &collector.url("/x"), &[("DEFAULT_BATCH_SIZE", "4".into())]).await;
    calls(&gateway, 4).await;
    let all = collector.until("/x", |all| (ids(all).len() >= 8).then(|| all.to_vec())).await;
    let (first, rest) = (ids(&all[..1]), ids(&all[1..]));
    let unique: HashSet<&String> = rest.iter().collect();
    assert_eq!((first.len(), unique.len(), rest.len()), (4, 4, 4));
    collector.answer_with(&[("401 Unauthorized", "")]);
    calls(&gateway, 4).await;
    let line = gateway.logged("a sink refuses finished requests").await;
    assert!(line.contains("401"), "{line}");
    assert!(!gateway.log().contains("a sink takes finished requests again"), "it never failed");
    eventually("it is counted", || async {
        let failed = gateway.metric("stagedoor_export_events_total", &["generic_api", "failed"]).await;
        (failed == Some(4.0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn dead_sinks_slow_nobody_and_end_with_the_program() {
    let (provider, hanging) = (FakeProvider::start().await, Collector::hanging().await);
    // Nobody listens there any more.
    let gone = Manual::listen().await.addr;
    let mut environment = everywhere(&hanging);
    environment.retain(|(name, _)| !matches!(*name, "LANGFUSE_HOST" | "GENERIC_LOGGER_ENDPOINT"));
    environment.push(("LANGFUSE_HOST", format!("http://{gone}")));
    environment.push(("GENERIC_LOGGER_ENDPOINT", format!("http://{gone}/x")));
    environment.push(("SHUTDOWN_DRAIN_DELAY", "0".into()));
    let settings = with(models(&provider), super::all_sinks(&hanging));
    let mut gateway = start(&environment, &settings).await;
    calls(&gateway, 50).await;
    gateway.logged("a sink cannot be told of finished requests").await;
    hanging.first("/api/v2/logs").await;
    calls(&gateway, 50).await;
    eventually("all wait", || async {
        let waiting = gateway.metric("stagedoor_export_events_waiting", &["langfuse"]).await;
        (waiting == Some(100.0)).then_some(())
    })
    .await;
    assert_eq!(gateway.metric("stagedoor_export_events_total", &["dropped"]).await, Some(0.0));
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    gateway.logged("finished requests are left undelivered").await;
}

#[tokio::test]
async fn what_waits_is_delivered_at_the_end() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let slow = [("DEFAULT_FLUSH_INTERVAL_SECONDS", "3600".to_owned()), ("SHUTDOWN_DRAIN_DELAY", "0".into())];
    let mut gateway = telling(&provider, &collector.url("/x"), &slow).await;
    calls(&gateway, 3).await;
    assert_eq!(collector.to("/x").len(), 0);
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    assert_eq!(ids(&collector.to("/x")).len(), 3);
}

#[tokio::test]
async fn a_callback_that_cannot_work_is_named_and_stops_nothing() {
    let provider = FakeProvider::start().await;
    let settings = json!({"litellm_settings": {"callbacks": ["langfuze", "langsmith"]}});
    let gateway = start(&[], &with(models(&provider), settings)).await;
    assert_eq!(gateway.chat(&question("gpt")).await.status(), 200);
    gateway.logged("unknown callback \"langfuze\", did you mean \"langfuse\"?").await;
    gateway.logged("has no effect without LANGSMITH_API_KEY").await;
    let metrics: Value = gateway.get("/metrics").await.text().into();
    assert!(!metrics.as_str().unwrap().contains("stagedoor_export_events_waiting{"));
}

#[tokio::test]
async fn what_is_rejected_inside_a_good_answer_is_counted_and_said_once() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let settings = json!({"litellm_settings": {"callbacks": ["otel"]}});
    let environment = [
        ("OTEL_EXPORTER", "http/json".to_owned()),
        ("OTEL_ENDPOINT", collector.url("")),
        ("OTEL_HEADERS", "x-key=canary-otel".into()),
        ("DEFAULT_FLUSH_INTERVAL_SECONDS", "1".into()),
        ("DEFAULT_BATCH_SIZE", "2".into()),
    ];
    let gateway = start(&environment, &with(models(&provider), settings)).await;
    let partly =
        r#"{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "span too old for canary-otel"}}"#;
    collector.say(&[("200 OK", partly), ("200 OK", partly)]);
    calls(&gateway, 4).await;
    let line = gateway.logged("a sink refuses finished requests").await;
    assert!(line.contains("span too old for [redacted]"), "{line}");
    eventually("both are counted", || async {
        let lost = gateway.metric("stagedoor_export_lost_events_total", &["otel", "rejected"]).await;
        (lost == Some(2.0)).then_some(())
    })
    .await;
    for result in ["sent", "failed"] {
        let events = gateway.metric("stagedoor_export_events_total", &["otel", result]).await;
        assert_eq!(events, Some(2.0), "{result}");
    }
    assert_eq!(gateway.log().matches("a sink refuses finished requests").count(), 1, "{}", gateway.log());
}

#[tokio::test]
async fn langfuse_names_what_it_rejects() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let settings = json!({"litellm_settings": {"callbacks": ["langfuse"]}});
    let gateway = start(&everywhere(&collector), &with(models(&provider), settings)).await;
    collector.say(&[(
        "207 Multi-Status",
        r#"{"successes": [], "errors": [{"status": 400, "message": "bad usage"}]}"#,
    )]);
    calls(&gateway, 1).await;
    let line = gateway.logged("a sink refuses finished requests").await;
    assert!(line.contains("bad usage"), "{line}");
    let failed = gateway.metric("stagedoor_export_events_total", &["langfuse", "failed"]).await;
    assert_eq!(failed, Some(1.0));
}

#[tokio::test]
async fn a_refusing_sink_of_single_requests_is_one_line_of_the_log() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    collector.always("403 Forbidden", "{}");
    let settings = with(models(&provider), super::all_sinks(&collector));
    let only = json!({"litellm_settings": {"callbacks": ["s3_v2", "sentry"]}});
    let gateway = start(&everywhere(&collector), &with(settings, only)).await;
    for _ in 0..20 {
        assert_eq!(gateway.chat(&question("bad")).await.status(), 500);
    }
    for sink in ["s3_v2", "sentry"] {
        eventually("all are counted", || async {
            let failed = gateway.metric("stagedoor_export_events_total", &[sink, "failed"]).await;
            (failed == Some(20.0)).then_some(())
        })
        .await;
        let lost = gateway.metric("stagedoor_export_lost_events_total", &[sink, "refused"]).await;
        assert_eq!(lost, Some(20.0));
    }
    let lines = |log: &str| log.matches("a sink refuses finished requests").count();
    eventually("each is a line", || async { (lines(&gateway.log()) >= 2).then_some(()) }).await;
    let log = gateway.log();
    assert_eq!(lines(&log), 2, "{log}");
    assert!(!log.contains("a sink takes finished requests again"), "{log}");
}

#[tokio::test]
async fn callers_and_keys_can_leave_sinks_out() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let stored = json!({"general_settings": {"database_url": "sqlite:///a.db"},
        "litellm_settings": {"callbacks": ["generic_api", "langsmith"]}});
    let gateway = start(&everywhere(&collector), &with(models(&provider), stored)).await;
    let muted = json!({"metadata": {"litellm_disabled_callbacks": ["langsmith"]}});
    let quiet = format!("Bearer {}", crate::manage::key(&gateway, muted).await);
    let ask = |headers: Vec<(&'static str, String)>| {
        let gateway = &gateway;
        async move {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(
                gateway.post_with("/v1/chat/completions", &headers, &question("gpt")).await.status(),
                200
            );
        }
    };
    ask(vec![("authorization", quiet), ("x-litellm-call-id", "of-quiet-key".into())]).await;
    let master = ("authorization", format!("Bearer {}", crate::harness::KEY));
    let named = ("x-litellm-disable-callbacks", "otel, Generic_API".to_owned());
    ask(vec![master.clone(), named, ("x-litellm-call-id", "of-quiet-caller".into())]).await;
    ask(vec![master, ("x-litellm-call-id", "of-anybody".into())]).await;
    let came = |path: &'static str, id: &'static str| {
        let collector = &collector;
        async move {
            collector.until(path, |all| all.iter().any(|one| one.text().contains(id)).then_some(())).await
        }
    };
    came("/generic", "of-anybody").await;
    came("/api/v1/runs", "of-anybody").await;
    came("/generic", "of-quiet-key").await;
    came("/api/v1/runs", "of-quiet-caller").await;
    let told = |path: &str, id: &str| collector.to(path).iter().any(|one| one.text().contains(id));
    assert!(!told("/generic", "of-quiet-caller") && !told("/api/v1/runs", "of-quiet-key"));
}
