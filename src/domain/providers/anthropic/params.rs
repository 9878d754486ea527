//! The plain parameters, and those that Anthropic does not have.

use serde_json::{Value, json};

use super::fields::{Object, Path, take};
use super::model::Model;
use super::{PROVIDER, Settings};
use crate::base::error::{Error, Kind};

/// OpenAI's parameters without a counterpart.
const UNSUPPORTED: &[&str] = &[
    "n",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "seed",
    "service_tier",
    "modalities",
    "audio",
    "prediction",
    "store",
    "verbosity",
];

/// What changes nothing about the answer: hints for OpenAI's prompt cache, and what streams do here anyway.
const HINTS: &[&str] = &["stream_options", "prompt_cache_key", "prompt_cache_retention"];

/// Takes what Anthropic cannot do out of the request.
///
/// # Errors
/// [`Kind::UnsupportedParams`] naming all of it at once, unless such parameters are to be dropped.
pub(super) fn refuse_unsupported(chat: &mut Object, model: &Model, settings: &Settings) -> Result<(), Error> {
    let allowed = |name: &str| settings.allowed_params.iter().any(|allowed| allowed == name);
    for hint in HINTS.iter().filter(|hint| !allowed(hint)) {
        chat.shift_remove(*hint);
    }
    let mut refused = Vec::new();
    for name in UNSUPPORTED.iter().filter(|name| !allowed(name)) {
        let native = *name == "service_tier" && chat.get(*name) == Some(&json!("standard_only"));
        if native {
            continue;
        }
        if take(chat, name).is_some_and(|value| !is_default(name, &value)) {
            refused.push(*name);
        }
    }
    if !model.reasons() && !allowed("reasoning_effort") {
        let effort = take(chat, "reasoning_effort");
        if effort.is_some_and(|effort| effort != json!("none")) {
            refused.push("reasoning_effort");
        }
    }
    if model.adaptive_only() {
        for name in ["temperature", "top_p"].into_iter().filter(|name| !allowed(name)) {
            let value = chat.get(name).and_then(Value::as_f64);
            if value.is_some_and(|value| value != 1.0) {
                refused.push(name);
                chat.shift_remove(name);
            }
        }
    }
    if refused.is_empty() || settings.drop_params {
        Ok(())
    } else {
        Err(unsupported(&refused, settings.model))
    }
}

fn unsupported(names: &[&str], model: &str) -> Error {
    let list: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let message = format!(
        "{PROVIDER} does not support parameters: [{}], for model={model}. Set `drop_params: true` to leave such \
         parameters out, or name them in `allowed_openai_params` to send them all the same.",
        list.join(", ")
    );
    let error = Error::new(Kind::UnsupportedParams, message);
    match names {
        [only] => error.with_param(*only),
        _ => error,
    }
}

/// Whether a value asks for what happens without it.
fn is_default(name: &str, value: &Value) -> bool {
    match name {
        "n" => value.as_f64() == Some(1.0),
        "presence_penalty" | "frequency_penalty" | "top_logprobs" => value.as_f64() == Some(0.0),
        "logprobs" | "store" => *value == json!(false),
        "logit_bias" => *value == json!({}),
        "service_tier" => *value == json!("auto") || *value == json!("default"),
        "modalities" => *value == json!(["text"]),
        "verbosity" => *value == json!("medium"),
        _ => false,
    }
}

/// `stream`, sampling, stop sequences and the user.
pub(super) fn plain(
    chat: &mut Object,
    body: &mut Object,
    model: &Model,
    settings: &Settings,
) -> Result<(), Error> {
    match take(chat, "stream") {
        Some(Value::Bool(stream)) => {
            body.insert("stream".to_owned(), Value::Bool(stream));
        }
        Some(other) => return Err(Path::root("stream").wrong("a boolean", &other)),
        None => {}
    }
    sampling(chat, body, model)?;
    if let Some(stop) = take(chat, "stop") {
        let stop = stop_sequences(stop, settings.drop_params)?;
        chat.shift_remove("stop_sequences");
        if !stop.is_empty() {
            body.insert("stop_sequences".to_owned(), Value::Array(stop));
        }
    }
    if let Some(user) = user(chat)? {
        body.insert("metadata".to_owned(), json!({"user_id": user}));
    }
    Ok(())
}

fn sampling(chat: &mut Object, body: &mut Object, model: &Model) -> Result<(), Error> {
    let mut number = |key: &str| match take(chat, key) {
        Some(value) if !value.is_number() => Err(Path::root(key).wrong("a number", &value)),
        value => Ok(value),
    };
    let (mut temperature, mut top_p) = (number("temperature")?, number("top_p")?);
    if temperature.is_some() && top_p.is_some() && model.one_sampling_parameter() {
        // Both at once are refused, and 1 is what either is without being said.
        let is_one = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64) == Some(1.0);
        if is_one(&top_p) {
            top_p = None;
        } else if is_one(&temperature) {
            temperature = None;
        }
    }
    for (key, value) in [("temperature", temperature), ("top_p", top_p)] {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    }
    Ok(())
}

/// `stop` as a list; blank sequences, which Anthropic refuses, go when parameters may be dropped.
fn stop_sequences(stop: Value, drop_blank: bool) -> Result<Vec<Value>, Error> {
    let path = Path::root("stop");
    let list = match stop {
        Value::String(_) => vec![stop],
        Value::Array(list) => list,
        other => return Err(path.wrong("a string or an array of strings", &other)),
    };
    let mut sent = Vec::with_capacity(list.len());
    for (i, value) in list.into_iter().enumerate() {
        let text = path.index(i).string(value)?;
        if !(drop_blank && text.trim().is_empty()) {
            sent.push(Value::String(text));
        }
    }
    Ok(sent)
}

/// `metadata.user_id`, else `user`, else `safety_identifier`; e-mail addresses and telephone numbers stay
/// here, because Anthropic asks for opaque ids.
fn user(chat: &mut Object) -> Result<Option<String>, Error> {
    let explicit = match take(chat, "metadata") {
        Some(Value::Object(mut metadata)) => match take(&mut metadata, "user_id") {
            Some(Value::String(id)) => Some(id),
            _ => None,
        },
        _ => None,
    };
    let user = take_string_root(chat, "user")?;
    let identifier = take_string_root(chat, "safety_identifier")?;
    Ok(explicit.or_else(|| user.or(identifier).filter(|user| !user.is_empty() && !is_personal(user))))
}

fn take_string_root(chat: &mut Object, key: &str) -> Result<Option<String>, Error> {
    take(chat, key).map(|value| Path::root(key).string(value)).transpose()
}

fn is_personal(user: &str) -> bool {
    let email = user.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !user.contains(char::is_whitespace)
    });
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let dialled = user.chars().all(|c| c.is_ascii_digit() || " +-().".contains(c));
    let formatted = user.starts_with('+') || user.contains([' ', '-', '(']);
    email || (dialled && (7..=15).contains(&digits) && (formatted || (10..=11).contains(&digits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deployment::ModelInfo;

    fn refusal(chat: Value, model: &str) -> Option<Error> {
        let info = ModelInfo::default();
        let settings = Settings { model, info: &info, drop_params: false, allowed_params: &[] };
        let mut chat = chat.as_object().unwrap().clone();
        refuse_unsupported(&mut chat, &Model::new(model, &info), &settings).err()
    }

    #[test]
    fn all_unsupported_parameters_are_named_at_once() {
        let error = refusal(json!({"n": 2, "seed": 1, "temperature": 0.2}), "claude-sonnet-4-5").unwrap();
        assert_eq!(error.kind(), Kind::UnsupportedParams);
        assert!(error.message().contains("['n', 'seed']"), "{}", error.message());
        assert!(error.message().contains("drop_params") && error.message().contains("allowed_openai_params"));
        let error = refusal(json!({"temperature": 0.2}), "claude-opus-4-7").unwrap();
        assert_eq!(error.param(), Some("temperature"));
        let error = refusal(json!({"reasoning_effort": "low"}), "claude-3-opus-20240229").unwrap();
        assert_eq!(error.param(), Some("reasoning_effort"));
    }

    #[test]
    fn asking_for_the_default_is_no_offence() {
        let chat = json!({"n": 1, "presence_penalty": 0, "logprobs": false, "logit_bias": {}, "seed": null,
            "service_tier": "auto", "store": false, "modalities": ["text"], "reasoning_effort": "none"});
        assert!(refusal(chat, "claude-3-opus-20240229").is_none());
    }

    #[test]
    fn personal_ids_are_recognised() {
        for personal in ["a@b.example", "+49 170 1234567", "(555) 123-4567", "5551234567"] {
            assert!(is_personal(personal), "{personal}");
        }
        for opaque in ["user-123", "12345", "u_5551234567", "a@b", "550e8400-e29b-41d4-a716-446655440000"] {
            assert!(!is_personal(opaque), "{opaque}");
        }
    }
}
