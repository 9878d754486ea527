//! Requests that ask the same at the same time.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{NUMBERED, cached, hello, said};
use crate::harness::{FakeProvider, Gateway, KEY, Reply, eventually};
use crate::manage::done;

/// Asks so often at once, while the provider takes its time.
async fn at_once(gateway: &Gateway, body: &Value, count: usize) -> Vec<Reply> {
    join_all((0..count).map(|_| gateway.chat(body))).await
}

#[tokio::test]
async fn they_share_one_call_where_that_is_switched_on() {
    let provider = FakeProvider::start().await;
    provider.script(NUMBERED, "slow=300.text=answer {n}");
    let gateway = cached(&provider, json!({"type": "local", "share_concurrent_calls": true})).await;
    let replies = at_once(&gateway, &hello("a"), 20).await;
    assert!(replies.iter().all(|reply| said(reply) == "answer 1"));
    assert_eq!(provider.stats(NUMBERED).requests, 1);
    let hits = replies.iter().filter(|reply| reply.header("x-litellm-cache-hit") == Some("True")).count();
    assert_eq!(hits, 19);
    for (name, label, count) in [
        ("stagedoor_cache_lookups_total", "miss", 1.0),
        ("litellm_cache_hits_metric_total", "gpt", 19.0),
        ("litellm_cache_misses_metric_total", "gpt", 1.0),
    ] {
        assert_eq!(gateway.metric(name, &[label]).await, Some(count), "{name} {label}");
    }
    assert!(gateway.metric("stagedoor_cache_lookups_total", &["shared"]).await > Some(0.0));
    let apart = cached(&provider, json!({"type": "local"})).await;
    at_once(&apart, &hello("a"), 5).await;
    assert_eq!(provider.stats(NUMBERED).requests, 6);
}

#[tokio::test]
async fn what_was_asked_before_the_cache_was_emptied_answers_nobody_after_it() {
    let provider = FakeProvider::start().await;
    provider.script(NUMBERED, "slow=1500.text=before");
    let gateway = cached(&provider, json!({"type": "local", "share_concurrent_calls": true})).await;
    let body = hello("a");
    let after = async {
        eventually("it is asked", || async { (provider.stats(NUMBERED).requests == 1).then_some(()) }).await;
        provider.script(NUMBERED, "text=after");
        done(&gateway, "POST", "/cache/flushall", json!({})).await;
        gateway.chat(&body).await
    };
    let (before, after) = tokio::join!(gateway.chat(&body), after);
    assert_eq!((said(&before).as_str(), said(&after).as_str()), ("before", "after"));
}

#[tokio::test]
async fn each_has_its_own_errors() {
    let provider = FakeProvider::start().await;
    provider.script(NUMBERED, "slow=200.status=400");
    let gateway = cached(&provider, json!({"type": "local", "share_concurrent_calls": true})).await;
    let replies = at_once(&gateway, &hello("a"), 5).await;
    assert!(replies.iter().all(|reply| reply.status() == 400));
    assert_eq!(provider.stats(NUMBERED).requests, 5, "nobody is told of a call that was not its own");
}

#[tokio::test]
async fn the_others_go_on_when_the_one_that_asks_hangs_up() {
    let provider = FakeProvider::start().await;
    provider.script(NUMBERED, "hang");
    let gateway = cached(&provider, json!({"type": "local", "share_concurrent_calls": true})).await;
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str())];
    let first = gateway.send("/v1/chat/completions", &headers, &hello("a")).await;
    eventually("the first one asks", || async { (provider.stats(NUMBERED).in_flight == 1).then_some(()) })
        .await;
    let mut second = gateway.send("/v1/chat/completions", &headers, &hello("a")).await;
    eventually("both are there", || async {
        (gateway.metric("litellm_in_flight_requests", &[]).await == Some(2.0)).then_some(())
    })
    .await;
    provider.script(NUMBERED, "text=its own");
    drop(first);
    assert_eq!(said(&second.reply().await.expect("a whole reply")), "its own");
}
