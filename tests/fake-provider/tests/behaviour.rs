//! The provider as its clients see it: over a plain socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fake_provider::{FakeProvider, Outcome};
use serde_json::{Value, json};

fn send(provider: &FakeProvider, path: &str, key: &str, body: &Value) -> TcpStream {
    let mut socket = TcpStream::connect(provider.addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: fake\r\nauthorization: Bearer {key}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket
}

/// The whole reply as text: the provider closes after it, as the request asks.
fn exchange(provider: &FakeProvider, path: &str, key: &str, body: &Value) -> String {
    let mut text = Vec::new();
    send(provider, path, key, body).read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn json_of(reply: &str) -> Value {
    serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn chat(stream: bool) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream})
}

#[test]
fn a_healthy_key_gets_an_answer_and_leaves_a_record() {
    let provider = FakeProvider::start_blocking();
    let reply = json_of(&exchange(&provider, "/v1/chat/completions", "sk-a", &chat(false)));
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there friend");
    provider.wait_until_blocking("sk-a", |s| s.completed == 1 && s.in_flight == 0);
    let entry = &provider.log("sk-a")[0];
    assert_eq!((entry.path.as_str(), entry.outcome), ("/v1/chat/completions", Outcome::Complete));
    assert_eq!(entry.body["messages"][0]["content"], "hi");
    assert_eq!(entry.headers["authorization"], "Bearer sk-a");
}

#[test]
fn errors_are_told_in_the_dialect_that_was_asked() {
    let provider = FakeProvider::start_blocking();
    let key = "sk-fake.status=429.retry_after=2";
    let reply = exchange(&provider, "/v1/chat/completions", key, &chat(false));
    assert!(reply.starts_with("HTTP/1.1 429") && reply.contains("retry-after: 2\r\n"));
    assert_eq!(json_of(&reply)["error"]["code"], "rate_limit_exceeded");
    let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    let reply = json_of(&exchange(&provider, "/v1/messages", "sk-fake.status=529", &body));
    assert_eq!(
        reply,
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_fake"})
    );
    let azure = "/openai/deployments/d/chat/completions?api-version=2025-02-01-preview";
    let reply = json_of(&exchange(&provider, azure, "sk-fake.content_policy", &chat(false)));
    assert_eq!(reply["error"]["code"], "content_filter");
}

#[test]
fn a_cut_stream_stops_without_an_end() {
    let provider = FakeProvider::start_blocking();
    let reply = exchange(&provider, "/v1/chat/completions", "sk-fake.cut=3.chunks=10", &chat(true));
    assert_eq!(reply.matches("\"content\":\"tok").count(), 3);
    assert!(
        !reply.contains("[DONE]")
            && !reply.contains("\"finish_reason\":\"stop\"")
            && !reply.ends_with("0\r\n\r\n")
    );
}

#[test]
fn hanging_up_is_seen_at_once() {
    let provider = FakeProvider::start_blocking();
    for key in ["sk-fake.hang", "sk-fake.stall_after=1"] {
        let socket = send(&provider, "/v1/chat/completions", key, &chat(key.contains("stall")));
        provider.wait_until_blocking(key, |s| s.in_flight == 1);
        let left = Instant::now();
        drop(socket);
        provider.wait_until_blocking(key, |s| s.aborted == 1 && s.in_flight == 0);
        assert!(left.elapsed() < Duration::from_secs(10));
        let entry = &provider.log(key)[0];
        assert_eq!(entry.outcome, Outcome::ClientClosed);
        assert!(entry.closed_after_ms.is_some() && entry.closed_at_ms.is_some());
    }
}

#[test]
fn a_script_set_at_run_time_replaces_the_keys_own() {
    let provider = FakeProvider::start_blocking();
    provider.script("sk-b", "fail_times=1.status=503.text=back");
    assert!(exchange(&provider, "/v1/chat/completions", "sk-b", &chat(false)).starts_with("HTTP/1.1 503"));
    let reply = json_of(&exchange(&provider, "/v1/chat/completions", "sk-b", &chat(false)));
    assert_eq!(reply["choices"][0]["message"]["content"], "back");
    let reply = exchange(&provider, "/_control/sk-c", "", &json!({"status": 401}));
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(exchange(&provider, "/v1/chat/completions", "sk-c", &chat(false)).starts_with("HTTP/1.1 401"));
    assert!(exchange(&provider, "/_control/sk-c", "", &json!({"statsu": 401})).starts_with("HTTP/1.1 400"));
}

#[test]
fn anthropic_streams_thinking_and_tools_as_events() {
    let provider = FakeProvider::start_blocking();
    let body = json!({"model": "claude", "max_tokens": 2000, "stream": true,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "t", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}],
        "messages": [{"role": "user", "content": "hi"}]});
    let reply = exchange(&provider, "/v1/messages", "sk-fake.tool=t.cached_tokens=7", &body);
    let at = |text: &str| reply.find(text).unwrap_or_else(|| panic!("no {text} in {reply}"));
    assert!(at("event: message_start") < at("thinking_delta"));
    assert!(at("signature_delta") < at("\"type\":\"tool_use\""));
    assert!(at("input_json_delta") < at("\"stop_reason\":\"tool_use\""));
    assert!(reply.contains("\"cache_read_input_tokens\":7") && reply.contains("event: message_stop"));
}

#[tokio::test]
async fn waiting_gives_up_with_the_last_counts() {
    let provider = FakeProvider::start().await;
    let last =
        provider.wait_within("sk-x", Duration::from_millis(20), |s| s.requests == 1).await.unwrap_err();
    assert_eq!(last.requests, 0);
}

#[test]
fn a_chunked_request_body_is_read() {
    let provider = FakeProvider::start_blocking();
    let mut socket = TcpStream::connect(provider.addr).unwrap();
    let body = json!({"model": "m", "input": [[1, 2], [3]], "encoding_format": "base64"}).to_string();
    let (a, b) = body.split_at(10);
    let head = "POST /v1/embeddings HTTP/1.1\r\nhost: f\r\napi-key: k\r\nconnection: close\r\ntransfer-encoding: chunked";
    write!(socket, "{head}\r\n\r\n{:x}\r\n{a}\r\n{:x};x=y\r\n{b}\r\n0\r\n\r\n", a.len(), b.len()).unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    let reply = json_of(&reply);
    assert_eq!(reply["data"].as_array().unwrap().len(), 2);
    assert!(reply["data"][1]["embedding"].is_string());
}
