//! The management API through the real program, on SQLite and on PostgreSQL.

mod alerts;
mod bills;
mod callers;
mod canary;
mod changed_budgets;
mod command_line;
mod cost_headers;
mod credentials;
mod explained;
mod governed;
mod hops;
mod keys;
mod kill;
mod media;
mod metered;
mod models;
mod moving;
mod observed;
mod own_routing;
#[path = "../../support/postgres.rs"]
#[allow(dead_code, reason = "the store's own tests use the rest")]
mod postgres;
mod quoting;
mod roles;
mod rotated;
mod spend;
mod teams;
mod trouble;
mod users;
mod wild_budgets;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::harness::{Gateway, KEY, Reply, config, with};

/// Runs each of a module's functions on both kinds of store.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name($crate::manage::on_sqlite().await).await; })*
        }
        mod postgresql {
            $(#[tokio::test] async fn $name() { super::$name($crate::manage::on_postgres().await).await; })*
        }
    };
}
pub(crate) use on_both;

/// A gateway that keeps what it knows in a file of its own.
async fn on_sqlite() -> Gateway {
    on("sqlite:///manage.db").await
}

/// A gateway with a PostgreSQL database of its own.
async fn on_postgres() -> Gateway {
    on(&postgres_url().await).await
}

/// A new PostgreSQL database.
pub async fn postgres_url() -> String {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let name = format!("manage_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let server = postgres::shared();
    server.script("postgres", &format!("CREATE DATABASE {name}")).await;
    server.url(&name)
}

async fn on(database_url: &str) -> Gateway {
    Gateway::serve(&stored_in(database_url)).await
}

/// A config file with this database and the users of the tutorial.
fn stored_in(database_url: &str) -> Value {
    let settings = json!({
        "general_settings": {"database_url": database_url},
        "user_config": [{
            "user_id": "user1",
            "user_email": "user1@example.com",
            "user_role": "app_user",
            "max_budget": 100.0,
            "models": ["gpt-3.5-turbo", "claude-3-haiku-20240307"],
        }],
    });
    with(config(&[]), settings)
}

/// A request with some key.
pub async fn ask(gateway: &Gateway, key: &str, method: &str, path: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    gateway.raw(method, path, &headers, body.as_bytes()).await
}

/// A request with the master key that must succeed.
pub async fn done(gateway: &Gateway, method: &str, path: &str, body: Value) -> Value {
    done_by(gateway, KEY, method, path, body).await
}

/// A GET with the master key that must succeed.
async fn got(gateway: &Gateway, path: &str) -> Value {
    done(gateway, "GET", path, Value::Null).await
}

/// A request that must succeed.
async fn done_by(gateway: &Gateway, key: &str, method: &str, path: &str, body: Value) -> Value {
    let reply = ask(gateway, key, method, path, &body).await;
    assert_eq!(reply.status(), 200, "{method} {path} {body}: {}", reply.text());
    reply.json()
}

/// A request that must be refused; its status and error.
async fn refused(gateway: &Gateway, key: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let reply = ask(gateway, key, method, path, &body).await;
    assert_ne!(reply.status(), 200, "{method} {path} {body}: {}", reply.text());
    (reply.status(), reply.error())
}

/// A new key; its text.
pub async fn key(gateway: &Gateway, fields: Value) -> String {
    let made = done(gateway, "POST", "/key/generate", fields).await;
    made["key"].as_str().unwrap().to_string()
}
