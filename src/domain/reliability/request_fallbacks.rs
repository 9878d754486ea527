//! Fallbacks that a request brings along.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::policy::Fallback;
use crate::base::error::Error;

/// The body fields that are read here; none of them is for the provider.
pub const FIELDS: [&str; 4] =
    ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "disable_fallbacks"];

/// What a request says about its own fallbacks; a list that is there replaces the configured one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestFallbacks {
    /// `fallbacks`
    pub general: Option<FallbackList>,
    /// `context_window_fallbacks`
    pub context_window: Option<FallbackList>,
    /// `content_policy_fallbacks`
    pub content_policy: Option<FallbackList>,
    /// `disable_fallbacks`
    pub disabled: bool,
}

/// One such list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FallbackList {
    /// `["b", {"model": "c", "temperature": 0}]`: whatever group fails.
    pub always: Vec<Fallback>,
    /// `[{"a": ["b", "c"]}]`: when this group fails; `*` is any other.
    pub per_group: HashMap<Arc<str>, Vec<Fallback>>,
}

impl RequestFallbacks {
    /// Reads the fields of a request body.
    ///
    /// # Errors
    /// A caller's mistake that names the field, down to the entry.
    pub fn parse(body: &Map<String, Value>) -> Result<Self, Error> {
        let list = |field: &str| {
            let value = body.get(field).filter(|value| !value.is_null());
            value.map(|value| FallbackList::parse(field, value)).transpose()
        };
        let disabled = match body.get("disable_fallbacks") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(disabled)) => *disabled,
            Some(_) => return Err(wrong("disable_fallbacks", "must be true or false")),
        };
        Ok(RequestFallbacks {
            general: list("fallbacks")?,
            context_window: list("context_window_fallbacks")?,
            content_policy: list("content_policy_fallbacks")?,
            disabled,
        })
    }

    /// These, and where a list is missing that of `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        RequestFallbacks {
            general: self.general.or_else(|| other.general.clone()),
            context_window: self.context_window.or_else(|| other.context_window.clone()),
            content_policy: self.content_policy.or_else(|| other.content_policy.clone()),
            disabled: self.disabled,
        }
    }

    /// Every group that the request names as a target, for the check of what its key may use.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<str>> {
        let lists = [&self.general, &self.context_window, &self.content_policy];
        lists.into_iter().flatten().flat_map(|list| {
            list.always.iter().chain(list.per_group.values().flatten()).map(|target| &target.group)
        })
    }
}

impl FallbackList {
    /// Reads a list of group names, of `{"model": group, ...overrides}` and of `{group: [targets]}`.
    ///
    /// # Errors
    /// A caller's mistake that names the entry of `field`.
    pub fn parse(field: &str, value: &Value) -> Result<Self, Error> {
        let Value::Array(entries) = value else {
            return Err(wrong(field, "must be a list of model names, objects with a model, or maps"));
        };
        let mut list = FallbackList::default();
        for (index, entry) in entries.iter().enumerate() {
            let place = format!("{field}[{index}]");
            match entry {
                Value::Object(map) if !map.get("model").is_some_and(Value::is_string) => {
                    list.add_map(&place, map)?;
                }
                entry => list.always.push(target(&place, entry)?),
            }
        }
        Ok(list)
    }

    fn add_map(&mut self, place: &str, map: &Map<String, Value>) -> Result<(), Error> {
        if map.is_empty() {
            return Err(wrong(place, "is empty: expected a model name with its list of fallbacks"));
        }
        for (group, targets) in map {
            let place = format!("{place}.{group}");
            let Value::Array(targets) = targets else {
                return Err(wrong(&place, "must be a list of fallbacks"));
            };
            let mut read = Vec::with_capacity(targets.len());
            for (index, entry) in targets.iter().enumerate() {
                read.push(target(&format!("{place}[{index}]"), entry)?);
            }
            self.per_group.entry(group.as_str().into()).or_default().extend(read);
        }
        Ok(())
    }
}

fn target(place: &str, entry: &Value) -> Result<Fallback, Error> {
    match entry {
        Value::String(group) if !group.is_empty() => {
            Ok(Fallback { group: group.as_str().into(), overrides: Map::new() })
        }
        Value::Object(map) => {
            let Some(Value::String(group)) = map.get("model").filter(|model| *model != "") else {
                return Err(wrong(&format!("{place}.model"), "must name a model"));
            };
            let mut overrides = map.clone();
            overrides.remove("model");
            Ok(Fallback { group: group.as_str().into(), overrides })
        }
        _ => Err(wrong(place, "must be a model name or an object with a model")),
    }
}

fn wrong(place: &str, sentence: &str) -> Error {
    Error::invalid(place, format!("{place} {sentence}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: Value) -> Result<RequestFallbacks, Error> {
        RequestFallbacks::parse(body.as_object().unwrap())
    }

    #[test]
    fn all_forms_are_read() {
        let read = parse(json!({
            "fallbacks": ["b", {"a": ["c", {"model": "d", "top_p": 1}]}, {"model": "e", "temperature": 0}],
            "context_window_fallbacks": [{"a": ["long"]}],
            "content_policy_fallbacks": null,
        }))
        .unwrap();
        let general = read.general.as_ref().unwrap();
        let names = |targets: &[Fallback]| -> Vec<String> {
            targets.iter().map(|one| format!("{} {}", one.group, json!(one.overrides))).collect()
        };
        assert_eq!(names(&general.always), ["b {}", r#"e {"temperature":0}"#]);
        assert_eq!(names(&general.per_group["a"]), ["c {}", r#"d {"top_p":1}"#]);
        assert_eq!(read.content_policy, None);
        let mut targets: Vec<_> = read.targets().map(|group| group.to_string()).collect();
        targets.sort();
        assert_eq!(targets, ["b", "c", "d", "e", "long"]);
        assert!(parse(json!({"disable_fallbacks": true})).unwrap().disabled);
        assert_eq!(parse(json!({"model": "a"})).unwrap(), RequestFallbacks::default());
    }

    #[test]
    fn mistakes_name_their_field() {
        for (body, field) in [
            (json!({"fallbacks": "b"}), "fallbacks"),
            (json!({"fallbacks": [7]}), "fallbacks[0]"),
            (json!({"fallbacks": ["b", ""]}), "fallbacks[1]"),
            (json!({"fallbacks": [{}]}), "fallbacks[0]"),
            (json!({"fallbacks": [{"a": "b"}]}), "fallbacks[0].a"),
            (json!({"fallbacks": [{"a": [{"temperature": 0}]}]}), "fallbacks[0].a[0].model"),
            (json!({"context_window_fallbacks": {"a": ["b"]}}), "context_window_fallbacks"),
            (json!({"disable_fallbacks": "yes"}), "disable_fallbacks"),
        ] {
            let error = parse(body.clone()).unwrap_err();
            assert_eq!(error.param(), Some(field), "{body}");
            assert!(error.message().starts_with(field), "{error}");
            assert_eq!(error.status(), 400);
        }
    }
}
