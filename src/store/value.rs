//! Values on their way into and out of a database: the three types that both of them share.

use super::StoreError;

/// A parameter or a column. Truth values are 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A text without NUL characters, which PostgreSQL cannot keep.
    Text(String),
}

/// A value that belongs to somebody else; its text has no NUL characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A number or a truth value.
    Int(i64),
    /// A text, in UTF-8.
    Text(&'a [u8]),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Int(i64::from(truth))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::from(text.to_string())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::from(text.clone())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<'a> From<&'a Option<String>> for Value {
    fn from(value: &'a Option<String>) -> Self {
        Value::from(value.as_deref())
    }
}

/// One row of an answer, read by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    fn at(&self, place: usize) -> &Value {
        self.0.get(place).unwrap_or(&Value::Null)
    }

    /// A number, if there is one.
    pub fn maybe_int(&self, place: usize) -> Option<i64> {
        match self.at(place) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A number; 0 when there is none.
    pub fn int(&self, place: usize) -> i64 {
        self.maybe_int(place).unwrap_or_default()
    }

    /// A truth value; false when there is none.
    pub fn truth(&self, place: usize) -> bool {
        self.int(place) != 0
    }

    /// A text, if there is one.
    pub fn maybe_text(&self, place: usize) -> Option<&str> {
        match self.at(place) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text; empty when there is none.
    pub fn text(&self, place: usize) -> String {
        self.maybe_text(place).unwrap_or_default().to_string()
    }

    /// A JSON text, read.
    pub fn json<T: serde::de::DeserializeOwned>(&self, place: usize) -> Result<T, StoreError> {
        serde_json::from_str(self.maybe_text(place).unwrap_or("null")).map_err(unreadable)
    }
}

fn unreadable(cause: serde_json::Error) -> StoreError {
    // The place only: the text around it is a row's.
    let (line, column) = (cause.line(), cause.column());
    StoreError::defect(format!("a stored document cannot be read (line {line}, column {column})"))
}

/// A value as JSON text for a column.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Value, StoreError> {
    let text = serde_json::to_string(value);
    text.map(Value::from).map_err(|_| StoreError::defect("a document cannot be written as JSON"))
}
