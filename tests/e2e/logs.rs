//! The log: one line for each request with ids, names, tokens and times, as text or JSON, where and when it is wanted.

use serde_json::{Value, json};

use crate::harness::{FakeProvider, Gateway, chat, config, openai, with};

const PROMPT: &str = "canary-prompt-1d0a";

fn asked(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": PROMPT}]})
}

async fn call(gateway: &Gateway, model: &str, request_id: &str) -> crate::harness::Reply {
    gateway.post_with("/v1/chat/completions", &[("x-request-id", request_id)], &asked(model)).await
}

/// The lines of the log that are about requests with such an id.
fn about(gateway: &Gateway, id: &str) -> usize {
    gateway.log().lines().filter(|line| line.contains("request") && line.contains(id)).count()
}

#[tokio::test]
async fn json_lines_say_what_happened() {
    let provider = FakeProvider::start().await;
    let models = [
        with(
            openai("gpt", &provider, "sk-fake.id=1"),
            json!({"model_info": {"id": "one"},
            "litellm_params": {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}}),
        ),
        with(openai("bad", &provider, "sk-fake.status=500"), json!({"model_info": {"id": "two"}})),
    ];
    let settings = json!({"litellm_settings": {"json_logs": true}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let reply = call(&gateway, "gpt", "mine-1").await;
    assert_eq!((reply.status(), reply.header("x-request-id")), (200, Some("mine-1")));
    let usage = reply.json()["usage"].clone();
    let line: Value = serde_json::from_str(&gateway.logged("mine-1").await).expect("JSON");
    assert_eq!(
        (&line["message"], &line["level"], &line["status"]),
        (&json!("request"), &json!("INFO"), &json!(200))
    );
    assert_eq!(line["litellm_call_id"], reply.header("x-litellm-call-id").unwrap());
    assert_eq!((&line["request_id"], &line["route"]), (&json!("mine-1"), &json!("/v1/chat/completions")));
    assert_eq!(
        (&line["model"], &line["model_group"], &line["deployment"]),
        (&json!("gpt"), &json!("gpt"), &json!("one"))
    );
    assert_eq!(
        (&line["attempts"], &line["stream"], &line["key"]),
        (&json!(1), &json!(false), &json!("litellm_proxy_master_key"))
    );
    let told = [&line["prompt_tokens"], &line["completion_tokens"]];
    assert_eq!(told, [&usage["prompt_tokens"], &usage["completion_tokens"]]);
    assert_eq!(line["cost"].to_string(), reply.header("x-litellm-response-cost").unwrap());
    assert!(line["duration_ms"].as_f64().unwrap() >= line["overhead_ms"].as_f64().unwrap(), "{line}");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");

    assert_eq!(call(&gateway, "bad", "mine-2").await.status(), 500);
    let line: Value = serde_json::from_str(&gateway.logged("mine-2").await).expect("JSON");
    assert_eq!(
        (&line["status"], &line["error"], &line["deployment"]),
        (&json!(500), &json!("upstream_internal"), &json!("two"))
    );

    let stream =
        gateway.stream_with("/v1/chat/completions", &[("x-request-id", "mine-3")], &asked("gpt")).await;
    stream.rest().await;
    let line: Value = serde_json::from_str(&gateway.logged("mine-3").await).expect("JSON");
    assert!(line["stream"] == true && line["first_token_ms"].is_number(), "{line}");
    assert!(
        gateway
            .log()
            .lines()
            .filter(|line| line.starts_with('{'))
            .all(|line| { serde_json::from_str::<Value>(line).is_ok() })
    );
}

#[tokio::test]
async fn text_lines_cannot_be_forged_and_ids_are_bounded() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.id=1")])).await;
    let reply = call(&gateway, "gpt", "mine\" level=ERROR \u{e9}<b>").await;
    assert_eq!(reply.header("x-request-id"), Some("minelevel=ERRORb"));
    gateway.logged(" request_id=minelevel=ERRORb ").await;
    let long = "x".repeat(5_000);
    let reply = call(&gateway, "gpt", &long).await;
    assert_eq!(reply.header("x-request-id").map(str::len), Some(128));
    // Without one of its own, the call's id is what SDKs find there.
    let reply = gateway.chat(&chat("gpt")).await;
    assert_eq!(reply.header("x-request-id"), reply.header("x-litellm-call-id"));
    let refused = gateway.raw("POST", "/v1/chat/completions", &[("x-request-id", "mine-401")], b"{}").await;
    assert_eq!((refused.status(), refused.header("x-request-id")), (401, Some("mine-401")));
    let line = gateway.logged("mine-401").await;
    assert!(line.contains("status=401") && line.contains("error="), "{line}");
}

#[tokio::test]
async fn levels_and_the_setting_decide_which_requests_are_logged() {
    let provider = FakeProvider::start().await;
    let models =
        [openai("gpt", &provider, "sk-fake.id=1"), openai("bad", &provider, "sk-fake.status=500.id=2")];
    let quiet = [
        (json!({"general_settings": {"log_level": "WARNING"}}), 1),
        (json!({"general_settings": {"request_log": "errors"}}), 1),
        (json!({"general_settings": {"request_log": "off"}}), 0),
        (json!({"general_settings": {"log_level": "INFO", "request_log": "all"}}), 2),
    ];
    for (settings, lines) in quiet {
        let mut gateway = Gateway::start()
            .env("SHUTDOWN_DRAIN_DELAY", "0")
            .serve(&with(config(&models), settings.clone()))
            .await;
        assert_eq!(call(&gateway, "gpt", "mine-1").await.status(), 200);
        assert_eq!(call(&gateway, "bad", "mine-1").await.status(), 500);
        gateway.signal("TERM");
        assert!(gateway.ended().await.success(), "the last lines are written before the end");
        let told = crate::harness::eventually("the log is read", || async {
            let told = about(&gateway, "mine-1");
            (told >= lines).then_some(told)
        })
        .await;
        assert_eq!(told, lines, "{settings}: {}", gateway.log());
    }
}

#[tokio::test]
async fn the_loudest_log_has_lines_and_no_prompts() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::start()
        .arg("--detailed_debug")
        .env("JSON_LOGS", "true")
        .serve(&config(&[with(
            openai("gpt", &provider, "sk-fake-canary-key.text=canary-answer"),
            json!({"model_info": {"id": "one"}}),
        )]))
        .await;
    for stream in [false, true] {
        let body = with(asked("gpt"), json!({"stream": stream}));
        gateway.post_with("/v1/chat/completions", &[("x-request-id", "mine-loud")], &body).await;
    }
    call(&gateway, "gpt", "mine-last").await;
    gateway.logged("mine-last").await;
    let log = gateway.log();
    for secret in [PROMPT, "canary-answer", "sk-fake-canary-key", crate::harness::KEY] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    assert_eq!(gateway.metric("stagedoor_log_lines_dropped_total", &[]).await, Some(0.0));
}

/// What waits for the ledger and for sinks is bounded, so what a client may add to it is, too.
#[tokio::test]
async fn a_session_has_a_name_of_bounded_length() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake")])).await;
    for (length, status) in [(256, 200), (257, 400)] {
        let session = "s".repeat(length);
        let headers = [("x-litellm-session-id", session.as_str())];
        let reply = gateway.post_with("/v1/chat/completions", &headers, &chat("gpt")).await;
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert_eq!(status == 400, reply.text().contains("session id"), "{}", reply.text());
    }
}

#[tokio::test]
async fn management_requests_leave_a_line_each_and_no_secrets() {
    let provider = FakeProvider::start().await;
    let settings = json!({"general_settings": {"database_url": "sqlite:///logs.db"},
        "litellm_settings": {"json_logs": true}});
    let gateway = Gateway::serve(&with(config(&[openai("gpt", &provider, "sk-fake.id=1")]), settings)).await;
    let send = async |method: &str, path: &str, key: &str, id: &str, body: &str| {
        let bearer = format!("Bearer {key}");
        let headers =
            [("authorization", bearer.as_str()), ("x-request-id", id), ("content-type", "application/json")];
        gateway.raw(method, path, &headers, body.as_bytes()).await
    };
    let line = async |id: &str| -> Value {
        let line = gateway.logged(&format!("\"request_id\":\"{id}\"")).await;
        serde_json::from_str(&line).expect("JSON")
    };
    let master = crate::harness::KEY;
    let body = r#"{"key_alias": "mine", "user_id": "ann", "metadata": {"note": "canary-note"}}"#;
    let made = send("POST", "/key/generate", master, "mine-1", body).await;
    assert_eq!((made.status(), made.header("x-request-id")), (200, Some("mine-1")), "{}", made.text());
    let told = line("mine-1").await;
    assert_eq!(
        (&told["message"], &told["method"], &told["route"], &told["status"]),
        (&json!("management_request"), &json!("POST"), &json!("/key/generate"), &json!(200))
    );
    assert_eq!((&told["key"], &told["level"]), (&json!("litellm_proxy_master_key"), &json!("INFO")));
    assert_eq!(told["litellm_call_id"], made.must("x-litellm-call-id"));
    assert!(told["duration_ms"].as_f64().unwrap() > 0.0, "{told}");

    let own = made.json()["key"].as_str().unwrap().to_owned();
    let hash = made.json()["token_id"].as_str().unwrap().to_owned();
    assert_eq!(send("GET", &format!("/key/info?key={own}"), &own, "mine-2", "").await.status(), 200);
    let told = line("mine-2").await;
    assert_eq!(
        (&told["key"], &told["key_alias"], &told["user"], &told["route"]),
        (&json!(hash[..8]), &json!("mine"), &json!("ann"), &json!("/key/info"))
    );
    let refused = send("POST", "/team/new", &own, "mine-3", r#"{"team_alias": "canary-team"}"#).await;
    let told = line("mine-3").await;
    assert_eq!((&told["status"], &told["key_alias"]), (&json!(refused.status()), &json!("mine")));
    assert!(refused.status() >= 400 && told["error"].is_string(), "{told}");
    let unknown = send("GET", "/user/list", "sk-canary-unknown", "mine-4", "").await;
    let told = line("mine-4").await;
    assert_eq!(
        (unknown.status(), &told["status"], &told["error"]),
        (401, &json!(401), &json!("unauthorized"))
    );
    let regenerated = send("POST", &format!("/key/{own}/regenerate"), master, "mine-5", "{}").await;
    assert_eq!(line("mine-5").await["route"], "/key/{key}/regenerate");
    let renewed = regenerated.json()["key"].as_str().unwrap().to_owned();
    let log = gateway.log();
    for secret in [&*own, &*renewed, master, "canary-note", "canary-team", "sk-canary-unknown"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
