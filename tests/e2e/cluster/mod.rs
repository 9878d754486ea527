//! Three processes over one Redis and one PostgreSQL: what one of them learns or is told, all obey.

mod alerts;
mod exact;
mod models;
#[path = "../../support/redis.rs"]
#[allow(dead_code, reason = "the link's own tests use the rest")]
pub mod redis;
mod revocation;
mod trouble;
mod usage;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Gateway, PATIENCE, eventually, with};
use redis::Redis;

/// Replicas with the same configuration, which hear each other.
struct Replicas(Vec<Gateway>);

impl Replicas {
    /// Starts three over this Redis.
    async fn over(redis: &Redis, config: &Value) -> Self {
        let address = json!({"router_settings": {"redis_host": "127.0.0.1", "redis_port": redis.port}});
        let replicas = Self::start(&with(config.clone(), address)).await;
        replicas.know_each_other(3.0).await;
        replicas
    }

    /// Starts three.
    async fn start(config: &Value) -> Self {
        let start = || Gateway::start().env("LITELLM_SALT_KEY", "sk-cluster-salt").serve(config);
        let replicas = Replicas(join_all((0..3).map(|_| start())).await);
        replicas.hear().await;
        replicas
    }

    /// Waits until all hear of changes.
    async fn hear(&self) {
        for gateway in &self.0 {
            eventually("changes are heard", || async {
                (gateway.metric("stagedoor_cluster_hears", &[]).await == Some(1.0)).then_some(())
            })
            .await;
        }
    }

    /// Waits until all know how many they are.
    async fn know_each_other(&self, count: f64) {
        let known = || join_all(self.0.iter().map(|one| one.metric("stagedoor_cluster_replicas", &[])));
        let since = Instant::now();
        loop {
            let known = known().await;
            if known.iter().all(|known| *known == Some(count)) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "the replicas know of {known:?} instead of {count}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
