//! Connections on both sides: kept, reused, half used, closed at bad moments.

use serde_json::{Value, json};

use crate::harness::config::at;
use crate::harness::conn::Conn;
use crate::harness::{FakeProvider, Gateway, KEY, Manual, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";
const ANSWER: &str = r#"{"id":"c","object":"chat.completion","model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}"#;

async fn by_hand() -> (Manual, Gateway) {
    let provider = Manual::listen().await;
    let gateway = Gateway::serve(&config(&[at("gpt", "openai/up", &provider.v1(), "sk-hand")])).await;
    (provider, gateway)
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.id=1"), openai("bad", &provider, "sk-fake.status=500")];
    let gateway = Gateway::serve(&config(&models)).await;
    let mut conn = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    for n in 0..12 {
        let (model, stream, status) =
            [("gpt", false, 200), ("bad", false, 500), ("gpt", true, 200), ("nothing", true, 404)][n % 4];
        let body = with(chat(model), json!({"stream": stream}));
        conn.send("POST", CHAT, &headers, body.to_string().as_bytes()).await;
        let reply = conn.reply().await.expect("the connection is kept");
        assert_eq!(reply.status(), status, "{model}");
    }
    conn.send("POST", CHAT, &[], b"{}").await;
    assert_eq!(conn.reply().await.unwrap().status(), 401);
}

#[tokio::test]
async fn clients_may_ask_before_they_send_a_large_body() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.id=1")])).await;
    let body = chat("gpt").to_string();
    let mut conn = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let mut head = Conn::head_of("POST", CHAT, &[("authorization", &key), ("expect", "100-continue")]);
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    conn.write(head.as_bytes()).await.unwrap();
    assert_eq!(conn.head().await.unwrap().status, 100);
    conn.write(body.as_bytes()).await.unwrap();
    assert_eq!(conn.reply().await.unwrap().status(), 200);
}

#[tokio::test]
async fn requests_on_the_heels_of_another_and_bodies_in_pieces_are_served_in_order() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.id=1")])).await;
    let key = format!("Bearer {KEY}");
    let request = |n: usize| {
        let body = with(chat("gpt"), json!({"user": format!("{n}")})).to_string();
        let head = Conn::head_of("POST", CHAT, &[("authorization", &key)]);
        format!("{head}content-length: {}\r\n\r\n{body}", body.len())
    };
    let mut conn = gateway.connect().await;
    let (whole, last) = (request(1) + &request(2), request(3));
    let (start, rest) = last.split_at(last.len() - 20);
    conn.write(format!("{whole}{start}").as_bytes()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(conn.reply().await.unwrap().status(), 200);
    }
    for piece in rest.as_bytes().chunks(7) {
        conn.write(piece).await.unwrap();
    }
    assert_eq!(conn.reply().await.unwrap().status(), 200);
    let mut conn = gateway.connect().await;
    for piece in last.as_bytes().chunks(40) {
        conn.write(piece).await.unwrap();
    }
    assert_eq!(conn.reply().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing_behind() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.id=1")])).await;
    let mut conn = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let mut head = Conn::head_of("POST", CHAT, &[("authorization", &key)]);
    head.push_str("content-length: 500\r\n\r\n{\"model\":");
    conn.write(head.as_bytes()).await.unwrap();
    crate::harness::eventually("the request is under way", || async {
        (gateway.metric("litellm_in_flight_requests", &[]).await == Some(1.0)).then_some(())
    })
    .await;
    drop(conn);
    gateway.idle().await;
    assert_eq!(provider.total().requests, 0);
}

#[tokio::test]
async fn a_connection_that_the_provider_has_closed_is_not_used_again() {
    let (provider, gateway) = by_hand().await;
    for _ in 0..5 {
        let mut conn = gateway.send(CHAT, &[], &chat("gpt")).await;
        let mut asked = provider.asked().await;
        asked.answer("200 OK", "application/json", ANSWER.as_bytes()).await;
        // Kept open as far as the reply says, closed all the same.
        drop(asked);
        assert_eq!(conn.reply().await.unwrap().said(), "fine");
    }
}

#[tokio::test]
async fn odd_replies_are_errors_of_the_provider() {
    let table: [(&str, &str, &str); 6] = [
        ("302 Found", "text/html", ""),
        ("304 Not Modified", "application/json", ""),
        ("200 OK", "application/json", ""),
        ("200 OK", "application/json", "[]"),
        ("200 OK", "application/json", "null"),
        ("500 Internal Server Error", "text/html", "<html>oops</html>"),
    ];
    for (status, kind, body) in table {
        let (provider, gateway) = by_hand().await;
        for stream in [false, true] {
            let mut conn = gateway.send(CHAT, &[], &with(chat("gpt"), json!({"stream": stream}))).await;
            let mut asked = provider.asked().await;
            asked.answer(status, kind, body.as_bytes()).await;
            drop(asked);
            let reply = conn.reply().await.unwrap();
            assert!(
                (500..600).contains(&reply.status()),
                "{status} {body}: {} {}",
                reply.status(),
                reply.text()
            );
            reply.error();
        }
    }
}

#[tokio::test]
async fn a_server_without_streams_answers_a_stream_request_with_an_error() {
    let (provider, gateway) = by_hand().await;
    let mut conn = gateway.send(CHAT, &[], &with(chat("gpt"), json!({"stream": true}))).await;
    let mut asked = provider.asked().await;
    asked.answer("200 OK", "application/json", ANSWER.as_bytes()).await;
    let reply = conn.reply().await.unwrap();
    assert_eq!(reply.status(), 502, "{}", reply.text());
}

#[tokio::test]
async fn a_stream_without_done_but_with_a_reason_is_whole() {
    let (provider, gateway) = by_hand().await;
    let mut body = chat("gpt");
    body["stream"] = true.into();
    let conn = gateway.send(CHAT, &[], &body).await;
    let mut asked = provider.asked().await;
    asked.begin_stream().await;
    let choice = |delta: Value, reason: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
        "model": "up", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    asked.chunk(format!("data: {}\n\n", choice(json!({"content": "all"}), Value::Null)).as_bytes()).await;
    // The last event lacks its empty line, and nobody says [DONE].
    asked.chunk(format!("data: {}\n", choice(json!({}), json!("stop"))).as_bytes()).await;
    asked.end().await;
    let told = crate::harness::Streaming::of(conn).await.rest().await;
    assert_eq!(told.complete(), "all");
}

#[tokio::test]
async fn what_follows_done_is_no_part_of_the_answer() {
    let (provider, gateway) = by_hand().await;
    let mut body = chat("gpt");
    body["stream"] = true.into();
    let conn = gateway.send(CHAT, &[], &body).await;
    let mut asked = provider.asked().await;
    asked.begin_stream().await;
    asked.chunk(b"data: {\"id\":\"c\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n").await;
    // The provider keeps its side open: the client's answer is over all the same.
    let told = crate::harness::Streaming::of(conn).await.rest().await;
    assert_eq!(told.complete(), "a");
    gateway.idle().await;
    drop(asked);
}
