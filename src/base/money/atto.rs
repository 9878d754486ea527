//! Prices of one unit, and sums that are not rounded yet.

use std::str::FromStr;

use super::Nanos;
use super::decimal::{DecimalError, divide_half_up, scaled};

/// Atto-dollars in a nano-dollar.
const PER_NANO: i128 = 1_000_000_000;

/// An exact amount in atto-dollars (1 USD = 10^18): what one token, second or image costs, and the sum of a
/// bill before its one rounding. A token costs far less than a nano-dollar.
///
/// Arithmetic saturates; the range holds 10^20 USD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atto(i128);

impl Atto {
    /// Nothing.
    pub const ZERO: Atto = Atto(0);

    /// That many atto-dollars.
    pub const fn new(atto: i128) -> Self {
        Atto(atto)
    }

    /// The atto-dollars.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// What `count` units cost.
    #[must_use]
    pub fn times(self, count: u64) -> Atto {
        Atto(self.0.saturating_mul(i128::from(count)))
    }

    /// The share `numerator / denominator`, rounded half up at the last atto-dollar.
    #[must_use]
    pub fn share(self, numerator: u64, denominator: u64) -> Atto {
        Atto(divide_half_up(self.0.saturating_mul(i128::from(numerator)), i128::from(denominator.max(1))))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Atto) -> Atto {
        Atto(self.0.saturating_add(other.0))
    }

    /// Without `other`.
    #[must_use]
    pub fn minus(self, other: Atto) -> Atto {
        Atto(self.0.saturating_sub(other.0))
    }

    /// The nearest nano-dollars, halves up (away from zero); saturates.
    #[must_use]
    pub fn round(self) -> Nanos {
        let nanos = divide_half_up(self.0, PER_NANO);
        Nanos::new(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Dollars as a float, for comparisons and replies, never for sums.
    #[allow(clippy::cast_precision_loss)]
    pub fn to_usd_f64(self) -> f64 {
        // Through the shortest text that is exact: 2.5e-6 comes out as the number a list reads.
        format!("{}e-18", self.0).parse().unwrap_or(self.0 as f64 * 1e-18)
    }
}

impl From<Nanos> for Atto {
    fn from(nanos: Nanos) -> Self {
        Atto(i128::from(nanos.get()) * PER_NANO)
    }
}

impl FromStr for Atto {
    type Err = DecimalError;

    /// Reads dollars as decimal text (`2.5e-06`), rounded at the last atto-dollar.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        scaled(text, 18).map(Atto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atto(text: &str) -> Atto {
        text.parse().unwrap()
    }

    #[test]
    fn token_prices_lose_nothing() {
        assert_eq!(atto("2.5e-06"), Atto::new(2_500_000_000_000));
        assert_eq!(atto("0.000283333333333"), Atto::new(283_333_333_333_000));
        assert_eq!(atto("8.39233e-08").times(1_048_576).round(), Nanos::new(87_999_958));
        let bill = atto("2.5e-06").times(60).plus(atto("1.25e-06").times(40)).plus(atto("1e-05").times(50));
        assert_eq!(bill.round(), Nanos::new(700_000));
        assert_eq!(atto("2.5e-06").to_usd_f64(), 2.5e-06);
        assert_eq!(atto("0.1").to_usd_f64(), 0.1);
    }

    #[test]
    fn a_bill_is_rounded_half_up_once() {
        let tiny = atto("1.5e-10");
        assert_eq!(tiny.times(3).round(), Nanos::new(0));
        assert_eq!(tiny.times(3).plus(atto("5e-11")).round(), Nanos::new(1));
        assert_eq!(Atto::new(-500_000_000).round(), Nanos::new(-1));
        assert_eq!(atto("0.0001").share(1500, 1000), atto("0.00015"));
    }

    #[test]
    fn the_largest_counts_saturate() {
        assert_eq!(atto("1").times(u64::MAX).round(), Nanos::MAX);
        assert_eq!(atto("1e19").times(u64::MAX).plus(atto("1")).round(), Nanos::MAX);
    }
}
