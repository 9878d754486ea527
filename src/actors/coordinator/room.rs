//! Whether a claim is so far from every limit that its request may go on while the answer is late.

use std::sync::Arc;

use super::heard::Heard;
use crate::base::clock::{self, unix_ms};
use crate::domain::budget::Budgets;
use crate::domain::commons::Claim;
use crate::domain::limits::{Limiter, Limits, Quota};
use crate::domain::scope::ScopeId;

/// How much of this replica's part of a limit may be used up: one in so many.
const SHARE: u64 = 2;

/// What this process knows by itself, and what it was told last.
pub struct Room {
    limiter: Arc<Limiter>,
    budgets: Arc<Budgets>,
    heard: Heard,
}

impl Room {
    /// As these know it.
    pub fn new(limiter: Arc<Limiter>, budgets: Arc<Budgets>) -> Self {
        Room { limiter, budgets, heard: Heard::default() }
    }

    /// Whether this process has used, with this request, less than half of its part of every limit and of what is left of
    /// every budget, and all replicas together had used less than half of every limit when they were last heard of. Then a
    /// moment without the others' counters does no harm; nearer to a limit exactness is worth a wait.
    pub fn is_ample(&self, claim: &Claim, replicas: u64) -> bool {
        if claim.strict {
            return false;
        }
        let parts = SHARE.saturating_mul(replicas.max(1));
        let quotas: Vec<Quota<'_>> =
            claim.rates.iter().map(|(scope, limits)| Quota { scope, limits: *limits }).collect();
        let standings = self.limiter.peek(clock::fresh(), &quotas);
        let rates = standings
            .iter()
            .flat_map(|standing| standing.rooms())
            .all(|room| room.used.saturating_mul(parts) <= room.limit);
        let parts = i64::try_from(parts).unwrap_or(i64::MAX);
        let heard = |(scope, limits): &(ScopeId, Limits)| self.heard.is_below(scope.key(), limits, SHARE);
        rates
            && claim.rates.iter().all(heard)
            && claim.payers.iter().all(|payer| {
                let Some(known) = self.budgets.peek(&payer.scope, unix_ms()) else { return false };
                let left = payer.max.saturating_sub(known.spent);
                known.reserved.get().saturating_mul(parts) < left.get()
            })
    }

    /// What the common counters have said last.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// This process's own limits.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Accounts, as far as they were read.
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }
}
