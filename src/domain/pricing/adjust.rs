//! Discounts and margins: `cost_discount_config` and `cost_margin_config`.
//!
//! A discount is taken from the providers' price, a margin comes on top of what is left. A provider's own
//! margin replaces the `global` one.

use serde_json::Value;

use crate::base::money::{Atto, Nanos};

/// One, in the unit of [`Ratio`].
const ONE: u64 = 1_000_000_000;

/// A share in parts of 10^9: 0.05 is five percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u64);

impl Ratio {
    /// Reads a share; `None` when it is negative or no number.
    fn read(value: &Value) -> Option<Self> {
        let nanos: Nanos = match value {
            Value::Number(number) => Nanos::from_json(number).ok()?,
            Value::String(text) => text.parse().ok()?,
            _ => return None,
        };
        u64::try_from(nanos.get()).ok().map(Ratio)
    }

    fn of(self, amount: Atto) -> Atto {
        amount.share(self.0, ONE)
    }
}

/// What one deployment's bills are changed by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adjust {
    discount: Ratio,
    margin: Ratio,
    fixed: Atto,
}

impl Adjust {
    /// The discount on a sum, and the margin on what is left of it.
    pub(super) fn on(&self, sum: Atto) -> (Atto, Atto) {
        let discount = self.discount.of(sum);
        (discount, self.margin.of(sum.minus(discount)).plus(self.fixed))
    }

    /// The share that is put on top, in billionths.
    pub(super) fn margin_share(&self) -> Nanos {
        Nanos::new(i64::try_from(self.margin.0).unwrap_or(i64::MAX))
    }

    /// Whether what is free stays free.
    pub(super) fn adds_nothing(&self) -> bool {
        self.fixed == Atto::ZERO
    }
}

/// The two settings, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdjustConfig {
    discounts: Vec<(String, Ratio)>,
    margins: Vec<(String, Ratio, Atto)>,
}

impl AdjustConfig {
    /// Reads `cost_discount_config` (`{provider: 0.05}`) and `cost_margin_config` (`{provider or global: 0.1}`
    /// or `{provider or global: {percentage: 0.1, fixed_amount: 0.001}}`). What cannot be read is left out and
    /// told, as a path behind the setting's name and what is wrong there.
    pub fn read(discounts: &Value, margins: &Value) -> (Self, Vec<String>) {
        let (mut config, mut wrong) = (AdjustConfig::default(), Vec::new());
        for (provider, value) in members(discounts, "cost_discount_config", &mut wrong) {
            match Ratio::read(value).filter(|share| share.0 <= ONE) {
                Some(share) => config.discounts.push((provider.clone(), share)),
                None => wrong
                    .push(format!("cost_discount_config.{provider} must be a share from 0 to 1: {value}")),
            }
        }
        for (provider, value) in members(margins, "cost_margin_config", &mut wrong) {
            match margin(value) {
                Some((share, fixed)) => config.margins.push((provider.clone(), share, fixed)),
                None => wrong.push(format!(
                    "cost_margin_config.{provider} must be a share, or an object of percentage and fixed_amount: {value}"
                )),
            }
        }
        (config, wrong)
    }

    /// What applies to a provider's deployments.
    pub fn of(&self, provider: &str) -> Adjust {
        let discount = self.discounts.iter().find(|(name, _)| name == provider);
        let margin = |wanted: &str| self.margins.iter().find(|(name, ..)| name == wanted);
        let (share, fixed) = margin(provider)
            .or_else(|| margin("global"))
            .map_or((Ratio::default(), Atto::ZERO), |(_, share, fixed)| (*share, *fixed));
        Adjust { discount: discount.map_or(Ratio::default(), |(_, share)| *share), margin: share, fixed }
    }
}

fn members<'a>(
    setting: &'a Value,
    name: &str,
    wrong: &mut Vec<String>,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    if !setting.is_null() && !setting.is_object() {
        wrong.push(format!("{name} must be an object of providers"));
    }
    setting.as_object().into_iter().flatten()
}

/// A margin's share and fixed amount.
fn margin(value: &Value) -> Option<(Ratio, Atto)> {
    let Value::Object(parts) = value else { return Some((Ratio::read(value)?, Atto::ZERO)) };
    let known = ["percentage", "fixed_amount"];
    if parts.is_empty() || !parts.keys().all(|key| known.contains(&key.as_str())) {
        return None;
    }
    let share = |key| parts.get(key).map_or(Some(Ratio::default()), Ratio::read);
    let fixed = share("fixed_amount")?;
    Some((share("percentage")?, Atto::from(Nanos::new(i64::try_from(fixed.0).ok()?))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn adjusted(adjust: Adjust, dollars: i64) -> (Nanos, Nanos) {
        let (discount, margin) = adjust.on(Atto::from(Nanos::from_usd(dollars)));
        (discount.round(), margin.round())
    }

    #[test]
    fn a_providers_own_margin_replaces_the_global_one() {
        let (config, wrong) = AdjustConfig::read(
            &json!({"openai": 0.05}),
            &json!({"global": 0.1, "anthropic": {"fixed_amount": 0.5}, "azure": {"percentage": 0.2, "fixed_amount": 1}}),
        );
        assert!(wrong.is_empty(), "{wrong:?}");
        let cents = |cents: i64| Nanos::new(cents * 10_000_000);
        // 100 - 5 % = 95, and 10 % of that.
        assert_eq!(adjusted(config.of("openai"), 100), (cents(500), cents(950)));
        assert_eq!(adjusted(config.of("anthropic"), 100), (Nanos::ZERO, cents(50)));
        assert_eq!(adjusted(config.of("azure"), 100), (Nanos::ZERO, cents(2100)));
        assert_eq!(adjusted(config.of("groq"), 100), (Nanos::ZERO, cents(1000)));
        assert!(config.of("groq").adds_nothing() && !config.of("azure").adds_nothing());
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let (_, wrong) = AdjustConfig::read(
            &json!({"openai": 1.5, "azure": "x"}),
            &json!({"global": -0.1, "groq": {"fixed": 1}, "xai": {}}),
        );
        assert_eq!(wrong.len(), 5, "{wrong:?}");
        assert!(wrong[0].starts_with("cost_discount_config.openai must be a share from 0 to 1"), "{wrong:?}");
        assert_eq!(
            AdjustConfig::read(&json!(3), &Value::Null).1,
            ["cost_discount_config must be an object of providers"]
        );
    }
}
