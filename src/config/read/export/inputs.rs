//! Where a sink's settings are looked for: beside its name, in a section of its own, in the environment.

use std::time::Duration;

use super::Outcomes;
use super::names::Known;
use crate::base::secret::Secret;
use crate::config::context::Context;
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;
use crate::domain::export::Batching;

/// How long objects wait for others when nothing is said.
const OBJECTS_EVERY: Duration = Duration::from_secs(10);

/// What a sink is made of.
pub struct Inputs<'a> {
    /// The environment, and where findings go.
    pub context: &'a Context<'a>,
    /// Where the sink is named.
    pub named: &'a Field<'a>,
    /// `callback_settings.NAME`, or the entry of the `logging` list.
    pub own: &'a Scope<'a>,
    /// Its section in `litellm_settings`, if it has one.
    pub extra: Option<Scope<'a>>,
}

impl Inputs<'_> {
    /// The first of these keys that is set, else the first of these variables.
    pub fn text(&self, keys: &[&str], variables: &[&str]) -> Option<String> {
        let scopes = || [Some(self.own), self.extra.as_ref()].into_iter().flatten();
        let written = keys.iter().find_map(|key| scopes().find_map(|scope| scope.get(key)?.text()));
        let text = written.or_else(|| Some(self.context.environment.first(variables)?.1));
        text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The same; a warning where there is none. Names that are set to an unset variable are said to be missing, too.
    pub fn required(&self, keys: &[&str], variables: &[&str]) -> Option<String> {
        let found = self.text(keys, variables);
        if found.is_none() {
            let unset = keys.iter().find_map(|key| {
                let scopes = [Some(self.own), self.extra.as_ref()].into_iter().flatten();
                scopes.into_iter().find_map(|scope| scope.unset_variable(key))
            });
            let missing = unset.or(variables.first().copied()).or(keys.first().copied()).unwrap_or_default();
            self.warn(&format!("has no effect without {missing}, which is not set"));
        }
        found
    }

    /// A secret of [`Inputs::required`].
    pub fn secret(&self, keys: &[&str], variables: &[&str]) -> Option<Secret> {
        self.required(keys, variables).map(Secret::new)
    }

    /// Notes a warning about the sink.
    pub fn warn(&self, what: &str) {
        self.named.warn(what);
    }

    /// A truth value.
    pub fn flag(&self, key: &str) -> bool {
        self.setting(key).and_then(|field| field.bool()).unwrap_or(false)
    }

    /// A value of the sink's own section, or of that in `litellm_settings`.
    fn setting(&self, key: &str) -> Option<Field<'_>> {
        self.own.get(key).or_else(|| self.extra.as_ref()?.get(key))
    }

    /// A share, 0 to 1.
    pub fn share(&self, key: &str, variable: &str, usual: f64) -> f64 {
        let written = self.setting(key).and_then(|field| field.number());
        let from_environment = || {
            let text = self.context.environment.get(variable)?;
            let number: Option<f64> = text.trim().parse().ok();
            if number.is_none() {
                self.warn(&format!("{variable} must be a number from 0 to 1"));
            }
            number
        };
        let share = written.or_else(from_environment).unwrap_or(usual);
        if (0.0..=1.0).contains(&share) {
            return share;
        }
        self.warn(&format!("the share ({key}, {variable}) must be a number from 0 to 1"));
        usual
    }

    /// An address that can be called; a warning where it cannot.
    pub fn address(&self, url: String) -> Option<String> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let good = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
            && !url.contains(|c: char| c.is_whitespace() || c.is_control());
        if !good {
            self.warn("has no effect: its address must look like https://host/path");
        }
        good.then(|| url.trim_end_matches('/').to_owned())
    }

    /// Headers: a mapping, or LiteLLM's text `K=V,K2=V2` (also with colons) in a variable.
    pub fn headers(&self, variables: &[&str]) -> Vec<(String, Secret)> {
        if let Some(field) = self.own.get("headers") {
            if let Yaml::Map(_) = &field.node.value {
                let scope = field.scope();
                let pairs = scope.entries().iter().filter(|entry| !entry.node.is_null());
                return pairs
                    .filter_map(|one| Some((one.key.clone(), scope.field(one).text()?.into())))
                    .collect();
            }
            return field.text().map(|text| self.pairs(&text)).unwrap_or_default();
        }
        let text = self.context.environment.first(variables).map(|(_, text)| text);
        text.map(|text| self.pairs(&text)).unwrap_or_default()
    }

    fn pairs(&self, text: &str) -> Vec<(String, Secret)> {
        let mut found = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').or_else(|| pair.split_once(':')) {
                Some((name, value)) => {
                    // OpenTelemetry writes values percent-encoded; what is none stays as it is.
                    let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy();
                    found.push((name.trim().to_owned(), Secret::new(value.into_owned())));
                }
                None => self.warn("one of its headers has no value; they look like NAME=VALUE,NAME=VALUE"),
            }
        }
        found
    }

    /// Whether what is asked and answered is exported.
    pub fn content(&self, usual: bool) -> bool {
        let said = self.setting("message_logging").and_then(|field| field.bool());
        let off = self.setting("turn_off_message_logging").and_then(|field| field.bool());
        off.map(|off| !off).or(said).unwrap_or(usual)
    }

    /// Which outcomes it is told of: `event_types` narrows what its list says.
    pub fn outcomes(&self, of_list: Outcomes) -> Outcomes {
        let Some(types) = self.own.texts("event_types") else { return of_list };
        let names = |word: &str| types.iter().any(|one| one == word);
        Outcomes {
            successes: of_list.successes && names("llm_api_success"),
            failures: of_list.failures && names("llm_api_failure"),
        }
    }

    /// How its events travel.
    pub fn batching(&self, known: Known, usual: Batching) -> Batching {
        if known != Known::S3 {
            return usual;
        }
        let number =
            |key: &str| self.setting(key).and_then(|field| field.count()).filter(|number| *number > 0);
        let most = number("s3_batch_size").and_then(|most| usize::try_from(most).ok()).unwrap_or(usual.most);
        let every = number("s3_flush_interval")
            .map_or(OBJECTS_EVERY, |seconds| Duration::from_secs(seconds.min(3600)));
        Batching { most: most.min(10_000), every }
    }
}
