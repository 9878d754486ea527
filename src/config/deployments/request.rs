//! What shapes a deployment's requests.

use serde_json::Map;

use crate::config::keys;
use crate::config::scope::{Scope, nearest};
use crate::config::yaml::Yaml;
use crate::domain::deployment::RequestRules;

/// Reads the rules.
pub fn read(params: &Scope<'_>) -> RequestRules {
    RequestRules {
        defaults: defaults(params),
        extra_body: params
            .scope("extra_body")
            .entries()
            .iter()
            .map(|e| (e.key.clone(), e.node.to_json()))
            .collect(),
        drop_params: params.bool("drop_params"),
        additional_drop_params: params.texts("additional_drop_params").unwrap_or_default(),
        allowed_openai_params: params.texts("allowed_openai_params").unwrap_or_default(),
        mock_response: params.text("mock_response"),
        keepalive: params.limit("keepalive_seconds"),
        client_keepalive: params.bool("allow_client_keepalive_override").unwrap_or(false),
        drain_on_disconnect: drains(params),
        client_side_params: client_side(params),
    }
}

/// What an unlisted key of `litellm_params` is.
enum Unlisted {
    /// A default of a request parameter.
    Default,
    /// Nearly a key that the gateway obeys, perhaps with a secret behind it: not sent.
    Typo(&'static str),
    /// Nearly a request parameter: sent, the provider may know better.
    OddDefault(&'static str),
    /// Named like a secret: it must not travel in request bodies.
    Secret,
    /// What only the caller can say.
    Callers,
}

fn unlisted(key: &str) -> Option<Unlisted> {
    if keys::PARAMS.knows(key) || keys::is_price(key) {
        return None;
    }
    if matches!(key, "stream" | "stream_options" | "messages" | "input" | "prompt") {
        return Some(Unlisted::Callers);
    }
    if keys::REQUEST_PARAMS.contains(&key) {
        return Some(Unlisted::Default);
    }
    match nearest(key, keys::PARAMS.all().chain(keys::REQUEST_PARAMS.iter().copied())) {
        Some(near) if keys::PARAMS.knows(near) || keys::is_secret(key) => Some(Unlisted::Typo(near)),
        _ if keys::is_secret(key) => Some(Unlisted::Secret),
        Some(near) => Some(Unlisted::OddDefault(near)),
        None => Some(Unlisted::Default),
    }
}

/// Warns about keys that are probably not what their author thinks.
pub fn warn_of_unknown(params: &Scope<'_>) {
    for key in params.entries().iter().map(|entry| entry.key.as_str()) {
        let message = match unlisted(key) {
            Some(Unlisted::Typo(near)) => format!("unknown key, did you mean \"{near}\"?"),
            Some(Unlisted::OddDefault(near)) => {
                format!("unknown parameter, did you mean \"{near}\"? It is sent to the provider as it is")
            }
            Some(Unlisted::Secret) => {
                "unknown key, and named like a secret: it is not sent anywhere".to_owned()
            }
            Some(Unlisted::Callers) => "only the caller can say this; it has no effect here".to_owned(),
            Some(Unlisted::Default) | None => continue,
        };
        params.problems.warn(params.at_of(key), &params.path_of(key), message);
    }
}

/// Every other key is a parameter of requests that do not set it themselves.
fn defaults(params: &Scope<'_>) -> Map<String, serde_json::Value> {
    let entries = params.entries().iter();
    entries
        .filter(|entry| {
            !entry.node.is_null()
                && matches!(unlisted(&entry.key), Some(Unlisted::Default | Unlisted::OddDefault(_)))
        })
        .map(|entry| (entry.key.clone(), entry.node.to_json()))
        .collect()
}

fn drains(params: &Scope<'_>) -> bool {
    let Some((field, word)) =
        params.get("on_disconnect").and_then(|field| Some((field.clone(), field.text()?)))
    else {
        return false;
    };
    if !matches!(word.as_str(), "drain" | "cancel") {
        field.error("must be \"cancel\" or \"drain\"");
    }
    word == "drain"
}

/// Names of parameters. Entries with a pattern for the value are not obeyed, and so give nothing away.
fn client_side(params: &Scope<'_>) -> Vec<String> {
    let Some(field) = params.get("configurable_clientside_auth_params") else { return Vec::new() };
    let mut names = Vec::new();
    for item in field.list().unwrap_or_default() {
        match &item.node.value {
            Yaml::Map(_) => item.warn("patterns for values come later; clients may not set this one"),
            _ => names.extend(item.text()),
        }
    }
    names
}
