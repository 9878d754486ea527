//! What stands in Redis and in the database, read past the gateway.

use std::collections::HashMap;

use redis::Commands;

use crate::postgres::Server;
use crate::redis::Redis;

/// One budget account in Redis, nano-dollars.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Account {
    /// By rows that the database has.
    pub stored: i64,
    /// By rows that are on their way.
    pub unstored: i64,
    /// Reserved by requests.
    pub held: i64,
}

impl Account {
    /// What a budget is compared with.
    pub fn sum(&self) -> i64 {
        self.stored + self.unstored + self.held
    }
}

/// What Redis counts.
pub struct Counters(redis::Connection);

impl Counters {
    pub fn of(server: &Redis) -> Self {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
        Counters(client.get_connection().unwrap())
    }

    /// All budget accounts, poorest first.
    pub fn accounts(&mut self) -> Vec<Account> {
        let mut all: Vec<Account> = self.hashes("b").iter().map(account).collect();
        all.sort_by_key(Account::sum);
        all
    }

    /// Parallel requests that somebody holds, of all scopes together.
    pub fn slots(&mut self) -> i64 {
        self.hashes("p").iter().flat_map(HashMap::values).filter_map(|value| value.parse::<i64>().ok()).sum()
    }

    /// Requests in all windows together.
    pub fn requests(&mut self) -> i64 {
        self.hashes("w").iter().filter_map(|window| window.get("r")?.parse::<i64>().ok()).sum()
    }

    fn hashes(&mut self, kind: &str) -> Vec<HashMap<String, String>> {
        let keys: Vec<String> = self.0.keys(format!("*counters.*}}:{kind}:*")).unwrap();
        keys.iter().map(|key| self.0.hgetall(key).unwrap()).collect()
    }
}

fn account(fields: &HashMap<String, String>) -> Account {
    let mut account = Account::default();
    for (name, value) in fields {
        let value: i64 = value.parse().unwrap();
        match name.as_bytes() {
            b"s" => account.stored = value,
            [b'u', b':', ..] => account.unstored += value,
            [b'r', b':', ..] => account.held += value,
            _ => {}
        }
    }
    account
}

/// One row of the ledger.
pub struct Row {
    pub call_id: String,
    pub status: String,
    /// Nano-dollars.
    pub spend: i64,
}

/// All rows of a database's ledger.
pub async fn rows(server: &Server, database: &str) -> Vec<Row> {
    let found = query(
        server,
        database,
        "SELECT coalesce(nullif(call_id, ''), id), status, spend FROM stagedoor_ledger",
    )
    .await;
    found.iter().map(|row| Row { call_id: row.get(0), status: row.get(1), spend: row.get(2) }).collect()
}

/// Connections of others to a database.
pub async fn connections(server: &Server, database: &str) -> usize {
    let text =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    query(server, database, text).await.len()
}

async fn query(server: &Server, database: &str, text: &str) -> Vec<tokio_postgres::Row> {
    let (client, connection) =
        tokio_postgres::connect(&server.url(database), tokio_postgres::NoTls).await.unwrap();
    let running = tokio::spawn(connection);
    let rows = client.query(text, &[]).await.unwrap();
    drop(client);
    running.await.unwrap().unwrap();
    rows
}
