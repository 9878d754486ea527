//! Token counts: Anthropic counts cached input beside the rest, OpenAI within it.

use serde_json::{Value, json};

use super::fields::Object;
use crate::base::usage::{ServiceTier, Usage};

/// Characters of a text that make about one token.
const CHARS_PER_TOKEN: u64 = 4;

/// Counts collected over a reply or over the events of a stream, which give running totals.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    seen: bool,
    input: u64,
    written: u64,
    /// Part of `written`: kept for an hour.
    written_1h: u64,
    read: u64,
    output: u64,
    thinking: Option<u64>,
    server_tools: Option<Value>,
    tier: ServiceTier,
}

impl Counts {
    /// Takes over what a `usage` object says; what it does not mention stays.
    pub(super) fn update(&mut self, usage: &Value) {
        let Some(usage) = usage.as_object() else { return };
        self.seen = true;
        for (key, count) in [
            ("input_tokens", &mut self.input),
            ("cache_creation_input_tokens", &mut self.written),
            ("cache_read_input_tokens", &mut self.read),
            ("output_tokens", &mut self.output),
        ] {
            if let Some(tokens) = usage.get(key).and_then(Value::as_u64) {
                *count = tokens;
            }
        }
        let hour = usage.get("cache_creation").and_then(|split| split.get("ephemeral_1h_input_tokens"));
        self.written_1h = hour.and_then(Value::as_u64).unwrap_or(self.written_1h);
        if let Some(tier) = usage.get("service_tier").and_then(Value::as_str) {
            self.tier = ServiceTier::of_answer(tier);
        }
        let details = usage.get("output_tokens_details").and_then(|details| details.get("thinking_tokens"));
        self.thinking = details.and_then(Value::as_u64).or(self.thinking);
        if let Some(server_tools) = usage.get("server_tool_use").filter(|value| value.is_object()) {
            self.server_tools = Some(server_tools.clone());
        }
    }

    /// The usage, if the provider gave any. `thinking` is how many characters of thinking were seen: the
    /// provider bills them as output without saying how many tokens they were, so that part is estimated.
    pub(super) fn usage(&self, thinking: u64) -> Option<Usage> {
        self.seen.then(|| Usage {
            prompt_tokens: self.input.saturating_add(self.written).saturating_add(self.read),
            completion_tokens: self.output,
            cached_tokens: self.read,
            cache_creation_tokens: self.written,
            cache_creation_1h_tokens: self.written_1h.min(self.written),
            reasoning_tokens: self.thinking.unwrap_or_else(|| tokens_of(thinking)).min(self.output),
            web_searches: self.searches(),
            service_tier: self.tier,
            ..Usage::default()
        })
    }

    fn searches(&self) -> u32 {
        let searches = self.server_tools.as_ref().and_then(|tools| tools.get("web_search_requests"));
        searches.and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
    }

    /// The usage of a stream that broke off after `produced` characters, before its final count.
    pub(super) fn usage_so_far(&self, thinking: u64, produced: u64) -> Option<Usage> {
        let mut counts = self.clone();
        counts.output = counts.output.max(tokens_of(produced));
        counts.usage(thinking).map(|usage| Usage { estimated: true, ..usage })
    }

    /// `usage` as OpenAI's clients read it, with LiteLLM's fields beside.
    pub(super) fn shown(&self, usage: &Usage) -> Value {
        let mut shown = json!({
            "completion_tokens": usage.completion_tokens,
            "prompt_tokens": usage.prompt_tokens,
            "total_tokens": usage.total(),
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "prompt_tokens_details": {
                "cached_tokens": usage.cached_tokens,
                "cache_creation_tokens": usage.cache_creation_tokens,
                "cache_write_tokens": usage.cache_creation_tokens,
                "text_tokens": self.input,
            },
            "cache_creation_input_tokens": usage.cache_creation_tokens,
            "cache_read_input_tokens": usage.cached_tokens,
        });
        if let (Some(server_tools), Some(shown)) = (&self.server_tools, shown.as_object_mut()) {
            insert(shown, "server_tool_use", server_tools.clone());
        }
        shown
    }
}

fn insert(object: &mut Object, key: &str, value: Value) {
    object.insert(key.to_owned(), value);
}

fn tokens_of(chars: u64) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_input_is_part_of_the_prompt() {
        let mut counts = Counts::default();
        assert!(counts.usage(0).is_none());
        counts.update(&json!({"input_tokens": 11, "cache_creation_input_tokens": 5,
            "cache_read_input_tokens": 7, "output_tokens": 1}));
        counts.update(&json!({"output_tokens": 6}));
        let usage = counts.usage(0).unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total()), (23, 6, 29));
        assert_eq!(counts.shown(&usage)["prompt_tokens_details"]["text_tokens"], 11);
    }

    #[test]
    fn what_costs_more_than_tokens_do_is_kept() {
        let mut counts = Counts::default();
        counts.update(&json!({"input_tokens": 1, "cache_creation_input_tokens": 9, "service_tier": "batch",
            "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5}}));
        counts.update(&json!({"output_tokens": 6, "server_tool_use": {"web_search_requests": 3}}));
        let usage = counts.usage(0).unwrap();
        assert_eq!((usage.cache_creation_tokens, usage.cache_creation_1h_tokens), (9, 5));
        assert_eq!((usage.web_searches, usage.service_tier), (3, ServiceTier::Batch));
    }

    #[test]
    fn a_broken_stream_is_estimated_and_says_so() {
        let mut counts = Counts::default();
        counts.update(&json!({"input_tokens": 10, "output_tokens": 1}));
        let usage = counts.usage_so_far(0, 400).unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.estimated), (10, 100, true));
    }
}
