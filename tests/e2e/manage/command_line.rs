//! Keys from the command line, and what is kept where.

use std::process::Output;

use serde_json::{Value, json};

use super::{ask, done_by, on_sqlite, postgres_url, stored_in};
use crate::harness::gateway::command;
use crate::harness::{Gateway, KEY, config};

/// Runs the tutorial's command beside a config file.
fn generate(config: &Value, user_id: &str) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), config.to_string()).unwrap();
    let mut command = command();
    command.current_dir(folder.path());
    let arguments = ["--config", "config.yaml", "--generate_key", "--user_id", user_id];
    (command.args(arguments).output().unwrap(), folder)
}

fn key_of(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let key = text.strip_suffix('\n').unwrap();
    assert!(key.starts_with("sk-") && !key.contains('\n'), "{text}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains(&key[3..]));
    key.to_string()
}

#[tokio::test]
async fn the_tutorials_command_makes_a_key_on_postgresql() {
    let config = stored_in(&postgres_url().await);
    let (output, _folder) = generate(&config, "user1");
    let key = key_of(&output);
    let gateway = Gateway::serve(&config).await;
    let info = done_by(&gateway, &key, "GET", "/user/info", Value::Null).await;
    // As the file's user_config has the user.
    assert_eq!((&info["user_id"], &info["user_info"]["max_budget"]), (&json!("user1"), &json!(100.0)));
    let (output, _folder) = generate(&config, "stranger");
    let info = done_by(&gateway, &key_of(&output), "GET", "/user/info", Value::Null).await;
    assert_eq!(info["user_info"]["user_role"], "internal_user");
}

#[tokio::test]
async fn and_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let config = stored_in(&format!("sqlite:///{}/keys.db", folder.path().display()));
    let (output, _folder) = generate(&config, "user1");
    let key = key_of(&output);
    let gateway = Gateway::serve(&config).await;
    assert_eq!(done_by(&gateway, &key, "GET", "/key/info", Value::Null).await["info"]["user_id"], "user1");
    let made = done_by(&gateway, KEY, "POST", "/key/generate", json!({})).await;
    let other = made["key"].as_str().unwrap();
    // Only hashes are kept.
    let spool = std::fs::read_dir(folder.path().join("keys.db-spool")).unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().chain(spool).flatten();
    for file in files.filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        for secret in [key.as_str(), other] {
            assert!(memchr::memmem::find(&bytes, &secret.as_bytes()[3..]).is_none(), "{:?}", file.path());
        }
    }
}

#[test]
fn without_a_database_it_says_why_not() {
    for database in [None, Some("sqlite://:memory:")] {
        let mut config = config(&[]);
        if let Some(url) = database {
            config["general_settings"]["database_url"] = url.into();
        }
        let (output, _folder) = generate(&config, "user1");
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("database_url"), "{said}");
    }
}

#[tokio::test]
async fn keys_outlive_a_restart_and_memory_does_not() {
    let gateway = Gateway::serve(&config(&[])).await;
    gateway.logged("kept in memory").await;
    let made = done_by(&gateway, KEY, "POST", "/key/generate", json!({})).await;
    assert_eq!(
        ask(&gateway, made["key"].as_str().unwrap(), "GET", "/key/info", &Value::Null).await.status(),
        200
    );
    let stored = on_sqlite().await;
    assert!(!stored.log().contains("kept in memory"));
}

#[tokio::test]
async fn a_database_that_is_down_is_503_and_never_401() {
    let gateway = super::on("postgresql://nobody@127.0.0.1:1/none").await;
    for key in [KEY, "sk-some-key-or-other"] {
        let reply = ask(&gateway, key, "GET", "/key/list", &Value::Null).await;
        assert_eq!((reply.status(), &reply.error()["type"]), (503, &json!("no_db_connection")));
    }
}
