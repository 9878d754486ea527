//! One row of LiteLLM's database, read by column name. A column that its version does not have is empty.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::base::money::Nanos;
use crate::domain::keys::JsonMap;
use crate::store::Value;

/// A row. Amounts come as the decimal text that PostgreSQL writes, moments as milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Record(pub(super) BTreeMap<String, Value>);

impl Record {
    fn at(&self, column: &str) -> &Value {
        self.0.get(column).unwrap_or(&Value::Null)
    }

    /// A text; empty ones are none.
    pub fn text(&self, column: &str) -> Option<String> {
        match self.at(column) {
            Value::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    /// A whole number, or a moment.
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.at(column) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A truth value; none is false.
    pub fn truth(&self, column: &str) -> bool {
        self.int(column).is_some_and(|number| number != 0)
    }

    /// Dollars as nano-dollars, rounded half up at the last one.
    ///
    /// # Errors
    /// Why they cannot be kept: `NaN`, `Infinity`, more than 9 billion.
    pub fn dollars(&self, column: &str) -> Result<Option<i64>, String> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let read: Result<Nanos, _> = text.parse();
        read.map(|nanos| Some(nanos.get())).map_err(|cause| format!("its {column} {cause}"))
    }

    /// A JSON document; null when there is none.
    pub fn json(&self, column: &str) -> Json {
        self.text(column).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Json::Null)
    }

    /// A JSON object; empty when there is none.
    pub fn object(&self, column: &str) -> JsonMap {
        match self.json(column) {
            Json::Object(map) => map,
            _ => JsonMap::new(),
        }
    }

    /// A list of texts.
    pub fn texts(&self, column: &str) -> Vec<String> {
        match self.json(column) {
            Json::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_string)).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_what_they_are_and_missing_ones_are_empty() {
        let record = Record(BTreeMap::from([
            ("spend".to_string(), Value::from("0.30000000000000004")),
            ("odd".to_string(), Value::from("NaN")),
            ("models".to_string(), Value::from("[\"a\", null, \"b\"]")),
            ("metadata".to_string(), Value::from("{\"a\": 1}")),
            ("empty".to_string(), Value::from("")),
        ]));
        assert_eq!(record.dollars("spend"), Ok(Some(300_000_000)));
        assert_eq!(record.dollars("odd"), Err("its odd is not a decimal number".to_string()));
        assert_eq!(record.dollars("max_budget"), Ok(None));
        assert_eq!(record.texts("models"), ["a", "b"]);
        assert_eq!(record.object("metadata").len(), 1);
        assert_eq!((record.text("empty"), record.int("gone"), record.truth("gone")), (None, None, false));
    }
}
