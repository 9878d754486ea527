//! Which prices count for a deployment.
//!
//! In this order: what the deployment says itself; the list's entry of its `base_model`; the list's entry of
//! its own model. A deployment that says what the model's main unit costs (an input or output token, an
//! image, a second ...) stands alone with what it says, so that a price left out is 0 (or falls back within
//! its own prices) and is not taken from the list. One that only says something else (the price of cached
//! input, of a service tier, of a search) changes the list's entry in that.

use serde_json::{Map, Value};

use super::adjust::Adjust;
use super::book::{PriceBook, PriceProblem};
use super::images::{ImagePrice, kind_of};
use super::listed::{find, is_owner, owner};
use super::price::Price;
use super::sheet::Sheet;
use crate::wire::json::{Members, member};
use crate::wire::surface::str_of;

/// A deployment, as far as it decides its price.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// The provider's name in the table of providers.
    pub provider: &'a str,
    /// The provider's own name of the model.
    pub model: &'a str,
    /// `model_info.base_model`.
    pub base_model: Option<&'a str>,
    /// `model_info` with the prices of `litellm_params` laid over it; other fields do not matter.
    pub own: &'a Map<String, Value>,
}

/// The price of a deployment; `None` when nothing is known. Costs some microseconds, so it is done when the
/// configuration is loaded. A wildcard's price is that of the model which is asked for: it is resolved when
/// that is known.
///
/// # Errors
/// Every price of the deployment's own that cannot be read.
pub fn resolve(book: &PriceBook, of: &Model<'_>, adjust: Adjust) -> Result<Option<Price>, Vec<PriceProblem>> {
    let mut own = Sheet::default();
    let mut problems = Vec::new();
    for (field, value) in of.own {
        if let Err(message) = own.read(field, &value.to_string()) {
            problems.push(PriceProblem { model: None, field: field.clone(), message });
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let entry = find(book, of.base_model, of.provider, of.model);
    let listed_mode = entry.and_then(|entry| member(entry, "mode")).and_then(str_of);
    let mode = of.own.get("mode").and_then(Value::as_str).or(listed_mode.as_deref());
    if own.stands_alone() {
        return Ok(Price::new(&own, Box::default(), mode, adjust));
    }
    let mut sheet = entry.map_or_else(Sheet::default, listed_sheet);
    if sheet == Sheet::default()
        && mode == Some("moderation")
        && entry.is_some_and(|one| owner(one) == "openai")
    {
        // OpenAI's moderation is free; the list lists it without saying so.
        let _ = sheet.read("input_cost_per_token", "0");
    }
    sheet.overlay(own);
    let images = image_prices(book, of, entry.is_some(), mode);
    let mode = mode.or(if images.is_empty() { None } else { Some("image_generation") });
    Ok(Price::new(&sheet, images, mode, adjust))
}

/// An entry's prices. Those that cannot be read were told when the list was loaded.
fn listed_sheet(entry: &str) -> Sheet {
    let mut sheet = Sheet::default();
    for (field, raw) in Members::of(entry) {
        let _ = sheet.read(field, raw);
    }
    sheet
}

/// The entries of a model's generated images by size and quality: `provider/quality/size/model`, of which
/// provider and quality may be left out.
fn image_prices(book: &PriceBook, of: &Model<'_>, found: bool, mode: Option<&str>) -> Box<[ImagePrice]> {
    if found && !matches!(mode, Some("image_generation" | "image_edit")) {
        return Box::default();
    }
    let name = of.base_model.unwrap_or(of.model);
    let name = name.strip_prefix(of.provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    let price = |(entry_name, entry): (&str, &str)| {
        let prefix = entry_name.strip_suffix(name)?.strip_suffix('/')?;
        let own = prefix.strip_prefix(of.provider).and_then(|rest| rest.strip_prefix('/'));
        let (size, quality) = kind_of(own.unwrap_or(prefix))?;
        if own.is_none() && !is_owner(owner(entry), of.provider) {
            return None;
        }
        let one =
            Price::new(&listed_sheet(entry), Box::default(), Some("image_generation"), Adjust::default())?;
        let units = crate::base::usage::Units { image_size: size, ..Default::default() };
        Some(ImagePrice { size, quality, price: one.units.image(&units, false)? })
    };
    book.sized().filter_map(price).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::usage::{ImageQuality, Units, Usage};
    use crate::domain::pricing::cost;

    fn price(provider: &str, model: &str, base_model: Option<&str>, own: Value) -> Option<Price> {
        let own = own.as_object().cloned().unwrap_or_default();
        let of = Model { provider, model, base_model, own: &own };
        resolve(PriceBook::shipped(), &of, Adjust::default()).unwrap()
    }

    fn nanos(price: &Option<Price>) -> Option<i64> {
        let usage =
            Usage { prompt_tokens: 100, cached_tokens: 40, completion_tokens: 50, ..Usage::default() };
        price.as_ref().and_then(|price| cost(price, &usage)).map(|cost| cost.total.get())
    }

    #[test]
    fn the_deployments_own_then_its_base_model_then_its_model() {
        let listed = json!({});
        assert_eq!(nanos(&price("openai", "gpt-4o", None, listed.clone())), Some(700_000));
        assert_eq!(nanos(&price("azure", "mine", Some("azure/gpt-4o"), listed.clone())), Some(700_000));
        assert_eq!(nanos(&price("azure", "mine", None, listed.clone())), None);
        assert_eq!(price("openai", "none-such", None, listed), None);
        let own = json!({"input_cost_per_token": 0.001, "output_cost_per_token": 0.002});
        assert_eq!(nanos(&price("openai", "gpt-4o", Some("gpt-4"), own)), Some(200_000_000));
    }

    #[test]
    fn what_changes_no_main_price_changes_the_listed_entry() {
        let cached = price("openai", "gpt-4o", None, json!({"cache_read_input_token_cost": 0}));
        assert_eq!(nanos(&cached), Some(650_000));
        let alone = price("openai", "none-such", None, json!({"cache_read_input_token_cost": 1}));
        assert!(alone.is_some());
        let half = price("openai", "gpt-4o", None, json!({"input_cost_per_token": 0.5}));
        assert_eq!(nanos(&half), Some(50_000_000_000));
    }

    #[test]
    fn ones_own_prices_must_be_prices() {
        let own = json!({"input_cost_per_token": "free", "output_cost_per_token": -1, "other": "x"});
        let of = Model { provider: "openai", model: "m", base_model: None, own: own.as_object().unwrap() };
        let problems = resolve(PriceBook::shipped(), &of, Adjust::default()).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["input_cost_per_token must be a decimal number", "output_cost_per_token must not be negative"]
        );
    }

    #[test]
    fn images_by_size_and_quality_have_entries_of_their_own() {
        let dall_e = price("azure", "dall-e-3", None, json!({})).unwrap();
        let units = Units {
            output_images: 2,
            image_size: (1024, 1024),
            image_quality: ImageQuality::Hd,
            ..Units::default()
        };
        // 1024 x 1024 x 8.39233e-08 = 0.0879999..., twice.
        let bill = cost(&dall_e, &Usage { units, ..Usage::default() }).unwrap();
        assert_eq!(bill.total.get(), 175_999_916);
        assert_eq!((bill.output, bill.input.get()), (bill.total, 0));
    }

    #[test]
    fn every_priced_entry_of_the_list_resolves() {
        let book = PriceBook::shipped();
        let none = Map::new();
        let unpriced = book.entries().filter(|(name, entry)| {
            let of = Model { provider: owner(entry), model: name, base_model: Some(name), own: &none };
            resolve(book, &of, Adjust::default()).unwrap().is_none()
        });
        let unexpected: Vec<_> = unpriced
            .filter(|(_, entry)| {
                Members::of(entry).any(|(name, _)| {
                    super::super::is_price(name)
                        && !name.contains("video")
                        && !name.contains("output_cost_per_second_")
                })
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(unexpected, [""; 0]);
    }
}
