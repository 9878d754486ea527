//! Prices of generated images by size and quality, which the list keeps as entries of their own
//! (`hd/1024-x-1792/dall-e-3`).

use crate::base::money::Atto;
use crate::base::usage::{ImageQuality, Units};

/// What one image of a size and quality costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImagePrice {
    pub size: (u16, u16),
    pub quality: ImageQuality,
    pub price: Atto,
}

/// Size and quality in what stands before the model's name in an entry's name; `None` for anything else.
pub fn kind_of(prefix: &str) -> Option<((u16, u16), ImageQuality)> {
    let (quality, size) = match prefix.split_once('/') {
        Some((quality, size)) => (ImageQuality::named(quality)?, size),
        None => (ImageQuality::Auto, prefix),
    };
    let (width, height) = size.split_once("-x-")?;
    Some(((width.parse().ok()?, height.parse().ok()?), quality))
}

/// The price of one image: of this size and quality. Where the quality is left open the standard one counts,
/// and where nothing matches, the dearest of what is left.
pub fn price_of(prices: &[ImagePrice], units: &Units) -> Option<Atto> {
    let wanted = match units.image_quality {
        ImageQuality::Auto => ImageQuality::Standard,
        quality => quality,
    };
    let of = |qualities: &[ImageQuality]| {
        dearest(prices, |one| fits(one, units.image_size) && qualities.contains(&one.quality))
    };
    of(&[wanted]).or_else(|| of(&[ImageQuality::Auto])).or_else(|| worst_of(prices, units))
}

/// The most that one image of this size can cost, whatever quality the provider chooses; of any size, when
/// the size is open or not listed.
pub fn worst_of(prices: &[ImagePrice], units: &Units) -> Option<Atto> {
    dearest(prices, |one| fits(one, units.image_size)).or_else(|| dearest(prices, |_| true))
}

fn dearest(prices: &[ImagePrice], fits: impl Fn(&ImagePrice) -> bool) -> Option<Atto> {
    prices.iter().filter(|one| fits(one)).map(|one| one.price).max()
}

/// Whether a price is for this size, upright or lying.
fn fits(price: &ImagePrice, (width, height): (u16, u16)) -> bool {
    price.size == (width, height) || price.size == (height, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_entries() {
        assert_eq!(kind_of("hd/1024-x-1792"), Some(((1024, 1792), ImageQuality::Hd)));
        assert_eq!(kind_of("256-x-256"), Some(((256, 256), ImageQuality::Auto)));
        for other in ["", "azure", "max-x-max", "1024-x-1024/50-steps", "us/1024-x-1024"] {
            assert_eq!(kind_of(other), None, "{other}");
        }
    }

    #[test]
    fn size_and_quality_choose() {
        use ImageQuality::{Auto, Hd, High, Standard};
        let price = |cents: i128| Atto::new(cents * 10_i128.pow(16));
        let square = (1024, 1024);
        let prices = [
            ImagePrice { size: square, quality: Standard, price: price(4) },
            ImagePrice { size: square, quality: Hd, price: price(8) },
            ImagePrice { size: (1024, 1792), quality: Hd, price: price(12) },
        ];
        let cost = |image_size, image_quality| {
            price_of(&prices, &Units { image_size, image_quality, ..Units::default() })
        };
        assert_eq!(cost(square, Auto), Some(price(4)));
        assert_eq!(cost(square, Hd), Some(price(8)));
        assert_eq!(cost((1792, 1024), Hd), Some(price(12)));
        assert_eq!(cost(square, High), Some(price(8)));
        assert_eq!(cost((0, 0), Auto), Some(price(12)));
        let open = Units { image_size: square, ..Units::default() };
        assert_eq!(worst_of(&prices, &open), Some(price(8)));
        assert_eq!(price_of(&[], &open), None);
    }
}
