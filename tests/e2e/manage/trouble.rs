//! Databases that fail at the worst moment: money stays right, and rows wait.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{done, done_by, got, key, postgres_url};
use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

/// A gateway whose answers cost 0.01 each.
async fn serving(url: &str, provider: &FakeProvider) -> Gateway {
    let cent = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let models = [with(openai("gpt", provider, "sk-fake.completion_tokens=10"), cent)];
    let settings = json!({"general_settings": {"database_url": url}});
    Gateway::serve(&with(config(&models), settings)).await
}

async fn status(gateway: &Gateway, key: &str) -> u16 {
    let body = with(chat("gpt"), json!({"max_tokens": 10}));
    let bearer = format!("Bearer {key}");
    gateway.post_with("/v1/chat/completions", &[("authorization", &bearer)], &body).await.status()
}

async fn spent(gateway: &Gateway, key: &str, usd: f64) {
    eventually(&format!("{usd} in the ledger"), || async {
        let info = got(gateway, &format!("/key/info?key={key}")).await;
        (info["info"]["spend"].as_f64() == Some(usd)).then_some(())
    })
    .await;
}

/// Passes a connection on. Once it is armed, the first answer to a `COMMIT` after rows were written is lost, and the
/// connection with it.
async fn losing(target: String, armed: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(pass(client, server, Arc::clone(&armed)));
        }
    });
    port
}

async fn pass(client: TcpStream, server: TcpStream, armed: Arc<AtomicBool>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let (mut wrote, mut lose) = (false, false);
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let holds = |text: &[u8]| memchr::memmem::find(&asked[..length], text).is_some();
                wrote |= holds(b"INTO stagedoor_ledger");
                lose |= wrote && holds(b"COMMIT") && armed.swap(false, Ordering::SeqCst);
                if to_server.write_all(&asked[..length]).await.is_err() { return }
            }
            read = from_server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if lose || to_client.write_all(&answered[..length]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_commit_costs_nobody_anything() {
    let provider = FakeProvider::start().await;
    let url = postgres_url().await;
    let (_, address) = url.split_once('@').unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let port = losing(address.to_owned(), Arc::clone(&armed)).await;
    let through = url.replace(address, &format!("127.0.0.1:{port}"));
    let gateway = serving(&through, &provider).await;
    let key = key(&gateway, json!({"max_budget": 0.04})).await;
    // The connection that writes rows has written some.
    assert_eq!(status(&gateway, &key).await, 200);
    spent(&gateway, &key, 0.01).await;
    armed.store(true, Ordering::SeqCst);
    assert_eq!(status(&gateway, &key).await, 200);
    spent(&gateway, &key, 0.02).await;
    gateway.logged("the store takes ledger rows again").await;
    assert!(!armed.load(Ordering::SeqCst), "an answer was lost");
    // Two cents are left, and two can be spent: neither row counts twice.
    assert_eq!(status(&gateway, &key).await, 200);
    spent(&gateway, &key, 0.03).await;
    let standing = done_by(&gateway, &key, "GET", "/v1/limits", Value::Null).await;
    assert_eq!(standing["budgets"][0]["spend"], json!(0.03), "{standing}");
    assert_eq!(status(&gateway, &key).await, 200);
    assert_eq!(status(&gateway, &key).await, 422);
    spent(&gateway, &key, 0.04).await;
}

fn count(file: &Path) -> i64 {
    let db = rusqlite::Connection::open(file).unwrap();
    db.query_row("SELECT count(*) FROM stagedoor_ledger", [], |row| row.get(0)).unwrap()
}

/// Moves a database away, or back, with what SQLite keeps beside it.
fn moved(from: &Path, to: &Path) {
    for ending in ["-wal", "-shm", ""] {
        let with = |path: &Path| format!("{}{ending}", path.display());
        if Path::new(&with(from)).exists() {
            std::fs::rename(with(from), with(to)).unwrap();
        }
    }
}

async fn ready(gateway: &Gateway, db: &str) {
    eventually(&format!("readiness says {db}"), || async {
        let said = gateway.raw("GET", "/health/readiness", &[], b"").await;
        (said.status() == 200 && said.json()["db"] == db).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_database_file_that_is_taken_away_is_missed_loudly_and_no_row_is_lost() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let (file, away) = (folder.path().join("x.db"), folder.path().join("away.db"));
    let gateway = serving(&format!("sqlite:///{}", file.display()), &provider).await;
    let key = key(&gateway, json!({})).await;
    assert_eq!(status(&gateway, &key).await, 200);
    spent(&gateway, &key, 0.01).await;
    ready(&gateway, "connected").await;
    moved(&file, &away);
    ready(&gateway, "unavailable").await;
    gateway.logged("was deleted or moved away while it was in use").await;
    let metrics = gateway.raw("GET", "/metrics", &[], b"").await.text();
    assert!(metrics.contains("stagedoor_database_up 0"), "{metrics}");
    // Who is known goes on; what is spent waits in the spool, and no new file stands in the old one's place.
    for _ in 0..3 {
        assert_eq!(status(&gateway, &key).await, 200);
    }
    gateway.logged("ledger rows wait in the spool").await;
    assert!(!file.exists());
    moved(&away, &file);
    ready(&gateway, "connected").await;
    spent(&gateway, &key, 0.04).await;
    assert_eq!(count(&file), 4);
}

#[tokio::test]
async fn a_database_file_that_is_replaced_is_the_new_truth() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let (file, backup) = (folder.path().join("x.db"), folder.path().join("backup.db"));
    let gateway = serving(&format!("sqlite:///{}", file.display()), &provider).await;
    let kept = key(&gateway, json!({})).await;
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute("VACUUM INTO ?1", [backup.display().to_string()]).unwrap();
    drop(db);
    let lost = key(&gateway, json!({})).await;
    assert_eq!(status(&gateway, &kept).await, 200);
    spent(&gateway, &kept, 0.01).await;
    // As one restores a backup: the old file goes, another one takes its place.
    for ending in ["-wal", "-shm", ""] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
    std::fs::rename(&backup, &file).unwrap();
    gateway.logged("another file has taken its place").await;
    eventually("the backup is served", || async {
        let path = format!("/key/info?key={lost}");
        let reply = super::ask(&gateway, crate::harness::KEY, "GET", &path, &Value::Null).await;
        (reply.status() == 404).then_some(())
    })
    .await;
    assert_eq!(status(&gateway, &kept).await, 200);
    spent(&gateway, &kept, 0.01).await;
    assert_eq!(count(&file), 1);
    done(&gateway, "POST", "/key/generate", json!({})).await;
}
