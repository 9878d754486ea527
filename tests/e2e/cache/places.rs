//! Answers in Redis: found by all replicas, gone with their time, and no wait when Redis does not answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{NUMBERED, cached, hello, said};
use crate::cluster::redis::{Cluster, Redis};
use crate::harness::{FakeProvider, Gateway, eventually, with};

fn in_redis(redis: &Redis, more: Value) -> Value {
    with(json!({"type": "redis", "host": "127.0.0.1", "port": redis.port}), more)
}

/// Waits until the answer to this question comes from the cache.
async fn kept(gateway: &Gateway, body: &Value) {
    eventually("the answer is kept", || async {
        let reply = gateway.chat(body).await;
        (reply.header("x-litellm-cache-hit") == Some("True")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn replicas_find_each_others_answers() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let params = in_redis(&redis, json!({"ttl": 3600, "namespace": "team-a"}));
    let (one, other) = (cached(&provider, params.clone()).await, cached(&provider, params).await);
    let first = one.chat(&hello("a")).await;
    kept(&one, &hello("a")).await;
    let found = other.chat(&hello("a")).await;
    let latest = one.chat(&hello("a")).await;
    assert_eq!((said(&found), found.text()), (said(&latest), latest.text()));
    let key = first.header("x-litellm-cache-key").unwrap();
    assert!(key.starts_with("team-a:"), "{key}");
    assert_eq!(found.header("x-litellm-cache-key"), Some(key));
}

#[tokio::test]
async fn a_cluster_keeps_answers_too() {
    let (cluster, provider) = (Cluster::start(), FakeProvider::start().await);
    let nodes: Vec<Value> =
        cluster.nodes.iter().map(|node| json!({"host": "127.0.0.1", "port": node.port})).collect();
    let gateway = cached(&provider, json!({"type": "redis", "redis_startup_nodes": nodes, "ttl": 600})).await;
    gateway.logged("Redis is reached").await;
    for text in ["a", "b", "c", "d", "e", "f"] {
        kept(&gateway, &hello(text)).await;
    }
    let calls = provider.stats(NUMBERED).requests;
    for text in ["a", "b", "c", "d", "e", "f"] {
        said(&gateway.chat(&hello(text)).await);
    }
    assert_eq!(provider.stats(NUMBERED).requests, calls);
}

#[tokio::test]
async fn a_frozen_redis_costs_a_miss_and_no_wait() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let gateway = cached(&provider, in_redis(&redis, json!({"ttl": 3600}))).await;
    kept(&gateway, &hello("a")).await;
    redis.signal("STOP");
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        let reply = gateway.chat(&hello("a")).await;
        slowest = slowest.max(began.elapsed());
        assert_eq!((reply.status(), reply.header("x-litellm-cache-hit")), (200, Some("False")));
    }
    eprintln!("redis frozen: 50 requests with a cache, the slowest took {slowest:?}");
    assert!(slowest < Duration::from_secs(10), "fifty waits would be longer: {slowest:?}");
    assert!(gateway.metric("stagedoor_cache_lookups_total", &["error"]).await >= Some(50.0));
    redis.signal("CONT");
    kept(&gateway, &hello("a")).await;
}

#[tokio::test]
async fn without_a_redis_that_was_asked_for_answers_are_kept_in_memory() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "redis"})).await;
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 1");
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 1");
    assert!(gateway.log().contains("no Redis is used"), "{}", gateway.log());
}
