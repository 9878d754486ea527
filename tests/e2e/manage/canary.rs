//! Nothing secret leaves, where keys and money are: unique strings as every kind of key, prompt, answer, database
//! password and webhook, every route's error paths, at the loudest log level. Looked for in the log, the metrics, the
//! error bodies, the database file and the spool.

use std::path::Path;

use serde_json::{Value, json};
use stagedoor::http::admin;
use stagedoor::manage::authority::Verb;
use tempfile::TempDir;

use super::{KEY, ask, done};
use crate::harness::{FakeProvider, Gateway, Reply, config, eventually, openai, with};

const PROVIDER: &str = "canary-provider-5d1c";
const PROMPT: &str = "canary-prompt-e90b";
const ANSWER: &str = "canary-answer-71fa";
const WEBHOOK: &str = "canary-webhook-c2d3";
const PASSWORD: &str = "canary-password-83bb";
/// Virtual keys, by what is the matter with them. The last one does not exist.
const KEYS: [&str; 6] = ["live", "blocked", "expired", "poor", "slow", "unknown"];

fn virtual_key(kind: &str) -> String {
    format!("sk-canary-virtual-{kind}-4f6a")
}

/// Everything that must not be found, and what it is.
fn secrets() -> Vec<String> {
    let fixed = [PROVIDER, PROMPT, ANSWER, WEBHOOK, PASSWORD, KEY].map(str::to_owned);
    fixed.into_iter().chain(KEYS.map(virtual_key)).collect()
}

/// Two deployments for each way in which a provider answers; the last one is fine.
fn models(provider: &FakeProvider) -> Vec<Value> {
    let ways =
        ["status=400", "status=401", "status=500", "cut=1", "midstream_error=1", "hang", "close", "id=fine"];
    let model = |way: &&str| {
        let key = format!("sk-fake-{PROVIDER}.text={ANSWER}.{way}");
        let more = json!({"model_name": way, "litellm_params": {"output_cost_per_token": 0.001,
            "input_cost_per_token": 0}, "model_info": {"id": way}});
        with(openai("", provider, &key), more)
    };
    ways.iter().map(model).collect()
}

fn settings(url: &str, spool: &Path) -> Value {
    // Rows stay in the spool, so that it can be looked at.
    json!({"general_settings": {"database_url": url, "spool_dir": spool, "proxy_batch_write_at": 3600},
        "router_settings": {"timeout": 0.3, "stream_timeout": 0.3, "num_retries": 0}})
}

async fn serve(config: &Value) -> Gateway {
    let hook = format!("https://hooks.example.com/{WEBHOOK}");
    let start = Gateway::start().arg("--detailed_debug");
    start.env("SLACK_WEBHOOK_URL", &hook).env("WEBHOOK_URL", &hook).serve(config).await
}

async fn make_keys(gateway: &Gateway) {
    for (kind, more) in [
        ("live", json!({"max_budget": 100})),
        ("blocked", json!({})),
        ("expired", json!({"duration": "1s"})),
        ("poor", json!({"max_budget": 0})),
        ("slow", json!({"rpm_limit": 1})),
    ] {
        done(gateway, "POST", "/key/generate", with(json!({"key": virtual_key(kind)}), more)).await;
    }
    done(gateway, "POST", "/key/block", json!({"key": virtual_key("blocked")})).await;
    let expired = virtual_key("expired");
    eventually("a key expires", || async {
        (ask(gateway, &expired, "GET", "/v1/models", &Value::Null).await.status() == 401).then_some(())
    })
    .await;
}

/// Every key with every model on every kind of call.
async fn call_models(gateway: &Gateway, models: &[Value], replies: &mut Vec<Reply>) {
    let messages = json!([{"role": "user", "content": PROMPT}]);
    for kind in KEYS {
        let key = virtual_key(kind);
        let mut jobs = Vec::new();
        for name in models.iter().map(|model| &model["model_name"]) {
            for stream in [false, true] {
                let body = json!({"model": name, "messages": messages, "stream": stream, "user": "somebody"});
                jobs.push(("/v1/chat/completions", body));
            }
            jobs.push(("/v1/embeddings", json!({"model": name, "input": PROMPT})));
        }
        jobs.push(("/v1/chat/completions", json!({"model": "nothing", "messages": messages})));
        jobs.push(("/v1/chat/completions", json!({"model": "id=fine", "messages": PROMPT})));
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let asked = jobs.iter().map(|(path, body)| async {
            // A cut answer is none.
            gateway.send(path, &headers, body).await.reply().await.ok()
        });
        replies.extend(futures_util::future::join_all(asked).await.into_iter().flatten());
    }
}

/// Every route of the management API, by everybody, with keys wherever a key can be named.
async fn call_management(gateway: &Gateway, replies: &mut Vec<Reply>) {
    let named = virtual_key("live");
    let unknown = virtual_key("unknown");
    for route in admin::routes() {
        let method = match route.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        };
        let path = route.path.replace("{key}", &unknown).replace(['{', '}'], "");
        let query = format!("{path}?key={unknown}&api_key={unknown}&user_id=nobody&start_date=never&page=x");
        let bodies = [
            json!({"key": unknown, "keys": [unknown], "api_key": unknown, "max_budget": named, "models": named,
                "metadata": named, "tpm_limit": [named], "team_id": 5, "user_id": {"a": PROMPT}}),
            json!({"key": named, "keys": [5, named], "new_key": virtual_key("poor"), "reset_to": 1e9, "duration": "x",
                "messages": PROMPT, "model": {"a": PROMPT}}),
            json!([named, PROMPT]),
        ];
        let path = if method == "GET" { &query } else { &path };
        for caller in [virtual_key("live"), virtual_key("blocked"), unknown.clone(), KEY.to_owned()] {
            // What changes keys is not done by those who may: their errors come from the bodies.
            for body in &bodies {
                replies.push(ask(gateway, &caller, method, path, body).await);
            }
        }
        let broken = format!("{{\"key\": \"{named}");
        let bearer = format!("Bearer {KEY}");
        replies.push(gateway.raw(method, path, &[("authorization", &bearer)], broken.as_bytes()).await);
    }
}

/// The names of files in which one of the secrets stands.
fn files_with(folder: &Path, secrets: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, secrets));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets.iter().filter(|s| memchr::memmem::find(&bytes, s.as_bytes()).is_some()) {
            found.push(format!("{secret} in {}", path.display()));
        }
    }
    found
}

/// Nothing in what was answered to errors, logged and counted.
async fn nothing_told(gateway: &Gateway, replies: &[Reply]) {
    let metrics = gateway.raw("GET", "/metrics", &[], b"").await.text();
    gateway.raw("POST", "/v1/chat/completions", &[("x-request-id", "the-last-one")], b"{}").await;
    gateway.logged("the-last-one").await;
    let log = gateway.log();
    assert!(log.contains("DEBUG") || log.contains("TRACE"), "the log is loud");
    for secret in secrets() {
        for (place, text) in [("log", &log), ("metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(&secret));
            assert!(line.is_none(), "{secret} in the {place}: {line:?}");
        }
        for reply in replies.iter().filter(|reply| reply.status() >= 400) {
            let text = format!("{:?} {}", reply.head.headers, reply.text());
            assert!(!text.contains(&secret), "{secret} in a reply: {text}");
        }
    }
}

#[tokio::test]
async fn no_secret_of_keys_and_money_leaves() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:///{}", folder.path().join("x.db").display());
    let models = models(&provider);
    let config = with(config(&models), settings(&url, &folder.path().join("spool")));
    let gateway = serve(&config).await;
    make_keys(&gateway).await;
    let mut replies = Vec::new();
    call_models(&gateway, &models, &mut replies).await;
    let served = replies.iter().filter(|reply| reply.status() == 200).count();
    assert!(
        served > 0 && replies.iter().any(|reply| reply.text().contains(ANSWER)),
        "something was answered"
    );
    for status in [400, 401, 408, 422, 429, 500] {
        assert!(replies.iter().any(|reply| reply.status() == status), "an error path is missing: {status}");
    }
    assert!(!files_with(&folder.path().join("spool"), &["chatcmpl".into(), "acompletion".into()]).is_empty());
    assert_eq!(files_with(folder.path(), &secrets()), Vec::<String>::new());
    call_management(&gateway, &mut replies).await;
    nothing_told(&gateway, &replies).await;
    assert_eq!(files_with(folder.path(), &secrets()), Vec::<String>::new());
}

#[tokio::test]
async fn a_database_that_is_down_is_told_without_its_password() {
    let folder = TempDir::new().unwrap();
    let url = format!("postgresql://stagedoor:{PASSWORD}@127.0.0.1:1/x");
    let gateway = serve(&with(config(&[]), settings(&url, &folder.path().join("spool")))).await;
    gateway.logged("the database is not there").await;
    let mut replies = Vec::new();
    call_management(&gateway, &mut replies).await;
    assert!(replies.iter().any(|reply| reply.status() == 503));
    nothing_told(&gateway, &replies).await;
    assert_eq!(files_with(folder.path(), &secrets()), Vec::<String>::new());
}
