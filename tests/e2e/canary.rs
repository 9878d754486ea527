//! Nothing secret leaves: unique strings as keys and prompt, every error path, at the loudest log level.

use serde_json::{Value, json};

use crate::harness::config::at;
use crate::harness::{FakeProvider, Gateway, anthropic, azure, config, openai, with};

const MASTER: &str = "sk-canary-master-51a7";
const PROMPT: &str = "canary-prompt-9c3e";
const WRONG: &str = "sk-canary-wrong-77d0";
/// A part of every provider key.
const PROVIDER: &str = "canary-provider-2b8f";

#[tokio::test]
async fn no_key_and_no_prompt_in_logs_metrics_or_errors() {
    let provider = FakeProvider::start().await;
    let faults = [
        "status=400",
        "status=401",
        "status=429",
        "status=500",
        "context_window",
        "content_policy",
        "close",
        "reset",
        "garbage",
        "error_in_200",
        "cut=1",
        "clean_cut=1",
        "midstream_error=1",
        "stall_after=1",
        "hang",
        "id=fine",
    ];
    let mut models = Vec::new();
    for (n, fault) in faults.iter().enumerate() {
        let key = format!("sk-fake-{PROVIDER}.{fault}");
        for (dialect, mut model) in [
            ("o", openai("", &provider, &key)),
            ("a", anthropic("", &provider, &key)),
            ("z", azure("", &provider, &key)),
        ] {
            model["model_name"] = json!(format!("{dialect}{n}"));
            model["model_info"]["id"] = json!(format!("{dialect}{n}"));
            models.push(model);
        }
    }
    let mut nobody = at("nobody", "openai/x", "http://127.0.0.1:1/v1", &format!("sk-{PROVIDER}"));
    nobody["model_info"]["id"] = json!("nobody");
    models.push(nobody);
    let mut echoing = openai("echo", &provider, &format!("sk-fake-{PROVIDER}.echo=1"));
    echoing["litellm_params"]["api_key"] = json!(format!("{PROVIDER}-raw"));
    echoing["model_info"]["id"] = json!("echo");
    provider.script(
        &format!("{PROVIDER}-raw"),
        &format!("status=401.error_message=Incorrect%20key%3A%20{PROVIDER}-raw"),
    );
    models.push(echoing);
    let settings = json!({"general_settings": {"master_key": MASTER},
        "router_settings": {"timeout": 0.3, "stream_timeout": 0.3, "num_retries": 1, "retry_after": 0},
        "litellm_settings": {"fallbacks": [{"o3": ["o0"]}]}});
    let gateway =
        Gateway::start().arg("--detailed_debug").workers(2).serve(&with(config(&models), settings)).await;
    let names: Vec<String> =
        models.iter().map(|model| model["model_name"].as_str().unwrap().to_owned()).collect();
    let bearer = format!("Bearer {MASTER}");
    let mut replies: Vec<String> = Vec::new();
    let ask = async |path: &str, key: &str, body: &Value| {
        let reply = gateway.send(path, &[("authorization", key)], body).await.reply().await.unwrap();
        format!("{} {:?} {}", reply.status(), reply.head.headers, reply.text())
    };
    let messages = json!([{"role": "user", "content": PROMPT}]);
    let mut jobs = Vec::new();
    for name in &names {
        for stream in [false, true] {
            let body = json!({"model": name, "messages": messages, "stream": stream, "num_retries": 0});
            jobs.push(("/v1/chat/completions", body));
        }
        jobs.push(("/v1/responses", json!({"model": name, "input": PROMPT, "num_retries": 0})));
        jobs.push(("/v1/embeddings", json!({"model": name, "input": PROMPT, "num_retries": 0})));
    }
    for wrong in [
        json!({"model": "nothing", "messages": messages}),
        json!({"model": "o0", "messages": PROMPT}),
        json!({"model": "o0", "messages": messages, "max_tokens": PROMPT}),
        json!({"model": "o0", "messages": messages, "api_base": "http://10.0.0.1/", "api_key": WRONG}),
    ] {
        jobs.push(("/v1/chat/completions", wrong));
    }
    for batch in jobs.chunks(12) {
        let asked = batch.iter().map(|(path, body)| ask(path, &bearer, body));
        replies.extend(futures_util::future::join_all(asked).await);
    }
    let fine = json!({"model": "o15", "messages": messages});
    for key in [format!("Bearer {WRONG}"), WRONG.to_owned(), format!("Basic {WRONG}")] {
        replies.push(ask("/v1/chat/completions", &key, &fine).await);
    }
    let broken = gateway
        .raw(
            "POST",
            "/v1/chat/completions",
            &[("authorization", &bearer)],
            format!("{{\"{PROMPT}").as_bytes(),
        )
        .await;
    replies.push(broken.text());
    let metrics = gateway.raw("GET", "/metrics", &[], b"").await.text();
    let health = gateway.raw("GET", "/health", &[("authorization", &bearer)], b"").await.text();
    let last = [("authorization", bearer.as_str()), ("x-request-id", "the-last-one")];
    gateway.raw("POST", "/v1/chat/completions", &last, b"{}").await;
    gateway.logged("the-last-one").await;
    let log = gateway.log();
    assert!(log.contains("DEBUG") || log.contains("TRACE"), "the log is loud");
    for secret in [MASTER, PROMPT, WRONG, PROVIDER] {
        for (place, text) in [("log", &log), ("metrics", &metrics), ("health", &health)] {
            assert!(!text.contains(secret), "{secret} in the {place}: {:?}", line_with(text, secret));
        }
        for reply in &replies {
            assert!(!reply.contains(secret), "{secret} in a reply: {reply}");
        }
    }
}

fn line_with<'a>(text: &'a str, secret: &str) -> Option<&'a str> {
    text.lines().find(|line| line.contains(secret))
}
