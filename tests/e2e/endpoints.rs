//! Every endpoint under all its names, and what the provider gets to see.

use serde_json::{Value, json};

use crate::harness::config::at;
use crate::harness::{
    FakeProvider, Gateway, KEY, Manual, Reply, anthropic, azure, chat, config, openai, with,
};

const UP: &str = "sk-fake.text=Hi there.id=up";

fn bodies() -> Vec<(&'static str, Value)> {
    vec![
        ("chat/completions", chat("gpt")),
        ("completions", json!({"model": "gpt", "prompt": "Hello"})),
        ("embeddings", json!({"model": "gpt", "input": ["a", "b"]})),
        ("moderations", json!({"model": "gpt", "input": "a"})),
        ("images/generations", json!({"model": "gpt", "prompt": "a dot"})),
        ("audio/speech", json!({"model": "gpt", "input": "say it", "voice": "alloy"})),
        ("rerank", json!({"model": "gpt", "query": "q", "documents": ["a", "b"]})),
        ("responses", json!({"model": "gpt", "input": "Hello"})),
    ]
}

fn good(endpoint: &str, reply: &Reply) {
    assert_eq!(reply.status(), 200, "{endpoint}: {}", reply.text());
    match endpoint {
        "audio/speech" => {
            assert_eq!(reply.must("content-type"), "audio/mpeg");
            assert_eq!(reply.body.len(), 4096);
            assert!(reply.body.starts_with(b"ID3\x04\x00\x00\xff\xfe\xfd"));
        }
        "embeddings" => assert_eq!(reply.json()["data"].as_array().unwrap().len(), 2),
        "rerank" => assert_eq!(reply.json()["results"][0]["index"], 1),
        "moderations" => assert_eq!(reply.json()["results"][0]["flagged"], false),
        "images/generations" => assert!(reply.json()["data"][0]["url"].is_string()),
        "completions" => assert_eq!(reply.json()["choices"][0]["text"], "Hi there"),
        "responses" => assert_eq!(reply.json()["object"], "response"),
        _ => assert_eq!(reply.said(), "Hi there"),
    }
}

#[tokio::test]
async fn every_endpoint_answers_under_all_its_names() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, UP)])).await;
    for (endpoint, body) in bodies() {
        for prefix in ["/v1", "", "/openai/deployments/gpt", "/engines/gpt"] {
            provider.clear();
            let mut body = body.clone();
            if prefix.ends_with("gpt") {
                body.as_object_mut().unwrap().remove("model");
            }
            let path = format!("{prefix}/{endpoint}");
            good(endpoint, &gateway.post(&path, &body).await);
            let entry = &provider.log(UP)[0];
            // As LiteLLM: text completions of chat models go to chat.
            let upstream = if endpoint == "completions" { "chat/completions" } else { endpoint };
            assert_eq!(entry.path, format!("/v1/{upstream}"), "{path}");
            assert_eq!(entry.body["model"], "gpt-up", "{path}");
            assert_eq!(entry.headers["authorization"], format!("Bearer {UP}"), "{path}");
        }
    }
    assert_eq!(gateway.post("/v2/rerank", &bodies()[6].1).await.status(), 200);
    gateway.idle().await;
}

#[tokio::test]
async fn models_are_listed() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, UP), openai("team/small", &provider, "sk-fake.id=2")];
    let gateway = Gateway::serve(&config(&models)).await;
    for path in ["/v1/models", "/models"] {
        let list = gateway.get(path).await.json();
        let ids: Vec<&str> =
            list["data"].as_array().unwrap().iter().filter_map(|m| m["id"].as_str()).collect();
        assert_eq!(ids, ["gpt", "team/small"]);
    }
    for path in ["/v1/models/team/small", "/v1/models/team%2Fsmall", "/models/team/small"] {
        let one = gateway.get(path).await;
        assert_eq!((one.status(), &one.json()["id"]), (200, &json!("team/small")), "{path}");
    }
    let reply = gateway.post("/openai/deployments/team%2Fsmall/chat/completions", &chat("ignored")).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let reply = gateway.post("/openai/deployments/team/small/chat/completions", &chat("ignored")).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
}

#[tokio::test]
async fn what_is_not_known_travels_on_byte_for_byte_and_what_is_ours_stays() {
    let provider = Manual::listen().await;
    let gateway = Gateway::serve(&config(&[at("gpt", "openai/up", &provider.v1(), "sk-hand")])).await;
    let body = "{ \"new_field\" : {\"b\":1.50, \"a\":[1e3,  \"\\u00e9\"]},\"model\":\"gpt\",\n \"messages\":[{\"role\":\"user\",\"content\":\"H\\u00e9\"}], \"seed\": 12345678901234567890, \"temperature\":0.70, \"num_retries\":0, \"metadata\":{\"k\":\"v\"}, \"litellm_session_id\":\"x\", \"timeout\": 30, \"user\":\"u\" }";
    let mut conn = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let headers =
        [("authorization", key.as_str()), ("content-type", "application/json"), ("x-secret-of-client", "1")];
    conn.send("POST", "/v1/chat/completions", &headers, body.as_bytes()).await;
    let mut asked = provider.asked().await;
    let sent = String::from_utf8(asked.body.clone()).unwrap();
    for part in [
        "\"new_field\" : {\"b\":1.50, \"a\":[1e3,  \"\\u00e9\"]}",
        "\"messages\":[{\"role\":\"user\",\"content\":\"H\\u00e9\"}]",
        "\"seed\": 12345678901234567890",
        "\"temperature\":0.70",
    ] {
        assert!(sent.contains(part), "{part} in {sent}");
    }
    let value: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!((&value["model"], &value["user"]), (&json!("up"), &json!("u")));
    for own in ["num_retries", "timeout", "litellm_session_id", "metadata"] {
        assert!(value.get(own).is_none(), "{own} in {sent}");
    }
    assert!(asked.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", asked.head);
    assert!(!asked.head.contains("x-secret-of-client") && !asked.head.contains(KEY), "{}", asked.head);
    // The answer too: only the model's name is changed.
    let answer = "{\"id\":\"c\", \"object\":\"chat.completion\",\"model\" : \"up\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\\u00e9\"},\"finish_reason\":\"stop\"}],\"odd\": 1.10}";
    asked.answer("200 OK", "application/json", answer.as_bytes()).await;
    let reply = conn.reply().await.unwrap();
    assert_eq!(reply.text(), answer.replace("\"up\"", "\"gpt\""));
}

#[tokio::test]
async fn a_recording_passes_byte_for_byte() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("whisper", &provider, UP)])).await;
    let mut body = Vec::new();
    let audio: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, value) in [("model", "whisper"), ("response_format", "text"), ("odd_field", "kept é")] {
        body.extend(
            format!("--b0und\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    body.extend(b"--b0und\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n");
    body.extend(&audio);
    body.extend(b"\r\n--b0und--\r\n");
    let key = format!("Bearer {KEY}");
    let headers = [("authorization", key.as_str()), ("content-type", "multipart/form-data; boundary=b0und")];
    for path in [
        "/v1/audio/transcriptions",
        "/audio/transcriptions",
        "/openai/deployments/whisper/audio/transcriptions",
    ] {
        provider.clear();
        let reply = gateway.raw("POST", path, &headers, &body).await;
        assert_eq!((reply.status(), reply.text().as_str()), (200, "Hi there\n"), "{path}");
        assert!(reply.must("content-type").starts_with("text/plain"));
        let entry = &provider.log(UP)[0];
        assert_eq!(entry.body_len, body.len() - "whisper".len() + "whisper-up".len());
        let field = |name: &str| entry.form.iter().find(|part| part.name == name).unwrap().clone();
        assert_eq!(field("model").text.as_deref(), Some("whisper-up"));
        assert_eq!(field("odd_field").text.as_deref(), Some("kept é"));
        let file = field("file");
        assert_eq!((file.len, file.filename.as_deref()), (audio.len(), Some("a.wav")));
        assert_eq!(file.content_type.as_deref(), Some("audio/wav"));
    }
}

#[tokio::test]
async fn azure_gets_azures_addresses() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.id=azure";
    let gateway = Gateway::serve(&config(&[azure("gpt", &provider, key)])).await;
    assert_eq!(gateway.chat(&chat("gpt")).await.status(), 200);
    let told = gateway.stream("/v1/chat/completions", &chat("gpt")).await.rest().await;
    told.complete();
    let entry = &provider.log(key)[0];
    assert_eq!(entry.path, "/openai/deployments/my-deployment/chat/completions");
    assert_eq!(entry.query, "api-version=2024-06-01");
    assert_eq!(entry.headers["api-key"], key);
    assert!(entry.headers.get("authorization").is_none());
    let path = "/openai/deployments/gpt/chat/completions?api-version=2030-01-01";
    assert_eq!(gateway.post(path, &chat("gpt")).await.status(), 200);
    assert!(provider.log(key)[2].query.starts_with("api-version="));
}

#[tokio::test]
async fn anthropic_gets_messages() {
    let provider = FakeProvider::start().await;
    let key = "sk-fake.id=claude";
    let gateway = Gateway::serve(&config(&[anthropic("claude", &provider, key)])).await;
    let messages = json!([{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hi"}]);
    let reply = gateway.chat(&json!({"model": "claude", "messages": messages, "max_tokens": 7})).await;
    assert_eq!(reply.json()["model"], "claude");
    let entry = &provider.log(key)[0];
    assert_eq!((entry.path.as_str(), &entry.headers["x-api-key"]), ("/v1/messages", &json!(key)));
    assert_eq!(entry.headers["anthropic-version"], "2023-06-01");
    assert_eq!(entry.body["max_tokens"], 7);
    assert!(entry.body["system"].to_string().contains("Be kind"), "{}", entry.body);
    assert_eq!(entry.body["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_large_image_in_a_message_passes() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, UP)])).await;
    let image = format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(1_900_000));
    let content = json!([{"type": "image_url", "image_url": {"url": image}}]);
    let body = json!({"model": "gpt", "messages": [{"role": "user", "content": content}]});
    assert_eq!(gateway.chat(&body).await.said(), "Hi there");
    assert!(provider.log(UP)[0].body_len > 20_000_000);
}

#[tokio::test]
async fn embeddings_keep_their_form() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, UP)])).await;
    for input in [json!("a"), json!(["a"]), json!([1, 2, 3]), json!([[1, 2], [3]])] {
        let body = json!({"model": "gpt", "input": input, "encoding_format": "base64"});
        let reply = gateway.post("/v1/embeddings", &body).await;
        assert!(reply.json()["data"][0]["embedding"].is_string(), "{}", reply.text());
    }
    let body = with(json!({"model": "gpt", "input": "a"}), json!({"dimensions": 4}));
    let reply = gateway.post("/v1/embeddings", &body).await.json();
    assert_eq!(reply["data"][0]["embedding"].as_array().unwrap().len(), 4);
}
