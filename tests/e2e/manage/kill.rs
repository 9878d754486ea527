//! kill -9 under load, again and again: every answer that a client got whole has its row, none has two, and every
//! total agrees with the rows. A few seconds of load for each kind of database; `KILL_SECONDS=60` makes it a minute.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use stagedoor::store::{LogFind, Store, StoreOptions};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::postgres::Server;
use super::{got, key};
use crate::harness::conn::Conn;
use crate::harness::gateway::command;
use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

/// How many clients ask at once.
const CLIENTS: usize = 12;
/// How long each process lives.
const LIFE: Duration = Duration::from_millis(1_500);

fn load_time() -> Duration {
    let asked = std::env::var("KILL_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(asked.unwrap_or(6))
}

/// One request on a connection of its own: its call id, if the answer came whole.
async fn ask(address: SocketAddr, key: &str, stream: bool) -> Result<Option<String>, ()> {
    let mut conn = Conn::new(TcpStream::connect(address).await.map_err(|_| ())?);
    let body = with(chat("gpt"), json!({"max_tokens": 10, "stream": stream})).to_string();
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let mut bytes = Conn::head_of("POST", "/v1/chat/completions", &headers);
    bytes.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    conn.write(bytes.as_bytes()).await.map_err(|_| ())?;
    let reply = conn.reply().await.map_err(|_| ())?;
    let whole = reply.status() == 200 && (!stream || reply.text().contains("[DONE]"));
    Ok(whole.then(|| reply.must("x-litellm-call-id").to_owned()))
}

/// Asks until nobody answers.
async fn client(address: SocketAddr, key: &str, number: usize) -> Vec<String> {
    let mut whole = Vec::new();
    for turn in 0.. {
        match ask(address, key, (turn + number).is_multiple_of(3)).await {
            Ok(id) => whole.extend(id),
            Err(()) => break,
        }
    }
    whole
}

/// The call ids of all rows.
async fn rows(url: &str) -> Vec<String> {
    let store = Store::new(url, StoreOptions::default()).unwrap();
    let mut all = Vec::new();
    for page in 1.. {
        let found = store.logs(LogFind { page, size: 10_000, ..LogFind::default() }).await.unwrap().rows;
        if found.is_empty() {
            return all;
        }
        all.extend(found.into_iter().map(|row| row.call_id));
    }
    all
}

fn audit(config: &Value, folder: &Path) {
    let file = folder.join("audit.yaml");
    std::fs::write(&file, config.to_string()).unwrap();
    let done = command().current_dir(folder).args(["audit", "--config"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success() && said.starts_with("OK:"),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Kills a gateway again and again. The database goes away in the second life and comes back after the kill.
async fn killed_again_and_again(url: &str, database: Option<&Server>) {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let cent = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let models = [with(openai("gpt", &provider, "sk-fake.completion_tokens=10"), cent)];
    let spool = folder.path().join("spool");
    let settings =
        json!({"general_settings": {"database_url": url, "spool_dir": spool, "proxy_batch_write_at": 0.2}});
    let config = with(config(&models), settings);
    let gateway = Gateway::serve(&config).await;
    let key = key(&gateway, json!({"max_budget": 1_000_000})).await;
    let mut gateway = Some(gateway);
    let (mut whole, mut lives) = (Vec::new(), 0);
    let end = Instant::now() + load_time();
    while Instant::now() < end {
        lives += 1;
        let database = database.filter(|_| lives == 2);
        let mut living = match gateway.take() {
            Some(first) => first,
            None => Gateway::serve(&config).await,
        };
        let address = living.addr;
        let load = join_all((0..CLIENTS).map(|number| client(address, &key, number)));
        let death = async {
            tokio::time::sleep(LIFE / 2).await;
            database.inspect(|server| server.control("stop"));
            tokio::time::sleep(LIFE / 2).await;
            living.signal("KILL");
            living.ended().await;
        };
        let (answered, ()) = tokio::join!(load, death);
        database.inspect(|server| server.control("start"));
        whole.extend(answered.into_iter().flatten());
    }
    assert!(whole.len() > lives * 10, "{} answers in {lives} lives", whole.len());
    let last = Gateway::serve(&config).await;
    eventually("every answer has its row", || async {
        let rows: HashSet<String> = rows(url).await.into_iter().collect();
        whole.iter().all(|id| rows.contains(id)).then_some(())
    })
    .await;
    let found = rows(url).await;
    let mut times: HashMap<&str, u32> = HashMap::new();
    found.iter().for_each(|id| *times.entry(id).or_default() += 1);
    assert!(times.values().all(|count| *count == 1), "a request has two rows");
    // Rows without an answer are those of requests that the kill has cut off between row and last byte.
    assert!(found.len() <= whole.len() + CLIENTS * lives, "{} rows, {} answers", found.len(), whole.len());
    let spent = got(&last, &format!("/key/info?key={key}")).await["info"]["spend"].as_f64().unwrap();
    assert_eq!((spent * 100.0).round() as usize, found.len(), "the key has paid for each row");
    audit(&config, folder.path());
}

#[tokio::test]
async fn no_kill_loses_or_doubles_a_row_on_sqlite() {
    let folder = TempDir::new().unwrap();
    killed_again_and_again(&format!("sqlite:///{}", folder.path().join("x.db").display()), None).await;
}

#[tokio::test]
async fn no_kill_loses_or_doubles_a_row_on_postgresql() {
    let server = Server::start();
    killed_again_and_again(&server.url("postgres"), Some(&server)).await;
}
