//! Streams that go well: chunks leave as they come, nothing is merged, added or lost.

use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::config::at;
use crate::harness::{FakeProvider, Gateway, Manual, anthropic, chat, config, openai, with};

const CHAT: &str = "/v1/chat/completions";

fn chunk(text: &str) -> String {
    let delta = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    format!("data: {delta}\n\n")
}

fn last() -> String {
    let delta = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    format!("data: {delta}\n\ndata: [DONE]\n\n")
}

#[tokio::test]
async fn each_chunk_leaves_before_the_next_arrives() {
    let provider = Manual::listen().await;
    let gateway = Gateway::serve(&config(&[at("gpt", "openai/up", &provider.v1(), "sk-hand")])).await;
    let mut body = chat("gpt");
    body["stream"] = true.into();
    let conn = gateway.send(CHAT, &[], &body).await;
    let mut asked = provider.asked().await;
    asked.begin_stream().await;
    asked.chunk(chunk("first").as_bytes()).await;
    let mut stream = crate::harness::Streaming::of(conn).await;
    assert!(stream.event().await.unwrap().contains("first"));
    let mut delays = Vec::new();
    for n in 0..20 {
        let sent = Instant::now();
        // The next is only sent once this one has come: what is held back would wait for ever.
        asked.chunk(chunk(&format!("piece {n}")).as_bytes()).await;
        assert!(stream.event().await.unwrap().contains(&format!("piece {n}")));
        delays.push(stream.heard - sent);
    }
    asked.chunk(last().as_bytes()).await;
    asked.end().await;
    assert_eq!(stream.rest().await.dones(), 1);
    delays.sort();
    eprintln!("a chunk is forwarded after {:?} (median)", delays[10]);
}

#[tokio::test]
async fn events_stay_apart_however_they_lie_on_the_wire() {
    let provider = FakeProvider::start().await;
    for lie in ["split", "coalesce", "crlf", "comments"] {
        let key = format!("sk-fake.chunks=12.{lie}");
        let gateway = Gateway::serve(&config(&[openai("gpt", &provider, &key)])).await;
        let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
        assert_eq!(told.complete(), (0..12).map(|n| format!("tok{n} ")).collect::<String>(), "{lie}");
        // role, 12 pieces, finish, [DONE]
        assert_eq!(told.data().len(), 15, "{lie}: {told:#?}");
    }
}

#[tokio::test]
async fn usage_comes_once_when_asked_for_and_else_not() {
    let provider = FakeProvider::start().await;
    let models =
        [openai("gpt", &provider, "sk-fake.id=usage"), anthropic("claude", &provider, "sk-fake.id=usage-a")];
    let gateway = Gateway::serve(&config(&models)).await;
    for model in ["gpt", "claude"] {
        let told = gateway.stream(CHAT, &chat(model)).await.rest().await;
        told.complete();
        assert_eq!(told.usages(), Vec::<Value>::new(), "{model}: {told:#?}");

        let asked = with(chat(model), json!({"stream_options": {"include_usage": true}}));
        let told = gateway.stream(CHAT, &asked).await.rest().await;
        told.complete();
        assert_eq!(told.usages().len(), 1, "{model}: {told:#?}");
        assert_eq!(told.usages()[0]["prompt_tokens"], 9);
        let values = told.values();
        let shown = values.iter().find(|value| value["usage"].is_object()).unwrap();
        assert_eq!(shown["choices"], json!([]), "{model}");
    }
    let metric = gateway.metric("litellm_input_tokens_metric_total", &["gpt"]).await;
    assert_eq!(metric, Some(18.0), "usage is counted also where the client did not ask");
}

#[tokio::test]
async fn two_choices_arrive_whole() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.text=one two three")])).await;
    let told = gateway.stream(CHAT, &with(chat("gpt"), json!({"n": 2}))).await.rest().await;
    told.complete();
    assert_eq!((told.text_of(0).as_str(), told.text_of(1).as_str()), ("one two three", "one two three"));
    assert_eq!(told.finishes(), ["stop", "stop"]);
}

#[tokio::test]
async fn answers_show_the_name_that_was_asked_for() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&config(&[openai("gpt", &provider, "sk-fake.id=name")])).await;
    let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
    assert!(told.values().iter().all(|value| value["model"] == "gpt"), "{told:#?}");
    assert_eq!(gateway.chat(&chat("gpt")).await.json()["model"], "gpt");
}

#[tokio::test]
async fn anthropic_streams_become_openais() {
    let provider = FakeProvider::start().await;
    let models = [
        anthropic("claude", &provider, "sk-fake.text=Bonjour mon ami"),
        anthropic("tools", &provider, "sk-fake.tool=weather,time"),
    ];
    let gateway = Gateway::serve(&config(&models)).await;
    let told = gateway.stream(CHAT, &chat("claude")).await.rest().await;
    assert_eq!(told.complete(), "Bonjour mon ami");
    assert_eq!(told.finishes(), ["stop"]);
    let function = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}});
    let body = with(chat("tools"), json!({"tools": [function("weather"), function("time")]}));
    let told = gateway.stream(CHAT, &body).await.rest().await;
    assert_eq!(told.finishes(), ["tool_calls"]);
    let mut arguments = [String::new(), String::new()];
    for value in told.values() {
        for call in value["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            arguments[index].push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
    }
    for text in arguments {
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"city": "text"}));
    }
}

#[tokio::test]
async fn completions_stream_natively_and_over_a_bridge() {
    let provider = FakeProvider::start().await;
    let models = [
        at("native", "text-completion-openai/up", &provider.v1(), "sk-fake.text=a b c.id=n"),
        openai("chatty", &provider, "sk-fake.text=a b c.id=c"),
        anthropic("bridged", &provider, "sk-fake.text=a b c.id=b"),
    ];
    let gateway = Gateway::serve(&config(&models)).await;
    for model in ["native", "chatty", "bridged"] {
        let body = json!({"model": model, "prompt": "Say"});
        let told = gateway.stream("/v1/completions", &body).await.rest().await;
        let values = told.values();
        let text: String = values.iter().filter_map(|value| value["choices"][0]["text"].as_str()).collect();
        assert_eq!(text, "a b c", "{model}: {told:#?}");
        assert_eq!((told.dones(), told.finishes().len()), (1, 1), "{model}");
        assert!(values.iter().all(|value| value["object"] == "text_completion"), "{model}: {told:#?}");
        let whole = gateway.post("/v1/completions", &body).await;
        assert_eq!(whole.json()["choices"][0]["text"], "a b c", "{model}");
    }
    assert_eq!(provider.log("sk-fake.text=a b c.id=n")[0].path, "/v1/completions");
}

#[tokio::test]
async fn comments_keep_a_silent_stream_alive_before_the_first_token() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.slow=600.text=late but whole")];
    let base =
        with(config(&models), json!({"litellm_settings": {"sse_keepalive_ping_interval_seconds": 0.1}}));
    let gateway = Gateway::serve(&base).await;
    let mut stream = gateway.stream(CHAT, &chat("gpt")).await;
    assert!(stream.block().await.unwrap().starts_with(':'));
    let told = stream.rest().await;
    assert_eq!(told.complete(), "late but whole");
    assert!(told.comments() >= 3, "{told:#?}");
    assert!(told.head.header("x-litellm-call-id").is_some());
}

#[tokio::test]
async fn a_fallback_happens_behind_the_comments() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("gpt", &provider, "sk-fake.slow=350.status=500"),
        openai("spare", &provider, "sk-fake.slow=250.text=from the spare"),
    ];
    let settings = json!({"litellm_settings": {"sse_keepalive_ping_interval_seconds": 0.1,
        "fallbacks": [{"gpt": ["spare"]}]}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
    assert_eq!(told.complete(), "from the spare");
    assert!(told.comments() >= 3, "{told:#?}");
}

#[tokio::test]
async fn a_failure_behind_the_comments_is_an_error_event() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.slow=300.status=429.error_code=slow_down")];
    let base =
        with(config(&models), json!({"litellm_settings": {"sse_keepalive_ping_interval_seconds": 0.1}}));
    let gateway = Gateway::serve(&base).await;
    let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
    assert_eq!(told.broken()["code"], "slow_down");
    gateway.idle().await;
}

#[tokio::test]
async fn an_early_failure_keeps_its_status_although_comments_are_on() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.status=401")];
    let base = with(config(&models), json!({"litellm_settings": {"sse_keepalive_ping_interval_seconds": 2}}));
    let gateway = Gateway::serve(&base).await;
    let reply = gateway.chat(&with(chat("gpt"), json!({"stream": true}))).await;
    assert_eq!(reply.status(), 401, "a wrong key that is known at once is no 200: {}", reply.text());
}

#[tokio::test]
async fn comments_come_at_the_configured_pace_in_mid_stream_too() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.chunks=3.chunk_delay=400")];
    let base =
        with(config(&models), json!({"litellm_settings": {"sse_keepalive_ping_interval_seconds": 0.1}}));
    let gateway = Gateway::serve(&base).await;
    let told = gateway.stream(CHAT, &chat("gpt")).await.rest().await;
    told.complete();
    assert!(told.comments() >= 4, "{told:#?}");
}
