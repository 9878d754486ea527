//! Whose model a name is: by prefix, by address, by the shape of the name, by the price list.

use super::provider::Provider;
use super::table;
use crate::domain::pricing::{self, PriceBook};

/// Starts of bare model names and whose they are. The first match counts.
const STARTS: &[(&str, &str)] = &[
    ("gpt-3.5-turbo-instruct", "text-completion-openai"),
    ("davinci-002", "text-completion-openai"),
    ("babbage-002", "text-completion-openai"),
    ("ft:davinci-002", "text-completion-openai"),
    ("ft:babbage-002", "text-completion-openai"),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("ft:", "openai"),
    ("text-embedding-3", "openai"),
    ("text-embedding-ada", "openai"),
    ("text-moderation-", "openai"),
    ("omni-moderation-", "openai"),
    ("dall-e", "openai"),
    ("whisper", "openai"),
    ("tts-", "openai"),
    ("codex-", "openai"),
    ("computer-use-", "openai"),
    ("sora-", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gemini"),
    ("gemma-", "gemini"),
    ("text-embedding-004", "gemini"),
    ("command-", "cohere"),
    ("c4ai-", "cohere"),
    ("rerank-", "cohere"),
    ("embed-english-", "cohere"),
    ("embed-multilingual-", "cohere"),
    ("embed-v", "cohere"),
    ("mistral-", "mistral"),
    ("open-mistral-", "mistral"),
    ("open-mixtral-", "mistral"),
    ("codestral", "mistral"),
    ("ministral", "mistral"),
    ("magistral", "mistral"),
    ("devstral", "mistral"),
    ("pixtral", "mistral"),
    ("voxtral", "mistral"),
    ("deepseek-", "deepseek"),
    ("grok-", "xai"),
    ("jamba-", "ai21_chat"),
    ("jina-", "jina_ai"),
    ("voyage-", "voyage"),
    ("rerank-2", "voyage"),
    ("sonar", "perplexity"),
    ("moonshot-", "moonshot"),
    ("kimi-", "moonshot"),
];

/// The provider of a model and the model's name there, without the prefix.
///
/// `custom_llm_provider` decides when given. Else a known `provider/` prefix, else the host of `api_base`,
/// else the shape of the name, else the price list. `*` alone is OpenAI's: catch-all deployments look again
/// with the name that was asked for. `None`: nobody's, or of a provider that is not spoken yet.
pub fn detect(
    model: &str,
    custom_llm_provider: Option<&str>,
    api_base: Option<&str>,
) -> Option<(Provider, String)> {
    if let Some(name) = custom_llm_provider.filter(|name| !name.is_empty()) {
        let bare = model.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
        return row(name, bare);
    }
    if let Some((prefix, rest)) = model.split_once('/') {
        if let Some(found) = row(prefix, rest) {
            return Some(found);
        }
        if table::not_yet(prefix).is_some() {
            return None;
        }
    }
    if let Some(provider) = api_base.and_then(by_host) {
        return Some((provider, model.to_owned()));
    }
    row(bare_owner(model)?, model)
}

/// The table's row, with Cohere's two APIs told apart by what the model does.
fn row(name: &str, model: &str) -> Option<(Provider, String)> {
    let name = match name {
        "cohere" if !model.starts_with("rerank") => "cohere_chat",
        // The price list's names of providers whose prefix differs.
        "ai21" => "ai21_chat",
        "fireworks_ai-embedding-models" => "fireworks_ai",
        name => name,
    };
    Some((table::by_name(name)?, model.to_owned()))
}

fn bare_owner(model: &str) -> Option<&'static str> {
    if model == "*" || is_o_series(model.strip_prefix("ft:").unwrap_or(model)) {
        return Some("openai");
    }
    let by_shape = STARTS.iter().find(|(start, _)| model.starts_with(start)).map(|(_, owner)| *owner);
    by_shape.or_else(|| pricing::owner_of(PriceBook::shipped(), model))
}

/// `o1`, `o3-mini`, `o4-mini-2025-04-16`: an `o`, digits, then nothing or a dash.
fn is_o_series(model: &str) -> bool {
    let Some(rest) = model.strip_prefix('o') else { return false };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    after.len() < rest.len() && (after.is_empty() || after.starts_with('-'))
}

/// The provider whose default base has the same host.
fn by_host(api_base: &str) -> Option<Provider> {
    let wanted = host(api_base)?;
    table::TABLE
        .iter()
        .find(|row| host(row.base) == Some(wanted) && !wanted.starts_with("localhost"))
        .copied()
}

/// Host and port of a URL.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty() && !host.starts_with("127."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(model: &str) -> Option<String> {
        detect(model, None, None).map(|(provider, model)| format!("{}|{model}", provider.name))
    }

    #[test]
    fn bare_names_find_their_provider() {
        for (model, name) in [
            ("gpt-4", "openai"),
            ("gpt-4o-realtime-preview", "openai"),
            ("gpt-9", "openai"),
            ("o1", "openai"),
            ("o3-mini", "openai"),
            ("o9", "openai"),
            ("ft:gpt-4o-mini-2024-07-18:org::id", "openai"),
            ("ft:o4-mini", "openai"),
            ("chatgpt-4o-latest", "openai"),
            ("text-embedding-3-small", "openai"),
            ("dall-e-3", "openai"),
            ("gpt-image-1", "openai"),
            ("whisper-1", "openai"),
            ("tts-1", "openai"),
            ("omni-moderation-latest", "openai"),
            ("*", "openai"),
            ("davinci-002", "text-completion-openai"),
            ("gpt-3.5-turbo-instruct", "text-completion-openai"),
            ("gpt-3.5-turbo", "openai"),
            ("claude-3-opus-20240229", "anthropic"),
            ("claude-3-haiku-20240307", "anthropic"),
            ("claude-sonnet-4-6", "anthropic"),
            ("claude-9", "anthropic"),
            ("gemini-9", "gemini"),
            ("command-r-plus", "cohere_chat"),
            ("rerank-english-v3.0", "cohere"),
            ("grok-4", "xai"),
            ("mistral-large-latest", "mistral"),
            ("codestral-latest", "mistral"),
            ("deepseek-chat", "deepseek"),
        ] {
            assert_eq!(owner(model), Some(format!("{name}|{model}")), "{model}");
        }
        for model in ["llama3", "o", "oops", "on-prem", "anthropic.claude-v2", "", "foo/gpt-4", "bedrock/x"] {
            assert_eq!(owner(model), None, "{model}");
        }
    }

    #[test]
    fn prefixes_addresses_and_explicit_names_win() {
        assert_eq!(owner("openai/meta-llama/Llama-3").as_deref(), Some("openai|meta-llama/Llama-3"));
        assert_eq!(owner("groq/openai/gpt-oss-20b").as_deref(), Some("groq|openai/gpt-oss-20b"));
        assert_eq!(owner("cohere/rerank-v3.5").as_deref(), Some("cohere|rerank-v3.5"));
        assert_eq!(owner("cohere/command-r").as_deref(), Some("cohere_chat|command-r"));
        let found = detect("llama3", None, Some("https://api.groq.com/openai/v1")).unwrap();
        assert_eq!((found.0.name, found.1.as_str()), ("groq", "llama3"));
        assert_eq!(detect("llama3", None, Some("http://localhost:11434/v1")), None);
        let found = detect("azure/my-gpt", Some("azure"), None).unwrap();
        assert_eq!((found.0.name, found.1.as_str()), ("azure", "my-gpt"));
        assert_eq!(detect("gpt-4", Some("nobody"), None), None);
    }
}
