//! The shipped price list: what models cost and can do.
//!
//! The list is one JSON object with one model a line (a test holds that), so that looking a model up reads
//! one line and not a megabyte: the index of lines is made once, when the first model is looked up.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::deployment::ModelInfo;

static LIST: &str = include_str!("../../config/model_prices.json");

/// What the list says of one model, as far as it is used. Costs are USD.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Price {
    /// Whose model it is, under the list's own names.
    pub litellm_provider: String,
    /// `chat`, `embedding` ...
    pub mode: Option<String>,
    /// Longest input, tokens.
    pub max_input_tokens: Option<f64>,
    /// Longest output, tokens.
    pub max_output_tokens: Option<f64>,
    /// Older field: the longest output, or the whole context where no other field is given.
    pub max_tokens: Option<f64>,
    /// Per input token.
    pub input_cost_per_token: Option<f64>,
    /// Per output token.
    pub output_cost_per_token: Option<f64>,
    /// Takes `response_format: json_schema`.
    pub supports_response_schema: bool,
    /// Reasons.
    pub supports_reasoning: bool,
}

/// What the list says of this very name (`gpt-4o`, `azure/gpt-4o`).
pub fn exact(name: &str) -> Option<Price> {
    let line = index().get(name)?;
    serde_json::from_str(line).ok()
}

/// What the list says of a model: under its base model's name, else `provider/model`, else the model's name.
///
/// Fine-tuned models (`ft:gpt-4o:org::id`) are found under the model they were made from.
pub fn find(base_model: Option<&str>, provider: &str, model: &str) -> Option<Price> {
    if let Some(base) = base_model {
        let found = exact(base).or_else(|| exact(&format!("{provider}/{base}")));
        if found.is_some() {
            return found;
        }
    }
    let owned = |name: &str| exact(name).filter(|price| is_owner(&price.litellm_provider, provider));
    exact(&format!("{provider}/{model}"))
        .or_else(|| owned(&format!("cohere/{model}")))
        .or_else(|| owned(model))
        .or_else(|| {
            let mut parts = model.split(':');
            (parts.next() == Some("ft"))
                .then(|| parts.next())
                .flatten()
                .and_then(|base| owned(&format!("ft:{base}")))
        })
}

/// Whether the list's provider is the table's: a server of one's own that calls its model `gpt-4o` does not
/// cost what OpenAI takes.
fn is_owner(listed: &str, provider: &str) -> bool {
    listed == provider
        || matches!(
            (listed, provider),
            ("cohere", "cohere_chat")
                | ("cohere_chat", "cohere")
                | ("ai21", "ai21_chat")
                | ("openai", "text-completion-openai")
                | ("fireworks_ai-embedding-models", "fireworks_ai")
        )
}

/// Whose model a bare name is, under the list's own provider names.
pub fn owner_of(model: &str) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Owner<'a> {
        litellm_provider: &'a str,
    }
    let line: &'static str = index().get(model)?;
    serde_json::from_str::<Owner<'static>>(line).ok().map(|owner| owner.litellm_provider)
}

/// Fills in what the config did not say of a model.
pub fn fill(info: &mut ModelInfo, provider: &str, model: &str) {
    let Some(price) = find(info.base_model.as_deref(), provider, model) else { return };
    let output = price.max_output_tokens.or(price.max_tokens);
    info.mode = info.mode.take().or(price.mode);
    info.max_input_tokens = info.max_input_tokens.or(price.max_input_tokens.and_then(tokens));
    info.max_output_tokens = info.max_output_tokens.or(output.and_then(tokens));
    info.input_cost_per_token = info.input_cost_per_token.or(price.input_cost_per_token);
    info.output_cost_per_token = info.output_cost_per_token.or(price.output_cost_per_token);
    let said = |key: &str| info.raw.get(key).and_then(serde_json::Value::as_bool);
    info.supports_response_schema =
        said("supports_response_schema").unwrap_or(price.supports_response_schema);
    info.supports_reasoning = said("supports_reasoning").unwrap_or(price.supports_reasoning);
}

/// Token counts stand in the list as numbers of either JSON kind.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn tokens(count: f64) -> Option<u64> {
    (1.0..1e15).contains(&count).then_some(count as u64)
}

/// Name to the text of its object.
fn index() -> &'static HashMap<&'static str, &'static str> {
    static INDEX: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = HashMap::with_capacity(4096);
        index.extend(LIST.lines().filter_map(line));
        index
    })
}

/// `"name": {...},` in its parts.
fn line(text: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, rest) = text.strip_prefix('"')?.split_once("\": ")?;
    Some((name, rest.strip_suffix(',').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_list_is_one_model_a_line() {
        let whole: Value = serde_json::from_str(LIST).unwrap();
        let whole = whole.as_object().unwrap();
        assert_eq!(index().len(), whole.len());
        for (name, value) in whole {
            let line: Value = serde_json::from_str(index()[name.as_str()]).unwrap();
            assert_eq!(&line, value, "{name}");
            assert!(exact(name).is_some(), "{name}");
        }
    }

    #[test]
    fn models_are_found_under_all_their_names() {
        assert_eq!(find(None, "openai", "gpt-4o").unwrap().input_cost_per_token, Some(2.5e-06));
        assert_eq!(find(None, "azure", "gpt-4o").unwrap().litellm_provider, "azure");
        assert_eq!(find(Some("azure/gpt-4o"), "azure", "my-name").unwrap().max_input_tokens, Some(128_000.0));
        assert_eq!(find(Some("gpt-4o"), "azure", "my-name").unwrap().litellm_provider, "openai");
        assert!(find(None, "openai", "ft:gpt-4o-2024-08-06:org::id").is_some());
        assert_eq!(find(None, "openai", "nothing-like-it"), None);
        assert!(find(None, "cohere_chat", "embed-v4.0").is_some());
        assert_eq!(find(None, "hosted_vllm", "gpt-4o"), None);
        assert_eq!(owner_of("command-nightly"), Some("cohere"));
    }

    #[test]
    fn what_the_config_says_wins() {
        let mut info = ModelInfo {
            input_cost_per_token: Some(1.0),
            raw: serde_json::from_str("{\"supports_response_schema\": false}").unwrap(),
            ..ModelInfo::default()
        };
        fill(&mut info, "openai", "gpt-4o");
        assert_eq!(info.input_cost_per_token, Some(1.0));
        assert_eq!(info.output_cost_per_token, Some(1e-05));
        assert_eq!(info.mode.as_deref(), Some("chat"));
        assert_eq!(info.max_output_tokens, Some(16384));
        assert!(!info.supports_response_schema);
    }
}
