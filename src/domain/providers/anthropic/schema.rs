//! JSON schemas in the subset that Anthropic enforces natively.
//!
//! See "JSON Schema limitations" in <https://docs.claude.com/en/docs/build-with-claude/structured-outputs>.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::fields::Object;

/// Limits that cannot be enforced; the model still reads them in the description.
const TOLD: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// Words without effect on what is valid.
const IGNORED: &[&str] =
    &["$schema", "$id", "$comment", "examples", "example", "deprecated", "readOnly", "writeOnly", "nullable"];

/// String formats that are enforced.
const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// The schema as Anthropic takes it, or `None` when the subset cannot express it (recursion, free-form
/// objects, words that are not known here).
pub(super) fn native(schema: &Value) -> Option<Value> {
    if recursive(schema) { None } else { convert(schema) }
}

fn convert(schema: &Value) -> Option<Value> {
    let schema = schema.as_object()?;
    let mut sent = Object::new();
    let mut told = Object::new();
    for (key, value) in schema {
        match key.as_str() {
            "properties" | "$defs" | "definitions" => {
                let converted: Option<Object> = value
                    .as_object()?
                    .iter()
                    .map(|(name, schema)| Some((name.clone(), convert(schema)?)))
                    .collect();
                sent.insert(key.clone(), Value::Object(converted?));
            }
            "items" => {
                sent.insert(key.clone(), convert(value)?);
            }
            "anyOf" | "oneOf" | "allOf" => {
                let converted: Option<Vec<Value>> = value.as_array()?.iter().map(convert).collect();
                let key = if key == "allOf" { "allOf" } else { "anyOf" };
                sent.insert(key.to_owned(), Value::Array(converted?));
            }
            "additionalProperties" if *value == json!(false) => {}
            "format" if !value.as_str().is_some_and(|format| FORMATS.contains(&format)) => {
                told.insert(key.clone(), value.clone());
            }
            "minItems" if value.as_u64().is_some_and(|least| least <= 1) => {
                sent.insert(key.clone(), value.clone());
            }
            word if TOLD.contains(&word) => {
                told.insert(key.clone(), value.clone());
            }
            word if IGNORED.contains(&word) => {}
            "type" | "enum" | "const" | "description" | "title" | "default" | "$ref" | "required"
            | "format" => {
                sent.insert(key.clone(), value.clone());
            }
            _ => return None,
        }
    }
    close(&mut sent)?;
    tell(&mut sent, told);
    Some(Value::Object(sent))
}

/// Objects have to list their properties; what says nothing at all is not expressible.
fn close(sent: &mut Object) -> Option<()> {
    let is_object = match sent.get("type") {
        Some(Value::String(type_)) => type_ == "object",
        Some(Value::Array(types)) => types.iter().any(|type_| type_ == "object"),
        _ => sent.contains_key("properties"),
    };
    if is_object {
        sent.get("properties")?.as_object().filter(|properties| !properties.is_empty())?;
        sent.insert("additionalProperties".to_owned(), Value::Bool(false));
        return Some(());
    }
    ["type", "enum", "const", "$ref", "anyOf", "allOf"]
        .iter()
        .any(|key| sent.contains_key(*key))
        .then_some(())
}

fn tell(sent: &mut Object, told: Object) {
    if told.is_empty() {
        return;
    }
    let limits = Value::Object(told).to_string();
    let description = match sent.get("description").and_then(Value::as_str) {
        Some(description) if !description.is_empty() => format!("{description}\n\nMust satisfy {limits}"),
        _ => format!("Must satisfy {limits}"),
    };
    sent.insert("description".to_owned(), Value::String(description));
}

/// Whether a definition refers to itself, directly or through others, or to something outside.
fn recursive(schema: &Value) -> bool {
    let mut open = HashSet::new();
    let mut done = HashSet::new();
    cyclic(schema, schema, &mut open, &mut done)
}

fn cyclic<'a>(
    root: &'a Value,
    at: &'a Value,
    open: &mut HashSet<&'a str>,
    done: &mut HashSet<&'a str>,
) -> bool {
    match at {
        Value::Object(object) => object.iter().any(|(key, value)| match (key.as_str(), value) {
            ("$ref", Value::String(target)) => follow(root, target, open, done),
            // Definitions count where they are referred to.
            ("$defs" | "definitions", _) => false,
            _ => cyclic(root, value, open, done),
        }),
        Value::Array(array) => array.iter().any(|value| cyclic(root, value, open, done)),
        _ => false,
    }
}

fn follow<'a>(
    root: &'a Value,
    target: &'a str,
    open: &mut HashSet<&'a str>,
    done: &mut HashSet<&'a str>,
) -> bool {
    if done.contains(target) {
        return false;
    }
    let Some(definition) = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else {
        return true;
    };
    if target == "#" || !open.insert(target) {
        return true;
    }
    let found = cyclic(root, definition, open, done);
    open.remove(target);
    done.insert(target);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_instead_of_enforced() {
        let schema = json!({"type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer", "minimum": 3, "description": "How many"},
            "when": {"oneOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "list": {"type": "array", "items": {"type": "string", "format": "phone"}, "minItems": 1},
        }});
        assert_eq!(
            native(&schema).unwrap(),
            json!({"type": "object", "required": ["n"], "properties": {
                "n": {"type": "integer", "description": "How many\n\nMust satisfy {\"minimum\":3}"},
                "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                "list": {"type": "array", "minItems": 1, "items": {"type": "string",
                    "description": "Must satisfy {\"format\":\"phone\"}"}},
            }, "additionalProperties": false})
        );
    }

    #[test]
    fn what_the_subset_lacks_is_refused() {
        for schema in [
            json!({"type": "object"}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "properties": {"a": true}}),
            json!({"type": "object", "properties": {"a": {}}}),
            json!({"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "#"}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "https://x.test/s.json"}}}),
            json!({"$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}},
                "type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "not": {}}),
            json!(true),
        ] {
            assert_eq!(native(&schema), None, "{schema}");
        }
    }

    #[test]
    fn definitions_may_be_used_twice() {
        let schema = json!({"$defs": {"p": {"type": "object", "properties": {"x": {"type": "number"}}}},
            "type": "object", "properties": {"a": {"$ref": "#/$defs/p"}, "b": {"$ref": "#/$defs/p"}}});
        assert!(native(&schema).is_some());
    }
}
