//! Bad input: a clear 4xx in OpenAI's shape, in bounded memory.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::conn::Conn;
use crate::harness::{FakeProvider, Gateway, KEY, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";

/// Resident memory in KiB, the most of several looks within `span`.
pub async fn rss_after(gateway: &Gateway, span: Duration) -> u64 {
    let end = std::time::Instant::now() + span;
    let mut most = 0;
    while std::time::Instant::now() < end {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        most = most.max(line.split_whitespace().nth(1).unwrap().parse().unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    most
}

async fn started() -> (FakeProvider, Gateway) {
    let provider = FakeProvider::start().await;
    let models =
        [openai("gpt-4o", &provider, "sk-fake.id=input"), openai("claude", &provider, "sk-fake.id=c")];
    let gateway =
        Gateway::serve(&with(config(&models), json!({"general_settings": {"max_request_size_mb": 1}}))).await;
    (provider, gateway)
}

fn with_key() -> [(&'static str, String); 2] {
    [("content-type", "application/json".into()), ("authorization", format!("Bearer {KEY}"))]
}

async fn post_bytes(gateway: &Gateway, path: &str, body: &[u8]) -> crate::harness::Reply {
    let headers = with_key();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    gateway.raw("POST", path, &headers, body).await
}

#[tokio::test]
async fn a_byte_order_mark_does_no_harm() {
    let (_provider, gateway) = started().await;
    let body =
        b"\xef\xbb\xbf{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}";
    assert_eq!(post_bytes(&gateway, CHAT, body).await.status(), 200);
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused() {
    let (provider, gateway) = started().await;
    let deep = format!(r#"{{"model":"gpt-4o","messages":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "messages"),
        ("not JSON", b"hello".to_vec(), "JSON"),
        ("half JSON", br#"{"model": "gpt-4o", "messages": ["#.to_vec(), "JSON"),
        ("not UTF-8", b"{\"model\": \"gpt-4o\", \"messages\": [\"\xff\xfe\"]}".to_vec(), "UTF-8"),
        ("an array", b"[1, 2]".to_vec(), "object"),
        ("a number", b"17".to_vec(), "object"),
        ("null", b"null".to_vec(), "object"),
        ("too deep", deep.into_bytes(), "deep"),
        ("two values", br#"{"model":"gpt-4o","messages":[]}{}"#.to_vec(), "JSON"),
        ("bare NaN", br#"{"model":"gpt-4o","messages":[],"temperature":NaN}"#.to_vec(), "JSON"),
    ];
    for (what, body, says) in table {
        let reply = post_bytes(&gateway, CHAT, &body).await;
        assert_eq!(reply.status(), 400, "{what}: {}", reply.text());
        let error = reply.error();
        assert_eq!(error["type"], "invalid_request_error", "{what}");
        assert!(error["message"].as_str().unwrap().contains(says), "{what}: {error}");
        reply.must("x-litellm-call-id");
    }
    assert_eq!(provider.total().requests, 0);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let (provider, gateway) = started().await;
    let table = [
        (json!({"messages": "Hello"}), "messages"),
        (json!({"messages": {}}), "messages"),
        (json!({"messages": null}), "messages"),
        (json!({"model": null}), "model"),
        (json!({"model": 4}), "model"),
        (json!({"model": ""}), "model"),
        (json!({"stream": "yes"}), "stream"),
        (json!({"max_tokens": 1.5}), "max_tokens"),
        (json!({"max_tokens": "many"}), "max_tokens"),
        (json!({"n": 1.5}), "n"),
        (json!({"timeout": "soon"}), "timeout"),
        (json!({"timeout": -3}), "timeout"),
        (json!({"num_retries": -1}), "num_retries"),
        (json!({"metadata": "x"}), "metadata"),
        (json!({"stream_options": 1}), "stream_options"),
        (json!({"fallbacks": 7}), "fallbacks"),
        (json!({"mock_timeout": true}), "mock_timeout"),
    ];
    for (change, param) in table {
        let mut body = chat("gpt-4o");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let reply = gateway.chat(&body).await;
        assert_eq!(reply.status(), 400, "{change}: {}", reply.text());
        assert_eq!(reply.error()["param"], param, "{change}");
        assert_eq!(reply.header("x-should-retry"), Some("false"), "{change}");
    }
    for field in ["api_base", "base_url", "api_key"] {
        let body = with(chat("gpt-4o"), json!({field: "http://169.254.169.254/"}));
        let reply = gateway.chat(&body).await;
        assert_eq!((reply.status(), &reply.error()["param"]), (403, &json!(field)));
    }
    assert_eq!(provider.total().requests, 0);
}

#[tokio::test]
async fn missing_fields_are_named_per_endpoint() {
    let (_provider, gateway) = started().await;
    let table = [
        (CHAT, "messages"),
        ("/v1/completions", "prompt"),
        ("/v1/embeddings", "input"),
        ("/v1/moderations", "input"),
        ("/v1/images/generations", "prompt"),
        ("/v1/audio/speech", "input"),
        ("/v1/rerank", "query"),
    ];
    for (path, field) in table {
        let reply = gateway.post(path, &json!({"model": "gpt-4o"})).await;
        assert_eq!(reply.status(), 400, "{path}: {}", reply.text());
        assert_eq!(reply.error()["param"], field, "{path}");
    }
    let reply = gateway.post("/v1/audio/transcriptions", &json!({"model": "gpt-4o"})).await;
    assert_eq!(reply.status(), 400, "{}", reply.text());
    reply.error();
}

#[tokio::test]
async fn an_unknown_model_is_told_with_the_nearest_names() {
    let (_provider, gateway) = started().await;
    let reply = gateway.chat(&chat("gpt-4")).await;
    assert_eq!(reply.status(), 404);
    let error = reply.error();
    assert_eq!((&error["code"], &error["param"]), (&json!("model_not_found"), &json!("model")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`gpt-4`") && message.contains("gpt-4o"), "{message}");
    let reply = gateway.get("/v1/models/gpt-4").await;
    assert_eq!((reply.status(), &reply.error()["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn keys_are_checked_before_anything_else() {
    let (provider, gateway) = started().await;
    let table: [(&[(&str, &str)], &str); 5] = [
        (&[], "No api key"),
        (&[("authorization", "Bearer sk-wrong-key")], "Authentication Error"),
        (&[("authorization", KEY)], "Malformed"),
        (&[("authorization", "Basic dXNlcjpwYXNz")], "expected to start with"),
        (&[("api-key", "sk-wrong-key")], "Authentication Error"),
    ];
    for (headers, says) in table {
        for path in [CHAT, "/v1/models", "/v1/models/gpt-4o"] {
            let method = if path == CHAT { "POST" } else { "GET" };
            let reply = gateway.raw(method, path, headers, b"{nonsense").await;
            assert_eq!(reply.status(), 401, "{headers:?} {path}");
            let error = reply.error();
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(says), "{path}: {message}");
            assert!(!message.contains("sk-wrong-key"), "{message}");
        }
    }
    for name in ["api-key", "x-api-key", "x-litellm-api-key"] {
        assert_eq!(gateway.raw("GET", "/v1/models", &[(name, KEY)], b"").await.status(), 200, "{name}");
    }
    assert_eq!(provider.total().requests, 0);
}

#[tokio::test]
async fn wrong_methods_and_unknown_paths() {
    let (_provider, gateway) = started().await;
    for (method, path, status) in [
        ("GET", CHAT, 405),
        ("DELETE", CHAT, 405),
        ("POST", "/v1/models", 405),
        ("POST", "/health", 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/chat/completion", 404),
        ("GET", "/../etc/passwd", 404),
    ] {
        let reply = gateway.raw(method, path, &[], b"").await;
        assert_eq!(reply.status(), status, "{method} {path}: {}", reply.text());
        assert_eq!(reply.error()["type"], "invalid_request_error", "{method} {path}");
    }
}

#[tokio::test]
async fn an_announced_giant_is_refused_before_it_is_sent() {
    let (_provider, gateway) = started().await;
    let mut conn = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let mut head = Conn::head_of("POST", CHAT, &[("authorization", &key)]);
    head.push_str("content-length: 10000000000\r\n\r\n{");
    conn.write(head.as_bytes()).await.unwrap();
    let reply = conn.reply().await.unwrap();
    assert_eq!(reply.status(), 413);
    assert!(reply.error()["message"].as_str().unwrap().contains("max_request_size_mb"));
    // What lies within the bound is read.
    let big = "x".repeat(900_000);
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": big}]});
    assert_eq!(gateway.chat(&body).await.status(), 200);
}

#[tokio::test]
async fn many_giants_without_an_announced_length_fit_into_little_memory() {
    let (_provider, gateway) = started().await;
    let gateway = &gateway;
    gateway.chat(&chat("gpt-4o")).await;
    let before = rss_after(gateway, Duration::from_millis(50)).await;
    let senders = (0..50).map(|_| async move {
        let mut conn = gateway.connect().await;
        let key = format!("Bearer {KEY}");
        let mut head = Conn::head_of("POST", CHAT, &[("authorization", &key)]);
        head.push_str("transfer-encoding: chunked\r\n\r\n");
        conn.write(head.as_bytes()).await.unwrap();
        let mut chunk = b"10000\r\n".to_vec();
        chunk.extend(std::iter::repeat_n(b' ', 0x10000));
        chunk.extend_from_slice(b"\r\n");
        for _ in 0..200 {
            // The gateway closes when it has read enough; what is sent then fails.
            if conn.write(&chunk).await.is_err() {
                break;
            }
        }
        conn.reply().await.ok().map(|reply| reply.status())
    });
    let (answers, peak) =
        tokio::join!(futures_util::future::join_all(senders), rss_after(gateway, Duration::from_secs(2)));
    // A reset may overtake the reply; nobody is told anything but 413.
    assert!(answers.iter().flatten().all(|status| *status == 413), "{answers:?}");
    assert!(answers.iter().flatten().count() > 0, "{answers:?}");
    // 50 bodies of at most 1 MB, twice while a buffer grows, and the allocator's slack.
    assert!(peak < before + 160 * 1024, "{before} KiB before, {peak} KiB at most");
    assert_eq!(gateway.chat(&chat("gpt-4o")).await.status(), 200);
    gateway.idle().await;
}

#[tokio::test]
async fn broken_http_harms_nobody() {
    let (_provider, gateway) = started().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
    ] {
        let mut conn = gateway.connect().await;
        conn.write(bytes).await.unwrap();
        if let Ok(head) = conn.head().await {
            assert!((400..500).contains(&head.status), "{head:?}");
        }
    }
    let value: Value = gateway.chat(&chat("gpt-4o")).await.json();
    assert_eq!(value["object"], "chat.completion");
    gateway.idle().await;
}
