//! What a request, or its key, wants of the cache: the `cache` object of the body, and `Cache-Control`.

use serde_json::Value;

use crate::base::error::{Error, Kind};
use crate::domain::keys::JsonMap;

/// The longest name of a key space, bytes.
const LONGEST_NAMESPACE: usize = 256;
/// The longest time to keep an answer, or to look back, seconds: about a year.
const LONGEST: u64 = 366 * 24 * 3600;
/// What a time must be.
const SECONDS: &str = "a number of seconds";

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
        object.iter().try_for_each(|(name, value)| self.set(name, value))
    }

    /// The same, and what cannot be says nothing.
    ///
    /// # Errors
    /// The first of it.
    pub fn apply_what_can_be(&mut self, object: &JsonMap) -> Result<(), Error> {
        let wrong: Vec<Error> =
            object.iter().filter_map(|(name, value)| self.set(name, value).err()).collect();
        wrong.into_iter().next().map_or(Ok(()), Err)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), Error> {
        match name {
            _ if value.is_null() => {}
            "no-cache" => self.no_cache = flag(name, value)?,
            "no-store" => self.no_store = flag(name, value)?,
            "use-cache" => self.use_cache = flag(name, value)?,
            "ttl" => self.ttl = Some(seconds(value).ok_or_else(|| wrong(name, SECONDS))?),
            "s-maxage" | "s-max-age" => {
                self.max_age = Some(seconds(value).ok_or_else(|| wrong(name, SECONDS))?);
            }
            "namespace" => self.namespace = Some(namespace(value)?),
            // LiteLLM's clients may send more, and nothing of it reaches a provider.
            _ => {}
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

/// The controls that a `Cache-Control` header stands for, by the names that they have in a `cache` object.
pub fn in_header(header: &str) -> impl Iterator<Item = &'static str> + '_ {
    header.split(',').filter_map(|directive| {
        let name = directive.split_once('=').map_or(directive, |(name, _)| name).trim();
        match name.to_ascii_lowercase().as_str() {
            "no-cache" => Some("no-cache"),
            "no-store" => Some("no-store"),
            "max-age" => Some("s-maxage"),
            "s-maxage" => Some("ttl"),
            _ => None,
        }
    })
}

/// The `ttl` that stands beside the other members of a body, as JSON; seconds.
///
/// # Errors
/// 400 for anything but a number of seconds.
pub fn ttl(raw: &str) -> Result<u64, Error> {
    let value: Value = serde_json::from_str(raw).unwrap_or_default();
    seconds(&value).ok_or_else(|| Error::invalid("ttl", format!("`ttl` must be {SECONDS}.")))
}

/// Whether a key that may use only `allowed` controls (empty: all) may use these; `param` is where they stand.
///
/// # Errors
/// 403 naming the control.
pub fn permitted<'a>(
    names: impl IntoIterator<Item = &'a str>,
    allowed: &[String],
    param: &str,
) -> Result<(), Error> {
    // One control has two names.
    let same = |name: &str, own: &str| name == own || (own.starts_with("s-max") && name.starts_with("s-max"));
    let may = |name: &str| allowed.is_empty() || allowed.iter().any(|own| same(name, own));
    let Some(name) = names.into_iter().find(|name| !may(name)) else { return Ok(()) };
    let shown: String = name.chars().take(40).collect();
    let message =
        format!("Not allowed to set {shown} as a cache control. Contact admin to change permissions.");
    Err(Error::new(Kind::Forbidden, message).with_param(param))
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

fn seconds(value: &Value) -> Option<u64> {
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
    whole
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
        let sent = ["no-cache", "ttl"];
        assert!(permitted(sent, &[], "cache").is_ok());
        assert!(permitted(sent, &["ttl".into(), "no-cache".into()], "cache").is_ok());
        let refused = permitted(sent, &["ttl".into()], "cache").unwrap_err();
        assert_eq!((refused.status(), refused.param()), (403, Some("cache")));
        assert!(permitted(["s-maxage"], &["s-max-age".into()], "cache").is_ok());
        let in_header: Vec<&str> =
            in_header("No-Cache, max-age=5,s-maxage=\"60\", private, no-store=x").collect();
        assert_eq!(in_header, ["no-cache", "s-maxage", "ttl", "no-store"]);
    }

    #[test]
    fn what_an_older_database_holds_is_taken_as_far_as_it_can_be() {
        let mut controls = Controls::default();
        let wrong =
            controls.apply_what_can_be(&object(json!({"no-cache": true, "ttl": "soon", "no-store": 3})));
        assert_eq!(wrong.unwrap_err().message(), "`cache.ttl` must be a number of seconds.");
        assert_eq!(controls, Controls { no_cache: true, ..Controls::default() });
        assert_eq!(controls.apply_what_can_be(&object(json!({"no-store": true}))).ok(), Some(()));
        assert!(controls.no_store);
    }

    #[test]
    fn a_time_beside_the_other_members_is_read_likewise() {
        assert_eq!(ttl("5").ok(), Some(5));
        assert_eq!(ttl("\"1.5\"").ok(), Some(2));
        for wrong in ["-1", "\"soon\"", "[]", "true"] {
            let error = ttl(wrong).unwrap_err();
            assert_eq!((error.status(), error.param()), (400, Some("ttl")), "{wrong}");
        }
    }
}
