//! What is reserved for requests whose cost one can work out by hand.

use serde_json::json;

use super::*;
use crate::base::usage::ImageQuality;
use crate::domain::pricing::{Model, PriceBook, resolve};

fn price(provider: &str, model: &str, own: &serde_json::Value) -> Price {
    let own = own.as_object().cloned().unwrap_or_default();
    let of = Model { provider, model, base_model: None, own: &own };
    resolve(PriceBook::shipped(), &of, Adjust::default()).unwrap().unwrap()
}

fn usd(text: &str) -> Nanos {
    text.parse().unwrap()
}

#[test]
fn a_plain_request_is_reserved_to_the_nano() {
    let price =
        price("openai", "x", &json!({"input_cost_per_token": 0.0001, "output_cost_per_token": 0.0002}));
    let demand = Demand { prompt_tokens: 50, max_output_tokens: Some(25), ..Demand::default() };
    assert_eq!(estimate(&price, &demand), usd("0.01"));
    assert_eq!(estimate(&price, &Demand { answers: 3, ..demand }), usd("0.02"));
    assert_eq!(estimate(&price, &Demand { max_output_tokens: None, ..demand }), usd("0.005"));
}

#[test]
fn the_provider_may_choose_the_dearest_tier_and_length() {
    let gemini = price("gemini", "gemini-2.5-pro", &json!({}));
    let demand = Demand { prompt_tokens: 100_000, max_output_tokens: Some(1000), ..Demand::default() };
    // 100000 x 1.25/M + 1000 x 10/M, and in the priority tier 2.25/M and 18/M.
    let standard = Demand { tier: Some(ServiceTier::Standard), ..demand };
    assert_eq!(estimate(&gemini, &standard), usd("0.135"));
    assert_eq!(estimate(&gemini, &demand), usd("0.243"));
    // Beyond 200000 tokens: 2.5/M and 15/M.
    let long = Demand { prompt_tokens: 300_000, ..standard };
    assert_eq!(estimate(&gemini, &long), usd("0.765"));
}

#[test]
fn what_the_request_cannot_use_is_not_reserved() {
    let claude = price("anthropic", "claude-sonnet-4-5", &json!({}));
    let demand = Demand {
        prompt_tokens: 1_000_000,
        max_output_tokens: Some(0),
        tier: Some(ServiceTier::Standard),
        ..Demand::default()
    };
    assert_eq!(estimate(&claude, &demand), usd("3.75"));
    assert_eq!(estimate(&claude, &Demand { hour_cache: true, ..demand }), usd("6"));
    assert_eq!(estimate(&claude, &Demand { web_searches: 5, ..demand }), usd("3.8"));
}

#[test]
fn media() {
    let units = Units { output_images: 2, image_size: (1024, 1024), ..Units::default() };
    let image =
        |units| estimate(&price("azure", "dall-e-3", &json!({})), &Demand { units, ..Demand::default() });
    assert_eq!(image(units), usd("0.175999916"), "hd, because the quality is open");
    assert!(image(Units { image_quality: ImageQuality::Standard, ..units }) < image(units));
    let whisper = price("openai", "whisper-1", &json!({}));
    let units = Units { milliseconds: 90_500, ..Units::default() };
    assert_eq!(estimate(&whisper, &Demand { units, ..Demand::default() }), usd("0.00905"));
}
