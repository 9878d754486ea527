//! Config files and requests as JSON (which is YAML too).

use serde_json::{Value, json};

use super::{FakeProvider, KEY};

/// A config file: the master key of the tests, no retries unless asked for, these deployments.
pub fn config(models: &[Value]) -> Value {
    json!({
        "model_list": models,
        "general_settings": {"master_key": KEY},
        "router_settings": {"num_retries": 0},
    })
}

/// A deployment of an OpenAI-type provider; its id is the provider key, which is unique in a test.
pub fn openai(group: &str, provider: &FakeProvider, key: &str) -> Value {
    at(group, &format!("openai/{group}-up"), &provider.v1(), key)
}

/// A deployment of Anthropic's API.
pub fn anthropic(group: &str, provider: &FakeProvider, key: &str) -> Value {
    at(group, "anthropic/claude-test", &provider.base(), key)
}

/// A deployment of Azure OpenAI.
pub fn azure(group: &str, provider: &FakeProvider, key: &str) -> Value {
    with(
        at(group, "azure/my-deployment", &provider.base(), key),
        json!({"litellm_params": {"api_version": "2024-06-01"}}),
    )
}

/// A deployment at some address.
pub fn at(group: &str, model: &str, api_base: &str, key: &str) -> Value {
    json!({
        "model_name": group,
        "litellm_params": {"model": model, "api_base": api_base, "api_key": key},
        "model_info": {"id": key},
    })
}

/// `base` with the members of `more`, objects inside objects too.
pub fn with(mut base: Value, more: Value) -> Value {
    merge(&mut base, more);
    base
}

fn merge(base: &mut Value, more: Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (name, value) in more {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, more) => *base = more,
    }
}

/// A chat request.
pub fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
}
