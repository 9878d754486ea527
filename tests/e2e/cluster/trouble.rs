//! Redis frozen: nobody waits, nothing is believed for long, and everybody comes back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Replicas;
use super::redis::Redis;
use crate::harness::{FakeProvider, chat, config, eventually, openai, with};
use crate::manage::{ask, done, key, postgres_url};

fn count(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn a_frozen_redis_stops_no_request_and_no_revocation() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let general = json!({"general_settings": {"database_url": postgres_url().await}});
    let replicas =
        Replicas::over(&redis, &with(config(&[openai("gpt", &provider, "sk-fake.text=ok")]), general)).await;
    let (one, two) = (key(&replicas.0[0], json!({})).await, key(&replicas.0[0], json!({})).await);
    let asks = async |replica: usize, key: &str| {
        ask(&replicas.0[replica], key, "POST", "/v1/chat/completions", &chat("gpt")).await.status()
    };
    for replica in 0..3 {
        assert_eq!((asks(replica, &one).await, asks(replica, &two).await), (200, 200));
    }
    redis.signal("STOP");
    let mut slowest = Duration::ZERO;
    for turn in 0..300 {
        let began = Instant::now();
        assert_eq!(asks(turn % 3, &one).await, 200);
        slowest = slowest.max(began.elapsed());
    }
    eprintln!("redis frozen: 300 requests, the slowest took {slowest:?}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    for gateway in &replicas.0 {
        gateway.logged("Redis cannot be used").await;
        eventually("readiness tells", || async {
            let reply = gateway.get("/health/readiness").await;
            let told: Value = reply.json();
            (reply.status() == 200 && told["redis"] == "unavailable").then_some(())
        })
        .await;
    }
    done(&replicas.0[0], "POST", "/key/delete", json!({"keys": [two]})).await;
    let since = Instant::now();
    for replica in 0..3 {
        eventually("the key is refused", || async { (asks(replica, &two).await == 401).then_some(()) }).await;
    }
    eprintln!("redis frozen: a key deleted on one replica was refused on all after {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    redis.signal("CONT");
    replicas.hear().await;
    replicas.know_each_other(3.0).await;
    let three = key(&replicas.0[0], json!({})).await;
    for replica in 0..3 {
        assert_eq!(asks(replica, &three).await, 200);
        let log = replicas.0[replica].log();
        // A line for each change, however often a busy machine makes a call late; not one for each request.
        let (gone, back) = (count(&log, "Redis cannot be used"), count(&log, "Redis can be used again"));
        assert!(gone == back && gone < 10, "{log}");
    }
}
