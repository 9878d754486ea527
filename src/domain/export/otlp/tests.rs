//! What collectors get. `tests/sdk/python/test_export.py` reads the protobuf with OpenTelemetry's own decoder.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::export::event::TraceParent;
use crate::domain::export::testing;

fn settings(encoding: OtlpEncoding) -> Otlp {
    Otlp {
        traces_url: "http://c:4318/v1/traces".into(),
        metrics_url: Some("http://c:4318/v1/metrics".into()),
        headers: vec![("x-key".into(), "otel-canary".into())],
        metrics_headers: vec![("x-key".into(), "otel-canary-2".into())],
        gzip: false,
        encoding,
        resource: vec![("service.name".into(), "litellm".into())],
    }
}

fn exported(event: Event) -> (Value, Value) {
    let all = exports(&settings(OtlpEncoding::Json), &[Arc::new(event)], testing::STARTED_US + 9_000_000);
    let read = |index: usize| serde_json::from_slice(&all[index].body).unwrap();
    (read(0), read(1))
}

fn attribute(span: &Value, name: &str) -> Value {
    let all = span["attributes"].as_array().unwrap();
    all.iter().find(|one| one["key"] == name).map_or(Value::Null, |one| one["value"].clone())
}

#[test]
fn a_request_is_two_spans_with_the_conventions() {
    let (traces, _) = exported(testing::quoted());
    assert_eq!(traces["resourceSpans"][0]["resource"]["attributes"][0]["key"], "service.name");
    let spans = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"];
    let (server, model) = (&spans[0], &spans[1]);
    assert_eq!((&server["name"], &server["kind"]), (&json!("Received Proxy Server Request"), &json!(2)));
    assert_eq!((&model["name"], &model["kind"]), (&json!("chat gpt-4o"), &json!(3)));
    assert_eq!((&model["parentSpanId"], &model["traceId"]), (&server["spanId"], &server["traceId"]));
    assert_eq!((&server["parentSpanId"], &server["status"]["code"]), (&json!(""), &json!(1)));
    assert_eq!(server["startTimeUnixNano"], "1700000000000000000");
    for (name, value) in [
        ("gen_ai.operation.name", json!({"stringValue": "chat"})),
        ("gen_ai.provider.name", json!({"stringValue": "openai"})),
        ("gen_ai.request.model", json!({"stringValue": "chat"})),
        ("gen_ai.usage.input_tokens", json!({"intValue": "11"})),
        ("gen_ai.usage.output_tokens", json!({"intValue": "7"})),
        ("gen_ai.request.temperature", json!({"doubleValue": 0.5})),
        ("gen_ai.request.max_tokens", json!({"intValue": "20"})),
        ("gen_ai.response.finish_reasons", json!({"arrayValue": {"values": [{"stringValue": "stop"}]}})),
        ("server.address", json!({"stringValue": "api.openai.com"})),
    ] {
        assert_eq!(attribute(model, name), value, "{name}");
    }
    let asked = attribute(model, "gen_ai.input.messages");
    let asked: Value = serde_json::from_str(asked["stringValue"].as_str().unwrap()).unwrap();
    assert_eq!(asked, json!([{"role": "user", "parts": [{"type": "text", "content": "What is 2+2?"}]}]));
    let (silent, _) = exported(testing::answered());
    let silent = &silent["resourceSpans"][0]["scopeSpans"][0]["spans"][1];
    assert_eq!(attribute(silent, "gen_ai.input.messages"), Value::Null);
}

#[test]
fn a_failure_is_an_error_and_a_refusal_calls_no_model() {
    let refused = Event { attempts: 0, ..testing::failed() };
    let (traces, metrics) = exported(refused);
    let spans = traces["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!((spans.len(), &spans[0]["status"]["code"]), (1, &json!(2)));
    assert_eq!(spans[0]["name"], "Failed Proxy Server Request");
    let histograms = &metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    assert_eq!(histograms[0]["histogram"]["dataPoints"], json!([]));
}

#[test]
fn spans_join_the_callers_trace() {
    let parent = TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let (traces, _) = exported(Event { parent, ..testing::answered() });
    let server = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(server["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(server["parentSpanId"], "b7ad6b7169203331");
}

#[test]
fn metrics_are_histograms_of_the_batch() {
    let (_, metrics) = exported(testing::answered());
    let all = &metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let duration = &all[0]["histogram"];
    assert_eq!((&all[0]["name"], &all[0]["unit"]), (&json!("gen_ai.client.operation.duration"), &json!("s")));
    assert_eq!(
        (&duration["aggregationTemporality"], &duration["dataPoints"][0]["sum"]),
        (&json!(1), &json!(2.5))
    );
    let counts = duration["dataPoints"][0]["bucketCounts"].as_array().unwrap();
    assert_eq!((counts.len(), &counts[8]), (15, &json!("1")), "2.5 s are in the bucket up to 2.56 s");
    let tokens = all[1]["histogram"]["dataPoints"].as_array().unwrap();
    assert_eq!((tokens.len(), &tokens[0]["sum"], &tokens[1]["sum"]), (2, &json!(11.0), &json!(7.0)));
}

#[test]
fn protobuf_holds_the_same() {
    let all =
        exports(&settings(OtlpEncoding::Protobuf), &[Arc::new(testing::answered())], testing::STARTED_US);
    let has = |body: &[u8], text: &str| memchr::memmem::find(body, text.as_bytes()).is_some();
    assert!(all[0].headers.iter().any(|(_, value)| value.expose() == "application/x-protobuf"));
    // Field 1, a message; inside it field 1, a message: the resource.
    assert_eq!(all[0].body[0], 0x0a);
    assert!(has(&all[0].body, "gen_ai.usage.input_tokens") && has(&all[0].body, "chat gpt-4o"));
    assert!(has(&all[1].body, "gen_ai.client.token.usage") && !has(&all[0].body, "canary"));
}
