//! A provider's error may quote what was asked and answered. Its text is the caller's; where prompts are not stored,
//! none of it stays in the database, the spool, the log, the metrics or the health report.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ask, got, key};
use crate::harness::config::at;
use crate::harness::{FakeProvider, Gateway, config, eventually, with};

const PROMPT: &str = "canary-prompt-4c1f";
const ANSWER: &str = "canary-answer-d02e";
const STATUSES: [u16; 14] = [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529];

/// One deployment for each way of quoting and kind of provider.
fn models(provider: &FakeProvider) -> Vec<Value> {
    let mut ways: Vec<String> = STATUSES.iter().map(|status| format!("status={status}")).collect();
    ways.extend(["error_in_200".to_owned(), "midstream_error=1".to_owned()]);
    let mut models = Vec::new();
    for (n, way) in ways.iter().enumerate() {
        for (kind, model, base) in [
            ("o", "openai/x", provider.v1()),
            ("a", "anthropic/claude-test", provider.base()),
            ("z", "azure/x", provider.base()),
        ] {
            let name = format!("{kind}{n}");
            let quoted = format!("Invalid%20value:%20'{PROMPT}',%20{ANSWER}");
            let words = format!("error_code={PROMPT}.error_param=messages[0]%2Econtent%20{PROMPT}");
            provider.script(&name, &format!("{way}.text={ANSWER}.error_message={quoted}.{words}"));
            let version = json!({"litellm_params": {"api_version": "2024-06-01"}});
            models.push(with(at(&name, model, &base, &name), version));
        }
    }
    models
}

async fn serve(models: &[Value], folder: &Path, stored: bool) -> Gateway {
    let url = format!("sqlite:///{}", folder.join("x.db").display());
    let settings = json!({
        "general_settings": {"database_url": url, "spool_dir": folder.join("spool"), "proxy_batch_write_at": 0.05,
            "store_prompts_in_spend_logs": stored},
        "litellm_settings": {"fallbacks": [{"o9": ["a9"]}]},
    });
    Gateway::start().arg("--detailed_debug").serve(&with(config(models), settings)).await
}

/// Every model plainly and as a stream; how many answers quoted the prompt.
async fn call_all(gateway: &Gateway, models: &[Value]) -> usize {
    let key = key(gateway, json!({})).await;
    let mut quoted = 0;
    for model in models {
        for stream in [false, true] {
            let messages = json!([{"role": "user", "content": PROMPT}]);
            let body = json!({"model": model["model_name"], "messages": messages, "stream": stream});
            let reply = ask(gateway, &key, "POST", "/v1/chat/completions", &body).await;
            quoted += usize::from(reply.text().contains(PROMPT));
        }
    }
    quoted
}

/// All rows of the ledger, once they are there.
async fn rows(gateway: &Gateway, count: usize) -> Vec<Value> {
    eventually("all rows are in the ledger", || async {
        let page =
            got(gateway, "/spend/logs/v2?start_date=2020-01-01&end_date=2100-01-01&page_size=100").await;
        let rows = page["data"].as_array().cloned().unwrap_or_default();
        (rows.len() == count).then_some(rows)
    })
    .await
}

fn files_with(folder: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, secret));
        } else if memchr::memmem::find(&std::fs::read(&path).unwrap(), secret.as_bytes()).is_some() {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn what_an_error_quotes_is_for_the_caller_alone() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let models = models(&provider);
    let gateway = serve(&models, folder.path(), false).await;
    let quoted = call_all(&gateway, &models).await;
    // An error in the middle of a stream leaves nothing to break in an answer that is none.
    assert_eq!(quoted, 2 * models.len() - 3, "callers read what the provider says");
    let rows = rows(&gateway, 2 * models.len()).await;
    let told: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["metadata"]["error_information"]["error_message"].as_str())
        .collect();
    assert!(
        told.iter().any(|text| text.contains("RateLimitError") && text.contains("status 429")),
        "{told:?}"
    );
    let metrics = gateway.raw("GET", "/metrics", &[], b"").await.text();
    let health = gateway.get("/health").await.text();
    gateway.raw("POST", "/v1/chat/completions", &[("x-request-id", "the-last-one")], b"{}").await;
    gateway.logged("the-last-one").await;
    let log = gateway.log();
    for secret in [PROMPT, ANSWER] {
        for (place, text) in [("log", &log), ("metrics", &metrics), ("health", &health)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} in the {place}: {line:?}");
        }
        assert_eq!(files_with(folder.path(), secret), Vec::<String>::new(), "{secret}");
    }
}

#[tokio::test]
async fn where_prompts_are_stored_the_providers_words_are_too() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let models = models(&provider).split_off(45);
    let gateway = serve(&models, folder.path(), true).await;
    call_all(&gateway, &models[..1]).await;
    let rows = rows(&gateway, 2).await;
    assert!(rows.iter().any(|row| row.to_string().contains("Invalid value: ")), "{rows:?}");
    assert!(!gateway.log().contains(PROMPT), "a log is no place for prompts");
}
