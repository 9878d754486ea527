//! Properties: no input makes the translation panic, what it sends keeps Anthropic's rules, and a stream
//! says the same as the whole reply.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::context::Json;
use super::{ReplyContext, Settings, Shown, Stream, error, reply, request};
use crate::domain::deployment::ModelInfo;

/// Words that lead deep into the code.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "", " ", "user", "assistant", "system", "tool", "function", "text", "image_url", "file", "thinking",
    "tool_use", "auto", "none", "required", "allowed_tools", "json_schema", "json_object", "object",
    "high", "computer_20250124", "mcp", "custom", "ephemeral", "message", "data:image/png;base64,AA",
    "https://x.test", "data:,", "{}", "{\"a\":1}", "{", "ü.ß", "#/$defs/a", "enabled", "max_tokens",
    "json_tool_call",
];

/// Field names that lead deep into the code.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "role", "content", "type", "text", "tool_calls", "id", "function", "name", "arguments",
    "tool_call_id", "function_call", "thinking_blocks", "image_url", "url", "file", "file_data",
    "file_id", "format", "cache_control", "parameters", "schema", "json_schema", "properties", "$ref",
    "$defs", "items", "input", "index", "delta", "content_block", "message", "usage", "stop_reason",
    "signature", "partial_json", "error", "thinking", "input_tokens", "output_tokens", "tools", "mode",
    "allowed_tools", "location", "user_location",
];

/// Parameters of a chat request.
#[rustfmt::skip]
const PARAMS: &[&str] = &[
    "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls", "stop", "n",
    "max_tokens", "max_completion_tokens", "temperature", "top_p", "user", "metadata", "response_format",
    "reasoning_effort", "thinking", "output_config", "web_search_options", "stream", "stream_options",
    "seed", "cache_control_injection_points", "system", "mcp_servers", "safety_identifier",
    "service_tier",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        let key = prop_oneof![9 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => word()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A message that is often nearly right.
fn message() -> impl Strategy<Value = Value> {
    let role = prop::sample::select(
        &["system", "user", "user", "assistant", "assistant", "tool", "tool", "function"][..],
    );
    let content = prop_oneof![
        3 => word().prop_map(Value::from),
        1 => Just(Value::Null),
        2 => prop::collection::vec(word(), 0..3).prop_map(|texts| {
            texts.into_iter().map(|text| json!({"type": "text", "text": text})).collect()
        }),
        1 => value(),
    ];
    let calls = prop::option::weighted(0.3, prop::collection::vec(word(), 0..3));
    (role, content, calls, value()).prop_map(|(role, content, calls, extra)| {
        let mut message = match extra {
            Value::Object(extra) => extra,
            _ => Map::new(),
        };
        message.insert("role".into(), role.into());
        message.insert("content".into(), content);
        message.insert("tool_call_id".into(), "t".into());
        if let Some(names) = calls {
            let call = |name: String| json!({"id": name, "function": {"name": name, "arguments": ""}});
            message.insert("tool_calls".into(), names.into_iter().map(call).collect());
        }
        Value::Object(message)
    })
}

fn chat() -> impl Strategy<Value = Map<String, Value>> {
    let params = prop::collection::vec((prop::sample::select(PARAMS), value()), 0..4);
    let message = prop_oneof![40 => message(), 1 => value()];
    (prop::collection::vec(message, 0..6), params).prop_map(|(messages, params)| {
        let mut chat = Map::from_iter([("messages".to_owned(), Value::from(messages))]);
        chat.extend(params.into_iter().map(|(key, value)| (key.to_owned(), value)));
        chat
    })
}

fn shown() -> Shown {
    Shown { model: Arc::from("m"), created: 1, id: "chatcmpl-1".into() }
}

fn context(mode: u8) -> ReplyContext {
    let json = match mode {
        0 => Json::Plain,
        1 => Json::Text,
        _ => Json::Tool(Arc::from("json_tool_call")),
    };
    let names = HashMap::from([("a_b".to_owned(), "a.b".to_owned())]);
    ReplyContext { names: Arc::new(names), json, legacy: false }
}

/// What Anthropic refuses must not be sent, as far as it is ours.
fn keeps_the_rules(body: &Value) -> Result<(), TestCaseError> {
    let mut last = "";
    for turn in body["messages"].as_array().unwrap() {
        let role = turn["role"].as_str().unwrap();
        prop_assert_ne!(role, last);
        last = role;
        let blocks = turn["content"].as_array().unwrap();
        prop_assert!(!blocks.is_empty());
        let mut results_over = false;
        for block in blocks {
            if block["type"] == "tool_result" {
                prop_assert!(!results_over || block.get("tool_use_id").is_none_or(|id| id != "t"));
            } else {
                results_over = true;
            }
        }
    }
    prop_assert!(body["max_tokens"].as_u64().is_some_and(|tokens| tokens > 0));
    if body.get("tool_choice").is_some() {
        prop_assert!(body.get("tools").is_some() || body.get("mcp_servers").is_some());
    }
    Ok(())
}

/// The content of a reply: texts, one thought, calls of the client's tools.
fn content() -> impl Strategy<Value = Vec<Value>> {
    let block = prop_oneof![
        word().prop_map(|text| json!({"type": "text", "text": text})),
        Just(json!({"type": "text", "text": "so: ```{\"a\": [\"}\"]}``` ok"})),
        word().prop_map(|text| json!({"type": "thinking", "thinking": text, "signature": "s"})),
        Just(json!({"type": "tool_use", "id": "t", "name": "a_b", "input": {}})),
        Just(json!({"type": "tool_use", "id": "u", "name": "c", "input": {"x": "ü"}})),
    ];
    prop::collection::vec(block, 0..5)
}

/// The events of a reply, cut into pieces of one character.
fn events(content: &[Value]) -> Vec<Value> {
    let mut events = vec![json!({"type": "message_start", "message": {"usage": {"input_tokens": 1}}})];
    for (i, block) in content.iter().enumerate() {
        let mut start = block.clone();
        for (key, empty) in [("text", json!("")), ("thinking", json!("")), ("input", json!({}))] {
            if start.get(key).is_some() {
                start[key] = empty;
            }
        }
        events.push(json!({"type": "content_block_start", "index": i, "content_block": start}));
        let (type_, key, whole) = match block["type"].as_str().unwrap() {
            "text" => ("text_delta", "text", block["text"].as_str().unwrap().to_owned()),
            "thinking" => ("thinking_delta", "thinking", block["thinking"].as_str().unwrap().to_owned()),
            _ if block["input"] == json!({}) => ("input_json_delta", "partial_json", String::new()),
            _ => ("input_json_delta", "partial_json", block["input"].to_string()),
        };
        for c in whole.chars() {
            let delta = json!({"type": type_, key: c.to_string()});
            events.push(json!({"type": "content_block_delta", "index": i, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": i}));
    }
    let stop = json!({"stop_reason": "tool_use"});
    events.push(json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}}));
    events.push(json!({"type": "message_stop"}));
    events
}

/// What a client adds up from chunks: content, reasoning, (name, arguments) of each call.
fn collect(chunks: &[Value]) -> (String, String, Vec<(String, String)>) {
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for delta in chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]) {
        text.push_str(delta["content"].as_str().unwrap_or_default());
        reasoning.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if index == calls.len() {
                calls.push((call["function"]["name"].as_str().unwrap().to_owned(), String::new()));
            }
            calls[index].1.push_str(call["function"]["arguments"].as_str().unwrap());
        }
    }
    (text, reasoning, calls)
}

proptest! {
    #[test]
    fn any_request_is_translated_or_refused(
        chat in chat(),
        newest in any::<bool>(),
        drop_params in any::<bool>(),
    ) {
        let info = ModelInfo::default();
        let model = if newest { "claude-opus-4-7" } else { "claude-3-5-haiku-20241022" };
        let settings = Settings { model, info: &info, drop_params, allowed_params: &[] };
        match request(chat, &settings) {
            Ok(translated) => keeps_the_rules(&translated.body)?,
            Err(error) => prop_assert_eq!(error.status(), 400),
        }
    }

    #[test]
    fn any_reply_and_any_error_is_translated(body in value(), raw in any::<Vec<u8>>(), status in any::<u16>()) {
        let text = body.to_string();
        for bytes in [text.as_bytes(), &raw] {
            let _ = reply(bytes, &ReplyContext::default(), &shown());
            prop_assert!(error(status, bytes, None).status() >= 300);
        }
    }

    #[test]
    fn any_events_are_translated(
        events in prop::collection::vec((prop::sample::select(&["content_block_start", "content_block_delta",
            "content_block_stop", "message_start", "message_delta", "message_stop", "", "error"][..]), value()), 0..12),
        mode in 0u8..3,
    ) {
        let mut stream = Stream::new(context(mode), shown(), true);
        let mut chunks = Vec::new();
        for (name, data) in events {
            let _ = stream.event(name, data.to_string().as_bytes(), &mut chunks);
        }
        let roles = chunks.iter().filter(|chunk| chunk["choices"][0]["delta"].get("role").is_some()).count();
        prop_assert!(roles <= 1);
        let _ = stream.usage();
    }

    #[test]
    fn a_stream_says_what_the_whole_reply_says(content in content(), mode in 0u8..3) {
        let ctx = context(mode);
        let body = json!({"content": content, "stop_reason": "tool_use"}).to_string();
        let (whole, _) = reply(body.as_bytes(), &ctx, &shown()).unwrap();
        let choice = &whole["choices"][0];
        let mut stream = Stream::new(ctx, shown(), false);
        let mut chunks = Vec::new();
        for event in events(&content) {
            stream.event("", event.to_string().as_bytes(), &mut chunks).unwrap();
        }
        prop_assert!(stream.finished());
        let (text, reasoning, calls) = collect(&chunks);
        prop_assert_eq!(text, choice["message"]["content"].as_str().unwrap_or_default());
        prop_assert_eq!(reasoning, choice["message"]["reasoning_content"].as_str().unwrap_or_default());
        let expected: Vec<_> = choice["message"]["tool_calls"].as_array().into_iter().flatten().map(|call| {
            let part = |key: &str| call["function"][key].as_str().unwrap().to_owned();
            (part("name"), part("arguments"))
        }).collect();
        prop_assert_eq!(calls, expected);
        let finish = &chunks.last().unwrap()["choices"][0]["finish_reason"];
        prop_assert_eq!(finish, &choice["finish_reason"]);
    }
}
