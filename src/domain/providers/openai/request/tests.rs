//! Edge cases of request bodies; the common ones are golden files.

use serde_json::json;

use super::*;
use crate::domain::providers::provider::Provider;
use crate::domain::providers::testing::{AZURE, COHERE, MISTRAL, OPENAI, deployment};

const PLAIN: BodyOptions = BodyOptions { stream: false, ask_usage: false, drop_params: false };
const STREAMED: BodyOptions = BodyOptions { stream: true, ask_usage: true, drop_params: false };

fn surface(text: &str) -> Surface {
    Surface::parse(Bytes::copy_from_slice(text.as_bytes()), 64).unwrap()
}

fn sent(deployment: &Deployment, text: &str, options: &BodyOptions) -> String {
    let body = body(&surface(text), deployment, Endpoint::Chat, &deployment.model, options).unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

fn plain(provider: Provider, model: &str, text: &str) -> String {
    sent(&deployment(provider, model), text, &PLAIN)
}

fn object(rows: &[(&str, Value)]) -> Map<String, Value> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn unknown_members_travel_byte_for_byte() {
    let text = r#"{ "model":"group", "x_new": {"a" : 1.50, "b":[ ]},"messages":[{"role":"user","content":"é\u00e9"}], "n":1e0}"#;
    assert_eq!(plain(OPENAI, "gpt-4o", text), text.replace("\"group\"", "\"gpt-4o\""));
    let same = surface(r#"{"model":"gpt-4o","messages":[]}"#);
    let out = body(&same, &deployment(OPENAI, "gpt-4o"), Endpoint::Chat, "gpt-4o", &PLAIN).unwrap();
    assert_eq!(out.as_ptr(), same.raw().as_ptr());
}

#[test]
fn what_is_for_the_gateway_stays_here() {
    let text = r#"{"model":"g","fallbacks":["b"],"num_retries":1,"timeout":3,"mock_response":"x","no-log":true,"metadata":{"tags":["a"]},"api_key":"k","user":"u","extra_headers":{"a":"b"}}"#;
    assert_eq!(plain(OPENAI, "m", text), r#"{"model":"m","user":"u"}"#);
}

#[test]
fn metadata_travels_only_where_it_is_stored() {
    let stored = r#"{"model":"m","store":true,"metadata":{"k":"v"}}"#;
    assert_eq!(plain(OPENAI, "m", stored), stored);
    let mixed = r#"{"model":"m","store":true,"metadata":{"tags":["a"]}}"#;
    assert_eq!(plain(OPENAI, "m", mixed), r#"{"model":"m","store":true}"#);
    let text = r#"{"model":"m","metadata":{"k":"v"}}"#;
    let out = body(&surface(text), &deployment(OPENAI, "m"), Endpoint::Responses, "m", &PLAIN).unwrap();
    assert_eq!(out, text);
}

#[test]
fn defaults_fill_gaps_and_extra_bodies_win() {
    let mut openai = deployment(OPENAI, "m");
    openai.request.defaults =
        object(&[("temperature", json!(0.2)), ("seed", json!(1)), ("max_tokens", json!(9))]);
    openai.request.extra_body = object(&[("service_tier", json!("flex")), ("priority", json!(1))]);
    let text = r#"{"model":"m","temperature":1,"seed":null,"max_completion_tokens":5,"extra_body":{"top_k":3,"model":"evil","api_base":"evil","temperature":0.5}}"#;
    assert_eq!(
        sent(&openai, text, &PLAIN),
        r#"{"model":"m","temperature":0.5,"seed":1,"max_completion_tokens":5,"top_k":3,"service_tier":"flex","priority":1}"#
    );
}

#[test]
fn streams_ask_for_usage_once() {
    let openai = deployment(OPENAI, "m");
    let ask = r#""stream_options":{"include_usage":true}"#;
    let text = r#"{"model":"m","stream":true}"#;
    assert_eq!(sent(&openai, text, &STREAMED), format!(r#"{{"model":"m","stream":true,{ask}}}"#));
    let asked = format!(r#"{{"model":"m","stream":true,{ask}}}"#);
    assert_eq!(sent(&openai, &asked, &STREAMED), asked);
    let other = r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}"#;
    assert_eq!(
        sent(&openai, other, &STREAMED),
        r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#
    );
    assert_eq!(sent(&openai, &asked, &PLAIN), r#"{"model":"m","stream":false}"#);
    assert_eq!(sent(&deployment(MISTRAL, "m"), &asked, &STREAMED), text);
}

#[test]
fn quirks_of_a_compatible_server() {
    let text = r#"{"model":"g","messages":[{"role":"developer","content":[{"type":"text","text":"a"}]}],"max_completion_tokens":7,"max_tokens":9,"seed":3,"tool_choice":"required"}"#;
    assert_eq!(
        plain(MISTRAL, "m", text),
        r#"{"model":"m","messages":[{"role":"system","content":"a"}],"max_tokens":7,"tool_choice":"any","random_seed":3}"#
    );
}

#[test]
fn reasoning_models_have_their_own_rules() {
    assert_eq!(
        plain(OPENAI, "o3", r#"{"model":"o3","max_tokens":7,"temperature":1,"top_p":1.0}"#),
        r#"{"model":"o3","temperature":1,"top_p":1.0,"max_completion_tokens":7}"#
    );
    let text = r#"{"model":"gpt-5","temperature":0.1,"stop":["x"],"presence_penalty":1}"#;
    let error =
        body(&surface(text), &deployment(OPENAI, "gpt-5"), Endpoint::Chat, "gpt-5", &PLAIN).unwrap_err();
    assert_eq!(
        (error.kind(), error.status(), error.param()),
        (Kind::UnsupportedParams, 400, Some("temperature"))
    );
    assert!(error.message().contains("['temperature', 'stop', 'presence_penalty']"), "{error}");
    let dropping = BodyOptions { drop_params: true, ..PLAIN };
    assert_eq!(sent(&deployment(OPENAI, "gpt-5"), text, &dropping), r#"{"model":"gpt-5"}"#);
    // Nothing of this for other providers' models of the same name, nor for gpt-5.1 that does not reason.
    assert!(plain(OPENAI, "gpt-5.1", r#"{"model":"g","temperature":0.1}"#).contains("0.1"));
    let reasoning = surface(r#"{"temperature":0.1,"reasoning_effort":"low"}"#);
    assert!(body(&reasoning, &deployment(OPENAI, "gpt-5.1"), Endpoint::Chat, "gpt-5.1", &PLAIN).is_err());
}

#[test]
fn refused_parameters_can_be_allowed_or_dropped_at_every_level() {
    let text = |more: &str| format!(r#"{{"model":"m","logprobs":true{more}}}"#);
    let mistral = deployment(MISTRAL, "m");
    let refused = |deployment: &Deployment, more: &str| {
        body(&surface(&text(more)), deployment, Endpoint::Chat, "m", &PLAIN).is_err()
    };
    assert!(refused(&mistral, ""));
    assert!(!refused(&mistral, r#","drop_params":true"#));
    assert_eq!(plain(MISTRAL, "m", &text(r#","allowed_openai_params":["logprobs"]"#)), text(""));
    assert_eq!(plain(MISTRAL, "m", r#"{"model":"m","logprobs":null}"#), r#"{"model":"m","logprobs":null}"#);
    let mut own = deployment(MISTRAL, "m");
    own.request.drop_params = Some(true);
    assert!(!refused(&own, ""));
    assert!(refused(&own, r#","drop_params":false"#));
    own.request.additional_drop_params = vec!["logprobs".into()];
    assert!(!refused(&own, r#","drop_params":false"#));
}

#[test]
fn azure_names_its_deployment_and_cohere_gets_strings() {
    assert_eq!(plain(AZURE, "my-gpt", r#"{"model":"g"}"#), r#"{"model":"my-gpt"}"#);
    let text = r#"{"model":"g","query":"q","documents":[{"text":"a"},"b"]}"#;
    let out = body(&surface(text), &deployment(COHERE, "r"), Endpoint::Rerank, "r", &PLAIN).unwrap();
    assert_eq!(out, r#"{"model":"r","query":"q","documents":["a","b"]}"#);
}
