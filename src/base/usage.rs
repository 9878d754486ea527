//! What a provider says (or we estimate) that an answer consumed.

/// Token counts of one answer, in the provider's own arithmetic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, cached and cache-written ones included.
    pub prompt_tokens: u64,
    /// All output tokens, reasoning included.
    pub completion_tokens: u64,
    /// Input tokens read from the provider's prompt cache (part of `prompt_tokens`).
    pub cached_tokens: u64,
    /// Input tokens written to the provider's prompt cache (part of `prompt_tokens`).
    pub cache_creation_tokens: u64,
    /// Output tokens spent on reasoning (part of `completion_tokens`).
    pub reasoning_tokens: u64,
    /// Input audio tokens (part of `prompt_tokens`).
    pub input_audio_tokens: u64,
    /// Output audio tokens (part of `completion_tokens`).
    pub output_audio_tokens: u64,
    /// Whether the numbers are our estimate because the provider gave none.
    pub estimated: bool,
}

impl Usage {
    /// Input and output together.
    pub fn total(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}
