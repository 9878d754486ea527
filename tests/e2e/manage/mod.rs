//! The management API through the real program.

mod keys;

use serde_json::{Value, json};

use crate::harness::{Gateway, KEY, Reply, config, with};

/// A gateway that keeps what it knows in a file of its own.
async fn on_sqlite() -> Gateway {
    on("sqlite:///manage.db").await
}

async fn on(database_url: &str) -> Gateway {
    let config = with(config(&[]), json!({"general_settings": {"database_url": database_url}}));
    Gateway::serve(&config).await
}

/// A request with some key.
async fn ask(gateway: &Gateway, key: &str, method: &str, path: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    gateway.raw(method, path, &headers, body.as_bytes()).await
}

/// A request with the master key that must succeed.
async fn done(gateway: &Gateway, method: &str, path: &str, body: &Value) -> Value {
    done_by(gateway, KEY, method, path, body).await
}

/// A request that must succeed.
async fn done_by(gateway: &Gateway, key: &str, method: &str, path: &str, body: &Value) -> Value {
    let reply = ask(gateway, key, method, path, body).await;
    assert_eq!(reply.status(), 200, "{method} {path} {body}: {}", reply.text());
    reply.json()
}

/// A request that must be refused with this status and field.
async fn refused(gateway: &Gateway, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let reply = ask(gateway, key, method, path, body).await;
    (reply.status(), reply.error())
}
