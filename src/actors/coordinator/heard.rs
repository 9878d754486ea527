//! What the common counters have said of scopes lately. A replica that few of a key's requests come to would else take it
//! for nearly unused.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::commons::{Claim, Counted, Obstacle};
use crate::domain::limits::{Kind, Limits, Used};

/// How long it is remembered at least: the span of most windows.
const REMEMBERED: Duration = Duration::from_secs(60);
/// More scopes than that push out the older ones.
const MOST: usize = 20_000;

/// By scope; the older half is forgotten as a whole.
#[derive(Default)]
pub struct Heard(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    newer: HashMap<u128, Used>,
    older: HashMap<u128, Used>,
    turned: Option<Instant>,
}

impl Heard {
    /// A claim was granted, and this is how its scopes stand.
    pub fn granted(&self, claim: &Claim, counted: &[Counted], now: Instant) {
        let mut halves = self.halves();
        for ((scope, _), counted) in claim.rates.iter().zip(counted) {
            halves.note(scope.key(), counted.used, now);
        }
    }

    /// It was refused, by these.
    pub fn refused(&self, claim: &Claim, obstacles: &[Obstacle], now: Instant) {
        let mut halves = self.halves();
        for obstacle in obstacles {
            let Some((scope, _)) = claim.rates.get(obstacle.place) else { continue };
            let mut used = halves.used(scope.key());
            match obstacle.kind {
                Kind::Requests => used.requests = obstacle.used,
                Kind::Tokens => used.tokens = obstacle.used,
                Kind::TokensPerDay => used.tokens_today = obstacle.used,
                Kind::Parallel => used.parallel = obstacle.used,
            }
            halves.note(scope.key(), used, now);
        }
    }

    /// Whether no more than one in so many of each limit was used, as far as anybody has said.
    pub fn is_below(&self, scope: u128, limits: &Limits, share: u64) -> bool {
        let used = self.halves().used(scope);
        let pairs = [
            (limits.requests_per_minute, used.requests),
            (limits.tokens_per_minute, used.tokens),
            (limits.tokens_per_day, used.tokens_today),
            (limits.parallel, used.parallel),
        ];
        pairs.into_iter().all(|(limit, used)| limit.is_none_or(|limit| used.saturating_mul(share) <= limit))
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        // A memory of a minute: whatever state a panic has left it in will do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Halves {
    fn used(&self, scope: u128) -> Used {
        self.newer.get(&scope).or_else(|| self.older.get(&scope)).copied().unwrap_or_default()
    }

    fn note(&mut self, scope: u128, used: Used, now: Instant) {
        let turned = *self.turned.get_or_insert(now);
        if self.newer.len() >= MOST || now.saturating_duration_since(turned) >= REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
            self.turned = Some(now);
        }
        self.newer.insert(scope, used);
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::domain::budget::Cost;
    use crate::domain::limits::Reset;
    use crate::domain::scope::{ScopeId, ScopeKind};

    const LIMITS: Limits = Limits {
        requests_per_minute: Some(10),
        tokens_per_minute: None,
        tokens_per_day: None,
        parallel: Some(4),
    };

    fn claim() -> Claim {
        let rates = smallvec![(ScopeId::new(ScopeKind::Key, "k"), LIMITS)];
        Claim { tokens: 1, rates, cost: Cost::Free, payers: smallvec![], looks: false, strict: false }
    }

    fn counted(requests: u64) -> [Counted; 1] {
        [Counted { used: Used { requests, ..Used::default() }, ..Counted::default() }]
    }

    #[test]
    fn the_last_word_counts_until_it_is_old() {
        let (heard, now, claim) = (Heard::default(), Instant::now(), claim());
        let is_below = || heard.is_below(claim.rates[0].0.key(), &LIMITS, 2);
        assert!(is_below());
        heard.granted(&claim, &counted(6), now);
        assert!(!is_below());
        heard.granted(&claim, &counted(5), now);
        assert!(is_below());
        let full = Obstacle { place: 0, kind: Kind::Parallel, used: 4, reset: Reset::WhenOneEnds };
        heard.refused(&claim, &[full], now);
        assert!(!is_below());
        for turn in 1..=2 {
            let other =
                Claim { rates: smallvec![(ScopeId::new(ScopeKind::Key, "other"), LIMITS)], ..claim.clone() };
            heard.granted(&other, &counted(1), now + REMEMBERED * turn);
        }
        assert!(is_below());
    }
}
