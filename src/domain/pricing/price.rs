//! What one deployment's answers cost, ready to compute with.

use super::adjust::Adjust;
use super::field::{Class, Unit};
use super::images::{self, ImagePrice};
use super::rates::{Row, rows};
use super::sheet::Sheet;
use crate::base::money::{Atto, Nanos};
use crate::base::usage::{ImageQuality, SearchContext, ServiceTier, Units};

/// The prices of one deployment, resolved once: every gap filled, every name gone.
///
/// There is one only where something is priced. A price of 0 is a price.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// Token prices by tier and length; empty when tokens are not what is billed.
    pub(super) rows: Box<[Row]>,
    pub(super) units: UnitPrices,
    pub(super) adjust: Adjust,
}

/// Prices of what is not a token. What is `None` costs nothing here, or is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct UnitPrices {
    pub request: Option<Atto>,
    pub input_image: Option<Atto>,
    pub output_image: Option<Atto>,
    pub pixel: Option<Atto>,
    pub second: Option<Atto>,
    pub character: Option<Atto>,
    pub query: Option<Atto>,
    /// Of one web search: low, medium, high context.
    pub searches: Option<[Atto; 3]>,
    /// Of generated images by size and quality.
    pub images: Box<[ImagePrice]>,
    /// Whether units come on top of tokens. They do for embeddings, where text is counted in tokens and an
    /// image is not; elsewhere they are another way to bill the same thing.
    pub beside_tokens: bool,
}

impl Price {
    /// The price that a sheet means for a model of this `mode`; `None` when nothing is priced.
    pub(super) fn new(
        sheet: &Sheet,
        images: Box<[ImagePrice]>,
        mode: Option<&str>,
        adjust: Adjust,
    ) -> Option<Self> {
        let rows = rows(sheet);
        let units = UnitPrices::new(sheet, images, mode);
        let any = !rows.is_empty() || !units.images.is_empty() || units.all().next().is_some();
        any.then_some(Price { rows, units, adjust })
    }

    /// The share that `cost_margin_config` puts on top, in billionths.
    pub fn margin_share(&self) -> Nanos {
        self.adjust.margin_share()
    }

    /// Whether every answer is free, by prices that say so: such a model needs no budget.
    pub fn is_free(&self) -> bool {
        let rates = self.rows.iter().flat_map(|row| Class::ALL.map(|class| row.rates.get(class)));
        let images = self.units.images.iter().map(|one| one.price);
        let nothing = |price: Atto| price == Atto::ZERO;
        rates.chain(images).chain(self.units.all()).all(nothing) && self.adjust.adds_nothing()
    }

    /// What an ordinary input and output token cost; `None` when tokens have no price.
    pub fn per_token(&self) -> Option<(Atto, Atto)> {
        self.rows.first().map(|row| (row.rates.input, row.rates.output))
    }

    /// The row for a prompt of this length in this tier; a tier without prices costs what the ordinary one
    /// does.
    pub(super) fn row(&self, tier: ServiceTier, prompt_tokens: u64) -> Option<&Row> {
        let of = |tier: ServiceTier| {
            let fits = |row: &&Row| row.tier == tier && (row.above == 0 || row.above < prompt_tokens);
            self.rows.iter().rev().find(fits)
        };
        of(tier).or_else(|| of(ServiceTier::Standard))
    }
}

impl UnitPrices {
    fn new(sheet: &Sheet, images: Box<[ImagePrice]>, mode: Option<&str>) -> Self {
        let makes_images = matches!(mode, Some("image_generation" | "image_edit"));
        let (input_image, output_image) = (sheet.unit(Unit::InputImage), sheet.unit(Unit::OutputImage));
        let (heard, spoken) = (sheet.unit(Unit::InputSecond), sheet.unit(Unit::OutputSecond));
        UnitPrices {
            request: sheet.unit(Unit::Request),
            input_image: input_image.filter(|_| !makes_images),
            // Models that take no images often have the price of a made image under the other name.
            output_image: output_image.or(input_image.filter(|_| makes_images)),
            pixel: sheet.unit(Unit::Pixel),
            // Two names for the one second that a transcription bills.
            second: heard.max(spoken),
            character: sheet.unit(Unit::Character),
            query: sheet.unit(Unit::Query),
            searches: sheet.searches,
            images,
            beside_tokens: mode == Some("embedding"),
        }
    }

    fn all(&self) -> impl Iterator<Item = Atto> {
        let single = [
            self.request,
            self.input_image,
            self.output_image,
            self.pixel,
            self.second,
            self.character,
            self.query,
        ];
        single.into_iter().flatten().chain(self.searches.into_iter().flatten())
    }

    /// What one web search costs.
    pub fn search(&self, context: SearchContext) -> Option<Atto> {
        let [low, medium, high] = self.searches?;
        Some(match context {
            SearchContext::Low => low,
            SearchContext::Medium => medium,
            SearchContext::High => high,
        })
    }

    /// What one generated image costs; the most that it can, while its quality is not known.
    pub fn image(&self, units: &Units, worst: bool) -> Option<Atto> {
        let (width, height) = units.image_size;
        let pixels = u64::from(width) * u64::from(height);
        // An unknown size is billed as the usual one.
        let pixels = if pixels == 0 { 1024 * 1024 } else { pixels };
        let flat = self.output_image.or(self.pixel.map(|pixel| pixel.times(pixels)));
        let open = units.image_quality == ImageQuality::Auto;
        let sized = if worst && open { images::worst_of } else { images::price_of };
        sized(&self.images, units).or(flat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(fields: &[(&str, &str)], mode: &str) -> Option<Price> {
        let mut sheet = Sheet::default();
        for (name, raw) in fields {
            sheet.read(name, raw).unwrap();
        }
        Price::new(&sheet, Box::default(), Some(mode), Adjust::default())
    }

    #[test]
    fn free_is_not_unpriced() {
        let free = price(&[("input_cost_per_token", "0"), ("output_cost_per_token", "0.0")], "chat").unwrap();
        assert!(free.is_free());
        assert!(
            !price(&[("input_cost_per_token", "0"), ("output_cost_per_token", "1e-9")], "chat")
                .unwrap()
                .is_free()
        );
        assert!(
            !price(&[("input_cost_per_token", "0"), ("input_cost_per_request", "1")], "chat")
                .unwrap()
                .is_free()
        );
        assert_eq!(price(&[], "chat"), None);
        assert_eq!(price(&[("output_cost_per_video_per_second", "0.1")], "video_generation"), None);
    }

    #[test]
    fn the_mode_says_which_image_is_meant() {
        let fields = [("input_cost_per_image", "0.04")];
        let made = price(&fields, "image_generation").unwrap();
        assert!(made.units.output_image.is_some() && made.units.input_image.is_none());
        let seen = price(&fields, "embedding").unwrap();
        assert!(seen.units.output_image.is_none() && seen.units.input_image.is_some());
    }

    #[test]
    fn rows_by_tier_and_length() {
        let fields = [
            ("input_cost_per_token", "1"),
            ("input_cost_per_token_above_200k_tokens", "2"),
            ("input_cost_per_token_flex", "0.5"),
        ];
        let price = price(&fields, "chat").unwrap();
        let input = |tier, prompt| price.row(tier, prompt).unwrap().rates.input.round().get() / 100_000_000;
        assert_eq!(input(ServiceTier::Standard, 200_000), 10);
        assert_eq!(input(ServiceTier::Standard, 200_001), 20);
        assert_eq!(input(ServiceTier::Flex, 0), 5);
        assert_eq!(input(ServiceTier::Ultrafast, 200_001), 20);
    }
}
