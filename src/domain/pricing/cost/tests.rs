//! The arithmetic of bills, beyond the golden invoices.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::usage::{SearchContext, ServiceTier, Units};
use crate::domain::pricing::{AdjustConfig, Demand, Model, PriceBook, estimate, resolve};

pub fn priced(provider: &str, model: &str, own: Value, discounts: Value, margins: Value) -> Option<Price> {
    let (adjust, wrong) = AdjustConfig::read(&discounts, &margins);
    assert!(wrong.is_empty(), "{wrong:?}");
    let own = own.as_object().cloned().unwrap_or_default();
    let of = Model { provider, model, base_model: None, own: &own };
    resolve(PriceBook::shipped(), &of, adjust.of(provider)).unwrap()
}

fn own(own: Value) -> Price {
    priced("openai", "x", own, Value::Null, Value::Null).unwrap()
}

#[test]
fn what_has_no_price_is_never_zero() {
    let tokens = own(json!({"input_cost_per_token": 1}));
    let images = own(json!({"output_cost_per_image": 1}));
    let chat = Usage { prompt_tokens: 1, ..Usage::default() };
    let image = Usage { units: Units { output_images: 1, ..Units::default() }, ..Usage::default() };
    assert!(cost(&tokens, &chat).is_some() && cost(&images, &image).is_some());
    assert_eq!((cost(&tokens, &image), cost(&images, &chat)), (None, None));
    let search = Usage { web_searches: 1, ..Usage::default() };
    assert_eq!(cost(&tokens, &search), None);
    assert!(cost(&tokens, &Usage { prompt_tokens: 1, ..search }).unwrap().partial);
    assert_eq!(cost(&tokens, &Usage::default()), Some(Cost::default()));
}

#[test]
fn tokens_win_over_another_way_to_bill_the_same() {
    let both = own(json!({"input_cost_per_token": 1, "output_cost_per_token": 1,
        "output_cost_per_image": 100, "input_cost_per_second": 1000}));
    let units = Units { output_images: 1, milliseconds: 1000, ..Units::default() };
    let total = |usage: Usage| cost(&both, &usage).unwrap().total;
    assert_eq!(
        total(Usage { prompt_tokens: 1, completion_tokens: 1, units, ..Usage::default() }),
        Nanos::from_usd(2)
    );
    assert_eq!(total(Usage { prompt_tokens: 1, units, ..Usage::default() }), Nanos::from_usd(101));
    assert_eq!(total(Usage { units, ..Usage::default() }), Nanos::from_usd(1100));
}

#[test]
fn estimates_are_marked() {
    let by_length = own(json!({"output_cost_per_second": 1}));
    let units = Units { characters: 30, milliseconds: 2000, ..Units::default() };
    let usage = Usage { units, ..Usage::default() };
    assert!(cost(&by_length, &usage).unwrap().estimated);
    assert!(!cost(&own(json!({"input_cost_per_character": 1})), &usage).unwrap().estimated);
    assert!(cost(&by_length, &Usage { estimated: true, ..Usage::default() }).unwrap().estimated);
}

#[test]
fn contradicting_counts_bill_each_token_once() {
    let price =
        own(json!({"input_cost_per_token": 1, "output_cost_per_token": 1, "input_cost_per_audio_token": 1}));
    let usage = Usage {
        prompt_tokens: 10,
        cached_tokens: 9,
        cache_creation_tokens: 9,
        input_audio_tokens: 9,
        completion_tokens: 3,
        reasoning_tokens: 3,
        output_audio_tokens: 3,
        ..Usage::default()
    };
    assert_eq!(cost(&price, &usage).unwrap().total, Nanos::from_usd(13));
}

#[test]
fn discount_and_margin() {
    let prices = json!({"input_cost_per_token": 1, "output_cost_per_token": 1});
    let margin = json!({"openai": {"percentage": 0.1, "fixed_amount": 0.5}});
    let price = priced("openai", "x", prices, json!({"openai": 0.2}), margin).unwrap();
    let bill = cost(&price, &Usage { prompt_tokens: 10, ..Usage::default() }).unwrap();
    // 10 - 20 % = 8; 8 x 10 % + 0.50 = 1.30 on top.
    let usd = |text: &str| text.parse::<Nanos>().unwrap();
    assert_eq!(
        (bill.original, bill.discount, bill.margin, bill.total),
        (usd("10"), usd("2"), usd("1.3"), usd("9.3"))
    );
}

/// Counts that do not overlap, so that each can grow by itself.
fn usage_of(counts: &[u32; 12], tier: ServiceTier) -> Usage {
    let [text, cached, written, hour, audio, image, out, reasoning, spoken, made, searches, queries] =
        *counts;
    let sum = |parts: &[u32]| parts.iter().map(|part| u64::from(*part)).sum::<u64>();
    Usage {
        prompt_tokens: sum(&[text, cached, written, hour, audio, image]),
        cached_tokens: u64::from(cached),
        cache_creation_tokens: sum(&[written, hour]),
        cache_creation_1h_tokens: u64::from(hour),
        input_audio_tokens: u64::from(audio),
        input_image_tokens: image,
        completion_tokens: sum(&[out, reasoning, spoken, made]),
        reasoning_tokens: u64::from(reasoning),
        output_audio_tokens: u64::from(spoken),
        output_image_tokens: made,
        web_searches: searches,
        search_context: SearchContext::High,
        service_tier: tier,
        units: Units { queries, ..Units::default() },
        ..Usage::default()
    }
}

fn models() -> impl Strategy<Value = Price> {
    let listed = [
        ("openai", "gpt-4o"),
        ("openai", "gpt-image-1"),
        ("openai", "gpt-6-luna"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-haiku-5-5"),
        ("gemini", "gemini-2.5-flash"),
        ("gemini", "gemini-2.5-pro"),
        ("dashscope", "qwen-flash"),
        ("deepseek", "deepseek-chat"),
        ("perplexity", "sonar-pro"),
        ("cohere", "rerank-v3.5"),
    ];
    (prop::sample::select(listed.to_vec()), prop::bool::ANY).prop_map(|((provider, model), adjusted)| {
        let some = |value: Value| if adjusted { value } else { Value::Null };
        let margin = some(json!({"global": {"percentage": 0.0333, "fixed_amount": 0.0000007}}));
        priced(provider, model, Value::Null, some(json!({provider: 0.07})), margin).unwrap()
    })
}

fn counts() -> impl Strategy<Value = [u32; 12]> {
    prop::array::uniform12(prop_oneof![Just(0_u32), 0_u32..50, 0_u32..400_000])
}

fn tiers() -> impl Strategy<Value = ServiceTier> {
    prop::sample::select(&ServiceTier::ALL[..])
}

proptest! {
    #[test]
    fn parts_add_up(price in models(), counts in counts(), tier in tiers()) {
        if let Some(bill) = cost(&price, &usage_of(&counts, tier)) {
            let parts = [bill.input, bill.cache_read, bill.cache_write, bill.output, bill.reasoning, bill.tools];
            prop_assert_eq!(parts.into_iter().sum::<Nanos>(), bill.original);
            prop_assert_eq!(bill.original.saturating_sub(bill.discount).saturating_add(bill.margin), bill.total);
            let adjustments = [bill.discount, bill.margin];
            prop_assert!(parts.into_iter().chain(adjustments).all(|part| part >= Nanos::ZERO));
        }
    }

    #[test]
    fn more_never_costs_less(price in models(), counts in counts(), which in 0_usize..12, more in 0_u32..300_000, tier in tiers()) {
        let mut larger = counts;
        larger[which] = larger[which].saturating_add(more);
        let total = |counts| cost(&price, &usage_of(counts, tier)).map(|bill| bill.total);
        if let (Some(less), Some(more)) = (total(&counts), total(&larger)) {
            prop_assert!(less <= more, "{less} > {more}");
        }
    }

    #[test]
    fn nor_is_a_close_one_for_text(price in models(), counts in counts(), tier in tiers()) {
        let [text, cached, written, _, _, _, out, reasoning, ..] = counts;
        let usage = usage_of(&[text, cached, written, 0, 0, 0, out, reasoning, 0, 0, 0, 0], tier);
        let demand = Demand {
            prompt_tokens: usage.prompt_tokens,
            max_output_tokens: Some(usage.completion_tokens),
            tier: Some(tier),
            ..Demand::default()
        };
        if let Some(bill) = cost(&price, &usage) {
            prop_assert!(bill.total <= estimate(&price, &demand));
        }
    }

    #[test]
    fn an_estimate_is_never_too_low(
        price in models(), counts in counts(), tier in tiers(), named in any::<bool>(), slack in 0_u64..1000, answers in 1_u32..4,
    ) {
        let usage = usage_of(&counts, tier);
        let demand = Demand {
            answers,
            tier: named.then_some(tier),
            web_searches: usage.web_searches,
            search_context: SearchContext::High,
            units: usage.units,
            ..Demand::of_tokens(
                usage.prompt_tokens + slack,
                Some(usage.completion_tokens.div_ceil(u64::from(answers))),
            )
        };
        if let Some(bill) = cost(&price, &usage) {
            prop_assert!(bill.total <= estimate(&price, &demand));
        }
    }
}
