//! Token counts from the `usage` objects of the known APIs.
//!
//! OpenAI's chat, completions, embeddings, responses and audio shapes, Anthropic's, and what
//! OpenAI-compatible servers add to them. No tree is built.

use crate::base::usage::Usage;

use super::json::Members;

/// The counts in the raw JSON of a `usage` object; `None` when it holds no token count (`null`, `{}`,
/// a duration).
pub fn usage_of(raw: &str) -> Option<Usage> {
    let mut fields = Fields::default();
    for (key, value) in Members::of(raw) {
        fields.read(key, value);
    }
    fields.settle()
}

/// A count: a whole number, or a float that some servers write for one.
fn count(raw: &str) -> Option<u64> {
    // A float is cut to a whole number; negative ones become 0 and too large ones the maximum.
    raw.parse().ok().or_else(|| raw.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n as u64))
}

#[derive(Default)]
struct Fields {
    prompt: Option<u64>,
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: u64,
    cache_created: u64,
    /// Anthropic's counts stand beside `input_tokens`, not inside it.
    beside_input: u64,
    reasoning: u64,
    input_audio: u64,
    output_audio: u64,
}

impl Fields {
    fn read(&mut self, key: &str, raw: &str) {
        match key {
            "prompt_tokens" => self.prompt = count(raw),
            "input_tokens" => self.input = count(raw),
            "completion_tokens" | "output_tokens" => self.output = count(raw).or(self.output),
            "total_tokens" => self.total = count(raw),
            "cache_read_input_tokens" => {
                let tokens = count(raw).unwrap_or(0);
                self.cached = self.cached.max(tokens);
                self.beside_input = self.beside_input.saturating_add(tokens);
            }
            "cache_creation_input_tokens" => {
                let tokens = count(raw).unwrap_or(0);
                self.cache_created = self.cache_created.max(tokens);
                self.beside_input = self.beside_input.saturating_add(tokens);
            }
            // DeepSeek and Moonshot.
            "prompt_cache_hit_tokens" | "cached_tokens" => {
                self.cached = self.cached.max(count(raw).unwrap_or(0));
            }
            "reasoning_tokens" => self.reasoning = self.reasoning.max(count(raw).unwrap_or(0)),
            "prompt_tokens_details" | "input_tokens_details" | "input_token_details" => self.read_input(raw),
            "completion_tokens_details" | "output_tokens_details" | "output_token_details" => {
                self.read_output(raw);
            }
            _ => {}
        }
    }

    fn read_input(&mut self, details: &str) {
        for (key, raw) in Members::of(details) {
            let tokens = count(raw).unwrap_or(0);
            match key {
                "cached_tokens" => self.cached = self.cached.max(tokens),
                "cache_creation_tokens" | "cache_write_tokens" => {
                    self.cache_created = self.cache_created.max(tokens);
                }
                "audio_tokens" => self.input_audio = tokens,
                _ => {}
            }
        }
    }

    fn read_output(&mut self, details: &str) {
        for (key, raw) in Members::of(details) {
            let tokens = count(raw).unwrap_or(0);
            match key {
                "reasoning_tokens" => self.reasoning = self.reasoning.max(tokens),
                "audio_tokens" => self.output_audio = tokens,
                _ => {}
            }
        }
    }

    fn settle(self) -> Option<Usage> {
        let input = self.prompt.or(self.input.map(|input| input.saturating_add(self.beside_input)));
        if input.is_none() && self.output.is_none() && self.total.is_none() {
            return None;
        }
        let mut output = self.output.unwrap_or(0);
        let prompt = input.or(self.total.map(|total| total.saturating_sub(output))).unwrap_or(0);
        // xAI counts reasoning beside the completion and only inside the total.
        let with_reasoning = prompt.saturating_add(output).saturating_add(self.reasoning);
        if self.reasoning > 0 && self.total == Some(with_reasoning) {
            output = output.saturating_add(self.reasoning);
        }
        Some(Usage {
            prompt_tokens: prompt,
            completion_tokens: output,
            cached_tokens: self.cached.min(prompt),
            cache_creation_tokens: self.cache_created.min(prompt),
            reasoning_tokens: self.reasoning.min(output),
            input_audio_tokens: self.input_audio.min(prompt),
            output_audio_tokens: self.output_audio.min(output),
            estimated: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_chat_with_details() {
        let usage = usage_of(
            r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
                "prompt_tokens_details":{"cached_tokens":64,"audio_tokens":3},
                "completion_tokens_details":{"reasoning_tokens":8,"audio_tokens":2}}"#,
        )
        .unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total()), (100, 20, 120));
        assert_eq!((usage.cached_tokens, usage.reasoning_tokens), (64, 8));
        assert_eq!((usage.input_audio_tokens, usage.output_audio_tokens), (3, 2));
        assert!(!usage.estimated);
    }

    #[test]
    fn embeddings_and_responses() {
        let embedding = usage_of(r#"{"prompt_tokens":8,"total_tokens":8}"#).unwrap();
        assert_eq!((embedding.prompt_tokens, embedding.completion_tokens), (8, 0));
        let response = usage_of(
            r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":10},"output_tokens":87,
                "output_tokens_details":{"reasoning_tokens":7},"total_tokens":123}"#,
        )
        .unwrap();
        assert_eq!((response.prompt_tokens, response.completion_tokens), (36, 87));
        assert_eq!((response.cached_tokens, response.reasoning_tokens), (10, 7));
        assert_eq!(usage_of(r#"{"total_tokens":5}"#).unwrap().prompt_tokens, 5);
    }

    #[test]
    fn anthropic_counts_cache_beside_the_input() {
        let usage = usage_of(
            r#"{"input_tokens":5,"cache_creation_input_tokens":100,"cache_read_input_tokens":50,"output_tokens":7}"#,
        )
        .unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (155, 7));
        assert_eq!((usage.cached_tokens, usage.cache_creation_tokens), (50, 100));
    }

    #[test]
    fn the_same_extras_beside_openai_counts_add_nothing() {
        let usage =
            usage_of(r#"{"prompt_tokens":155,"completion_tokens":7,"cache_read_input_tokens":50}"#).unwrap();
        assert_eq!((usage.prompt_tokens, usage.cached_tokens), (155, 50));
    }

    #[test]
    fn compatible_servers_deviate() {
        let deepseek =
            usage_of(r#"{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":4}"#).unwrap();
        assert_eq!(deepseek.cached_tokens, 4);
        let xai = usage_of(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#,
        )
        .unwrap();
        assert_eq!((xai.completion_tokens, xai.reasoning_tokens), (25, 20));
        assert_eq!(usage_of(r#"{"prompt_tokens":3.0,"completion_tokens":-1.0}"#).unwrap().prompt_tokens, 3);
    }

    #[test]
    fn nothing_counted_is_no_usage() {
        for raw in ["null", "{}", "7", r#"{"type":"duration","seconds":3}"#, r#"{"prompt_tokens":null}"#, "{"]
        {
            assert_eq!(usage_of(raw), None, "{raw}");
        }
    }
}
