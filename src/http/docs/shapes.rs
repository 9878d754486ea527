//! What is said of an operation: its fields with their types and units, and its reply.

use serde_json::{Value, json};

use crate::manage::authority::Verb;

/// The type of a field, with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text that is one of these.
    One(&'static [&'static str]),
    /// A whole number.
    Int,
    /// Any number.
    Number,
    /// True or false.
    Bool,
    /// US dollars.
    Usd,
    /// How long a budget's period is (`1d`).
    Period,
    /// How long something lives (`30d`).
    Lifetime,
    /// A moment (ISO 8601).
    Moment,
    /// A day (`2026-11-21`).
    Date,
    /// A list of texts.
    Texts,
    /// A JSON object.
    Object,
    /// A list of JSON objects.
    Objects,
    /// A file of a form.
    File,
    /// Anything.
    Any,
}

impl Kind {
    /// Its JSON schema.
    pub fn schema(self) -> Value {
        match self {
            Kind::Text | Kind::Period | Kind::Lifetime => json!({"type": "string"}),
            Kind::One(names) => json!({"type": "string", "enum": names}),
            Kind::Int => json!({"type": "integer", "format": "int64"}),
            Kind::Number | Kind::Usd => json!({"type": "number"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Moment => json!({"type": "string", "format": "date-time"}),
            Kind::Date => json!({"type": "string", "format": "date"}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Kind::Object => json!({"type": "object"}),
            Kind::Objects => json!({"type": "array", "items": {"type": "object"}}),
            Kind::File => json!({"type": "string", "format": "binary"}),
            Kind::Any => json!({}),
        }
    }

    /// Its name on the page, with its unit.
    pub fn shown(self) -> String {
        match self {
            Kind::Text => "text".into(),
            Kind::One(names) => names.join(" | "),
            Kind::Int => "whole number".into(),
            Kind::Number => "number".into(),
            Kind::Bool => "true | false".into(),
            Kind::Usd => "US dollars".into(),
            Kind::Period => "period".into(),
            Kind::Lifetime => "duration".into(),
            Kind::Moment => "moment".into(),
            Kind::Date => "day".into(),
            Kind::Texts => "list of texts".into(),
            Kind::Object => "object".into(),
            Kind::Objects => "list of objects".into(),
            Kind::File => "file".into(),
            Kind::Any => "any".into(),
        }
    }

    /// What its unit means, where the name does not say it.
    pub fn unit(self) -> &'static str {
        match self {
            Kind::Usd => "US dollars, exact to a billionth.",
            Kind::Period => "Like 1h, 24h, 7d, 30d or 1mo; periods begin on the calendar's marks.",
            Kind::Lifetime => "Like 30s, 30m, 1h, 30d or 1mo, counted from now.",
            Kind::Moment => "ISO 8601; UTC when it names no zone.",
            Kind::Date => "YYYY-MM-DD, in UTC.",
            _ => "",
        }
    }

    /// A value of it, for examples.
    pub fn example(self) -> Value {
        match self {
            Kind::Text => json!("..."),
            Kind::One(names) => json!(names.first()),
            Kind::Int => json!(100),
            Kind::Number => json!(1),
            Kind::Bool => json!(true),
            Kind::Usd => json!(5.0),
            Kind::Period | Kind::Lifetime => json!("30d"),
            Kind::Moment => json!("2026-12-31T23:59:59Z"),
            Kind::Date => json!("2026-11-21"),
            Kind::Texts => json!(["..."]),
            Kind::Object | Kind::Any => json!({}),
            Kind::Objects => json!([{}]),
            Kind::File => json!("@file"),
        }
    }
}

/// A field of a body, a query or a reply.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether a request must have it.
    pub must: bool,
    /// What it means.
    pub about: &'static str,
}

/// A field that may be left out.
pub const fn f(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, must: false, about }
}

/// A field that must be there.
pub const fn must(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, must: true, about }
}

/// The outer form of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A JSON object.
    Object,
    /// A JSON list.
    List,
    /// A number or a text, as JSON.
    Plain,
    /// Something else than JSON, of this content type.
    Other(&'static str),
}

/// What an operation answers when it succeeds.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    /// Its form.
    pub shape: Shape,
    /// What it is.
    pub about: &'static str,
    /// The fields that matter; there may be more.
    pub fields: &'static [&'static [Field]],
}

/// An object without further words about its fields.
pub const fn gives(about: &'static str) -> Reply {
    Reply { shape: Shape::Object, about, fields: &[] }
}

/// An object with these fields.
pub const fn row(about: &'static str, fields: &'static [&'static [Field]]) -> Reply {
    Reply { shape: Shape::Object, about, fields }
}

/// A list.
pub const fn list(about: &'static str) -> Reply {
    Reply { shape: Shape::List, about, fields: &[] }
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its method.
    pub verb: Verb,
    /// Its path, as the table that serves it has it.
    pub path: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its fields: of the query for GET, else of the JSON body.
    pub fields: &'static [&'static [Field]],
    /// What it answers.
    pub reply: Reply,
}

/// An operation.
pub const fn op(
    verb: Verb,
    path: &'static str,
    summary: &'static str,
    fields: &'static [&'static [Field]],
    reply: Reply,
) -> Operation {
    Operation { verb, path, summary, fields, reply }
}

impl Operation {
    /// All fields; of several with one name the first.
    pub fn all_fields(&self) -> Vec<&'static Field> {
        flat(self.fields)
    }

    /// The names in its path.
    pub fn in_path(&self) -> Vec<&'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }
}

/// Fields of several groups; of several with one name the first.
pub fn flat(groups: &'static [&'static [Field]]) -> Vec<&'static Field> {
    let mut all: Vec<&'static Field> = Vec::new();
    for field in groups.iter().copied().flatten() {
        if !all.iter().any(|other| other.name == field.name) {
            all.push(field);
        }
    }
    all
}

/// Operations that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Who may call: everybody who knows the address, or whoever has a key.
    pub public: bool,
    /// Its operations.
    pub operations: &'static [Operation],
}
