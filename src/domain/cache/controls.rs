//! What a request, or its key, wants of the cache: the `cache` object of the body, and `Cache-Control`.

use serde_json::Value;

use crate::base::error::{Error, Kind};
use crate::domain::keys::JsonMap;

/// The longest name of a key space, bytes.
const LONGEST_NAMESPACE: usize = 256;
/// The longest time to keep an answer, or to look back, seconds: about a year.
const LONGEST: u64 = 366 * 24 * 3600;

/// What is wanted. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controls {
    /// `no-cache`: do not answer from the cache.
    pub no_cache: bool,
    /// `no-store`: do not keep the answer.
    pub no_store: bool,
    /// `ttl`: how long to keep it, seconds.
    pub ttl: Option<u64>,
    /// `s-maxage`: how old an answer may be, seconds.
    pub max_age: Option<u64>,
    /// `namespace`: a key space of its own.
    pub namespace: Option<String>,
    /// `use-cache`: where the cache is for those who ask for it.
    pub use_cache: bool,
}

impl Controls {
    /// Takes over what a `cache` object says.
    ///
    /// # Errors
    /// 400 naming a value that cannot be.
    pub fn apply(&mut self, object: &JsonMap) -> Result<(), Error> {
        for (name, value) in object {
            match name.as_str() {
                _ if value.is_null() => {}
                "no-cache" => self.no_cache = flag(name, value)?,
                "no-store" => self.no_store = flag(name, value)?,
                "use-cache" => self.use_cache = flag(name, value)?,
                "ttl" => self.ttl = Some(seconds(name, value)?),
                "s-maxage" | "s-max-age" => self.max_age = Some(seconds(name, value)?),
                "namespace" => self.namespace = Some(namespace(value)?),
                // LiteLLM's clients may send more, and nothing of it reaches a provider.
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes over what a `Cache-Control` header says (RFC 9111, 5.2.1). `s-maxage` means the time to keep the answer
    /// there, as in LiteLLM. What cannot be understood says nothing.
    pub fn apply_header(&mut self, header: &str) {
        for directive in header.split(',').map(str::trim) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let number = value.trim().trim_matches('"').parse().ok().map(|number: u64| number.min(LONGEST));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" => self.no_cache = true,
                "no-store" => self.no_store = true,
                "max-age" => self.max_age = number.or(self.max_age),
                "s-maxage" => self.ttl = number.filter(|seconds| *seconds > 0).or(self.ttl),
                _ => {}
            }
        }
    }
}

/// Whether a key that may use only `allowed` controls may send these.
///
/// # Errors
/// 403 naming the control.
pub fn permitted(object: &JsonMap, allowed: &[String]) -> Result<(), Error> {
    let refused = object.keys().find(|name| !allowed.is_empty() && !allowed.contains(name));
    let Some(name) = refused else { return Ok(()) };
    let shown: String = name.chars().take(40).collect();
    let message =
        format!("Not allowed to set {shown} as a cache control. Contact admin to change permissions.");
    Err(Error::new(Kind::Forbidden, message).with_param("cache"))
}

fn flag(name: &str, value: &Value) -> Result<bool, Error> {
    let told = match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(word) if word.eq_ignore_ascii_case("true") => Some(true),
        Value::String(word) if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    told.ok_or_else(|| wrong(name, "true or false"))
}

fn seconds(name: &str, value: &Value) -> Result<u64, Error> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    let number = number.filter(|number: &f64| number.is_finite() && *number >= 0.0);
    // Less than a second would be no time at all.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, and whole seconds do"
    )]
    let whole = number.map(|number| (number.ceil() as u64).min(LONGEST));
    whole.ok_or_else(|| wrong(name, "a number of seconds"))
}

fn namespace(value: &Value) -> Result<String, Error> {
    let name = value.as_str().filter(|name| !name.is_empty() && name.len() <= LONGEST_NAMESPACE);
    name.map(str::to_string).ok_or_else(|| wrong("namespace", "a text of up to 256 bytes"))
}

fn wrong(name: &str, what: &str) -> Error {
    Error::invalid("cache", format!("`cache.{name}` must be {what}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> JsonMap {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn each_control_is_understood() {
        let mut controls = Controls::default();
        let all = json!({"no-cache": true, "no-store": "False", "ttl": "30", "s-max-age": 1.2, "namespace": "a",
            "use-cache": true, "else": 1, "s-maxage": null});
        controls.apply(&object(all)).unwrap();
        let wanted = Controls {
            no_cache: true,
            no_store: false,
            ttl: Some(30),
            max_age: Some(2),
            namespace: Some("a".into()),
            use_cache: true,
        };
        assert_eq!(controls, wanted);
    }

    #[test]
    fn nonsense_names_the_control() {
        for wrong in
            [json!({"ttl": -1}), json!({"ttl": "soon"}), json!({"no-cache": 3}), json!({"namespace": ""})]
        {
            let error = Controls::default().apply(&object(wrong.clone())).unwrap_err();
            assert_eq!((error.status(), error.param()), (400, Some("cache")), "{wrong}");
        }
    }

    #[test]
    fn headers_are_read_as_http_has_them() {
        let mut controls = Controls::default();
        controls.apply_header("No-Cache, max-age=5, s-maxage=\"60\", max-stale, no-store=x");
        let wanted = Controls {
            no_cache: true,
            no_store: true,
            ttl: Some(60),
            max_age: Some(5),
            ..Controls::default()
        };
        assert_eq!(controls, wanted);
    }

    #[test]
    fn a_key_may_bound_the_controls() {
        let sent = object(json!({"no-cache": true, "ttl": 5}));
        assert!(permitted(&sent, &[]).is_ok());
        assert!(permitted(&sent, &["ttl".into(), "no-cache".into()]).is_ok());
        assert_eq!(permitted(&sent, &["ttl".into()]).unwrap_err().status(), 403);
    }
}
