//! Keys that go on slowly when their budget is gone (`throttle_on_budget_exceeded`), instead of not at all.

use smallvec::SmallVec;

use crate::actors::key_directory::{Identity, Purse};
use crate::domain::limits::{Limits, Quota};
use crate::domain::scope::ScopeKind;

/// What a share is a part of.
const ONE: u64 = 1_000_000_000;

/// The share of its rates that a key keeps, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// From the configuration's number, between 0 and 1.
    pub fn new(billionths: u64) -> Self {
        Share(billionths.min(ONE))
    }

    /// Whether this key has asked for it, and has rates that can become smaller.
    pub fn applies_to(self, identity: &Identity) -> bool {
        let wanted = identity.key().is_some_and(|key| key.throttle_on_budget_exceeded);
        wanted
            && identity.rates.iter().any(|(scope, limits)| scope.kind() == ScopeKind::Key && has_rate(limits))
    }

    /// Lowers the rates of the key itself.
    pub fn slow(self, quotas: &mut SmallVec<[Quota<'_>; 8]>) {
        for quota in quotas.iter_mut().filter(|quota| quota.scope.kind() == ScopeKind::Key) {
            let limits = &mut quota.limits;
            for rate in [&mut limits.requests_per_minute, &mut limits.tokens_per_minute] {
                *rate = rate.map(|rate| self.of(rate));
            }
        }
    }

    /// The key's own budget counts, and stops nothing.
    pub fn open(purses: &mut SmallVec<[Purse; 4]>) {
        for purse in purses.iter_mut().filter(|purse| purse.scope.kind() == ScopeKind::Key) {
            purse.max = None;
        }
    }

    /// At least one: a rate of 0 would be a refusal after all.
    fn of(self, rate: u64) -> u64 {
        let part = u128::from(rate) * u128::from(self.0) / u128::from(ONE);
        u64::try_from(part).unwrap_or(rate).max(1)
    }
}

fn has_rate(limits: &Limits) -> bool {
    limits.requests_per_minute.is_some() || limits.tokens_per_minute.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_to_one_at_least() {
        let tenth = Share::new(ONE / 10);
        assert_eq!([tenth.of(100), tenth.of(19), tenth.of(3), tenth.of(u64::MAX)], [10, 1, 1, u64::MAX / 10]);
        assert_eq!(Share::new(5 * ONE).of(7), 7);
    }
}
