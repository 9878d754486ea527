//! What the store promises, once for SQLite in memory, SQLite in a file and PostgreSQL.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod reports;
#[cfg(test)]
#[path = "../../../tests/support/postgres.rs"]
mod server;

use super::{Store, StoreOptions};
use crate::domain::ledger::LedgerRow;

/// 2026-11-21 08:50:35 UTC, a Saturday.
pub const NOW: i64 = 1_795_251_035_000;
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
pub const USD: i64 = 1_000_000_000;

/// A store and what has to live as long as it does.
pub struct Case {
    pub store: Store,
    /// Its URL, for a second store on the same data; `None` in memory.
    pub url: Option<String>,
    _folder: Option<tempfile::TempDir>,
}

impl Case {
    pub fn memory() -> Self {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        Case { store, url: None, _folder: None }
    }

    pub fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}/x.db", folder.path().display());
        let store = Store::new(&url, StoreOptions::default()).unwrap();
        Case { store, url: Some(url), _folder: Some(folder) }
    }

    pub async fn postgres(name: &str) -> Self {
        let server = server::shared();
        server.script("postgres", &format!("CREATE DATABASE {name}")).await;
        let url = server.url(name);
        let store = Store::new(&url, StoreOptions::default()).unwrap();
        Case { store, url: Some(url), _folder: None }
    }
}

/// Runs each of a module's functions on every kind of store.
macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(super::super::Case::memory()).await; })*
        }
        mod file {
            $(#[tokio::test] async fn $name() { super::$name(super::super::Case::file()).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                super::$name(super::super::Case::postgres(stringify!($name)).await).await;
            })*
        }
    };
}
pub(crate) use on_every_store;

/// A row of a key, a user and a team that costs so much.
pub fn row(key: &str, started_ms: i64, spend_nanos: i64) -> LedgerRow {
    LedgerRow {
        key_hash: key.into(),
        user_id: "u1".into(),
        team_id: "t1".into(),
        model_group: "gpt-4o".into(),
        model: "openai/gpt-4o".into(),
        provider: "openai".into(),
        call_type: "acompletion".into(),
        ended_ms: started_ms + 250,
        prompt_tokens: 10,
        completion_tokens: 5,
        spend_nanos,
        ..LedgerRow::new(started_ms)
    }
}
