//! The fields of a request, read as leniently as LiteLLM reads them: numbers may come as text, unknown fields are
//! nobody's business. What cannot be right is told with the field's name.

use serde_json::Value;

use super::fail::{invalid, missing, wrong_type};
use crate::base::error::Error;
use crate::base::money::Nanos;
use crate::domain::keys::JsonMap;
use crate::domain::keys::reset::Every;

/// The longest name of a key, user, team or organization, bytes: it stands in rows, logs, metrics and headers.
const LONGEST_NAME: usize = 256;

/// The fields of a JSON object, or of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Body(pub JsonMap);

/// What a request says about a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given<T> {
    /// Nothing.
    Absent,
    /// That it shall have no value.
    Null,
    /// This.
    Is(T),
}

impl<T> Given<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Given::Is(value) => Some(value),
            Given::Absent | Given::Null => None,
        }
    }

    /// Changes a field that may be empty, if the request names it.
    pub fn set(self, field: &mut Option<T>) {
        match self {
            Given::Absent => {}
            Given::Null => *field = None,
            Given::Is(value) => *field = Some(value),
        }
    }

    /// Changes a field that always has a value, if the request names it.
    pub fn fill(self, field: &mut T)
    where
        T: Default,
    {
        match self {
            Given::Absent => {}
            Given::Null => *field = T::default(),
            Given::Is(value) => *field = value,
        }
    }
}

impl Body {
    /// Whether the request names a field, be it as null.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value as it came.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Given<T>, Error> {
        match self.0.get(name) {
            None => Ok(Given::Absent),
            Some(Value::Null) => Ok(Given::Null),
            Some(value) => read(value).map(Given::Is).ok_or_else(|| {
                wrong_type(name, format!("`{name}` must be {wanted}, not {}.", kind_of(value)))
            }),
        }
    }

    /// As [`Body::read`], for what clients also leave empty by an empty text.
    fn read_number<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Given<T>, Error> {
        match self.0.get(name) {
            Some(Value::String(text)) if text.trim().is_empty() => Ok(Given::Null),
            _ => self.read(name, wanted, read),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// 422.
    pub fn text(&self, name: &str) -> Result<Given<String>, Error> {
        self.read(name, "a text", |value| value.as_str().map(str::to_string))
    }

    /// The name of something; an empty one is none.
    ///
    /// # Errors
    /// 422.
    pub fn id(&self, name: &str) -> Result<Given<String>, Error> {
        Ok(match self.text(name)? {
            Given::Is(text) if text.trim().is_empty() => Given::Null,
            given => given,
        })
    }

    /// The name that something gets and is shown by; an empty one is none.
    ///
    /// # Errors
    /// 422; 400 when it is longer than [`LONGEST_NAME`].
    pub fn name(&self, name: &str) -> Result<Given<String>, Error> {
        let given = self.id(name)?;
        match &given {
            Given::Is(text) if text.len() > LONGEST_NAME => {
                let message =
                    format!("`{name}` can have at most {LONGEST_NAME} bytes; this one has {}.", text.len());
                Err(invalid(name, message))
            }
            _ => Ok(given),
        }
    }

    /// The name of something that must be given.
    ///
    /// # Errors
    /// 422 when it is missing or no text.
    pub fn must(&self, name: &str) -> Result<String, Error> {
        self.id(name)?.value().ok_or_else(|| missing(name))
    }

    /// A whole number; may come as text.
    ///
    /// # Errors
    /// 422.
    pub fn int(&self, name: &str) -> Result<Given<i64>, Error> {
        self.read_number(name, "a whole number", |value| match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
            _ => None,
        })
    }

    /// A limit: a whole number that is not negative.
    ///
    /// # Errors
    /// 422; 400 for a negative one.
    pub fn limit(&self, name: &str) -> Result<Given<i64>, Error> {
        match self.int(name)? {
            Given::Is(number) if number < 0 => Err(invalid(name, format!("`{name}` cannot be negative."))),
            given => Ok(given),
        }
    }

    /// A whole number of a query.
    ///
    /// # Errors
    /// 422.
    pub fn count(&self, name: &str) -> Result<Option<i64>, Error> {
        Ok(self.int(name)?.value())
    }

    /// An amount in dollars, as nano-dollars; may come as text.
    ///
    /// # Errors
    /// 422; 400 for a negative one.
    pub fn dollars(&self, name: &str) -> Result<Given<i64>, Error> {
        let read = self.read_number(name, "an amount in USD", |value| match value {
            Value::Number(number) => Nanos::from_json(number).ok(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        })?;
        Ok(match read {
            Given::Is(nanos) if nanos < Nanos::ZERO => {
                return Err(invalid(name, format!("`{name}` cannot be negative.")));
            }
            Given::Is(nanos) => Given::Is(nanos.get()),
            Given::Null => Given::Null,
            Given::Absent => Given::Absent,
        })
    }

    /// Yes or no; may come as text or number.
    ///
    /// # Errors
    /// 422.
    pub fn bool(&self, name: &str) -> Result<Given<bool>, Error> {
        self.read(name, "true or false", |value| match value {
            Value::Bool(on) => Some(*on),
            Value::Number(number) => number.as_i64().filter(|n| (0..=1).contains(n)).map(|n| n == 1),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" | "t" | "y" => Some(true),
                "false" | "0" | "no" | "off" | "f" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    /// Whether a switch of the query is on.
    ///
    /// # Errors
    /// 422.
    pub fn is_on(&self, name: &str) -> Result<bool, Error> {
        Ok(self.bool(name)?.value().unwrap_or(false))
    }

    /// A list of texts.
    ///
    /// # Errors
    /// 422.
    pub fn texts(&self, name: &str) -> Result<Given<Vec<String>>, Error> {
        self.read(name, "a list of texts", |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_string)).collect()
        })
    }

    /// A list of objects.
    ///
    /// # Errors
    /// 422.
    pub fn objects(&self, name: &str) -> Result<Given<Vec<Body>>, Error> {
        self.read(name, "a list of objects", |value| {
            value.as_array()?.iter().map(|item| item.as_object().cloned().map(Body)).collect()
        })
    }

    /// A JSON object.
    ///
    /// # Errors
    /// 422.
    pub fn object(&self, name: &str) -> Result<Given<JsonMap>, Error> {
        self.read(name, "an object", |value| value.as_object().cloned())
    }

    /// A length of time. Forms send an empty text for what they do not change, so it says nothing; null does.
    ///
    /// # Errors
    /// 422.
    pub fn length(&self, name: &str) -> Result<Given<String>, Error> {
        match self.text(name)? {
            Given::Is(text) if text.trim().is_empty() => Ok(Given::Absent),
            given => Ok(given),
        }
    }

    /// How long a budget's period is.
    ///
    /// # Errors
    /// 422; 400 when it is no length of time.
    pub fn period(&self, name: &str) -> Result<Given<String>, Error> {
        match self.length(name)? {
            Given::Is(text) if Every::parse(&text).is_none() => Err(invalid(
                name,
                format!("Invalid {name} '{text}'. Use a format like '1h', '24h', '7d', or '30d'."),
            )),
            given => Ok(given),
        }
    }
}

fn whole(number: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)]
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: Value) -> Body {
        Body(value.as_object().unwrap().clone())
    }

    #[test]
    fn numbers_may_come_as_text_and_emptiness_is_none() {
        let body = body(json!({"a": "5", "b": 5.0, "c": "", "d": "0.1", "e": null, "f": "yes", "g": 1}));
        assert_eq!(body.int("a").unwrap(), Given::Is(5));
        assert_eq!(body.int("b").unwrap(), Given::Is(5));
        assert_eq!(body.int("c").unwrap(), Given::Null);
        assert_eq!(body.dollars("d").unwrap(), Given::Is(100_000_000));
        assert_eq!(body.dollars("e").unwrap(), Given::Null);
        assert_eq!(body.dollars("missing").unwrap(), Given::Absent);
        assert_eq!((body.bool("f").unwrap(), body.bool("g").unwrap()), (Given::Is(true), Given::Is(true)));
    }

    #[test]
    fn names_are_not_endless() {
        let body = body(json!({"short": "ü".repeat(128), "long": "ü".repeat(129), "none": ""}));
        assert!(matches!(body.name("short").unwrap(), Given::Is(_)));
        assert_eq!(body.name("none").unwrap(), Given::Null);
        let error = body.name("long").unwrap_err();
        assert_eq!((error.status(), error.param()), (400, Some("long")));
        assert!(error.message().contains("at most 256 bytes; this one has 258"), "{}", error.message());
    }

    #[test]
    fn what_cannot_be_right_is_told_by_name() {
        let body = body(json!({"a": [], "b": "many", "c": -1, "d": 1.5, "e": ["x", 1], "f": "30", "g": 7}));
        let told = |error: Error| (error.status(), error.param().unwrap().to_string());
        assert_eq!(told(body.int("a").unwrap_err()), (422, "a".to_string()));
        assert_eq!(told(body.dollars("b").unwrap_err()), (422, "b".to_string()));
        assert_eq!(told(body.dollars("c").unwrap_err()), (400, "c".to_string()));
        assert_eq!(told(body.int("d").unwrap_err()), (422, "d".to_string()));
        assert_eq!(told(body.texts("e").unwrap_err()), (422, "e".to_string()));
        assert_eq!(told(body.period("f").unwrap_err()), (400, "f".to_string()));
        assert_eq!(told(body.text("g").unwrap_err()), (422, "g".to_string()));
        assert_eq!(told(body.must("h").unwrap_err()), (422, "h".to_string()));
    }
}
