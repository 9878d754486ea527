//! What a provider says (or we count or estimate) that an answer consumed: everything a price can stand on.

mod kinds;

pub use kinds::{ImageQuality, SearchContext, ServiceTier};

/// Counts of one answer, in the provider's own arithmetic.
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
    /// Tokens written to a cache that keeps them for an hour (part of `cache_creation_tokens`).
    pub cache_creation_1h_tokens: u64,
    /// Audio tokens read from the cache (part of `cached_tokens` and of `input_audio_tokens`).
    pub cached_audio_tokens: u32,
    /// Image tokens read from the cache (part of `cached_tokens` and of `input_image_tokens`).
    pub cached_image_tokens: u32,
    /// Input image tokens (part of `prompt_tokens`).
    pub input_image_tokens: u32,
    /// Output image tokens (part of `completion_tokens`).
    pub output_image_tokens: u32,
    /// Input video tokens (part of `prompt_tokens`).
    pub input_video_tokens: u32,
    /// Output video tokens (part of `completion_tokens`).
    pub output_video_tokens: u32,
    /// Web searches that the provider ran.
    pub web_searches: u32,
    /// How much of the web each of them brought along.
    pub search_context: SearchContext,
    /// The service tier that answered.
    pub service_tier: ServiceTier,
    /// What is billed by other units than tokens.
    pub units: Units,
    /// Whether the numbers are our estimate because the provider gave none.
    pub estimated: bool,
}

/// Counts of what is not a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Milliseconds of audio heard or spoken, or of compute time where a model is rented by the second.
    pub milliseconds: u64,
    /// Characters of text to be spoken.
    pub characters: u64,
    /// Searches of a rerank.
    pub queries: u32,
    /// Images given to the model.
    pub input_images: u32,
    /// Images made.
    pub output_images: u32,
    /// Width and height of each image made, pixels; 0 when unknown.
    pub image_size: (u16, u16),
    /// Quality of each image made.
    pub image_quality: ImageQuality,
}

impl Usage {
    /// Input and output together.
    pub fn total(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// What two calls consumed that make one answer together. Tier and search context are the later one's.
    #[must_use]
    pub fn plus(&self, later: &Usage) -> Usage {
        let long = u64::saturating_add;
        let short = u32::saturating_add;
        Usage {
            prompt_tokens: long(self.prompt_tokens, later.prompt_tokens),
            completion_tokens: long(self.completion_tokens, later.completion_tokens),
            cached_tokens: long(self.cached_tokens, later.cached_tokens),
            cache_creation_tokens: long(self.cache_creation_tokens, later.cache_creation_tokens),
            reasoning_tokens: long(self.reasoning_tokens, later.reasoning_tokens),
            input_audio_tokens: long(self.input_audio_tokens, later.input_audio_tokens),
            output_audio_tokens: long(self.output_audio_tokens, later.output_audio_tokens),
            cache_creation_1h_tokens: long(self.cache_creation_1h_tokens, later.cache_creation_1h_tokens),
            cached_audio_tokens: short(self.cached_audio_tokens, later.cached_audio_tokens),
            cached_image_tokens: short(self.cached_image_tokens, later.cached_image_tokens),
            input_image_tokens: short(self.input_image_tokens, later.input_image_tokens),
            output_image_tokens: short(self.output_image_tokens, later.output_image_tokens),
            input_video_tokens: short(self.input_video_tokens, later.input_video_tokens),
            output_video_tokens: short(self.output_video_tokens, later.output_video_tokens),
            web_searches: short(self.web_searches, later.web_searches),
            search_context: later.search_context,
            service_tier: later.service_tier,
            units: self.units.plus(&later.units),
            estimated: self.estimated || later.estimated,
        }
    }
}

impl Units {
    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.milliseconds == 0
            && self.characters == 0
            && self.queries == 0
            && self.input_images == 0
            && self.output_images == 0
    }

    fn plus(&self, later: &Units) -> Units {
        Units {
            milliseconds: self.milliseconds.saturating_add(later.milliseconds),
            characters: self.characters.saturating_add(later.characters),
            queries: self.queries.saturating_add(later.queries),
            input_images: self.input_images.saturating_add(later.input_images),
            output_images: self.output_images.saturating_add(later.output_images),
            image_size: later.image_size,
            image_quality: later.image_quality,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_calls_make_one_answer() {
        let one = Usage {
            prompt_tokens: 10,
            cached_tokens: 4,
            completion_tokens: 2,
            web_searches: 1,
            units: Units { milliseconds: 5, ..Units::default() },
            ..Usage::default()
        };
        let other = Usage { service_tier: ServiceTier::Flex, estimated: true, ..one };
        let both = one.plus(&other);
        assert_eq!((both.prompt_tokens, both.cached_tokens, both.total()), (20, 8, 24));
        assert_eq!((both.web_searches, both.units.milliseconds), (2, 10));
        assert_eq!((both.service_tier, both.estimated), (ServiceTier::Flex, true));
        assert!(std::mem::size_of::<Usage>() <= 152, "passed by value along the whole way");
    }
}
