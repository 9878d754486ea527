//! Reading JSON from clients: typed access whose errors name the field's path.

use std::fmt;

use serde_json::{Map, Value};

use crate::base::error::Error;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Where in the request a value stands; rendered (`messages[2].content[0].text`) only for errors.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// A field of the request body.
    pub(super) fn root(key: &'a str) -> Path<'a> {
        Path { parent: None, step: Step::Key(key) }
    }

    /// A field of the object at this path.
    pub(super) fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    /// An element of the array at this path.
    pub(super) fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// An error about this field.
    pub(super) fn error(&self, problem: impl fmt::Display) -> Error {
        let path = self.to_string();
        let message = format!("Invalid value for '{path}': {problem}.");
        Error::invalid(path, message)
    }

    /// An error about the type of this field's value.
    pub(super) fn wrong(&self, expected: &str, got: &Value) -> Error {
        self.error(format_args!("expected {expected}, got {}", kind_of(got)))
    }

    /// An error about this field's absence.
    pub(super) fn missing(&self) -> Error {
        let path = self.to_string();
        let message = format!("Missing required parameter: '{path}'.");
        Error::invalid(path, message)
    }

    /// The value as an object.
    pub(super) fn object(&self, value: Value) -> Result<Object, Error> {
        match value {
            Value::Object(object) => Ok(object),
            other => Err(self.wrong("an object", &other)),
        }
    }

    /// The value as an array.
    pub(super) fn array(&self, value: Value) -> Result<Vec<Value>, Error> {
        match value {
            Value::Array(array) => Ok(array),
            other => Err(self.wrong("an array", &other)),
        }
    }

    /// The value as a string.
    pub(super) fn string(&self, value: Value) -> Result<String, Error> {
        match value {
            Value::String(string) => Ok(string),
            other => Err(self.wrong("a string", &other)),
        }
    }

    /// The value as a whole number of at least 1 (`512` or `512.0`).
    pub(super) fn count(&self, value: &Value) -> Result<u64, Error> {
        let whole = value.as_u64().or_else(|| {
            let float = value.as_f64()?;
            // Above 2^53 a float no longer counts one by one.
            (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then_some(float as u64)
        });
        match whole {
            Some(0) => Err(self.error("must be at least 1")),
            Some(count) => Ok(count),
            None => Err(self.wrong("a whole number", value)),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Key(key) if self.parent.is_some() => write!(f, ".{key}"),
            Step::Key(key) => f.write_str(key),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// An object of these fields, moved in: `json!` copies what it is given, images of megabytes included.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Takes a field out; `null` counts as absent.
pub(super) fn take(object: &mut Object, key: &str) -> Option<Value> {
    object.shift_remove(key).filter(|value| !value.is_null())
}

/// Takes a required field out.
pub(super) fn require(object: &mut Object, key: &str, path: &Path) -> Result<Value, Error> {
    take(object, key).ok_or_else(|| path.key(key).missing())
}

/// Takes an optional string field out.
pub(super) fn take_string(object: &mut Object, key: &str, path: &Path) -> Result<Option<String>, Error> {
    take(object, key).map(|value| path.key(key).string(value)).transpose()
}

/// Takes a required string field out.
pub(super) fn require_string(object: &mut Object, key: &str, path: &Path) -> Result<String, Error> {
    path.key(key).string(require(object, key, path)?)
}

/// A field's text, `""` when it is absent or no string.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What a JSON value is, in an error's words.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_names_the_path() {
        let messages = Path::root("messages");
        let message = messages.index(2);
        let calls = message.key("tool_calls");
        let call = calls.index(0);
        let error = call.key("id").wrong("a string", &json!(1));
        assert_eq!(error.param(), Some("messages[2].tool_calls[0].id"));
        assert!(error.message().contains("expected a string, got an integer"), "{}", error.message());
    }

    #[test]
    fn counts_are_whole_and_positive() {
        let path = Path::root("max_tokens");
        assert_eq!(path.count(&json!(5)).ok(), Some(5));
        assert_eq!(path.count(&json!(5.0)).ok(), Some(5));
        for bad in [json!(0), json!(-1), json!(1.5), json!("5"), json!(1e300), json!([])] {
            assert!(path.count(&bad).is_err(), "{bad}");
        }
    }
}
