//! The response cache: who is answered from it, what that costs, and what must never be.

mod exact;
mod governed;
mod inputs;
mod operators;
mod places;
mod semantic;
mod streams;
mod together;

use serde_json::{Value, json};

use crate::harness::{FakeProvider, Gateway, Reply, config, openai, with};

/// A provider key whose answers are numbered, so that a test sees which call made an answer.
const NUMBERED: &str = "sk-fake.text=answer {n}";

/// A gateway with one numbered model `gpt`, and these settings of the cache.
async fn cached(provider: &FakeProvider, params: Value) -> Gateway {
    Gateway::serve(&cached_config(provider, params)).await
}

fn cached_config(provider: &FakeProvider, params: Value) -> Value {
    let settings = json!({"litellm_settings": {"cache": true, "cache_params": params}});
    with(config(&[openai("gpt", provider, NUMBERED)]), settings)
}

/// What a chat answer says.
fn said(reply: &Reply) -> String {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// A chat request for `gpt` that says this.
fn hello(text: &str) -> Value {
    json!({"model": "gpt", "messages": [{"role": "user", "content": text}]})
}
