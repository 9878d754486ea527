//! Bills worked out by hand from what providers publish (`tests/golden/invoices.json`).
//!
//! Each case writes its arithmetic as text, `60 x 2.50/M` being 60 units at 2.50 USD a million (`/K`: a
//! thousand). The test reckons it with whole numbers of its own and compares every part of the bill.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde::Deserialize;
use serde_json::{Map, Value};

use stagedoor::base::money::{Atto, Nanos};
use stagedoor::base::usage::{ServiceTier, Usage};
use stagedoor::domain::pricing::measure::{self, Heard};
use stagedoor::domain::pricing::{AdjustConfig, Cost, Demand, Model, PriceBook, cost, estimate, resolve};
use stagedoor::wire::endpoint::Endpoint;
use stagedoor::wire::surface::Surface;
use stagedoor::wire::usage::usage_of;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invoice {
    name: String,
    provider: String,
    model: String,
    base_model: Option<String>,
    /// Where the provider publishes its unit prices.
    source: Option<String>,
    #[serde(default)]
    own: Map<String, Value>,
    #[serde(default)]
    discount: Value,
    #[serde(default)]
    margin: Value,
    endpoint: Option<String>,
    request: Option<Value>,
    reply: Option<Value>,
    /// An answer that is no JSON.
    text: Option<String>,
    usage: Option<Value>,
    service_tier: Option<String>,
    searches: Option<u32>,
    bill: Parts,
    /// `None`: there is no price, and that is said.
    total: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Parts {
    input: String,
    cache_read: String,
    cache_write: String,
    output: String,
    reasoning: String,
    tools: String,
}

impl Invoice {
    fn usage(&self) -> Usage {
        let mut usage = self.usage.as_ref().map(|raw| usage_of(&raw.to_string()).unwrap());
        if let Some(usage) = &mut usage {
            usage.web_searches = self.searches.unwrap_or(usage.web_searches);
            let tier = self.service_tier.as_deref().map(ServiceTier::of_answer);
            usage.service_tier = tier.unwrap_or(usage.service_tier);
        }
        let reply =
            self.reply.as_ref().map(Value::to_string).or_else(|| self.text.clone()).unwrap_or_default();
        let endpoint = match self.endpoint.as_deref() {
            None => return usage.unwrap(),
            Some("transcriptions") => {
                return Heard { milliseconds: 1, guessed: true }.of_reply(&reply, usage);
            }
            Some("images") => Endpoint::Images,
            Some("speech") => Endpoint::Speech,
            Some("embeddings") => Endpoint::Embeddings,
            Some("rerank") => Endpoint::Rerank,
            Some(other) => panic!("{other}"),
        };
        let request = self.request.as_ref().unwrap().to_string();
        let request = Surface::parse(request.into(), 32).unwrap();
        measure::of_reply(endpoint, &measure::of_request(endpoint, &request), &reply, usage)
    }

    fn cost(&self) -> Option<Cost> {
        let (adjust, wrong) = AdjustConfig::read(&self.discount, &self.margin);
        assert!(wrong.is_empty(), "{}: {wrong:?}", self.name);
        let of = Model {
            provider: &self.provider,
            model: &self.model,
            base_model: self.base_model.as_deref(),
            own: &self.own,
        };
        let price = resolve(PriceBook::shipped(), &of, adjust.of(&self.provider)).unwrap()?;
        let usage = self.usage();
        let bill = cost(&price, &usage)?;
        let reserved = estimate(&price, &demand(&usage));
        assert!(reserved >= bill.total, "{}: {reserved} was reserved for {}", self.name, bill.total);
        Some(bill)
    }
}

fn demand(usage: &Usage) -> Demand {
    Demand {
        web_searches: usage.web_searches,
        search_context: usage.search_context,
        units: usage.units,
        ..Demand::of_tokens(usage.prompt_tokens, Some(usage.completion_tokens))
    }
}

/// Atto-dollars of `60 x 2.50/M + 40 x 1.25/M`, with nothing but whole numbers.
fn reckon(arithmetic: &str) -> i128 {
    let terms = arithmetic.split(" + ").filter(|term| !term.is_empty());
    terms
        .map(|term| {
            let (count, price) = term.split_once(" x ").unwrap();
            let (price, per) = match price.split_once('/') {
                None => (price, 1),
                Some((price, "K")) => (price, 1000),
                Some((price, "M")) => (price, 1_000_000),
                Some(other) => panic!("{other:?}"),
            };
            let product = whole(count, 3) * whole(price, 18) / 1000;
            assert_eq!(product % per, 0, "{term}");
            product / per
        })
        .sum()
}

/// `text` times ten to the power of `places`.
fn whole(text: &str, places: usize) -> i128 {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{integer}{fraction:0<places$}").parse().unwrap()
}

#[test]
fn bills_are_what_they_are_by_hand() {
    let invoices: Vec<Invoice> = serde_json::from_str(include_str!("golden/invoices.json")).unwrap();
    assert!(invoices.len() >= 25);
    for invoice in &invoices {
        let name = &invoice.name;
        let sourced = invoice.source.as_deref().is_some_and(|url| url.starts_with("https://"));
        assert!(
            sourced || !invoice.own.is_empty() || invoice.total.is_none(),
            "{name}: whose price is that?"
        );
        let bill = invoice.cost();
        let Some(total) = &invoice.total else {
            assert_eq!(bill, None, "{name}");
            continue;
        };
        let bill = bill.unwrap_or_else(|| panic!("{name}: no price"));
        assert_eq!(bill.total, total.parse().unwrap(), "{name}");
        let parts = &invoice.bill;
        let by_hand = [
            (&parts.input, bill.input, "input"),
            (&parts.cache_read, bill.cache_read, "cache_read"),
            (&parts.cache_write, bill.cache_write, "cache_write"),
            (&parts.output, bill.output, "output"),
            (&parts.reasoning, bill.reasoning, "reasoning"),
            (&parts.tools, bill.tools, "tools"),
        ];
        for (arithmetic, part, which) in by_hand {
            let off = Atto::new(reckon(arithmetic)).round().get() - part.get();
            assert!(off.abs() <= 1, "{name}: {which} is {part}, not {arithmetic}");
        }
        let original: i128 = by_hand.iter().map(|(arithmetic, ..)| reckon(arithmetic)).sum();
        assert_eq!(bill.original, Atto::new(original).round(), "{name}");
        assert_eq!(by_hand.iter().map(|(_, part, _)| *part).sum::<Nanos>(), bill.original, "{name}");
        assert!(!bill.partial, "{name}");
    }
}
