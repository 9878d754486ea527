//! Secrets that stand in a request or an answer under a name of their own, whatever they look like: `authorization` and
//! `headers` of MCP tools, `authentication` of data sources, logins and keys in addresses.

use serde_json::{Map, Value};

use crate::domain::redact::REDACTED;

/// Names that end so hold a secret; `-` counts as `_`.
const SECRETS: [&str; 22] = [
    "authorization",
    "authorization_token",
    "api_key",
    "api_keys",
    "apikey",
    "access_key",
    "access_key_id",
    "secret_key",
    "private_key",
    "encryption_key",
    "access_token",
    "refresh_token",
    "auth_token",
    "bearer_token",
    "session_token",
    "security_token",
    "ad_token",
    "password",
    "passwd",
    "secret",
    "cookie",
    "connection_string",
];
/// Whatever text stands below these is one.
const HOLDERS: [&str; 6] = ["headers", "extra_headers", "authentication", "auth", "credentials", "env"];
/// JSON written as a text stands below these.
const WRITTEN: [&str; 2] = ["arguments", "partial_json"];
/// The longest name that is looked at, bytes.
const LONGEST_NAME: usize = 64;
/// Parameters of addresses that are secrets, besides those above.
const PARAMETERS: [&str; 6] = ["key", "token", "sig", "signature", "x_amz_signature", "x_amz_credential"];

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It is a secret.
    Secret,
    /// All texts in it may be.
    Secrets,
    /// It is JSON as a text.
    Json,
    /// Nothing.
    Other,
}

/// What a name says of its value.
pub fn holds(name: &str) -> Holds {
    let mut room = [0; LONGEST_NAME];
    let Some(name) = plain(name, &mut room) else { return Holds::Other };
    let ends = |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    if SECRETS.iter().any(|end| ends(end)) {
        Holds::Secret
    } else if HOLDERS.contains(&name) || name.ends_with("_credentials") {
        Holds::Secrets
    } else if WRITTEN.contains(&name) {
        Holds::Json
    } else {
        Holds::Other
    }
}

/// A name in lower case with `_` for `-`, and for the step in `accessToken`; `None` for what is too long to be one of ours.
/// Each key of each object is looked at, so nothing is allocated.
fn plain<'r>(name: &str, room: &'r mut [u8; LONGEST_NAME]) -> Option<&'r str> {
    let (mut at, mut before) = (0, b'_');
    for byte in name.bytes() {
        if byte.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            *room.get_mut(at)? = b'_';
            at += 1;
        }
        *room.get_mut(at)? = if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
        (at, before) = (at + 1, byte);
    }
    std::str::from_utf8(room.get(..at)?).ok()
}

/// Takes out what a secret's name stands for. Answers whether it was that: a description of a field is none.
pub fn hide(value: &mut Value, holds: Holds) -> bool {
    match value {
        Value::Object(map) if is_schema(map) => false,
        Value::String(text) if !text.is_empty() => {
            *text = REDACTED.to_owned();
            true
        }
        Value::Number(_) if holds == Holds::Secret => {
            *value = REDACTED.into();
            true
        }
        Value::Array(_) | Value::Object(_) => {
            hide_texts(value);
            true
        }
        _ => true,
    }
}

fn hide_texts(value: &mut Value) {
    match value {
        Value::String(text) if !text.is_empty() => *text = REDACTED.to_owned(),
        Value::Array(values) => values.iter_mut().for_each(hide_texts),
        // Of what kind a secret is may be seen.
        Value::Object(map) => {
            map.iter_mut().filter(|(name, _)| *name != "type").for_each(|(_, value)| hide_texts(value));
        }
        _ => {}
    }
}

/// Whether an object describes a field of a tool's arguments (JSON Schema), which may well be called `password`.
fn is_schema(map: &Map<String, Value>) -> bool {
    const TYPES: [&str; 7] = ["object", "string", "array", "number", "integer", "boolean", "null"];
    let typed = match map.get("type") {
        Some(Value::String(kind)) => TYPES.contains(&kind.as_str()),
        Some(Value::Array(_)) => true,
        _ => false,
    };
    typed
        || ["properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"]
            .iter()
            .any(|key| map.contains_key(*key))
}

/// An address without its login and the values of parameters that are secrets; `None` where there are none, or where
/// the text is something else.
pub fn address(text: &str) -> Option<String> {
    const LONGEST_SCHEME: usize = 24;
    let colon = text.bytes().take(LONGEST_SCHEME).position(|byte| byte == b':')?;
    let (scheme, rest) = text.split_at_checked(colon)?;
    let rest = rest.strip_prefix("://")?;
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte)) {
        return None;
    }
    if text.contains(char::is_whitespace) {
        return None;
    }
    let (base, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let (authority, path) = base.split_at(base.find('/').unwrap_or(base.len()));
    let host = authority.rsplit_once('@').map(|(_, host)| format!("{REDACTED}@{host}"));
    let mut changed = host.is_some();
    let pairs = query.split_inclusive(['?', '&', '#']).map(|piece| {
        let (pair, end) = piece.split_at(piece.trim_end_matches(['?', '&', '#']).len());
        match pair.split_once('=') {
            Some((name, value)) if is_parameter(name) && !value.is_empty() => {
                changed = true;
                format!("{name}={REDACTED}{end}")
            }
            _ => piece.to_owned(),
        }
    });
    let query: String = pairs.collect();
    changed.then(|| format!("{scheme}://{}{path}{query}", host.as_deref().unwrap_or(authority)))
}

fn is_parameter(name: &str) -> bool {
    let mut room = [0; LONGEST_NAME];
    plain(name, &mut room).is_some_and(|plain| PARAMETERS.contains(&plain)) || holds(name) == Holds::Secret
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in [
            "authorization",
            "Authorization",
            "x-api-key",
            "aws_secret_access_key",
            "langfuse_secret_key",
            "azure_ad_token",
            "client_secret",
            "authorization_token",
            "encoded_api_key",
            "clientSecret",
            "accessToken",
            "privateKey",
            "X-Api-Key",
            "awsSecretAccessKey",
            "dbPassword",
        ] {
            assert_eq!(holds(name), Holds::Secret, "{name}");
        }
        for name in [
            "token",
            "max_tokens",
            "stop_token",
            "monkey",
            "keys",
            "secretary",
            "maxTokens",
            "content",
            "user",
        ] {
            assert_eq!(holds(name), Holds::Other, "{name}");
        }
        assert_eq!((holds("headers"), holds("vertex_credentials")), (Holds::Secrets, Holds::Secrets));
    }

    #[test]
    fn values_go_and_descriptions_stay() {
        let hidden = |mut value: Value| {
            hide(&mut value, Holds::Secret);
            value
        };
        assert_eq!(hidden(json!("x")), "[redacted]");
        assert_eq!(hidden(json!(12345)), "[redacted]");
        assert_eq!(
            hidden(json!({"type": "api_key", "key": "x", "more": ["y"]})),
            json!({"type": "api_key", "key": "[redacted]", "more": ["[redacted]"]})
        );
        let schema = json!({"type": "string", "description": "the password"});
        assert_eq!(hidden(schema.clone()), schema);
    }

    #[test]
    fn addresses_lose_logins_and_keys() {
        for (text, left) in [
            ("https://ann:pw@mcp.example/sse", Some("https://[redacted]@mcp.example/sse")),
            ("https://tok@mcp.example", Some("https://[redacted]@mcp.example")),
            ("https://h/x?a=1&api_key=k&b=2#f", Some("https://h/x?a=1&api_key=[redacted]&b=2#f")),
            ("https://h/o?X-Amz-Signature=abc", Some("https://h/o?X-Amz-Signature=[redacted]")),
            ("https://h/x?page=2", None),
            ("mail ann@b.example about https://h", None),
            ("data:image/png;base64,AAAA", None),
        ] {
            assert_eq!(address(text).as_deref(), left, "{text}");
        }
    }
}
