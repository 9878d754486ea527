//! The bill of one answer.

use super::price::Price;
use super::rates::Rates;
use crate::base::money::{Atto, Nanos};
use crate::base::usage::Usage;

/// What one answer costs, and what for. The six parts add up to `original` exactly, and
/// `original - discount + margin` is `total`; each part is within a nano-dollar of its own share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// What is charged.
    pub total: Nanos,
    /// What the provider charges.
    pub original: Nanos,
    /// Input without what touches the cache; also characters, seconds heard, searches of a rerank, and the
    /// fee of a request.
    pub input: Nanos,
    /// Input read from the cache.
    pub cache_read: Nanos,
    /// Input written to the cache.
    pub cache_write: Nanos,
    /// Output without reasoning; also images made.
    pub output: Nanos,
    /// Output spent on reasoning.
    pub reasoning: Nanos,
    /// Tools that the provider ran: web searches.
    pub tools: Nanos,
    /// Taken off by `cost_discount_config`.
    pub discount: Nanos,
    /// Put on top by `cost_margin_config`.
    pub margin: Nanos,
    /// Whether the provider charges something besides that has no price here: a web search. The total is too
    /// low then, which must be shown.
    pub partial: bool,
    /// Whether it stands on counts that are estimated, the length of speech among them.
    pub estimated: bool,
}

/// What `usage` costs at `price`; `None` when what was counted has no price. It is never 0 for want of one.
///
/// Tokens win where a model has prices for tokens and for another unit and the provider counted tokens.
/// Everything is added up exactly and rounded once, halves up.
pub fn cost(price: &Price, usage: &Usage) -> Option<Cost> {
    let mut bill = Bill { estimated: usage.estimated, ..Bill::default() };
    let tokens = usage.total() > 0;
    let row = price.row(usage.service_tier, usage.prompt_tokens).filter(|_| tokens);
    if let Some(row) = row {
        bill.tokens(&row.rates, usage);
    }
    bill.units(price, usage, row.is_some());
    let counted = tokens || usage.web_searches > 0 || !usage.units.is_empty();
    (bill.priced || !counted).then(|| bill.rounded(price))
}

/// Exact parts of a bill.
#[derive(Debug, Default)]
struct Bill {
    input: Atto,
    cache_read: Atto,
    cache_write: Atto,
    output: Atto,
    reasoning: Atto,
    tools: Atto,
    /// Something that was counted has a price.
    priced: bool,
    partial: bool,
    estimated: bool,
}

impl Bill {
    /// Each token is billed in exactly one class, also where a provider's counts contradict each other.
    fn tokens(&mut self, rates: &Rates, usage: &Usage) {
        self.priced = true;
        let mut left = usage.prompt_tokens;
        let mut take = |tokens: u64| {
            let taken = tokens.min(left);
            left -= taken;
            taken
        };
        let hour = take(usage.cache_creation_1h_tokens.min(usage.cache_creation_tokens));
        let written = take(
            usage.cache_creation_tokens - usage.cache_creation_1h_tokens.min(usage.cache_creation_tokens),
        );
        let cached = [usage.cached_audio_tokens, usage.cached_image_tokens].map(u64::from);
        let [cached_audio, cached_image] = cached.map(|tokens| take(tokens.min(usage.cached_tokens)));
        let cached = take(usage.cached_tokens.saturating_sub(cached_audio).saturating_sub(cached_image));
        let audio = take(usage.input_audio_tokens.saturating_sub(cached_audio));
        let image = take(u64::from(usage.input_image_tokens).saturating_sub(cached_image));
        let video = take(u64::from(usage.input_video_tokens));
        self.cache_write = rates.cache_write_hour.times(hour).plus(rates.cache_write.times(written));
        self.cache_read = rates.cache_read.times(cached);
        self.cache_read = self.cache_read.plus(rates.cached_audio.times(cached_audio));
        self.cache_read = self.cache_read.plus(rates.cached_image.times(cached_image));
        self.input = rates.input_audio.times(audio).plus(rates.input_image.times(image));
        self.input = self.input.plus(rates.input_video.times(video)).plus(rates.input.times(left));
        self.completion(rates, usage);
    }

    fn completion(&mut self, rates: &Rates, usage: &Usage) {
        let mut left = usage.completion_tokens;
        let mut take = |tokens: u64| {
            let taken = tokens.min(left);
            left -= taken;
            taken
        };
        let reasoning = take(usage.reasoning_tokens);
        let audio = take(usage.output_audio_tokens);
        let image = take(u64::from(usage.output_image_tokens));
        let video = take(u64::from(usage.output_video_tokens));
        self.reasoning = rates.reasoning.times(reasoning);
        self.output = rates.output_audio.times(audio).plus(rates.output_image.times(image));
        self.output = self.output.plus(rates.output_video.times(video)).plus(rates.output.times(left));
    }

    fn units(&mut self, price: &Price, usage: &Usage, tokens_billed: bool) {
        let (units, prices) = (&usage.units, &price.units);
        let instead = !tokens_billed || prices.beside_tokens;
        let seen = if usage.input_image_tokens == 0 { u64::from(units.input_images) } else { 0 };
        let mut input = Atto::ZERO;
        for (unit, count) in [
            (prices.request, 1),
            (prices.query, u64::from(units.queries)),
            (prices.input_image, if instead { seen } else { 0 }),
            (prices.character, if instead { units.characters } else { 0 }),
        ] {
            input = input.plus(self.charge(unit, count));
        }
        if instead && let Some(second) = prices.second.filter(|_| units.milliseconds > 0) {
            self.priced = true;
            self.estimated |= units.characters > 0;
            input = input.plus(second.share(units.milliseconds, 1000));
        }
        self.input = self.input.plus(input);
        if !tokens_billed || usage.completion_tokens == 0 {
            let image = prices.image(units, false);
            self.output = self.output.plus(self.charge(image, u64::from(units.output_images)));
        }
        let search = prices.search(usage.search_context);
        self.partial = search.is_none() && usage.web_searches > 0;
        self.tools = self.charge(search, u64::from(usage.web_searches));
    }

    fn charge(&mut self, price: Option<Atto>, count: u64) -> Atto {
        let Some(price) = price.filter(|_| count > 0) else { return Atto::ZERO };
        self.priced = true;
        price.times(count)
    }

    /// Rounds the whole once; the parts are the differences between rounded running sums, so that they add up.
    fn rounded(&self, price: &Price) -> Cost {
        let mut exact = Atto::ZERO;
        let mut shown = Nanos::ZERO;
        let mut part = |amount: Atto| {
            // Most parts of most bills; rounding is a division of 128 bits.
            if amount == Atto::ZERO {
                return Nanos::ZERO;
            }
            exact = exact.plus(amount);
            let before = std::mem::replace(&mut shown, exact.round());
            shown.saturating_sub(before)
        };
        let mut cost = Cost {
            input: part(self.input),
            cache_read: part(self.cache_read),
            cache_write: part(self.cache_write),
            output: part(self.output),
            reasoning: part(self.reasoning),
            tools: part(self.tools),
            partial: self.partial,
            estimated: self.estimated,
            ..Cost::default()
        };
        let (discount, margin) = price.adjust.on(exact);
        cost.original = shown;
        if (discount, margin) == (Atto::ZERO, Atto::ZERO) {
            cost.total = cost.original;
            return cost;
        }
        let reduced = exact.minus(discount);
        cost.total = reduced.plus(margin).round();
        cost.discount = cost.original.saturating_sub(reduced.round());
        cost.margin = cost.total.saturating_sub(reduced.round());
        cost
    }
}

#[cfg(test)]
mod tests;
