//! Models of the database serve on all replicas within a second.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Replicas;
use super::redis::Redis;
use crate::harness::{FakeProvider, chat, config, eventually, openai, with};
use crate::manage::{done, postgres_url};

/// Waits until all replicas answer so; answers how long that took.
async fn all_say(replicas: &Replicas, expected: &str) -> Duration {
    let since = Instant::now();
    for gateway in &replicas.0 {
        eventually(&format!("all say {expected}"), || async {
            let reply = gateway.chat(&chat("added")).await;
            let said = if reply.status() == 200 { reply.said() } else { reply.status().to_string() };
            (said == expected).then_some(())
        })
        .await;
    }
    since.elapsed()
}

async fn followed(replicas: &Replicas, provider: &FakeProvider) {
    let params = |key: &str| json!({"model": "openai/x", "api_base": provider.v1(), "api_key": key});
    let made: Value = json!({"model_name": "added", "litellm_params": params("sk-fake.text=one"), "model_info": {"id": "m"}});
    let changed = json!({"model_info": {"id": "m"}, "litellm_params": params("sk-fake.text=two")});
    for (path, body, expected) in [
        ("/model/new", made, "one"),
        ("/model/update", changed, "two"),
        ("/model/delete", json!({"id": "m"}), "404"),
    ] {
        done(&replicas.0[0], "POST", path, body).await;
        let took = all_say(replicas, expected).await;
        eprintln!("{path}: on all replicas after {took:?}");
        assert!(took < Duration::from_secs(10), "{path}: {took:?}");
    }
}

async fn configured(provider: &FakeProvider) -> Value {
    let general = json!({"database_url": postgres_url().await, "store_model_in_db": true,
                         "proxy_config_reload_interval_seconds": 3600});
    with(config(&[openai("own", provider, "sk-fake.text=file")]), json!({ "general_settings": general }))
}

#[tokio::test]
async fn over_redis() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let replicas = Replicas::over(&redis, &configured(&provider).await).await;
    followed(&replicas, &provider).await;
}

#[tokio::test]
async fn over_postgresql_alone() {
    let provider = FakeProvider::start().await;
    let replicas = Replicas::start(&configured(&provider).await).await;
    followed(&replicas, &provider).await;
}
