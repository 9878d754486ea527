//! Which words of a provider mean which kind of error. Codes come first, texts only where servers give
//! no code, and only for statuses under which such a text is about the request.

use crate::base::error::Kind;

use super::said::Said;

const CONTEXT_CODES: [&str; 4] = [
    "context_length_exceeded",
    "exceed_context_size_error",
    "context_window_exceeded",
    "model_max_prompt_tokens_exceeded",
];

/// Texts of OpenAI, Azure, vLLM, SGLang, TGI, llama.cpp, Fireworks, xAI, Mistral, DeepSeek, Anthropic.
const CONTEXT_TEXTS: [&str; 15] = [
    "maximum context length",
    "longer than the maximum model length",
    "longer than the model's context length",
    "exceeds the available context size",
    "exceed context limit",
    "exceeds the context window",
    "exceeds the model's context",
    "context length exceeded",
    "`inputs` tokens + `max_new_tokens` must be",
    "maximum prompt length is",
    "prompt is too long",
    "input is too long",
    "reduce the length of the messages",
    "current length is",
    "exceeds the maximum number of tokens",
];

const POLICY_CODES: [&str; 7] = [
    "content_policy_violation",
    "content_filter",
    "ResponsibleAIPolicyViolation",
    "content_filter_error",
    "data_inspection_failed",
    "DataInspectionFailed",
    "moderation_blocked",
];

const POLICY_TEXTS: [&str; 8] = [
    "content management policy",
    "rejected as a result of our safety system",
    "content policy",
    "flagged as potentially violating our usage policy",
    "violating our usage policies",
    "filtered due to the prompt triggering",
    "content exists risk",
    "flagged for: ",
];

const KEY_TEXTS: [&str; 4] =
    ["incorrect api key", "invalid api key", "api key not valid", "api key is invalid"];

/// The kind of an error with this status and these words.
pub fn kind_of(status: u16, said: &Said) -> Kind {
    let base = Kind::of_upstream_status(status);
    if said.type_.as_deref() == Some("overloaded_error") {
        return Kind::UpstreamOverloaded;
    }
    if !matches!(status, 400 | 403 | 404 | 413 | 422) {
        return base;
    }
    let text = said.message.to_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|part| text.contains(part));
    let coded = |codes: &[&str]| said.words().any(|word| codes.contains(&word));
    if coded(&["rate_limit_exceeded"]) {
        // Groq answers 413 when one request is larger than what a minute allows.
        Kind::UpstreamRateLimit
    } else if coded(&CONTEXT_CODES) {
        Kind::ContextWindow
    } else if coded(&POLICY_CODES) || (status != 404 && says(&POLICY_TEXTS)) {
        Kind::ContentPolicy
    } else if coded(&["model_not_found", "DeploymentNotFound"]) {
        Kind::UpstreamNotFound
    } else if coded(&["invalid_api_key"]) || (status == 400 && says(&KEY_TEXTS)) {
        // xAI and Google's compatible API answer 400 for a wrong key.
        Kind::UpstreamUnauthorized
    } else if matches!(status, 400 | 413 | 422) && says(&CONTEXT_TEXTS) {
        Kind::ContextWindow
    } else {
        base
    }
}

/// The code for the caller: the provider's, except where ours says more. Clients test for the two codes
/// that OpenAI gives these kinds; a server that has a word of its own, or none, gets OpenAI's.
pub fn public_code(kind: Kind, said: &Said) -> Option<String> {
    match kind {
        Kind::ContextWindow => None,
        // Azure's word is known to its clients as it is.
        Kind::ContentPolicy if said.code.as_deref() != Some("content_filter") => None,
        _ => said.code.clone(),
    }
}

impl Said {
    /// The machine-readable words.
    fn words(&self) -> impl Iterator<Item = &str> {
        [&self.code, &self.type_, &self.inner_code].into_iter().flatten().map(String::as_str)
    }
}
