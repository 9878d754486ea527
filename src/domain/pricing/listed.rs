//! What the price list knows of a model besides its prices, and under which name a model stands there.

use serde::Deserialize;

use super::book::PriceBook;
use super::price::Price;
use crate::domain::deployment::ModelInfo;

/// What the list says of one model, as far as it is used.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ListedModel {
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
    /// Takes `response_format: json_schema`.
    pub supports_response_schema: bool,
    /// Reasons.
    pub supports_reasoning: bool,
}

/// The JSON of a model's entry: under its base model's name, else `provider/model`, else the model's name.
///
/// Fine-tuned models (`ft:gpt-4o:org::id`) are found under the model they were made from.
pub fn find<'b>(
    book: &'b PriceBook,
    base_model: Option<&str>,
    provider: &str,
    model: &str,
) -> Option<&'b str> {
    if let Some(base) = base_model {
        let found = book.entry(base).or_else(|| book.entry(&format!("{provider}/{base}")));
        if found.is_some() {
            return found;
        }
    }
    let owned = |name: &str| book.entry(name).filter(|entry| is_owner(owner(entry), provider));
    book.entry(&format!("{provider}/{model}"))
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

/// Whose model an entry describes; empty when it does not say so.
pub(super) fn owner(entry: &str) -> &str {
    #[derive(Deserialize)]
    struct Owner<'a> {
        litellm_provider: &'a str,
    }
    serde_json::from_str::<Owner<'_>>(entry).map_or("", |owner| owner.litellm_provider)
}

/// Whether the list's provider is the table's: a server of one's own that calls its model `gpt-4o` does not
/// cost what OpenAI takes.
pub(super) fn is_owner(listed: &str, provider: &str) -> bool {
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
pub fn owner_of<'b>(book: &'b PriceBook, model: &str) -> Option<&'b str> {
    book.entry(model).map(owner).filter(|owner| !owner.is_empty())
}

/// Fills in what the config did not say of a model, and what its tokens cost for routing.
pub fn fill(info: &mut ModelInfo, book: &PriceBook, provider: &str, model: &str) {
    let tokens_cost = info.price.as_deref().and_then(Price::per_token);
    if let Some((input, output)) = tokens_cost {
        info.input_cost_per_token = info.input_cost_per_token.or(Some(input.to_usd_f64()));
        info.output_cost_per_token = info.output_cost_per_token.or(Some(output.to_usd_f64()));
    }
    let entry = find(book, info.base_model.as_deref(), provider, model);
    let Some(listed) = entry.and_then(|entry| serde_json::from_str::<ListedModel>(entry).ok()) else {
        return;
    };
    let output = listed.max_output_tokens.or(listed.max_tokens);
    info.mode = info.mode.take().or(listed.mode);
    info.max_input_tokens = info.max_input_tokens.or(listed.max_input_tokens.and_then(tokens));
    info.max_output_tokens = info.max_output_tokens.or(output.and_then(tokens));
    let said = |key: &str| info.raw.get(key).and_then(serde_json::Value::as_bool);
    info.supports_response_schema =
        said("supports_response_schema").unwrap_or(listed.supports_response_schema);
    info.supports_reasoning = said("supports_reasoning").unwrap_or(listed.supports_reasoning);
}

/// Token counts stand in the list as numbers of either JSON kind.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn tokens(count: f64) -> Option<u64> {
    (1.0..1e15).contains(&count).then_some(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_under_all_their_names() {
        let book = PriceBook::shipped();
        let find = |base: Option<&str>, provider: &str, model: &str| find(book, base, provider, model);
        assert_eq!(find(None, "openai", "gpt-4o").map(owner), Some("openai"));
        assert_eq!(find(None, "azure", "gpt-4o").map(owner), Some("azure"));
        assert_eq!(find(Some("azure/gpt-4o"), "azure", "my-name"), book.entry("azure/gpt-4o"));
        assert_eq!(find(Some("gpt-4o"), "azure", "my-name").map(owner), Some("openai"));
        assert!(find(None, "openai", "ft:gpt-4o-2024-08-06:org::id").is_some());
        assert_eq!(find(None, "openai", "nothing-like-it"), None);
        assert!(find(None, "cohere_chat", "embed-v4.0").is_some());
        assert_eq!(find(None, "hosted_vllm", "gpt-4o"), None);
        assert_eq!(owner_of(book, "command-nightly"), Some("cohere"));
        assert_eq!(owner_of(book, "none"), None);
    }

    #[test]
    fn what_the_config_says_wins() {
        let mut info = ModelInfo {
            input_cost_per_token: Some(1.0),
            raw: serde_json::from_str("{\"supports_response_schema\": false}").unwrap(),
            ..ModelInfo::default()
        };
        fill(&mut info, PriceBook::shipped(), "openai", "gpt-4o");
        assert_eq!(info.input_cost_per_token, Some(1.0));
        assert_eq!(info.mode.as_deref(), Some("chat"));
        assert_eq!(info.max_output_tokens, Some(16384));
        assert!(!info.supports_response_schema);
    }
}
