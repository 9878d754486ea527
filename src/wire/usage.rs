//! Counts from the `usage` objects of the known APIs, and what is billed elsewhere in an answer.
//!
//! OpenAI's chat, completions, embeddings, responses, image and audio shapes, Anthropic's, and what
//! OpenAI-compatible servers add to them. No tree is built.

use crate::base::usage::{SearchContext, ServiceTier, Units, Usage};

use super::json::{Elements, Members, member};
use super::surface::str_of;

/// The counts in the raw JSON of a `usage` object; `None` when it counts nothing (`null`, `{}`).
pub fn usage_of(raw: &str) -> Option<Usage> {
    let mut fields = Fields::default();
    for (key, value) in Members::of(raw) {
        fields.read(key, value);
    }
    fields.settle()
}

/// The service tier in the raw JSON of an answer's `service_tier`; the ordinary one for what is no name.
pub fn tier_of(raw: &str) -> ServiceTier {
    str_of(raw).map(|name| ServiceTier::of_answer(&name)).unwrap_or_default()
}

/// How many web searches the raw `output` of the Responses API shows: opened pages are free.
pub fn searches_of(output: &str) -> u32 {
    let searches = Elements::of(output).filter(|item| {
        let action = member(item, "action").and_then(|action| member(action, "type"));
        member(item, "type") == Some(r#""web_search_call""#)
            && action.is_none_or(|action| action == r#""search""#)
    });
    u32::try_from(searches.count()).unwrap_or(u32::MAX)
}

/// Milliseconds in a raw number of seconds; providers write it as a string, too.
pub fn milliseconds(raw: &str) -> Option<u64> {
    let seconds: f64 = raw.trim_matches('"').parse().ok()?;
    // A float is cut to a whole number; too large ones become the maximum.
    (seconds.is_finite() && seconds >= 0.0).then(|| (seconds * 1000.0).round() as u64)
}

/// A count: a whole number, or a float that some servers write for one.
fn count(raw: &str) -> Option<u64> {
    // A float is cut to a whole number; negative ones become 0 and too large ones the maximum.
    raw.parse().ok().or_else(|| raw.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n as u64))
}

/// A count that no answer brings beyond four thousand million.
fn short(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
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
    written_1h: u64,
    cached_audio: u64,
    cached_image: u64,
    input_image: u64,
    output_image: u64,
    input_video: u64,
    output_video: u64,
    searches: u64,
    search_context: Option<SearchContext>,
    tier: ServiceTier,
    milliseconds: Option<u64>,
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
            "service_tier" => self.tier = tier_of(raw),
            "seconds" => self.milliseconds = milliseconds(raw),
            "prompt_tokens_details" | "input_tokens_details" | "input_token_details" => self.read_input(raw),
            "completion_tokens_details" | "output_tokens_details" | "output_token_details" => {
                self.read_output(raw);
            }
            _ => self.read_extras(key, raw),
        }
    }

    /// What single providers bill beside the tokens.
    fn read_extras(&mut self, key: &str, raw: &str) {
        let counted = |name| member(raw, name).and_then(count).unwrap_or(0);
        match key {
            // Anthropic.
            "cache_creation" => self.written_1h = counted("ephemeral_1h_input_tokens"),
            "server_tool_use" => self.searches = self.searches.max(counted("web_search_requests")),
            // Perplexity: a fee per request, by context, or per search.
            "search_context_size" => {
                self.search_context = str_of(raw).and_then(|size| SearchContext::named(&size));
                self.searches = self.searches.max(1);
            }
            "num_search_queries" => self.searches = self.searches.max(count(raw).unwrap_or(0)),
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
                "image_tokens" => self.input_image = tokens,
                "video_tokens" => self.input_video = tokens,
                "cached_tokens_details" => {
                    let counted = |name| member(raw, name).and_then(count).unwrap_or(0);
                    self.cached_audio = counted("audio_tokens");
                    self.cached_image = counted("image_tokens");
                }
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
                "image_tokens" => self.output_image = tokens,
                "video_tokens" => self.output_video = tokens,
                _ => {}
            }
        }
    }

    fn settle(self) -> Option<Usage> {
        let input = self.prompt.or(self.input.map(|input| input.saturating_add(self.beside_input)));
        let tokens = input.is_some() || self.output.is_some() || self.total.is_some();
        if !tokens && self.milliseconds.is_none() {
            return None;
        }
        let mut output = self.output.unwrap_or(0);
        let prompt = input.or(self.total.map(|total| total.saturating_sub(output))).unwrap_or(0);
        // xAI counts reasoning beside the completion and only inside the total.
        let with_reasoning = prompt.saturating_add(output).saturating_add(self.reasoning);
        if self.reasoning > 0 && self.total == Some(with_reasoning) {
            output = output.saturating_add(self.reasoning);
        }
        let (cached, written) = (self.cached.min(prompt), self.cache_created.min(prompt));
        Some(Usage {
            prompt_tokens: prompt,
            completion_tokens: output,
            cached_tokens: cached,
            cache_creation_tokens: written,
            reasoning_tokens: self.reasoning.min(output),
            input_audio_tokens: self.input_audio.min(prompt),
            output_audio_tokens: self.output_audio.min(output),
            cache_creation_1h_tokens: self.written_1h.min(written),
            cached_audio_tokens: short(self.cached_audio.min(cached)),
            cached_image_tokens: short(self.cached_image.min(cached)),
            input_image_tokens: short(self.input_image.min(prompt)),
            output_image_tokens: short(self.output_image.min(output)),
            input_video_tokens: short(self.input_video.min(prompt)),
            output_video_tokens: short(self.output_video.min(output)),
            web_searches: short(self.searches),
            search_context: self.search_context.unwrap_or_default(),
            service_tier: self.tier,
            units: Units { milliseconds: self.milliseconds.unwrap_or(0), ..Units::default() },
            estimated: false,
        })
    }
}

#[cfg(test)]
mod tests;
