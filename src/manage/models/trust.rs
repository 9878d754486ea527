//! What may be written into a model through the API.
//!
//! Admins add models, but an admin need not be the one who runs the machine: that is the holder of the master key.
//! A provider key that the gateway has (in its environment, in a credential, in a model's row) must not get out by
//! telling the gateway to send it to another address. So, beside what the reader of entries does with the
//! environment's keys:
//!
//! - references to variables (`os.environ/NAME`) are resolved at use, as in the file, and only the master key's
//!   holder may write them; those of the gateway's own secrets nobody may;
//! - a new address comes with a new key, or from the master key's holder;
//! - the addresses at which clouds hand out credentials to machines are refused to all. Other private addresses are
//!   where people run models of their own.

use std::net::IpAddr;

use serde_json::Value;

use crate::base::error::Error;
use crate::base::reach::Reach;
use crate::config::stored::hides;
use crate::domain::keys::JsonMap;
use crate::manage::fail;

/// The mark of a reference to a variable.
const REFERENCE: &str = "os.environ/";
/// Variables with the gateway's own secrets.
const OWN: [&str; 7] =
    ["LITELLM_", "DATABASE_", "DIRECT_URL", "REDIS_", "STAGEDOOR_", "SLACK_WEBHOOK_URL", "WEBHOOK_URL"];
/// Where requests go.
const ADDRESSES: [&str; 2] = ["api_base", "base_url"];
/// Fields whose values are secrets, whatever they are called.
const HEADERS: [&str; 2] = ["headers", "extra_headers"];

/// Why an address is refused.
const METADATA: &str = "is an address at which clouds hand out credentials, or written like one in disguise";

/// A change of `litellm_params`.
pub struct Change<'a> {
    /// Whether the master key asks.
    pub master: bool,
    /// What the request names.
    pub asked: &'a JsonMap,
    /// As it was; empty for a new model.
    pub before: &'a JsonMap,
    /// As it would be.
    pub after: &'a JsonMap,
}

/// Judges a change.
///
/// # Errors
/// 403 naming the field.
pub fn judge(change: &Change<'_>) -> Result<(), Error> {
    for (name, value) in change.asked {
        references(change.master, &format!("litellm_params.{name}"), value)?;
    }
    for name in ADDRESSES {
        if change.asked.get(name).and_then(Value::as_str).is_some_and(is_metadata) {
            return Err(refused(name, METADATA));
        }
    }
    if change.master {
        return Ok(());
    }
    let moved = ADDRESSES.into_iter().find(|name| is_new(change, name));
    let credential = is_text(change.after, "litellm_credential_name");
    if credential {
        let own = ADDRESSES.into_iter().find(|name| is_text(change.after, name));
        let touched = moved.is_some() || is_new(change, "litellm_credential_name");
        if let Some(name) = own.filter(|_| touched) {
            let why =
                "would have the credential's key sent to another address; only the master key may do that";
            return Err(refused(name, why));
        }
    }
    let Some(moved) = moved else { return Ok(()) };
    let kept = change.before.iter().find(|(name, value)| {
        let secret = hides(name) || HEADERS.contains(&name.as_str()) || is_reference(value);
        secret && !change.asked.contains_key(*name) && change.after.get(*name) == Some(*value)
    });
    match kept {
        Some((kept, _)) => {
            let why =
                format!("can only be changed together with `{kept}`, which would be sent to the new address");
            Err(refused(moved, &why))
        }
        None => Ok(()),
    }
}

/// Judges the values of a credential. A model's own key is sent where its credential says, so an address in one is for
/// the holder of the master key.
///
/// # Errors
/// 403 naming the field.
pub fn judge_credential(master: bool, values: &JsonMap) -> Result<(), Error> {
    for (name, value) in values {
        let path = format!("credential_values.{name}");
        references(master, &path, value)?;
        if !ADDRESSES.contains(&name.as_str()) {
            continue;
        }
        if !master {
            let why = "would have the keys of other models sent there; only the master key may set it";
            return Err(refused_at(&path, why));
        }
        if value.as_str().is_some_and(is_metadata) {
            return Err(refused_at(&path, METADATA));
        }
    }
    Ok(())
}

fn refused(name: &str, why: &str) -> Error {
    refused_at(&format!("litellm_params.{name}"), why)
}

fn refused_at(path: &str, why: &str) -> Error {
    fail::forbidden_field(path, format!("`{path}` {why}."))
}

fn is_new(change: &Change<'_>, name: &str) -> bool {
    change.after.get(name).filter(|value| !value.is_null())
        != change.before.get(name).filter(|value| !value.is_null())
}

fn is_text(map: &JsonMap, name: &str) -> bool {
    map.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

fn is_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with(REFERENCE),
        Value::Array(items) => items.iter().any(is_reference),
        Value::Object(map) => map.values().any(is_reference),
        _ => false,
    }
}

fn references(master: bool, path: &str, value: &Value) -> Result<(), Error> {
    match value {
        Value::String(text) => {
            let Some(variable) = text.strip_prefix(REFERENCE).map(str::trim) else { return Ok(()) };
            if !master {
                return Err(refused_at(
                    path,
                    "may refer to the environment only when the master key writes it",
                ));
            }
            let variable = variable.to_ascii_uppercase();
            if OWN.iter().any(|own| variable.starts_with(own)) {
                return Err(refused_at(path, "must not refer to the gateway's own settings"));
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| references(master, path, item)),
        Value::Object(map) => map.values().try_for_each(|value| references(master, path, value)),
        _ => Ok(()),
    }
}

/// Link-local addresses, and the names of metadata servers. What other names stand for is judged when a connection is
/// made.
fn is_metadata(url: &str) -> bool {
    let rest = url.trim().split_once("://").map_or(url.trim(), |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(address) => !Reach::NoMetadata.allows(address),
        Err(_) => {
            let named = matches!(host.as_str(), "metadata" | "metadata.google.internal" | "instance-data");
            named || is_short_form(&host)
        }
    }
}

/// Short and foreign forms of an IPv4 address (`2852039166`, `0xa9fea9fe`, `169.16689662`, `0251.0376.0251.0376`):
/// resolvers read them as addresses, and nobody writes a provider's so.
fn is_short_form(host: &str) -> bool {
    !host.is_empty()
        && host.split('.').all(|part| match part.strip_prefix("0x") {
            Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(master: bool, asked: Value, before: Value) -> Result<(), String> {
        let (asked, before) = (asked.as_object().unwrap(), before.as_object().unwrap());
        let mut after = before.clone();
        after.extend(asked.clone());
        judge(&Change { master, asked, before, after: &after })
            .map_err(|error| format!("{} {}", error.status(), error.param().unwrap()))
    }

    #[test]
    fn references_are_for_the_master_key_and_never_for_the_gateways_secrets() {
        let none = json!({});
        for asked in [
            json!({"api_key": "os.environ/SOME_KEY"}),
            json!({"extra_headers": {"x": "os.environ/SOME_KEY"}}),
            json!({"tags": ["os.environ/SOME_KEY"]}),
        ] {
            assert!(judged(true, asked.clone(), none.clone()).is_ok(), "{asked}");
            let told = judged(false, asked.clone(), none.clone()).unwrap_err();
            assert!(told.starts_with("403 litellm_params."), "{told}");
        }
        for name in ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "DATABASE_URL", "redis_password"] {
            let asked = json!({"organization": format!("os.environ/ {name}")});
            assert_eq!(judged(true, asked, none.clone()).unwrap_err(), "403 litellm_params.organization");
        }
    }

    #[test]
    fn a_stored_key_is_not_sent_to_an_address_of_somebody_elses_choice() {
        let before = json!({"model": "openai/x", "api_key": "sk-real", "api_base": "https://a.example"});
        let elsewhere = json!({"api_base": "https://b.example"});
        assert_eq!(
            judged(false, elsewhere.clone(), before.clone()).unwrap_err(),
            "403 litellm_params.api_base"
        );
        assert!(judged(true, elsewhere, before.clone()).is_ok());
        let with_key = json!({"api_base": "https://b.example", "api_key": "sk-own"});
        assert!(judged(false, with_key, before.clone()).is_ok());
        assert!(judged(false, json!({"api_base": "https://a.example", "rpm": 5}), before).is_ok());
        let header = json!({"model": "openai/x", "extra_headers": {"x-auth": "s"}});
        assert!(judged(false, json!({"base_url": "https://b.example"}), header).is_err());
        let credential = json!({"litellm_credential_name": "c", "api_base": "https://b.example"});
        assert!(judged(false, credential.clone(), json!({})).is_err());
        assert!(judged(false, json!({"litellm_credential_name": "c"}), json!({})).is_ok());
        assert!(judged(false, json!({"rpm": 1}), credential).is_ok());
    }

    #[test]
    fn credentials_say_where_keys_go_only_by_the_master_key() {
        let judged = |master: bool, values: Value| {
            judge_credential(master, values.as_object().unwrap())
                .map_err(|error| error.param().unwrap_or_default().to_string())
        };
        for (values, field) in [
            (json!({"api_base": "https://b.example"}), "credential_values.api_base"),
            (json!({"base_url": null}), "credential_values.base_url"),
            (json!({"api_key": "os.environ/SOME_KEY"}), "credential_values.api_key"),
        ] {
            assert_eq!(judged(false, values.clone()).unwrap_err(), field);
            assert!(judged(true, values.clone()).is_ok(), "{values}");
        }
        assert!(judged(false, json!({"api_key": "k", "api_version": "2024-06-01"})).is_ok());
        assert!(judged(true, json!({"api_base": "http://169.254.169.254"})).is_err());
        assert!(judged(true, json!({"api_key": "os.environ/LITELLM_MASTER_KEY"})).is_err());
    }

    #[test]
    fn metadata_servers_are_nobodys_provider() {
        for bad in [
            "http://169.254.169.254/latest",
            "http://user@169.254.170.2:80",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fd00:ec2::254]",
            "http://metadata.google.internal./",
            "http://2852039166/",
            "http://0xa9fea9fe/v1",
            "http://169.16689662",
            "http://0251.0376.0251.0376:80/",
            "http://0xA9.254.0xa9.254",
        ] {
            assert!(judged(true, json!({"api_base": bad}), json!({})).is_err(), "{bad}");
        }
        for good in [
            "http://10.0.0.5:8000/v1",
            "http://localhost:11434",
            "https://api.example.com",
            "http://0xcafe.example/v1",
            "http://vllm-7.internal:8000",
        ] {
            assert!(judged(false, json!({"api_base": good}), json!({})).is_ok(), "{good}");
        }
    }
}
