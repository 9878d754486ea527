//! What may be shown of an entry's `litellm_params`: everything but secrets.

use serde_json::Value;

use super::Parts;
use crate::config::context::as_written;
use crate::config::keys;
use crate::config::yaml::Entry;
use crate::domain::deployment::{Origin, without_login};

/// What stands where a value would whose name does not tell whether it is a secret: a header's, or that of a name that
/// nobody knows, which may be a slip for `api_key`.
const HIDDEN: &str = "*****";

/// Reads it. Secrets are left out with their names, as LiteLLM does.
pub fn origin(parts: &Parts<'_>) -> Origin {
    let entries = parts.params.entries().iter().filter(|entry| !keys::hides(&entry.key));
    let params = entries.map(|entry| (entry.key.clone(), shown(entry))).collect();
    Origin { stored: parts.context.stored, params }
}

fn shown(entry: &Entry) -> Value {
    match entry.key.as_str() {
        "headers" | "extra_headers" => {
            let names = entry.node.entries().iter();
            Value::Object(names.map(|header| (header.key.clone(), HIDDEN.into())).collect())
        }
        "api_base" | "base_url" => match (entry.node.text(), &entry.node.variable) {
            (Some(url), None) => without_login(url).into(),
            _ => as_written(&entry.node, false),
        },
        name if is_known(name) => keys::without_secrets(as_written(&entry.node, false)),
        _ => HIDDEN.into(),
    }
}

fn is_known(name: &str) -> bool {
    keys::PARAMS.knows(name) || keys::REQUEST_PARAMS.contains(&name) || keys::is_price(name)
}
