//! Money: integers, one unit, no floats.
//!
//! [`Nanos`] is what is reserved, charged, limited and stored; [`Atto`] is what a single token costs. A bill
//! is summed in [`Atto`] and rounded once.

mod atto;
mod decimal;

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use atto::Atto;
pub use decimal::DecimalError;

/// Nano-dollars in a dollar.
const PER_USD: i64 = 1_000_000_000;

/// An amount in nano-dollars (1 USD = 10^9); the range holds 9 billion USD either way.
///
/// Its serde form is a JSON number of dollars, as LiteLLM's clients read and write them: exact both ways up
/// to 8 million USD. What has to be exact beyond that is stored as [`Nanos::get`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(i64);

impl Nanos {
    /// Nothing.
    pub const ZERO: Nanos = Nanos(0);
    /// The largest amount.
    pub const MAX: Nanos = Nanos(i64::MAX);

    /// That many nano-dollars.
    pub const fn new(nanos: i64) -> Self {
        Nanos(nanos)
    }

    /// The nano-dollars.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whole dollars; saturates.
    pub const fn from_usd(dollars: i64) -> Self {
        Nanos(dollars.saturating_mul(PER_USD))
    }

    /// The amount that a JSON number of dollars stands for: the decimal number that it was written as (up to
    /// 15 digits), not the binary float next to it.
    ///
    /// # Errors
    /// [`DecimalError`], when it does not fit.
    pub fn from_json(dollars: &serde_json::Number) -> Result<Self, DecimalError> {
        dollars.to_string().parse()
    }

    /// Dollars as a float, for JSON replies, headers and gauges. Never compute with it.
    #[allow(clippy::cast_precision_loss)]
    pub fn to_usd_f64(self) -> f64 {
        // One division of exact numbers gives the float that is nearest, the one that reads `0.1`.
        self.0 as f64 / PER_USD as f64
    }

    /// Both together, if that fits.
    pub fn checked_add(self, other: Nanos) -> Option<Nanos> {
        self.0.checked_add(other.0).map(Nanos)
    }

    /// Without `other`, if that fits.
    pub fn checked_sub(self, other: Nanos) -> Option<Nanos> {
        self.0.checked_sub(other.0).map(Nanos)
    }

    /// Both together; stays at the end of the range.
    #[must_use]
    pub const fn saturating_add(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(other.0))
    }

    /// Without `other`; stays at the end of the range.
    #[must_use]
    pub const fn saturating_sub(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(other.0))
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Sum for Nanos {
    fn sum<I: Iterator<Item = Nanos>>(amounts: I) -> Nanos {
        amounts.fold(Nanos::ZERO, Nanos::saturating_add)
    }
}

impl FromStr for Nanos {
    type Err = DecimalError;

    /// Reads dollars as decimal text (`5`, `0.1`, `1e-06`), rounded half up at the last nano-dollar.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let nanos = decimal::scaled(text, 9)?;
        i64::try_from(nanos).map(Nanos).map_err(|_| DecimalError::TooLarge)
    }
}

impl fmt::Display for Nanos {
    /// Exact dollars without an exponent and without needless zeros: `0.0007`, `-1.5`, `5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (dollars, rest) = (magnitude / PER_USD.unsigned_abs(), magnitude % PER_USD.unsigned_abs());
        if rest == 0 {
            return f.pad(&format!("{sign}{dollars}"));
        }
        f.pad(format!("{sign}{dollars}.{rest:09}").trim_end_matches('0'))
    }
}

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.to_usd_f64())
    }
}

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Dollars)
    }
}

/// Reads dollars from a number or from decimal text.
struct Dollars;

impl Visitor<'_> for Dollars {
    type Value = Nanos;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in USD")
    }

    fn visit_u64<E: serde::de::Error>(self, dollars: u64) -> Result<Nanos, E> {
        self.visit_str(&dollars.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, dollars: i64) -> Result<Nanos, E> {
        self.visit_str(&dollars.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, dollars: f64) -> Result<Nanos, E> {
        // The shortest text of a float is the decimal number that it was read from.
        self.visit_str(&dollars.to_string())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Nanos, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_without_drift() {
        let read = |json: &str| serde_json::from_str::<Nanos>(json).map(Nanos::get).ok();
        for (json, nanos) in [
            ("5", 5_000_000_000),
            ("5.00", 5_000_000_000),
            ("1e-06", 1_000),
            ("0.1", 100_000_000),
            ("0.3", 300_000_000),
            ("-2.5", -2_500_000_000),
            ("\"0.0007\"", 700_000),
            ("1234567.123456789", 1_234_567_123_456_789),
        ] {
            assert_eq!(read(json), Some(nanos), "{json}");
        }
        for json in ["null", "true", "\"five\"", "1e300", "{}", "[]", "\"\""] {
            assert_eq!(read(json), None, "{json}");
        }
        let number = serde_json::from_str::<serde_json::Number>("0.0007").unwrap();
        assert_eq!(Nanos::from_json(&number), Ok(Nanos::new(700_000)));
    }

    #[test]
    fn clients_read_the_float_that_they_expect() {
        for (nanos, json) in [(0, "0.0"), (100_000_000, "0.1"), (700_000, "0.0007"), (300_000_000, "0.3")] {
            assert_eq!(serde_json::to_string(&Nanos::new(nanos)).unwrap(), json);
        }
    }

    #[test]
    fn shown_exactly() {
        for (nanos, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (700_000, "0.0007"),
            (5_000_000_000, "5"),
            (-1_500_000_000, "-1.5"),
            (-1, "-0.000000001"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(Nanos::new(nanos).to_string(), text);
            assert_eq!(text.parse(), Ok(Nanos::new(nanos)));
        }
        assert_eq!(format!("{:>6}|", Nanos::new(500_000_000)), "   0.5|");
    }

    #[test]
    fn arithmetic_never_wraps() {
        assert_eq!(Nanos::MAX.checked_add(Nanos::new(1)), None);
        assert_eq!(Nanos::new(i64::MIN).checked_sub(Nanos::new(1)), None);
        assert_eq!(Nanos::MAX.saturating_add(Nanos::new(1)), Nanos::MAX);
        assert_eq!([Nanos::from_usd(1), Nanos::new(5)].into_iter().sum::<Nanos>(), Nanos::new(1_000_000_005));
        assert_eq!(Nanos::from_usd(i64::MAX), Nanos::MAX);
    }

    proptest::proptest! {
        #[test]
        fn text_and_json_come_back(nanos: i64, small in -8_000_000_000_000_000_i64..8_000_000_000_000_000) {
            proptest::prop_assert_eq!(Nanos::new(nanos).to_string().parse(), Ok(Nanos::new(nanos)));
            let json = serde_json::to_string(&Nanos::new(small)).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Nanos>(&json).unwrap(), Nanos::new(small));
        }
    }
}
