//! Scopes that have just refused a request: for a moment others are refused without asking again. A key that is called
//! far beyond its limit then costs the common counters next to nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::commons::{Claim, Obstacle};
use crate::domain::limits::{Kind, Reset};

/// How long a refusal is believed. Room comes back in steps of a quarter of a second, so nobody waits noticeably longer
/// for it.
const BELIEVED: Duration = Duration::from_millis(50);
/// More scopes than that are not remembered.
const MOST: usize = 10_000;

/// What was refused lately.
#[derive(Default)]
pub struct Full {
    scopes: Mutex<HashMap<u128, (Instant, Obstacle)>>,
    /// Whether there is any, so that nobody needs to lock when there is none.
    any: AtomicBool,
}

impl Full {
    /// The counters have refused a claim. Only a lack of requests says something about every other claim, too.
    pub fn note(&self, claim: &Claim, obstacles: &[Obstacle], now: Instant) {
        let lasting = |obstacle: &&Obstacle| {
            obstacle.kind == Kind::Requests && matches!(obstacle.reset, Reset::In(wait) if wait > BELIEVED)
        };
        for obstacle in obstacles.iter().filter(lasting) {
            let Some((scope, _)) = claim.rates.get(obstacle.place) else { continue };
            let mut scopes = self.scopes();
            if scopes.len() >= MOST {
                scopes.retain(|_, (noted, _)| now.saturating_duration_since(*noted) < BELIEVED);
            }
            if scopes.len() < MOST {
                scopes.insert(scope.key(), (now, *obstacle));
                self.any.store(true, Ordering::Release);
            }
        }
    }

    /// What stands in the way of a claim, as was said a moment ago.
    pub fn obstacle(&self, claim: &Claim, now: Instant) -> Option<Obstacle> {
        if claim.looks || !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut scopes = self.scopes();
        for (place, (scope, limits)) in claim.rates.iter().enumerate() {
            let Some((noted, obstacle)) = scopes.get(&scope.key()).copied() else { continue };
            let age = now.saturating_duration_since(noted);
            // Somebody may have raised the limit since.
            if age >= BELIEVED || limits.requests_per_minute.is_none_or(|limit| limit > obstacle.used) {
                scopes.remove(&scope.key());
                self.any.store(!scopes.is_empty(), Ordering::Release);
                continue;
            }
            let Reset::In(wait) = obstacle.reset else { continue };
            return Some(Obstacle { place, reset: Reset::In(wait.saturating_sub(age)), ..obstacle });
        }
        None
    }

    fn scopes(&self) -> MutexGuard<'_, HashMap<u128, (Instant, Obstacle)>> {
        // A memory of a few milliseconds: whatever state a panic has left it in will do.
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::domain::budget::Cost;
    use crate::domain::limits::Limits;
    use crate::domain::scope::{ScopeId, ScopeKind};

    fn claim(limit: u64) -> Claim {
        let limits = Limits { requests_per_minute: Some(limit), ..Limits::default() };
        let rates = smallvec![(ScopeId::new(ScopeKind::Key, "k"), limits)];
        Claim { tokens: 1, rates, cost: Cost::Free, payers: smallvec![], looks: false, strict: false }
    }

    fn obstacle(wait: u64) -> Obstacle {
        let reset = Reset::In(Duration::from_millis(wait));
        Obstacle { place: 0, kind: Kind::Requests, used: 5, reset }
    }

    #[test]
    fn a_refusal_is_believed_for_a_moment_and_its_wait_grows_shorter() {
        let (full, now) = (Full::default(), Instant::now());
        assert_eq!(full.obstacle(&claim(5), now), None);
        full.note(&claim(5), &[obstacle(1_000)], now);
        let later = now + Duration::from_millis(40);
        assert_eq!(full.obstacle(&claim(5), later), Some(obstacle(960)));
        assert_eq!(full.obstacle(&claim(5), now + BELIEVED), None);
        assert_eq!(full.obstacle(&claim(5), now), None);
    }

    #[test]
    fn a_raised_limit_and_short_waits_are_asked_about() {
        let (full, now) = (Full::default(), Instant::now());
        full.note(&claim(5), &[obstacle(30)], now);
        assert_eq!(full.obstacle(&claim(5), now), None);
        full.note(&claim(5), &[obstacle(1_000)], now);
        assert_eq!(full.obstacle(&claim(6), now), None);
    }
}
