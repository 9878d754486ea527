//! Token prices of one service tier and one length of prompt, with every gap filled.
//!
//! How gaps are filled, from the first rule that applies:
//! - a tier's price for this length;
//! - of a tier without one: the higher of the tier's own price and the length's ordinary price, so that a
//!   missing combination is never billed below what is known;
//! - the class's ordinary price. A class that is dearer than its parent (audio dearer than text) stays at
//!   least as dear as the parent is here; one that costs the same follows the parent;
//! - the parent's price: cached and written input and input media cost what input costs, an hour of cache
//!   what five minutes cost, reasoning and output media what output costs.

use std::cmp::Ordering;

use super::field::Class;
use super::sheet::Sheet;
use crate::base::money::Atto;
use crate::base::usage::ServiceTier;

/// What one token of each class costs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    pub input: Atto,
    pub cache_read: Atto,
    pub cache_write: Atto,
    pub cache_write_hour: Atto,
    pub input_audio: Atto,
    pub input_image: Atto,
    pub input_video: Atto,
    pub cached_audio: Atto,
    pub cached_image: Atto,
    pub output: Atto,
    pub reasoning: Atto,
    pub output_audio: Atto,
    pub output_image: Atto,
    pub output_video: Atto,
}

/// The rates for prompts of more than `above` tokens in one service tier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub tier: ServiceTier,
    pub above: u64,
    pub rates: Rates,
}

/// All rows of a sheet, by tier and length; none when it has no token prices.
pub fn rows(sheet: &Sheet) -> Box<[Row]> {
    if !Class::ALL.iter().any(|class| sheet.base(*class).is_some()) && sheet.tokens.is_empty() {
        return Box::default();
    }
    let base = Rates::fill(sheet, ServiceTier::Standard, 0, None);
    let mut keys = vec![(ServiceTier::Standard, 0)];
    for one in &sheet.tokens {
        keys.push((one.tier, 0));
        keys.push((one.tier, one.above));
        if one.tier == ServiceTier::Standard {
            // A longer prompt is dearer in every tier.
            keys.extend(sheet.tokens.iter().map(|other| (other.tier, one.above)));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let row = |(tier, above)| Row { tier, above, rates: Rates::fill(sheet, tier, above, Some(&base)) };
    keys.into_iter().map(row).collect()
}

impl Rates {
    fn fill(sheet: &Sheet, tier: ServiceTier, above: u64, base: Option<&Rates>) -> Rates {
        let mut rates = Rates::default();
        for class in Class::ALL {
            let parent = parent(sheet, class);
            let here = parent.map(|parent| rates.get(parent));
            let ordinary = || {
                let (ordinary, base) = (sheet.base(class)?, base?);
                let Some((parent, here)) = parent.zip(here) else { return Some(ordinary) };
                Some(match ordinary.cmp(&base.get(parent)) {
                    Ordering::Less => ordinary,
                    Ordering::Equal => here,
                    Ordering::Greater => ordinary.max(here),
                })
            };
            let price = own(sheet, class, tier, above).or_else(ordinary).or(here);
            let price = price.or_else(|| stand_in(sheet, class, tier, above));
            rates.set(class, price.unwrap_or_default());
        }
        rates
    }

    /// The price of a class.
    pub fn get(&self, class: Class) -> Atto {
        match class {
            Class::Input => self.input,
            Class::CacheRead => self.cache_read,
            Class::CacheWrite => self.cache_write,
            Class::CacheWriteHour => self.cache_write_hour,
            Class::InputAudio => self.input_audio,
            Class::InputImage => self.input_image,
            Class::InputVideo => self.input_video,
            Class::CachedAudio => self.cached_audio,
            Class::CachedImage => self.cached_image,
            Class::Output => self.output,
            Class::Reasoning => self.reasoning,
            Class::OutputAudio => self.output_audio,
            Class::OutputImage => self.output_image,
            Class::OutputVideo => self.output_video,
        }
    }

    fn set(&mut self, class: Class, price: Atto) {
        let place = match class {
            Class::Input => &mut self.input,
            Class::CacheRead => &mut self.cache_read,
            Class::CacheWrite => &mut self.cache_write,
            Class::CacheWriteHour => &mut self.cache_write_hour,
            Class::InputAudio => &mut self.input_audio,
            Class::InputImage => &mut self.input_image,
            Class::InputVideo => &mut self.input_video,
            Class::CachedAudio => &mut self.cached_audio,
            Class::CachedImage => &mut self.cached_image,
            Class::Output => &mut self.output,
            Class::Reasoning => &mut self.reasoning,
            Class::OutputAudio => &mut self.output_audio,
            Class::OutputImage => &mut self.output_image,
            Class::OutputVideo => &mut self.output_video,
        };
        *place = price;
    }

    /// The most that one input token can cost. Text can be cached without being asked for; an hour of cache
    /// and media have to be in the request.
    pub fn worst_input(&self, hour: bool, media: bool) -> Atto {
        let mut worst = self.input.max(self.cache_read).max(self.cache_write);
        if hour {
            worst = worst.max(self.cache_write_hour);
        }
        if media {
            let seen = self.input_audio.max(self.input_image).max(self.input_video);
            worst = worst.max(seen).max(self.cached_audio).max(self.cached_image);
        }
        worst
    }

    /// The most that one output token can cost.
    pub fn worst_output(&self, media: bool) -> Atto {
        let text = self.output.max(self.reasoning);
        if media { text.max(self.output_audio).max(self.output_image).max(self.output_video) } else { text }
    }
}

/// What the sheet says of this class for this very tier and length.
fn own(sheet: &Sheet, class: Class, tier: ServiceTier, above: u64) -> Option<Atto> {
    if tier == ServiceTier::Standard {
        return if above == 0 { sheet.base(class) } else { sheet.long(class, tier, above) };
    }
    let length = sheet.long(class, ServiceTier::Standard, above);
    sheet.long(class, tier, above).or_else(|| sheet.at(class, tier, 0).max(length))
}

/// Whose price a class takes when it has none.
fn parent(sheet: &Sheet, class: Class) -> Option<Class> {
    let cached = |media: Class| if sheet.base(media).is_some() { media } else { Class::CacheRead };
    Some(match class {
        Class::Input | Class::Output => return None,
        Class::CacheRead | Class::CacheWrite => Class::Input,
        Class::InputAudio | Class::InputImage | Class::InputVideo => Class::Input,
        Class::CacheWriteHour => Class::CacheWrite,
        Class::CachedAudio => cached(Class::InputAudio),
        Class::CachedImage => cached(Class::InputImage),
        Class::Reasoning | Class::OutputAudio | Class::OutputImage | Class::OutputVideo => Class::Output,
    })
}

/// What plain tokens cost when only a special class has a price: a model that only makes images counts
/// nothing but image tokens, without saying so.
fn stand_in(sheet: &Sheet, class: Class, tier: ServiceTier, above: u64) -> Option<Atto> {
    let special: &[Class] = match class {
        Class::Input => &[Class::InputAudio, Class::InputImage, Class::InputVideo],
        Class::Output => &[Class::OutputAudio, Class::OutputImage, Class::OutputVideo, Class::Reasoning],
        _ => &[],
    };
    let price = |class: &Class| own(sheet, *class, tier, above).or_else(|| sheet.base(*class));
    special.iter().filter_map(price).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(fields: &[(&str, &str)], tier: ServiceTier, above: u64) -> Rates {
        let mut sheet = Sheet::default();
        for (name, raw) in fields {
            sheet.read(name, raw).unwrap();
        }
        rows(&sheet).iter().find(|row| (row.tier, row.above) == (tier, above)).unwrap().rates
    }

    fn usd(text: &str) -> Atto {
        text.parse().unwrap()
    }

    #[test]
    fn a_missing_combination_is_never_cheaper_than_what_is_known() {
        let gemini = [
            ("input_cost_per_token", "2"),
            ("input_cost_per_token_flex", "1"),
            ("input_cost_per_token_priority", "7"),
            ("input_cost_per_token_above_200k_tokens", "4"),
        ];
        assert_eq!(rates(&gemini, ServiceTier::Flex, 0).input, usd("1"));
        assert_eq!(rates(&gemini, ServiceTier::Flex, 200_000).input, usd("4"));
        assert_eq!(rates(&gemini, ServiceTier::Priority, 200_000).input, usd("7"));
    }

    #[test]
    fn a_class_without_a_price_takes_its_parents() {
        let plain =
            rates(&[("input_cost_per_token", "1"), ("output_cost_per_token", "2")], ServiceTier::Standard, 0);
        let expected = (usd("1"), usd("1"), usd("1"), usd("1"));
        assert_eq!(
            (plain.cache_read, plain.cache_write_hour, plain.input_image, plain.cached_audio),
            expected
        );
        assert_eq!((plain.reasoning, plain.output_image), (usd("2"), usd("2")));
        let cached = [("input_cost_per_token", "4"), ("cache_read_input_token_cost", "1")];
        assert_eq!(rates(&cached, ServiceTier::Standard, 0).cached_audio, usd("1"));
        let audio = [("input_cost_per_audio_token", "9")];
        assert_eq!(
            rates(&[cached, [audio[0], audio[0]]].concat(), ServiceTier::Standard, 0).cached_audio,
            usd("9")
        );
        let images = rates(&[("output_cost_per_image_token", "4")], ServiceTier::Standard, 0);
        assert_eq!((images.output, images.input), (usd("4"), Atto::ZERO));
    }

    #[test]
    fn a_class_follows_its_parent_into_other_rows() {
        let fields = [
            ("output_cost_per_token", "2"),
            ("output_cost_per_reasoning_token", "2"),
            ("output_cost_per_token_priority", "5"),
            ("input_cost_per_token", "2"),
            ("cache_creation_input_token_cost", "3"),
            ("cache_creation_input_token_cost_above_1hr", "4"),
            ("cache_creation_input_token_cost_above_200k_tokens", "6"),
        ];
        assert_eq!(rates(&fields, ServiceTier::Priority, 0).reasoning, usd("5"));
        let long = rates(&fields, ServiceTier::Standard, 200_000);
        assert_eq!((long.cache_write, long.cache_write_hour, long.input), (usd("6"), usd("6"), usd("2")));
    }

    #[test]
    fn ranges_are_rows() {
        let ranges = r#"[{"input_cost_per_token":1,"cache_read_input_token_cost":0.5,"range":[0,32000.0]},
            {"input_cost_per_token":3,"range":[32000.0,1000000.0]}]"#;
        let fields = [("tiered_pricing", ranges)];
        assert_eq!(rates(&fields, ServiceTier::Standard, 0).input, usd("1"));
        let long = rates(&fields, ServiceTier::Standard, 32_000);
        assert_eq!((long.input, long.cache_read), (usd("3"), usd("0.5")));
    }
}
