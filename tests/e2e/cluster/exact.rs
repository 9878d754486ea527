//! Limits and budgets that three replicas enforce as one, with Redis well, frozen, wiped and gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::redis::{self, Redis};
use crate::harness::{FakeProvider, Gateway, KEY, chat, config, eventually, openai, with};
use crate::manage::postgres_url;

/// A provider that takes its time.
const SLOW: &str = "sk-fake.slow=60000";
const CHAT: &str = "/v1/chat/completions";

/// Three replicas, what they share, and their provider.
struct Cluster {
    redis: Vec<Redis>,
    replicas: Vec<Gateway>,
    provider: FakeProvider,
}

/// A group whose answers cost exactly 0.01: ten tokens at a thousandth.
fn cent(provider: &FakeProvider, key: &str) -> Value {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    with(openai("gpt", provider, key), price)
}

fn capped() -> Value {
    with(chat("gpt"), json!({"max_tokens": 10}))
}

impl Cluster {
    async fn start(provider_key: &str) -> Self {
        Cluster::with(provider_key, json!({})).await
    }

    async fn with(provider_key: &str, general: Value) -> Self {
        let provider = FakeProvider::start().await;
        let redis = Redis::start(&[]);
        let general = with(json!({"redis_host": "127.0.0.1", "redis_port": redis.port}), general);
        Cluster::over(vec![redis], provider, provider_key, general).await
    }

    async fn over(redis: Vec<Redis>, provider: FakeProvider, provider_key: &str, general: Value) -> Self {
        let general = with(json!({"database_url": postgres_url().await}), general);
        let config = with(config(&[cent(&provider, provider_key)]), json!({"general_settings": general}));
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(Gateway::start().workers(1).serve(&config).await);
        }
        let cluster = Cluster { redis, replicas, provider };
        for replica in &cluster.replicas {
            eventually("the replica counts together with others", || async {
                let ready = replica.get("/health/readiness").await.json();
                (ready["redis"] == "connected" && ready["db"] == "connected").then_some(())
            })
            .await;
        }
        cluster
    }

    fn any(&self) -> &Gateway {
        &self.replicas[0]
    }

    async fn key(&self, fields: Value) -> String {
        let made = self.manage("POST", "/key/generate", fields).await;
        made["key"].as_str().unwrap().to_string()
    }

    async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = self.any().raw(method, path, &headers, body.as_bytes()).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()
    }

    /// How often each status came from so many calls at once, replica after replica.
    async fn at_once(&self, key: &str, calls: usize) -> BTreeMap<u16, usize> {
        let body = capped();
        let bearer = format!("Bearer {key}");
        let call = |n: usize| {
            let (replica, body, bearer) = (&self.replicas[n % self.replicas.len()], &body, &bearer);
            async move { replica.post_with(CHAT, &[("authorization", bearer)], body).await.status() }
        };
        let mut counts = BTreeMap::new();
        for status in join_all((0..calls).map(call)).await {
            *counts.entry(status).or_insert(0) += 1;
        }
        counts
    }

    async fn spend(&self, key: &str) -> f64 {
        let info = self.manage("GET", &format!("/key/info?key={key}"), Value::Null).await;
        info["info"]["spend"].as_f64().unwrap()
    }
}

#[tokio::test]
async fn a_rate_limit_admits_exactly_its_number() {
    let cluster = Cluster::start("sk-fake").await;
    let key = cluster.key(json!({"rpm_limit": 100})).await;
    assert_eq!(cluster.at_once(&key, 200).await, BTreeMap::from([(200, 100), (429, 100)]));
    let bearer = format!("Bearer {key}");
    let refused = cluster.any().post_with(CHAT, &[("authorization", &bearer)], &capped()).await;
    assert_eq!(refused.must("x-ratelimit-api_key-remaining-requests"), "0");
    let message = refused.error()["message"].as_str().unwrap().to_string();
    assert!(message.contains("Current limit: 100, Remaining: 0"), "{message}");
    // What one replica has taken, the others show.
    let other = cluster.key(json!({"rpm_limit": 10})).await;
    let bearer = format!("Bearer {other}");
    for (n, left) in ["9", "8", "7"].into_iter().enumerate() {
        let reply = cluster.replicas[n].post_with(CHAT, &[("authorization", &bearer)], &capped()).await;
        assert_eq!(reply.must("x-ratelimit-api_key-remaining-requests"), left);
    }
    for replica in &cluster.replicas {
        let reply = replica.raw("GET", "/v1/limits", &[("authorization", &bearer)], b"").await.json();
        assert_eq!((&reply["limits"][0]["used"], &reply["limits"][0]["remaining"]), (&json!(3), &json!(7)));
    }
}

#[tokio::test]
async fn a_budget_is_spent_to_the_cent() {
    let cluster = Cluster::start("sk-fake.prompt_tokens=5.completion_tokens=10").await;
    let key = cluster.key(json!({"max_budget": 1.0})).await;
    assert_eq!(cluster.at_once(&key, 500).await, BTreeMap::from([(200, 100), (422, 400)]));
    eventually("the ledger says 1.00", || async { (cluster.spend(&key).await == 1.0).then_some(()) }).await;
    // The money is back on every replica when somebody gives it back on one.
    cluster.manage("POST", &format!("/key/{key}/reset_spend"), json!({"reset_to": 0.5})).await;
    let bearer = format!("Bearer {key}");
    for replica in &cluster.replicas {
        eventually("there is money again", || async {
            (replica.post_with(CHAT, &[("authorization", &bearer)], &capped()).await.status() == 200)
                .then_some(())
        })
        .await;
    }
}

/// Both promises over another kind of Redis.
async fn holds_over(redis: Vec<Redis>, coordination: Value) {
    let (provider, key) = (FakeProvider::start().await, "sk-fake.prompt_tokens=5.completion_tokens=10");
    let general = json!({"coordination_redis": coordination});
    let cluster = Cluster::over(redis, provider, key, general).await;
    let limited = cluster.key(json!({"rpm_limit": 50})).await;
    assert_eq!(cluster.at_once(&limited, 120).await, BTreeMap::from([(200, 50), (429, 70)]));
    let bought = cluster.key(json!({"max_budget": 0.5})).await;
    assert_eq!(cluster.at_once(&bought, 120).await, BTreeMap::from([(200, 50), (422, 70)]));
}

#[tokio::test]
async fn both_hold_on_a_redis_cluster() {
    let redis = redis::Cluster::start().nodes;
    let nodes: Vec<Value> =
        redis.iter().map(|node| json!({"host": "127.0.0.1", "port": node.port})).collect();
    holds_over(redis, json!({"redis_startup_nodes": nodes})).await;
}

#[tokio::test]
async fn both_hold_where_sentinels_name_the_master() {
    let master = Redis::start(&[]);
    let sentinel = Redis::sentinel(master.port);
    let nodes = json!([["127.0.0.1", sentinel.port]]);
    holds_over(vec![master, sentinel], json!({"sentinel_nodes": nodes, "service_name": "main"})).await;
}

#[tokio::test]
async fn parallel_requests_are_counted_together_and_free_themselves() {
    let cluster = Cluster::start("sk-fake.slow=1500").await;
    let key = cluster.key(json!({"max_parallel_requests": 7})).await;
    assert_eq!(cluster.at_once(&key, 30).await, BTreeMap::from([(200, 7), (429, 23)]));
    assert_eq!(cluster.at_once(&key, 30).await, BTreeMap::from([(200, 7), (429, 23)]));
}

#[tokio::test]
async fn a_killed_replica_holds_nothing_for_long() {
    let mut cluster = Cluster::start(SLOW).await;
    let key = cluster.key(json!({"max_parallel_requests": 3})).await;
    let bearer = format!("Bearer {key}");
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(cluster.replicas[2].send(CHAT, &[("authorization", &bearer)], &capped()).await);
    }
    cluster.provider.wait_until(SLOW, |stats| stats.in_flight == 3).await;
    let refused = cluster.replicas[0].post_with(CHAT, &[("authorization", &bearer)], &capped()).await;
    assert_eq!(refused.status(), 429, "{}", refused.text());
    let mut killed = cluster.replicas.remove(2);
    killed.signal("KILL");
    killed.ended().await;
    let since = Instant::now();
    cluster.provider.script(SLOW, "size=10");
    eventually("its places are free", || async {
        let reply = cluster.replicas[0].post_with(CHAT, &[("authorization", &bearer)], &capped()).await;
        (reply.status() == 200).then_some(())
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}

/// A replica that has itself admitted nothing knows from the last answer that others have used the limit up.
#[tokio::test]
async fn a_full_limit_holds_where_redis_is_late() {
    let cluster = Cluster::start("sk-fake").await;
    let key = cluster.key(json!({"rpm_limit": 60})).await;
    let bearer = format!("Bearer {key}");
    for turn in 0..60 {
        let replica = &cluster.replicas[0];
        assert_eq!(
            replica.post_with(CHAT, &[("authorization", &bearer)], &capped()).await.status(),
            200,
            "{turn}"
        );
    }
    let other = &cluster.replicas[1];
    assert_eq!(other.post_with(CHAT, &[("authorization", &bearer)], &capped()).await.status(), 429);
    cluster.redis[0].signal("STOP");
    let (body, headers) = (capped(), [("authorization", bearer.as_str())]);
    let waiting = join_all((0..8).map(|_| other.post_with(CHAT, &headers, &body)));
    let thawed = async {
        // Long enough to be late, too short to be gone.
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.redis[0].signal("CONT");
    };
    let (replies, ()) = tokio::join!(waiting, thawed);
    let passed = replies.iter().filter(|reply| reply.status() == 200).count();
    let lost = other.log().contains("Redis cannot be used");
    assert!(passed == 0 || lost, "{passed} passed a full limit");
}

#[tokio::test]
async fn a_frozen_master_of_a_redis_cluster_stops_nobody() {
    let redis = redis::Cluster::start().nodes;
    let nodes: Vec<Value> =
        redis.iter().map(|node| json!({"host": "127.0.0.1", "port": node.port})).collect();
    let key = "sk-fake.prompt_tokens=5.completion_tokens=10";
    let cluster = Cluster::over(
        redis,
        FakeProvider::start().await,
        key,
        json!({"coordination_redis": {"redis_startup_nodes": nodes}}),
    )
    .await;
    let keys = [
        cluster.key(json!({"rpm_limit": 300, "max_budget": 100.0})).await,
        cluster.key(json!({"rpm_limit": 300})).await,
    ];
    for key in &keys {
        assert_eq!(cluster.at_once(key, 30).await, BTreeMap::from([(200, 30)]));
    }
    for node in &cluster.redis {
        node.signal("STOP");
        for key in &keys {
            assert_eq!(cluster.at_once(key, 15).await, BTreeMap::from([(200, 15)]));
        }
        node.signal("CONT");
        eventually("all count together", || async {
            let mut up = 0.0;
            for replica in &cluster.replicas {
                up += replica.metric("stagedoor_redis_up", &[]).await.unwrap();
            }
            (up == 3.0).then_some(())
        })
        .await;
    }
    // What was counted by each for itself is counted together by now.
    let counts = cluster.at_once(&keys[0], 400).await;
    assert_eq!(counts, BTreeMap::from([(200, 300 - 75), (429, 400 - 225)]));
}

#[tokio::test]
async fn a_frozen_redis_stops_nobody() {
    let cluster = Cluster::start("sk-fake").await;
    let key = cluster.key(json!({"rpm_limit": 300, "max_budget": 100.0})).await;
    assert_eq!(cluster.at_once(&key, 30).await, BTreeMap::from([(200, 30)]));
    cluster.redis[0].signal("STOP");
    let since = Instant::now();
    assert_eq!(cluster.at_once(&key, 60).await, BTreeMap::from([(200, 60)]));
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    // Each replica has its part of the limit now: a hundred, of which thirty are gone.
    let counts = cluster.at_once(&key, 400).await;
    assert_eq!(counts, BTreeMap::from([(200, 210), (429, 190)]));
    cluster.redis[0].signal("CONT");
    eventually("they count together again", || async {
        let bearer = format!("Bearer {key}");
        let reply = cluster.any().post_with(CHAT, &[("authorization", &bearer)], &capped()).await;
        let message = reply.text();
        (reply.status() == 429 && message.contains("Current limit: 300")).then_some(())
    })
    .await;
}
