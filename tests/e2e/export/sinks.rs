//! What each sink is sent.

use serde_json::{Value, json};

use super::{ANSWER, PROMPT, all_sinks, everywhere, models, question, start};
use crate::harness::{Collector, FakeProvider, Gateway, with};
use crate::manage::{done, key};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A gateway with all sinks, after one answered and one failed request of a key; the key.
async fn exported(provider: &FakeProvider, collector: &Collector, more: Value) -> (Gateway, String) {
    let stored = json!({"general_settings": {"database_url": "sqlite:///a.db"}});
    let settings = with(with(with(models(provider), stored), all_sinks(collector)), more);
    let gateway = start(&everywhere(collector), &settings).await;
    done(&gateway, "POST", "/team/new", json!({"team_id": "red", "team_alias": "Red"})).await;
    let key = key(&gateway, json!({"team_id": "red", "key_alias": "ci", "user_id": "ann"})).await;
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-litellm-call-id", "call-of-the-test"),
        ("x-litellm-session-id", "session-of-the-test"),
        ("x-litellm-tags", "prod"),
        ("traceparent", TRACE),
    ];
    let answered = gateway.post_with("/v1/chat/completions", &headers, &question("gpt")).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let failed = gateway.post_with("/v1/chat/completions", &headers[..1], &question("bad")).await;
    assert_eq!(failed.status(), 500);
    (gateway, key)
}

/// The two payloads that a webhook gets, whatever their order: of the answer, of the failure.
async fn payloads(collector: &Collector) -> (Value, Value) {
    collector
        .until("/generic", |all| {
            let told: Vec<Value> =
                all.iter().flat_map(|one| one.json().as_array().unwrap().clone()).collect();
            let of = |status: &str| told.iter().find(|one| one["status"] == status).cloned();
            Some((of("success")?, of("failure")?))
        })
        .await
}

#[tokio::test]
async fn each_sink_gets_its_own_form_and_nothing_secret() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let (gateway, key) = exported(&provider, &collector, json!({})).await;
    let listed = gateway.get("/callbacks/list").await.json();
    assert_eq!(
        (&listed["failure"], &listed["success_and_failure"][0]),
        (&json!(["sentry"]), &json!("datadog"))
    );
    webhook(&collector).await;
    datadog(&collector).await;
    sentry(&collector).await;
    langsmith(&collector).await;
    langfuse(&collector).await;
    opentelemetry(&collector).await;
    objects(&collector).await;
    for one in collector.to("") {
        let text = one.text();
        for secret in [PROMPT, ANSWER, &key, "sk-fake", "canary-"] {
            assert!(!text.contains(secret), "{secret} is sent to {}: {text}", one.path);
        }
    }
    assert!(!gateway.log().contains("canary-"), "{}", gateway.log());
    let sent = gateway.metric("stagedoor_export_events_total", &["generic_api", "sent"]).await;
    assert_eq!(sent, Some(2.0));
}

async fn webhook(collector: &Collector) {
    let (answered, failed) = payloads(collector).await;
    assert_eq!(collector.first("/generic").await.header("authorization"), "Bearer canary-generic");
    for (field, value) in [
        ("/litellm_call_id", json!("call-of-the-test")),
        ("/session_id", json!("session-of-the-test")),
        ("/call_type", json!("acompletion")),
        ("/model_group", json!("gpt")),
        ("/custom_llm_provider", json!("openai")),
        ("/completion_tokens", json!(10)),
        ("/response_cost", json!(0.01)),
        ("/request_tags", json!(["prod"])),
        ("/metadata/user_api_key_alias", json!("ci")),
        ("/metadata/user_api_key_team_alias", json!("Red")),
        ("/metadata/user_api_key_user_id", json!("ann")),
        ("/messages", Value::Null),
        ("/response", Value::Null),
    ] {
        assert_eq!(answered.pointer(field), Some(&value), "{field}");
    }
    assert!(answered["endTime"].as_f64() >= answered["startTime"].as_f64());
    assert_eq!(failed["error_information"]["error_class"], "InternalServerError");
    assert_eq!(failed["error_information"]["error_code"], "500");
    assert_ne!(failed["id"], answered["id"]);
}

async fn datadog(collector: &Collector) {
    let logs = collector.first("/api/v2/logs").await;
    assert_eq!(
        (logs.header("dd-api-key"), logs.header("content-type"), logs.header("content-encoding")),
        ("canary-datadog", "application/json", "gzip")
    );
    let entry = &logs.json()[0];
    assert_eq!((&entry["ddsource"], &entry["service"]), (&json!("litellm"), &json!("litellm-server")));
    assert!(entry["ddtags"].as_str().unwrap().contains("env:test"), "{entry}");
    let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
    assert_eq!(message["call_type"], "acompletion");
    let series = collector.first("/api/v2/series").await.json();
    assert!(series["series"].as_array().unwrap().iter().any(|one| one["metric"] == "litellm.tokens.output"));
}

async fn sentry(collector: &Collector) {
    let envelope = collector.first("/api/42/envelope/").await;
    assert!(envelope.header("x-sentry-auth").contains("sentry_key=canary-sentry"));
    let text = envelope.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["type"], "event");
    assert_eq!(lines[2]["exception"]["values"][0]["type"], "InternalServerError");
    assert_eq!(lines[2]["tags"]["model_group"], "bad");
    assert_eq!(collector.to("/api/42/").len(), 1, "answers are none of its business");
}

async fn langsmith(collector: &Collector) {
    let batch = collector.first("/api/v1/runs/batch").await;
    assert_eq!(batch.header("x-api-key"), "canary-langsmith");
    let run = &batch.json()["post"][0];
    assert_eq!((&run["session_name"], &run["run_type"]), (&json!("proxy"), &json!("llm")));
    assert_eq!(run["outputs"]["usage_metadata"]["output_tokens"], 10);
    assert_eq!(run["id"], run["trace_id"]);
}

async fn langfuse(collector: &Collector) {
    let batch = collector.first("/api/public/ingestion").await;
    assert!(batch.header("authorization").starts_with("Basic "));
    let (trace, generation) = (&batch.json()["batch"][0], &batch.json()["batch"][1]);
    assert_eq!((&trace["type"], &generation["type"]), (&json!("trace-create"), &json!("generation-create")));
    assert_eq!(trace["body"]["sessionId"], "session-of-the-test");
    assert_eq!(generation["body"]["costDetails"]["total"], json!(0.01));
    assert_eq!(generation["body"]["usageDetails"]["output"], 10);
}

async fn opentelemetry(collector: &Collector) {
    let traces = collector.first("/v1/traces").await;
    assert_eq!(traces.header("x-otel-key"), "canary-otel");
    let spans = traces.json()["resourceSpans"][0]["scopeSpans"][0]["spans"].clone();
    assert_eq!(spans[0]["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(
        (&spans[0]["parentSpanId"], &spans[1]["parentSpanId"]),
        (&json!("b7ad6b7169203331"), &spans[0]["spanId"])
    );
    let of_model = spans[1]["attributes"].as_array().unwrap();
    let tokens = of_model.iter().find(|one| one["key"] == "gen_ai.usage.output_tokens").unwrap();
    assert_eq!(tokens["value"]["intValue"], "10");
    let metrics = collector.first("/v1/metrics").await.json();
    let names = metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    assert_eq!(names[0]["name"], "gen_ai.client.operation.duration");
}

async fn objects(collector: &Collector) {
    let all = collector.until("/logs/llm/Red/", |all| (all.len() >= 2).then(|| all.to_vec())).await;
    let object = &all[0];
    assert_eq!((object.method.as_str(), object.header("host")), ("PUT", collector.addr.to_string().as_str()));
    assert!(object.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AK/"));
    assert!(object.path.ends_with(".json") && object.path.contains("/time-"), "{}", object.path);
    assert_eq!(object.json()["call_type"], "acompletion");
}

#[tokio::test]
async fn prompts_are_told_where_message_logging_is_on() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let more = json!({"litellm_settings": {"turn_off_message_logging": false},
        "callback_settings": {"langsmith": {"turn_off_message_logging": true}}});
    let (gateway, key) = exported(&provider, &collector, more).await;
    let (answered, _) = payloads(&collector).await;
    assert_eq!(answered["messages"][0]["content"], PROMPT);
    assert_eq!(answered["response"]["choices"][0]["message"]["content"], ANSWER);
    assert_eq!(answered["model_parameters"], json!({"temperature": 0.25}));
    let generation = collector.first("/api/public/ingestion").await.json()["batch"][1].clone();
    assert_eq!(generation["body"]["input"][0]["content"], PROMPT);
    let runs = collector.first("/api/v1/runs/batch").await.text();
    assert!(!runs.contains(PROMPT) && !runs.contains(ANSWER), "{runs}");
    assert!(!collector.to("").iter().any(|one| one.text().contains(&key)));
    let row = done(&gateway, "GET", "/spend/logs/v2?start_date=2020-01-01&end_date=2100-01-01", Value::Null)
        .await
        .to_string();
    assert!(!row.contains(PROMPT) && !gateway.log().contains(PROMPT), "the ledger is another matter");
}

#[tokio::test]
async fn streams_and_refusals_are_told_too() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let stored = json!({"general_settings": {"database_url": "sqlite:///a.db"},
        "litellm_settings": {"turn_off_message_logging": false, "callbacks": ["generic_api"]}});
    let gateway = start(&everywhere(&collector), &with(models(&provider), stored)).await;
    let key = key(&gateway, json!({"rpm_limit": 1, "key_alias": "slow"})).await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    gateway.stream_with("/v1/chat/completions", &headers, &question("gpt")).await.rest().await;
    assert_eq!(gateway.post_with("/v1/chat/completions", &headers, &question("gpt")).await.status(), 429);
    assert_eq!(
        gateway
            .post_with("/v1/chat/completions", &[("authorization", "Bearer sk-no")], &question("gpt"))
            .await
            .status(),
        401
    );
    let (streamed, refused) = payloads(&collector).await;
    assert_eq!((&streamed["stream"], &streamed["completion_tokens"]), (&json!(true), &json!(10)));
    assert_eq!(streamed["response"]["choices"][0]["message"]["content"], ANSWER);
    assert_eq!(refused["error_information"]["error_code"], "429");
    let told: usize = collector.to("/generic").iter().map(|one| one.json().as_array().unwrap().len()).sum();
    assert_eq!(told, 2, "whoever has no key fills no sink");
}

#[tokio::test]
async fn secrets_of_tools_are_told_to_nobody() {
    let (provider, collector) = (FakeProvider::start().await, Collector::start().await);
    let stored = json!({"general_settings": {"database_url": "sqlite:///a.db", "store_prompts_in_spend_logs": true},
        "litellm_settings": {"callbacks": ["generic_api", "langfuse", "otel"]}});
    let gateway = start(&everywhere(&collector), &with(models(&provider), stored)).await;
    let key = key(&gateway, json!({})).await;
    let bearer = format!("Bearer {key}");
    let tool = json!({"type": "mcp", "server_label": "crm", "server_url": "https://ann:hidden-a@mcp.example/sse",
        "authorization": "hidden-b", "headers": {"X-Token": "hidden-c"}});
    let called = json!({"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function":
        {"name": "login", "arguments": "{\"password\": \"hidden-d\"}"}}]});
    let asked = json!({"tools": [tool], "messages": [called,
        {"role": "user", "content": "what is at https://h.example/x?api_key=hidden-e"}]});
    let body = with(question("gpt"), asked);
    let answered = gateway.post_with("/v1/chat/completions", &[("authorization", &bearer)], &body).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    for path in ["/generic", "/api/public/ingestion", "/v1/traces"] {
        let text = collector.first(path).await.text();
        assert!(text.contains("login") && !text.contains("hidden-"), "{path}: {text}");
    }
    let rows = crate::harness::eventually("its row", || async {
        let rows = done(&gateway, "GET", "/spend/logs", Value::Null).await.to_string();
        rows.contains("tool_calls").then_some(rows)
    })
    .await;
    assert!(!rows.contains("hidden-"), "{rows}");
}
