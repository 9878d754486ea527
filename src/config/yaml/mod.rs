//! The tree of a config file: values that remember the line they came from.

mod lenient;
mod merge;
mod parse;
mod scalar;

pub use lenient::parse;
pub use parse::{ParseError, push_key};

use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::problem::At;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Yaml,
    /// Where it stands.
    pub at: At,
    /// The environment variable that it was read from (`os.environ/NAME`).
    pub variable: Option<Arc<str>>,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// Nothing, or an unset variable.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in file order, each key once.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as written.
    pub key: String,
    /// Where the key stands.
    pub at: At,
    /// The value.
    pub node: Node,
}

impl Node {
    /// A value at a place.
    pub fn new(value: Yaml, at: At) -> Self {
        Node { value, at, variable: None }
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Yaml::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        self.value == Yaml::Null
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "true or false",
            Yaml::Int(_) | Yaml::Float(_) => "a number",
            Yaml::Text(_) => "a text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }

    /// A JSON value as if it stood at a place.
    pub fn from_json(value: &Value, at: At) -> Self {
        let value = match value {
            Value::Null => Yaml::Null,
            Value::Bool(flag) => Yaml::Bool(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Yaml::Int(number),
                None => number.as_f64().map_or(Yaml::Null, Yaml::Float),
            },
            Value::String(text) => Yaml::Text(text.clone()),
            Value::Array(items) => Yaml::List(items.iter().map(|item| Node::from_json(item, at)).collect()),
            Value::Object(map) => Yaml::Map(
                map.iter()
                    .map(|(key, value)| Entry { key: key.clone(), at, node: Node::from_json(value, at) })
                    .collect(),
            ),
        };
        Node::new(value, at)
    }

    /// The same as JSON. Numbers that JSON lacks (`.inf`, `.nan`) become `null`.
    pub fn to_json(&self) -> Value {
        match &self.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(flag) => Value::Bool(*flag),
            Yaml::Int(number) => Value::from(*number),
            Yaml::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Yaml::Text(text) => Value::String(text.clone()),
            Yaml::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Yaml::Map(_) => Value::Object(self.to_json_map()),
        }
    }

    /// A mapping as a JSON object; empty for anything else.
    pub fn to_json_map(&self) -> Map<String, Value> {
        self.entries().iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
    }
}
