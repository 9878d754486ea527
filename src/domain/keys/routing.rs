//! What a key and its team change about their requests: other names for models, retries, time, fallbacks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{JsonMap, Key, Team};
use crate::base::durations;
use crate::base::error::Error;
use crate::domain::reliability::RequestFallbacks;

/// The most retries that may be asked for.
const MOST_RETRIES: u64 = 20;

/// The changes of a key and its team, worked out once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnRouting {
    /// Applied one after another: the team's aliases, the key's, then those of their router settings.
    renames: Vec<HashMap<String, Arc<str>>>,
    /// Router settings; the key's own come before its team's.
    pub settings: RouterSettings,
}

/// `router_settings` of a key or a team, as far as they concern single requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouterSettings {
    /// `num_retries`
    pub num_retries: Option<u32>,
    /// `timeout`: the longest silence of an attempt.
    pub timeout: Option<Duration>,
    /// `stream_timeout`: the same for streams.
    pub stream_timeout: Option<Duration>,
    /// `fallbacks`, `context_window_fallbacks`, `content_policy_fallbacks`.
    pub fallbacks: RequestFallbacks,
    /// `model_group_alias`
    aliases: HashMap<String, Arc<str>>,
}

impl RouterSettings {
    /// Reads them; what is null says nothing, and what concerns no single request is left alone.
    ///
    /// # Errors
    /// A caller's mistake that names the field.
    pub fn parse(settings: &Map<String, Value>) -> Result<Self, Error> {
        let wrong = |field: &str, what: &str| {
            let field = format!("router_settings.{field}");
            Error::invalid(&field, format!("`{field}` must be {what}."))
        };
        let said = |field: &str| settings.get(field).filter(|value| !value.is_null());
        let seconds = |field: &str| {
            let Some(value) = said(field) else { return Ok(None) };
            let length = value.as_f64().and_then(durations::from_seconds).filter(|length| !length.is_zero());
            length.map(Some).ok_or_else(|| wrong(field, "a positive number of seconds"))
        };
        let retries = match said("num_retries") {
            None => None,
            Some(value) => {
                let number = value.as_u64().filter(|number| *number <= MOST_RETRIES);
                let number = number.and_then(|number| u32::try_from(number).ok());
                Some(number.ok_or_else(|| wrong("num_retries", "a whole number from 0 to 20"))?)
            }
        };
        let aliases = match said("model_group_alias") {
            None => HashMap::new(),
            Some(Value::Object(aliases)) => names(aliases),
            Some(_) => return Err(wrong("model_group_alias", "an object of names")),
        };
        Ok(RouterSettings {
            num_retries: retries,
            timeout: seconds("timeout")?,
            stream_timeout: seconds("stream_timeout")?,
            fallbacks: RequestFallbacks::parse(settings)?,
            aliases,
        })
    }

    fn stored(settings: Option<&Value>) -> Self {
        // They were checked when they were stored; those of another program may say what is not known here.
        settings.and_then(Value::as_object).and_then(|map| Self::parse(map).ok()).unwrap_or_default()
    }

    fn or(self, other: Self) -> Self {
        let mut aliases = other.aliases;
        aliases.extend(self.aliases);
        RouterSettings {
            num_retries: self.num_retries.or(other.num_retries),
            timeout: self.timeout.or(other.timeout),
            stream_timeout: self.stream_timeout.or(other.stream_timeout),
            fallbacks: self.fallbacks.or(&other.fallbacks),
            aliases,
        }
    }
}

impl OwnRouting {
    /// The changes of this key; `None`: there are none, as for most.
    pub fn of(key: &Key, team: Option<&Team>) -> Option<Self> {
        let team_settings = team.and_then(|team| team.router_settings.as_ref());
        let mut settings = RouterSettings::stored(key.router_settings.as_ref());
        settings = settings.or(RouterSettings::stored(team_settings));
        let aliases = std::mem::take(&mut settings.aliases);
        let of_team = team.map(|team| names(&team.model_aliases)).unwrap_or_default();
        let mut renames = vec![of_team, names(&key.aliases), aliases];
        renames.retain(|names| !names.is_empty());
        let own = OwnRouting { renames, settings };
        (own != OwnRouting::default()).then_some(own)
    }

    /// The model that is meant by a name.
    pub fn rename<'a>(&'a self, asked: &'a str) -> &'a str {
        self.renames.iter().fold(asked, |name, names| names.get(name).map_or(name, |real| real))
    }
}

/// `{"alias": "model"}`, or the router's `{"alias": {"model": "model"}}`.
fn names(aliases: &JsonMap) -> HashMap<String, Arc<str>> {
    let real = |value: &Value| value.as_str().or_else(|| value.get("model")?.as_str()).map(Arc::from);
    aliases.iter().filter_map(|(alias, value)| Some((alias.clone(), real(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> JsonMap {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_keys_own_settings_come_before_its_teams() {
        let key = Key {
            aliases: map(json!({"fast": "team-fast", "a": "b"})),
            router_settings: Some(json!({"num_retries": 0, "timeout": null})),
            ..Key::default()
        };
        let team = Team {
            model_aliases: map(json!({"best": "a"})),
            router_settings: Some(json!({
                "num_retries": 5,
                "timeout": 2.5,
                "fallbacks": [{"a": ["c"]}],
                "model_group_alias": {"team-fast": {"model": "gpt", "hidden": true}},
            })),
            ..Team::default()
        };
        let own = OwnRouting::of(&key, Some(&team)).unwrap();
        assert_eq!((own.rename("fast"), own.rename("best"), own.rename("x")), ("gpt", "b", "x"));
        assert_eq!(own.settings.num_retries, Some(0));
        assert_eq!(own.settings.timeout, Some(Duration::from_millis(2500)));
        assert!(own.settings.fallbacks.general.is_some());
        assert_eq!(OwnRouting::of(&Key::default(), Some(&Team::default())), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, field) in [
            (json!({"num_retries": -1}), "router_settings.num_retries"),
            (json!({"timeout": 0}), "router_settings.timeout"),
            (json!({"model_group_alias": []}), "router_settings.model_group_alias"),
            (json!({"fallbacks": "b"}), "fallbacks"),
        ] {
            assert_eq!(RouterSettings::parse(&map(settings)).unwrap_err().param(), Some(field));
        }
        assert!(
            RouterSettings::parse(&map(json!({"routing_strategy": "least-busy", "fallbacks": null}))).is_ok()
        );
    }
}
