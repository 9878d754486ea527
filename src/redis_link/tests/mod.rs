//! The link against real servers: every way to reach one, and what trouble costs.

mod faults;
mod listening;
mod questions;
#[path = "../../../tests/support/redis.rs"]
mod server;
mod ways;

use std::time::Duration;

use redis::Value;

use super::{Link, State, cmd};
use crate::config::load_text;
use crate::config::model::RedisSettings;
use crate::telemetry::Metrics;

/// The settings that a file's text comes to.
fn settings(text: &str) -> RedisSettings {
    load_text(text, "c.yaml", &|_| None).unwrap_or_else(|report| panic!("{report}")).config.redis.unwrap()
}

fn link(text: &str) -> (Link, Metrics) {
    let metrics = Metrics::new(None).unwrap();
    (Link::start(&settings(text), &metrics).unwrap(), metrics)
}

fn single(port: u16) -> (Link, Metrics) {
    link(&format!("router_settings: {{redis_host: 127.0.0.1, redis_port: {port}}}"))
}

async fn until(link: &Link, wanted: impl Fn(State) -> bool) -> State {
    let mut watch = link.watch();
    let waited = tokio::time::timeout(Duration::from_secs(20), watch.wait_for(|state| wanted(*state))).await;
    *waited.expect("the link changes its state").unwrap()
}

async fn up(link: &Link) {
    until(link, State::is_up).await;
}

async fn set(link: &Link, key: &str, value: &str) -> Value {
    link.query(cmd("SET").arg(key).arg(value)).await.unwrap()
}

async fn get(link: &Link, key: &str) -> String {
    redis::from_redis_value(link.query(cmd("GET").arg(key)).await.unwrap()).unwrap()
}
