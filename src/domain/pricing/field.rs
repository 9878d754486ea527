//! The names of the list's price fields, and what they mean.
//!
//! A token price may carry a length (`_above_200k_tokens`) and a service tier (`_priority`) behind its name.

use crate::base::usage::ServiceTier;

/// A class of tokens with a price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Text read, and every token without a class of its own.
    Input,
    /// Read from the prompt cache.
    CacheRead,
    /// Written to the prompt cache.
    CacheWrite,
    /// Written to a prompt cache that keeps it for an hour.
    CacheWriteHour,
    /// Audio heard.
    InputAudio,
    /// Images seen.
    InputImage,
    /// Video seen.
    InputVideo,
    /// Audio from the cache.
    CachedAudio,
    /// Images from the cache.
    CachedImage,
    /// Text written, and every token without a class of its own.
    Output,
    /// Thinking.
    Reasoning,
    /// Audio spoken.
    OutputAudio,
    /// Images made.
    OutputImage,
    /// Video made.
    OutputVideo,
}

impl Class {
    /// Every class; a class comes after the one whose price it takes when it has none.
    pub const ALL: [Class; 14] = [
        Class::Input,
        Class::CacheRead,
        Class::CacheWrite,
        Class::CacheWriteHour,
        Class::InputAudio,
        Class::InputImage,
        Class::InputVideo,
        Class::CachedAudio,
        Class::CachedImage,
        Class::Output,
        Class::Reasoning,
        Class::OutputAudio,
        Class::OutputImage,
        Class::OutputVideo,
    ];

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "input_cost_per_token" => Class::Input,
            "cache_read_input_token_cost" => Class::CacheRead,
            "cache_creation_input_token_cost" => Class::CacheWrite,
            "cache_creation_input_token_cost_above_1hr" => Class::CacheWriteHour,
            "input_cost_per_audio_token" => Class::InputAudio,
            "input_cost_per_image_token" => Class::InputImage,
            "input_cost_per_video_token" => Class::InputVideo,
            "cache_read_input_audio_token_cost" => Class::CachedAudio,
            "cache_read_input_image_token_cost" => Class::CachedImage,
            "output_cost_per_token" => Class::Output,
            "output_cost_per_reasoning_token" => Class::Reasoning,
            "output_cost_per_audio_token" => Class::OutputAudio,
            "output_cost_per_image_token" => Class::OutputImage,
            "output_cost_per_video_token" => Class::OutputVideo,
            _ => return None,
        })
    }
}

/// Something billed by another unit than tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Each request, on top of everything.
    Request,
    /// Each image given; each image made, for models that make images.
    InputImage,
    /// Each image made.
    OutputImage,
    /// Each pixel made.
    Pixel,
    /// Each second of audio heard, or of compute time.
    InputSecond,
    /// Each second of audio spoken; of audio heard, for models that transcribe.
    OutputSecond,
    /// Each character to be spoken.
    Character,
    /// Each search of a rerank.
    Query,
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "input_cost_per_request" => Unit::Request,
            "input_cost_per_image" => Unit::InputImage,
            "output_cost_per_image" => Unit::OutputImage,
            "input_cost_per_pixel" | "output_cost_per_pixel" => Unit::Pixel,
            "input_cost_per_second" | "input_cost_per_audio_per_second" => Unit::InputSecond,
            "output_cost_per_second" => Unit::OutputSecond,
            "input_cost_per_character" => Unit::Character,
            "input_cost_per_query" => Unit::Query,
            _ => return None,
        })
    }
}

/// What a price field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The price of a token, for prompts of more than `above` tokens.
    Token {
        /// Of which tokens.
        class: Class,
        /// Prompts longer than this; 0 for all.
        above: u64,
        /// In which service tier.
        tier: ServiceTier,
    },
    /// DeepSeek's name for the price of cached input, of which the general name may stand beside it.
    CacheHit,
    /// The price of another unit.
    Unit(Unit),
    /// A web search's price by context size.
    Search,
    /// Token prices by ranges of the prompt's length.
    Ranges,
    /// A price of something that no endpoint here does (video, realtime messages, text by characters).
    Unused,
}

impl Field {
    /// What a field of this name says; `None` when it is no price that is known.
    pub fn named(name: &str) -> Option<Self> {
        let fixed = match name {
            "input_cost_per_token_cache_hit" => Some(Field::CacheHit),
            "search_context_cost_per_query" => Some(Field::Search),
            "tiered_pricing" => Some(Field::Ranges),
            _ => Unit::named(name).map(Field::Unit),
        };
        if fixed.is_some() {
            return fixed;
        }
        let (rest, tier) = split_tier(name);
        let (base, above) = split_length(rest)?;
        match Class::named(base) {
            Some(class) => Some(Field::Token { class, above, tier }),
            None => unused(base).then_some(Field::Unused),
        }
    }
}

/// Whether a field of this name is a price that is understood.
pub fn is_price(name: &str) -> bool {
    Field::named(name).is_some()
}

/// Takes the service tier off the end of a name.
fn split_tier(name: &str) -> (&str, ServiceTier) {
    const TIERS: [(&str, ServiceTier); 5] = [
        ("_priority", ServiceTier::Priority),
        ("_flex", ServiceTier::Flex),
        ("_batches", ServiceTier::Batch),
        ("_ultrafast", ServiceTier::Ultrafast),
        ("_decisions", ServiceTier::Decisions),
    ];
    let found = TIERS.iter().find_map(|(suffix, tier)| Some((name.strip_suffix(suffix)?, *tier)));
    found.unwrap_or((name, ServiceTier::Standard))
}

/// Takes `_above_200k_tokens` off the end of a name; `None` when its number is none.
fn split_length(name: &str) -> Option<(&str, u64)> {
    let Some((base, number)) = name.strip_suffix("_tokens").and_then(|rest| rest.rsplit_once("_above_"))
    else {
        return Some((name, 0));
    };
    let tokens = match number.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1000)?,
        None => number.parse().ok()?,
    };
    Some((base, tokens))
}

fn unused(base: &str) -> bool {
    base == "cache_creation_input_audio_token_cost"
        || base == "input_cost_per_text_message"
        || base == "output_cost_per_character"
        || base.starts_with("output_cost_per_second_")
        || base.contains("_cost_per_video_per_second")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(class: Class, above: u64, tier: ServiceTier) -> Option<Field> {
        Some(Field::Token { class, above, tier })
    }

    #[test]
    fn names_are_taken_apart() {
        use ServiceTier::{Batch, Priority, Standard};
        for (name, field) in [
            ("input_cost_per_token", token(Class::Input, 0, Standard)),
            ("output_cost_per_token_priority", token(Class::Output, 0, Priority)),
            ("input_cost_per_token_above_200k_tokens", token(Class::Input, 200_000, Standard)),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                token(Class::CacheWriteHour, 200_000, Standard),
            ),
            (
                "cache_read_input_token_cost_above_272k_tokens_batches",
                token(Class::CacheRead, 272_000, Batch),
            ),
            ("input_cost_per_second", Some(Field::Unit(Unit::InputSecond))),
            ("output_cost_per_second_1080p", Some(Field::Unused)),
            ("input_cost_per_tokens", None),
            ("input_cost_per_token_above_many_tokens", None),
        ] {
            assert_eq!(Field::named(name), field, "{name}");
        }
    }
}
