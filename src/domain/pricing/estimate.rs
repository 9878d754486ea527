//! What a call may cost, known before it is made: the money to reserve.

use super::adjust::Adjust;
use super::price::Price;
use super::rates::Row;
use crate::base::money::{Atto, Nanos};
use crate::base::usage::{SearchContext, ServiceTier, Units};

/// What a request may consume at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// Input tokens, counted high.
    pub prompt_tokens: u64,
    /// The cap of one answer, reasoning included. `None` when the request sets none.
    pub max_output_tokens: Option<u64>,
    /// How many answers (`n`); 0 counts as 1.
    pub answers: u32,
    /// The service tier that the request names; `None` (`auto` too) leaves the choice to the provider.
    pub tier: Option<ServiceTier>,
    /// Whether the request may write to an hour's cache (`"ttl": "1h"`).
    pub hour_cache: bool,
    /// Whether anything but text may go in or come out.
    pub media: bool,
    /// Web searches that the provider may run.
    pub web_searches: u32,
    /// Their context size.
    pub search_context: SearchContext,
    /// What else the request asks for: images, characters, seconds, queries.
    pub units: Units,
    /// Whether searches or seconds are a guess that the answer may exceed.
    pub guessed: bool,
}

impl Demand {
    /// A request of that many tokens that may use every tier, cache and medium.
    pub fn of_tokens(prompt_tokens: u64, max_output_tokens: Option<u64>) -> Self {
        Demand { prompt_tokens, max_output_tokens, hour_cache: true, media: true, ..Demand::default() }
    }
}

/// The most that a call within `demand` can cost: never less than [`cost`](super::cost) of any usage that
/// stays within it, whichever service tier and length of prompt it ends up in.
///
/// Without a cap there is no such bound: the output is left out, so the reservation covers the input only and
/// the budget can be overshot by the output of the calls that are under way. A caller who wants a bound sets
/// one: the model's longest output, for instance.
pub fn estimate(price: &Price, demand: &Demand) -> Nanos {
    let answers = u64::from(demand.answers.max(1));
    let output = demand.max_output_tokens.unwrap_or(0).saturating_mul(answers);
    let reaches = |row: &&Row| row.above == 0 || row.above < demand.prompt_tokens;
    // A request that names a tier can still be served in the ordinary one.
    let allowed =
        |row: &&Row| demand.tier.is_none_or(|tier| [tier, ServiceTier::Standard].contains(&row.tier));
    let tokens = |row: &Row| {
        let input = row.rates.worst_input(demand.hour_cache, demand.media).times(demand.prompt_tokens);
        input.plus(row.rates.worst_output(demand.media).times(output))
    };
    let tokens = price.rows.iter().filter(reaches).filter(allowed).map(tokens).max();
    let sum = units(price, demand).plus(tokens.unwrap_or_default());
    adjusted(&price.adjust, sum).round()
}

/// Whether [`estimate`] is the most that the call can cost: its output is capped or free, and nothing that has a
/// price is only guessed.
pub fn is_bounded(price: &Price, demand: &Demand) -> bool {
    let writes = || price.rows.iter().any(|row| row.rates.worst_output(demand.media) > Atto::ZERO);
    let guessed = demand.guessed && (price.units.second.is_some() || price.units.searches.is_some());
    (demand.max_output_tokens.is_some() || !writes()) && !guessed
}

/// Both tokens and units are reserved where either may be billed.
fn units(price: &Price, demand: &Demand) -> Atto {
    let (units, prices) = (&demand.units, &price.units);
    let searched = prices.search(demand.search_context);
    let searched = searched.max(prices.search(SearchContext::Medium));
    let mut sum = prices.second.unwrap_or_default().share(units.milliseconds, 1000);
    for (unit, count) in [
        (prices.request, 1),
        (prices.query, u64::from(units.queries)),
        (prices.input_image, u64::from(units.input_images)),
        (prices.character, units.characters),
        (prices.image(units, true), u64::from(units.output_images)),
        (searched, u64::from(demand.web_searches)),
    ] {
        sum = sum.plus(unit.unwrap_or_default().times(count));
    }
    sum
}

fn adjusted(adjust: &Adjust, sum: Atto) -> Atto {
    let (discount, margin) = adjust.on(sum);
    sum.minus(discount).plus(margin)
}

#[cfg(test)]
mod tests;
