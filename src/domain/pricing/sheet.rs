//! The prices of one model as they are written down, before gaps are filled.

use super::field::{Class, Field, Unit};
use crate::base::money::{Atto, DecimalError};
use crate::base::usage::ServiceTier;
use crate::wire::json::{Elements, Members};

/// One price of a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenPrice {
    pub class: Class,
    pub above: u64,
    pub tier: ServiceTier,
    pub price: Atto,
}

/// Prices as an entry of the list or a deployment writes them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    pub tokens: Vec<TokenPrice>,
    units: Vec<(Unit, Atto)>,
    /// Of a web search: low, medium, high context.
    pub searches: Option<[Atto; 3]>,
    cache_hit: Option<Atto>,
}

impl Sheet {
    /// Takes over one field, if it is a price; `raw` is its JSON. A null says nothing.
    ///
    /// # Errors
    /// What is wrong with the value (which is not shown: it may be a secret in the wrong place), as the rest of a sentence that begins with the field's name.
    pub fn read(&mut self, name: &str, raw: &str) -> Result<(), String> {
        let Some(field) = Field::named(name).filter(|_| raw != "null") else { return Ok(()) };
        match field {
            Field::Token { class, above, tier } => {
                let price = price(raw)?;
                self.tokens.push(TokenPrice { class, above, tier, price });
            }
            Field::CacheHit => self.cache_hit = Some(price(raw)?),
            Field::Unit(unit) => self.units.push((unit, price(raw)?)),
            Field::Search => self.searches = Some(searches(raw)?),
            Field::Ranges => self.ranges(raw)?,
            Field::Unused => {
                price(raw)?;
            }
        }
        Ok(())
    }

    /// Token prices by ranges of the prompt's length: a whole request is billed at the prices of its range.
    fn ranges(&mut self, raw: &str) -> Result<(), String> {
        for (position, range) in Elements::of(raw).enumerate() {
            let start = Members::of(range).find(|(name, _)| *name == "range");
            let start = start.and_then(|(_, bounds)| Elements::of(bounds).next()?.parse::<f64>().ok());
            let Some(start) = start.filter(|start| (0.0..1e15).contains(start)) else {
                return Err(format!("[{position}].range must be a pair of token counts"));
            };
            for (name, raw) in Members::of(range) {
                if let Some(Field::Token { class, above: 0, tier }) = Field::named(name) {
                    let price = price(raw).map_err(|wrong| format!("[{position}].{name} {wrong}"))?;
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                    self.tokens.push(TokenPrice { class, above: start as u64, tier, price });
                }
            }
        }
        Ok(())
    }

    /// The price of a unit.
    pub fn unit(&self, unit: Unit) -> Option<Atto> {
        self.units.iter().rev().find(|(one, _)| *one == unit).map(|(_, price)| *price)
    }

    /// The price for ordinary requests of any length.
    pub fn base(&self, class: Class) -> Option<Atto> {
        let listed = self.at(class, ServiceTier::Standard, 0);
        listed.or(self.cache_hit.filter(|_| class == Class::CacheRead))
    }

    /// The price of exactly this tier and length.
    pub fn at(&self, class: Class, tier: ServiceTier, above: u64) -> Option<Atto> {
        let is = |one: &&TokenPrice| one.class == class && one.tier == tier && one.above == above;
        self.tokens.iter().rev().find(is).map(|one| one.price)
    }

    /// The price in this tier for the greatest listed length up to `above`, length 0 left out.
    pub fn long(&self, class: Class, tier: ServiceTier, above: u64) -> Option<Atto> {
        let fits =
            |one: &&TokenPrice| one.class == class && one.tier == tier && (1..=above).contains(&one.above);
        self.tokens.iter().filter(fits).max_by_key(|one| one.above).map(|one| one.price)
    }

    /// Whether it can stand alone: it says what the model's main unit costs.
    pub fn stands_alone(&self) -> bool {
        let main = |one: &TokenPrice| matches!(one.class, Class::Input | Class::Output);
        !self.units.is_empty() || self.tokens.iter().any(|one| one.tier == ServiceTier::Standard && main(one))
    }

    /// Lays `over` on top: what it says counts, the rest stays.
    pub fn overlay(&mut self, over: Sheet) {
        self.tokens.extend(over.tokens);
        self.units.extend(over.units);
        self.searches = over.searches.or(self.searches);
        self.cache_hit = over.cache_hit.or(self.cache_hit);
    }
}

/// A price from its JSON: a number or a number as a string.
fn price(raw: &str) -> Result<Atto, String> {
    let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    match text.parse::<Atto>() {
        Ok(price) if price < Atto::ZERO => Err("must not be negative".to_owned()),
        Ok(price) => Ok(price),
        Err(DecimalError::NotANumber) => Err("must be a decimal number".to_owned()),
        Err(wrong) => Err(wrong.to_string()),
    }
}

/// One price for all context sizes, or an object of them. A size that is not listed costs the most.
fn searches(raw: &str) -> Result<[Atto; 3], String> {
    if !raw.starts_with('{') {
        return price(raw).map(|price| [price; 3]);
    }
    let mut sizes = [None; 3];
    for (name, raw) in Members::of(raw) {
        let [low, medium, high] = &mut sizes;
        let size = match name {
            "search_context_size_low" => low,
            "search_context_size_medium" => medium,
            "search_context_size_high" => high,
            _ => continue,
        };
        *size = Some(price(raw).map_err(|wrong| format!(".{name} {wrong}"))?);
    }
    let most = sizes.iter().flatten().max().copied().ok_or_else(|| "names no context size".to_owned())?;
    Ok(sizes.map(|size| size.unwrap_or(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(fields: &[(&str, &str)]) -> Sheet {
        let mut sheet = Sheet::default();
        for (name, raw) in fields {
            sheet.read(name, raw).unwrap();
        }
        sheet
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        let sheet = sheet(&[
            ("input_cost_per_token", "2.5e-06"),
            ("output_cost_per_token", "\"0.00001\""),
            ("input_cost_per_token_cache_hit", "1e-7"),
            ("cache_read_input_token_cost", "null"),
            (
                "search_context_cost_per_query",
                r#"{"search_context_size_low": 0.006, "search_context_size_high": 0.01}"#,
            ),
            ("mode", "\"chat\""),
        ]);
        assert_eq!(sheet.base(Class::Input), "0.0000025".parse().ok());
        assert_eq!(sheet.base(Class::Output), "1e-5".parse().ok());
        assert_eq!(sheet.base(Class::CacheRead), "1e-7".parse().ok());
        let [low, medium, high] = sheet.searches.unwrap();
        assert!(low < medium && medium == high);
    }

    #[test]
    fn what_is_no_price_is_said() {
        let wrong = |name: &str, raw: &str| Sheet::default().read(name, raw).unwrap_err();
        assert_eq!(wrong("input_cost_per_token", "\"cheap\""), "must be a decimal number");
        assert_eq!(wrong("input_cost_per_token", "-1"), "must not be negative");
        assert_eq!(wrong("input_cost_per_token", "1e99"), "is too large an amount");
        assert_eq!(wrong("input_cost_per_query", "true"), "must be a decimal number");
        assert_eq!(
            wrong("tiered_pricing", r#"[{"input_cost_per_token":1}]"#),
            "[0].range must be a pair of token counts"
        );
        assert_eq!(wrong("search_context_cost_per_query", "{}"), "names no context size");
    }
}
