//! Where a sink's settings are looked for: beside its name, in a section of its own, in the environment.

use std::time::Duration;

use super::Outcomes;
use super::found::{Found, HEADER_VALUE, is_header_value, name_flaw};
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
    pub fn find(&self, keys: &[&str], variables: &[&str]) -> Option<Found<'_>> {
        let scopes = || [Some(self.own), self.extra.as_ref()].into_iter().flatten();
        let of_key = |key: &&str| scopes().find_map(|scope| scope.get(key));
        let written = keys.iter().find_map(|key| {
            let field = of_key(key)?;
            Some(Found::in_field(field.text()?, field))
        });
        let found = written.or_else(|| {
            let (name, text) = self.context.environment.first(variables)?;
            Some(Found::in_variable(text, name))
        })?;
        Some(found.map(|text| text.trim().to_owned())).filter(|found| !found.text.is_empty())
    }

    /// The text of [`Inputs::find`].
    pub fn text(&self, keys: &[&str], variables: &[&str]) -> Option<String> {
        Some(self.find(keys, variables)?.text)
    }

    /// The same as [`Inputs::find`]; a warning where there is none. Names that are set to an unset variable are said to be
    /// missing, too.
    pub fn required(&self, keys: &[&str], variables: &[&str]) -> Option<Found<'_>> {
        let found = self.find(keys, variables);
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

    /// A secret of [`Inputs::required`], which can stand in a header.
    pub fn secret(&self, keys: &[&str], variables: &[&str]) -> Option<Secret> {
        self.required(keys, variables)?.header(self)
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

    /// Headers: a mapping, or LiteLLM's text `K=V,K2=V2` (also with colons) there or in a variable.
    pub fn headers(&self, variables: &[&str]) -> Vec<(String, Secret)> {
        let Some(field) = self.own.get("headers") else {
            let found = self.context.environment.first(variables);
            return found.map(|(name, text)| self.pairs(Found::in_variable(text, name))).unwrap_or_default();
        };
        if !matches!(&field.node.value, Yaml::Map(_)) {
            return field.text().map(|text| self.pairs(Found::in_field(text, field))).unwrap_or_default();
        }
        let scope = field.scope();
        let one = |entry: &crate::config::yaml::Entry| {
            let value = scope.field(entry);
            if let Some(flaw) = name_flaw(&entry.key) {
                value.error(flaw);
                return None;
            }
            let text = value.text()?;
            Some((entry.key.clone(), Found::in_field(text, value).header(self)?))
        };
        scope.entries().iter().filter(|entry| !entry.node.is_null()).filter_map(one).collect()
    }

    fn pairs(&self, found: Found<'_>) -> Vec<(String, Secret)> {
        let mut all = Vec::new();
        for pair in found.text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=').or_else(|| pair.split_once(':')) else {
                found.error(self, "must be headers as in NAME=VALUE,NAME=VALUE: one of them has no value");
                continue;
            };
            // OpenTelemetry writes values percent-encoded; what is none stays as it is.
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy();
            let name = name.trim();
            if let Some(flaw) = name_flaw(name) {
                found.error(
                    self,
                    &format!("must be headers as in NAME=VALUE,NAME=VALUE: the name of one of them {flaw}"),
                );
            } else if !is_header_value(&value) {
                found.error(self, &format!("has a value of the header {name} that {HEADER_VALUE}"));
            } else {
                all.push((name.to_owned(), Secret::new(value.into_owned())));
            }
        }
        all
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
