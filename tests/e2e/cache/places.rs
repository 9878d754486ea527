//! Answers in Redis: found by all replicas, gone with their time, and no wait when Redis does not answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{NUMBERED, cached, hello, said};
use crate::cluster::redis::{Cluster, Redis};
use crate::harness::{FakeProvider, Gateway, eventually, with};
use crate::manage::done;

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

/// The master that Sentinels name is asked, and the one that they name after it.
#[tokio::test]
async fn sentinels_say_where_answers_are() {
    let (master, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let replica = Redis::start(&[format!("replicaof 127.0.0.1 {}", master.port)]);
    let sentinel = Redis::sentinel(master.port);
    let nodes = json!([["127.0.0.1", sentinel.port]]);
    let params = json!({"type": "redis", "sentinel_nodes": nodes, "service_name": "main", "ttl": 3600});
    let gateway = cached(&provider, params).await;
    gateway.logged("Redis is reached").await;
    kept(&gateway, &hello("a")).await;
    let calls = provider.stats(NUMBERED).requests;
    eventually("the replica has the answer", || async {
        (master.tell(&["WAIT", "1", "100"]) == ":1").then_some(())
    })
    .await;
    // Sentinels look for replicas every ten seconds.
    eventually("Sentinel knows of the replica", || async {
        let told = sentinel.tell(&["SENTINEL", "REPLICAS", "main"]);
        (told == "*1").then_some(())
    })
    .await;
    master.signal("KILL");
    eventually("the replica is the master", || async {
        (replica.tell(&["ROLE"]) == "*3" && replica.tell(&["SET", "probe", "1"]) == "+OK").then_some(())
    })
    .await;
    kept(&gateway, &hello("b")).await;
    let known = gateway.chat(&with(hello("a"), json!({"cache": {"no-store": true}}))).await;
    assert_eq!(known.header("x-litellm-cache-hit"), Some("True"), "what was kept before is known there");
    assert!(provider.stats(NUMBERED).requests > calls, "another question was asked meanwhile");
    // A failover needs no more than a miss from anybody.
    assert_eq!(gateway.chat(&hello("c")).await.status(), 200);
}

/// Each replica keeps its own answers; what an operator has forgotten on one, all forget.
#[tokio::test]
async fn local_answers_are_forgotten_on_all_replicas() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let bus = json!({"router_settings": {"redis_host": "127.0.0.1", "redis_port": redis.port}});
    let config = with(super::cached_config(&provider, json!({"type": "local"})), bus);
    let (one, other) = (Gateway::serve(&config).await, Gateway::serve(&config).await);
    for gateway in [&one, &other] {
        gateway.logged("changes made by other replicas are heard").await;
    }
    kept(&one, &hello("a")).await;
    kept(&other, &hello("a")).await;
    kept(&other, &hello("b")).await;
    let hit = async |gateway: &Gateway, text: &str| {
        let reply = gateway.chat(&with(hello(text), json!({"cache": {"no-store": true}}))).await;
        reply.header("x-litellm-cache-hit") == Some("True")
    };
    let key = one.chat(&hello("a")).await.header("x-litellm-cache-key").unwrap().to_owned();
    let told = done(&one, "POST", "/cache/delete", json!({"keys": [key]})).await;
    assert_eq!(told, json!({"status": "success", "replicas": "all"}));
    eventually("the other replica forgets it", || async { (!hit(&other, "a").await).then_some(()) }).await;
    assert!(hit(&other, "b").await, "and nothing else");
    done(&one, "POST", "/cache/flushall", json!({})).await;
    eventually("the other replica forgets all", || async { (!hit(&other, "b").await).then_some(()) }).await;
    // Who can tell nobody says so.
    let alone = cached(&provider, json!({"type": "local"})).await;
    let told = done(&alone, "POST", "/cache/flushall", json!({})).await;
    assert_eq!((&told["status"], &told["replicas"]), (&json!("success"), &json!("this")));
    assert!(told["message"].as_str().unwrap().contains("only those of the replica that was asked"), "{told}");
}

/// Counters live where answers live: whoever pays for both must hear that something was thrown away.
#[tokio::test]
async fn a_redis_that_evicts_is_told_of() {
    let settings = ["maxmemory 6mb".to_owned(), "maxmemory-policy allkeys-lru".to_owned()];
    let (redis, provider) = (Redis::start(&settings), FakeProvider::start().await);
    let gateway = cached(&provider, in_redis(&redis, json!({}))).await;
    gateway.logged("may evict counters of limits and budgets").await;
    let evicted = "stagedoor_redis_evicted_keys_total";
    assert_eq!(gateway.metric(evicted, &[]).await, Some(0.0));
    let large = "x".repeat(500_000);
    for number in 0..30 {
        redis.tell(&["SET", &format!("large{number}"), &large]);
    }
    gateway.logged("Redis has evicted keys for want of memory").await;
    assert!(gateway.metric(evicted, &[]).await > Some(0.0));
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
