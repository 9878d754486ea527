//! How a caller's limits and budgets stand, for `GET /v1/limits`.

use super::{Governance, common};
use crate::actors::coordinator::Told;
use crate::actors::key_directory::Purse;
use crate::base::clock::{self, unix_ms};
use crate::base::money::Nanos;
use crate::domain::budget::Cost;
use crate::domain::commons::Claim;
use crate::domain::limits::{Limits, Quota, Standing};
use crate::domain::scope::ScopeId;
use crate::gateway::caller::Caller;

/// How one budget stands; what was spent is `None` where the database cannot say.
pub struct Held {
    /// Whose.
    pub scope: ScopeId,
    /// The budget.
    pub max: Option<Nanos>,
    /// Where somebody is told.
    pub soft: Option<Nanos>,
    /// Spent in this period.
    pub spent: Option<Nanos>,
    /// Held by requests under way.
    pub reserved: Option<Nanos>,
    /// When the next period begins.
    pub resets_at_ms: Option<i64>,
}

impl Governance {
    /// How a caller's limits and budgets stand, those of everybody included.
    pub async fn standing(&self, caller: &Caller) -> (Vec<(ScopeId, Standing)>, Vec<Held>) {
        let identity = caller.identity();
        let scopes: Vec<&(ScopeId, Limits)> = identity.rates.iter().chain(&self.everybody).collect();
        let quotas: Vec<Quota<'_>> = scopes
            .iter()
            .map(|(scope, limits)| Quota { scope, limits: self.complete(scope, *limits) })
            .collect();
        let mut standings = self.limiter.peek(clock::now(), &quotas);
        let purses: Vec<Purse> = identity.purses.iter().chain(&self.proxy).cloned().collect();
        let unknown = purses.iter().filter(|purse| self.budgets.peek(&purse.scope, unix_ms()).is_none());
        if let Err(error) = self.load(unknown).await {
            tracing::debug!(%error, "budgets are shown as far as they are known");
        }
        let held = purses.iter().map(|purse| {
            let known = self.budgets.peek(&purse.scope, unix_ms());
            Held {
                scope: purse.scope.clone(),
                max: purse.max.map(Nanos::new),
                soft: purse.soft.map(Nanos::new),
                spent: known.map(|known| known.spent),
                reserved: known.map(|known| known.reserved),
                resets_at_ms: known.and_then(|known| known.resets_at),
            }
        });
        let mut held: Vec<Held> = held.collect();
        let quotas = quotas.iter().map(|quota| (quota.scope, quota.limits));
        self.see_all(common::claim(quotas, &purses, 0, Cost::Free), &mut standings, &mut held).await;
        let rates = scopes.iter().map(|(scope, _)| (*scope).clone()).zip(standings).collect();
        (rates, held)
    }

    /// What all replicas have taken, where that is counted.
    async fn see_all(&self, mut claim: Claim, standings: &mut [Standing], held: &mut [Held]) {
        let Some(commons) = self.commons.as_ref().filter(|_| !claim.is_empty()) else { return };
        claim.looks = true;
        let Told::Seen(counted, sums) = commons.claim(claim.clone()).await else { return };
        for ((scope, limits), counted) in claim.rates.iter().zip(counted) {
            let same = |standing: &&mut Standing| standing.kind == scope.kind() && standing.limits == *limits;
            if let Some(standing) = standings.iter_mut().find(same) {
                standing.see(counted.used);
            }
        }
        for (place, sum) in sums {
            let Some(payer) = claim.payers.get(place) else { continue };
            if let Some(held) = held.iter_mut().find(|held| held.scope == payer.scope) {
                let own = held.spent.unwrap_or_default();
                held.spent = Some(own.max(sum.stored));
                held.reserved = Some(sum.stored.saturating_add(sum.open).saturating_sub(own.max(sum.stored)));
            }
        }
    }
}
