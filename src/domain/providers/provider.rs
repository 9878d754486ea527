//! What a provider is, to the rest of the code: a name and a dialect, both data.

/// The language of an API. Everything but the listed dialects' own formats is OpenAI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `POST {base}/chat/completions` and friends, `Authorization: Bearer`.
    OpenAi,
    /// OpenAI's bodies under Azure's URLs, `api-key` header, `api-version` query.
    Azure,
    /// `POST {base}/v1/messages`, translated both ways.
    Anthropic,
    /// Cohere's `POST {base}/v2/rerank` (rerank only).
    Cohere,
}

/// One row of the provider table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// LiteLLM's prefix (`openai`, `azure`, `groq` ...).
    pub name: &'static str,
    /// The name in error messages (`OpenAI` in `OpenAIException`).
    pub title: &'static str,
    /// Which API it speaks.
    pub dialect: Dialect,
    /// Default base URL; empty when the deployment must name one.
    pub base: &'static str,
    /// Environment variables with the base URL, first found wins.
    pub base_env: &'static [&'static str],
    /// Environment variables with the key, first found wins.
    pub key_env: &'static [&'static str],
    /// Whether it works without a key (local servers).
    pub keyless: bool,
    /// What deviates from plain OpenAI.
    pub quirks: Quirks,
}

/// Deviations from plain OpenAI, each a fact about the provider's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// `POST {base}/responses` exists; otherwise Responses requests go through chat.
    pub native_responses: bool,
    /// `POST {base}/completions` serves every model; otherwise text completions go through chat.
    pub native_completions: bool,
    /// Understands the `developer` role; otherwise it is sent as `system`.
    pub developer_role: bool,
    /// Understands `max_completion_tokens`; otherwise it is sent as `max_tokens`.
    pub max_completion_tokens: bool,
    /// Accepts `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Wants message content as one string, not as parts.
    pub flat_content: bool,
    /// `tool_choice: "required"` is called `any` here.
    pub required_is_any: bool,
    /// `seed` is called `random_seed` here.
    pub random_seed: bool,
    /// Parameters this provider refuses.
    pub unsupported: &'static [&'static str],
}
