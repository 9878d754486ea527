//! What a model can do, read from its name; config and price list decide where the name says nothing.

use serde_json::Value;

use crate::domain::deployment::ModelInfo;

/// Output limit assumed for models of which nothing is known.
const UNKNOWN_MAX_OUTPUT: u64 = 4_096;

/// A model and what its name says: `claude-3-7-sonnet-20250219` is 3.7, `claude-opus-4-6` is 4.6.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model<'a> {
    info: &'a ModelInfo,
    opus: bool,
    version: Option<(u32, u32)>,
}

impl<'a> Model<'a> {
    /// Reads a name, with or without a vendor prefix or a date behind it.
    pub(super) fn new(name: &str, info: &'a ModelInfo) -> Self {
        let base = info.base_model.as_deref().unwrap_or(name).to_ascii_lowercase();
        Model { info, opus: base.contains("opus"), version: version(&base) }
    }

    /// Whether it thinks adaptively (`thinking: {type: "adaptive"}` and `output_config.effort`).
    pub(super) fn adaptive(&self) -> bool {
        self.at_least(4, 6)
    }

    /// Whether a token budget for thinking, and sampling parameters, are refused.
    pub(super) fn adaptive_only(&self) -> bool {
        self.at_least(4, 7)
    }

    /// Whether it can think at all.
    pub(super) fn reasons(&self) -> bool {
        self.known("supports_reasoning", self.info.supports_reasoning, (3, 7))
    }

    /// Whether it takes a JSON schema for its output natively.
    pub(super) fn native_schema(&self) -> bool {
        self.known("supports_response_schema", self.info.supports_response_schema, (4, 1))
    }

    /// Whether it refuses `temperature` and `top_p` together.
    pub(super) fn one_sampling_parameter(&self) -> bool {
        self.at_least(4, 1)
    }

    /// The most tokens it can answer with.
    pub(super) fn max_output(&self) -> u64 {
        if let Some(tokens) = self.info.max_output_tokens.filter(|tokens| *tokens > 0) {
            return tokens;
        }
        match self.version {
            Some(version) if version >= (4, 6) && self.opus => 128_000,
            Some(version) if self.opus && ((4, 0)..(4, 5)).contains(&version) => 32_000,
            Some(version) if version >= (3, 7) => 64_000,
            Some((3, 5 | 6)) => 8_192,
            _ => UNKNOWN_MAX_OUTPUT,
        }
    }

    fn at_least(&self, major: u32, minor: u32) -> bool {
        self.version.is_some_and(|version| version >= (major, minor))
    }

    /// An explicit word in `model_info` wins, then the version, then what the price list says: its
    /// flags also stand at old models that can only emulate the feature.
    fn known(&self, flag: &str, listed: bool, since: (u32, u32)) -> bool {
        if let Some(said) = self.info.raw.get(flag).and_then(Value::as_bool) {
            return said;
        }
        self.version.map_or(listed, |version| version >= since)
    }
}

/// The first short number after `claude` and the one right behind it; dates are longer.
fn version(name: &str) -> Option<(u32, u32)> {
    let (_, rest) = name.split_once("claude")?;
    let mut words = rest.split(|c: char| !c.is_ascii_alphanumeric()).skip_while(|word| short(word).is_none());
    let major = short(words.next()?)?;
    Some((major, words.next().and_then(short).unwrap_or(0)))
}

fn short(word: &str) -> Option<u32> {
    (1..=2).contains(&word.len()).then(|| word.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_names() {
        for (name, expected) in [
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-3-7-sonnet-latest", Some((3, 7))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4-1-20250805", Some((4, 1))),
            ("anthropic.claude-opus-4-6-v1:0", Some((4, 6))),
            ("claude-haiku-4.5", Some((4, 5))),
            ("claude-sonnet-5", Some((5, 0))),
            ("claude-2.1", Some((2, 1))),
            ("my-own-model-4", None),
        ] {
            assert_eq!(version(name), expected, "{name}");
        }
    }

    #[test]
    fn the_name_outweighs_the_price_list_and_model_info_outweighs_both() {
        let mut info = ModelInfo { supports_response_schema: true, ..ModelInfo::default() };
        assert!(!Model::new("claude-3-5-sonnet-20241022", &info).native_schema());
        assert!(Model::new("house-model", &info).native_schema());
        info.raw.insert("supports_response_schema".into(), Value::Bool(false));
        assert!(!Model::new("claude-sonnet-4-5", &info).native_schema());
    }

    #[test]
    fn output_limits_follow_the_name_until_somebody_says_better() {
        let info = ModelInfo::default();
        assert_eq!(Model::new("claude-sonnet-4-5", &info).max_output(), 64_000);
        assert_eq!(Model::new("claude-opus-4-6", &info).max_output(), 128_000);
        assert_eq!(Model::new("claude-3-opus-20240229", &info).max_output(), 4_096);
        let info = ModelInfo { max_output_tokens: Some(7), ..ModelInfo::default() };
        assert_eq!(Model::new("claude-opus-4-6", &info).max_output(), 7);
    }
}
