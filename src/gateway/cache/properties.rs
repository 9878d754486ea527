//! Promise of the cache: change any one field of a request and it misses; write the same request in another way and it
//! does not.

use std::sync::Arc;
use std::time::Instant;

use actix_http::header::HeaderMap;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::question;
use crate::actors::topology::Table;
use crate::domain::cache::CacheKey;
use crate::domain::routing::strategy;
use crate::gateway::admit::{self, Raw};
use crate::gateway::explain::Audience;
use crate::gateway::testing::{KEY, Rig};
use crate::wire::endpoint::Endpoint;

const CONFIG: &str = "
model_list:
  - {model_name: g, litellm_params: {model: openai/a, api_key: k}}
  - {model_name: h, litellm_params: {model: openai/a, api_key: k}}
litellm_settings: {cache: true, cache_params: {type: local, cache_streams: true}}
";

/// What the cache calls a chat request.
fn key(rig: &Rig, table: &Arc<Table>, endpoint: Endpoint, body: &str) -> CacheKey {
    let headers = HeaderMap::new();
    let raw = Raw {
        endpoint,
        headers: &headers,
        path_model: None,
        api_version: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
        own: None,
        received: Instant::now(),
        call_id: "id".into(),
        audience: Audience::Nobody,
    };
    let call = admit::admit(raw, table).unwrap_or_else(|error| panic!("{error}: {body}"));
    let caller = rig.shared.identities.master(KEY).unwrap();
    let settings = table.config.cache.as_ref().unwrap();
    question::of(settings, &call, &caller, &headers).unwrap().expect("it is cached").key
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (0u8..40).prop_map(|number| json!(f64::from(number) / 8.0)),
        "[a-zé\"\\\\\n ]{0,8}".prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A request: messages, and any of the parameters that providers have, known and unknown ones.
fn request() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 14] = [
        "temperature",
        "top_p",
        "seed",
        "user",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "logit_bias",
        "min_p",
        "guided_json",
        "service_tier",
        "reasoning_effort",
        "modalities",
    ];
    let message = ("user|system|assistant|tool", tree())
        .prop_map(|(role, content)| json!({"role": role, "content": content}));
    let parameters = prop::collection::btree_map(prop::sample::select(&NAMES[..]), tree(), 0..5);
    (prop::collection::vec(message, 0..4), parameters, any::<bool>(), 0u32..9).prop_map(
        |(messages, parameters, stream, max_tokens)| {
            let mut body =
                json!({"model": "g", "messages": messages, "stream": stream, "max_tokens": max_tokens});
            for (name, value) in parameters {
                body[name] = value;
            }
            body
        },
    )
}

/// All places in a value, the request itself included.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
        }
        Value::Object(map) => {
            map.iter().for_each(|(name, item)| places(item, &format!("{at}/{name}"), found))
        }
        _ => {}
    }
}

/// Another value in one place.
fn change(value: &mut Value, how: u8) {
    *value = match (value.take(), how % 3) {
        (Value::Null, _) => json!("x"),
        (Value::Bool(flag), _) => json!(!flag),
        (Value::Number(number), 0) => json!(number.to_string()),
        (Value::Number(number), _) => json!(number.as_f64().unwrap_or(0.0) + 1.5),
        (Value::String(text), 0) => json!([text]),
        (Value::String(text), _) => json!(format!("{text} ")),
        (Value::Array(mut items), 0) if !items.is_empty() => {
            items.pop();
            Value::Array(items)
        }
        (Value::Array(mut items), _) => {
            items.push(Value::Null);
            Value::Array(items)
        }
        (Value::Object(mut map), _) => {
            map.insert("new".to_owned(), json!(1));
            Value::Object(map)
        }
    };
}

/// The same value written in another way: members turned round, white space, every letter escaped.
fn spell(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push_str("[ ");
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { " ,\n" } else { "" });
                spell(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (place, (name, item)) in map.iter().rev().enumerate() {
                out.push_str(if place > 0 { ",\t" } else { "\r\n" });
                letters(name, out);
                out.push_str(" : ");
                spell(item, out);
            }
            out.push_str(" }");
        }
        Value::String(text) => letters(text, out),
        other => out.push_str(&other.to_string()),
    }
}

fn letters(text: &str, out: &mut String) {
    out.push('"');
    text.encode_utf16().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
    out.push('"');
}

#[actix_rt::test]
async fn any_changed_field_misses_and_no_other_spelling_does() {
    let rig = Rig::new(CONFIG, Arc::new(|name, args| strategy(name, args))).await;
    let table = rig.table();
    let chat = |body: &Value| key(&rig, &table, Endpoint::Chat, &body.to_string());
    proptest!(ProptestConfig::with_cases(400), |(body in request(), place: prop::sample::Index, how: u8)| {
        let own = chat(&body);
        let mut spelled = String::new();
        spell(&body, &mut spelled);
        prop_assert_eq!(key(&rig, &table, Endpoint::Chat, &spelled), own, "{}", spelled);
        let mut all = Vec::new();
        places(&body, "", &mut all);
        let place = place.get(&all);
        let mut other = body.clone();
        match place.as_str() {
            "/model" => other["model"] = json!("h"),
            "/max_tokens" => other["max_tokens"] = json!(100),
            // Of the other kind these would be refused.
            "/messages" => other["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": "more"})),
            "/stream" => change(&mut other["stream"], 1),
            _ => change(other.pointer_mut(place).unwrap(), how),
        }
        prop_assert_ne!(chat(&other), own, "{} in {}", place, body);
        for (name, value) in body.as_object().unwrap() {
            let mut less: Map<String, Value> = body.as_object().unwrap().clone();
            less.remove(name);
            let needed = matches!(name.as_str(), "model" | "messages");
            let says_nothing = name == "stream" && *value == json!(false);
            prop_assert!(needed || says_nothing || chat(&Value::Object(less)) != own, "without {}", name);
        }
    });
}

#[actix_rt::test]
async fn members_that_no_provider_sees_do_not_matter() {
    let rig = Rig::new(CONFIG, Arc::new(|name, args| strategy(name, args))).await;
    let table = rig.table();
    let body = |more: &str| format!(r#"{{"model":"g","messages":[{{"role":"user","content":"a"}}]{more}}}"#);
    let chat = |more: &str| key(&rig, &table, Endpoint::Chat, &body(more));
    let plain = chat("");
    for more in [
        r#","timeout":5,"num_retries":1,"cache":{"ttl":9},"ttl":5,"fallbacks":["h"]"#,
        r#","metadata":{"trace_id":"x"},"litellm_trace_id":"y","stream":false"#,
    ] {
        assert_eq!(chat(more), plain, "{more}");
    }
    for more in [
        r#","metadata":{"trace_id":"x"},"store":true"#,
        r#","metadata":{"tags":["x"]}"#,
        r#","cache":{"namespace":"x"}"#,
        r#","drop_params":true"#,
        r#","mock_response":"x""#,
    ] {
        assert_ne!(chat(more), plain, "{more}");
    }
    assert_ne!(chat(r#","metadata":{"a":"x"},"store":true"#), chat(r#","metadata":{"a":"y"},"store":true"#));
    let responses = |text: &str| key(&rig, &table, Endpoint::Responses, text);
    assert_ne!(
        responses(r#"{"model":"g","input":"a","metadata":{"a":"x"}}"#),
        responses(r#"{"model":"g","input":"a"}"#)
    );
    assert_ne!(responses(&body("")), plain, "another endpoint");
}
