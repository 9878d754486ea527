//! What all replicas have in common: after a request has taken from this process's own counters it claims the same of
//! those that all replicas share. Where nobody answers, each replica goes on with its part of every limit.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::{Governance, Taken};
use crate::actors::coordinator::{Commons, Hold, Told};
use crate::actors::key_directory::Purse;
use crate::base::clock::{self, unix_ms};
use crate::base::error::{Error, Kind};
use crate::base::money::Nanos;
use crate::domain::budget::{Cost, Exceeded, Why};
use crate::domain::commons::{Claim, Obstacle, Payer, Shortage};
use crate::domain::limits::{Limits, Quota, Refusal, Reset};
use crate::domain::scope::ScopeId;
use crate::gateway::hop_rates;

/// How often a claim is made again that only others' reservations are in the way of.
const AGAIN: Duration = Duration::from_millis(15);

/// What a request claims.
pub(super) fn claim<'a>(
    rates: impl Iterator<Item = (&'a ScopeId, Limits)>,
    purses: &[Purse],
    tokens: u64,
    cost: Cost,
) -> Claim {
    let mut claim =
        Claim { tokens, rates: SmallVec::new(), cost, payers: SmallVec::new(), looks: false, strict: false };
    for (scope, limits) in rates.filter(|(_, limits)| !limits.is_empty()) {
        if !claim.rates.iter().any(|(known, _)| known == scope) {
            claim.rates.push((scope.clone(), limits));
        }
    }
    let limited = purses.iter().filter_map(|purse| Some((purse, purse.max?)));
    claim.payers.extend(limited.map(|(purse, max)| Payer {
        scope: purse.scope.clone(),
        id: purse.id.clone(),
        max: Nanos::new(max),
    }));
    claim
}

/// What a request claims that moves on to another group: what it held for everybody, if anything, and the next group's
/// rates.
pub(super) fn of_hop(hold: Option<&Hold>, rates: &[(ScopeId, Limits)]) -> SmallVec<[(ScopeId, Limits); 4]> {
    let held = hold.and_then(Hold::claim).map(|claim| claim.rates.clone()).unwrap_or_default();
    let general = held.into_iter().filter(|(scope, _)| !hop_rates::is_of_model(scope.kind()));
    general.chain(rates.iter().cloned()).collect()
}

impl Governance {
    /// Claims the same of the common counters, if there are any; what it held of them goes back in the same call.
    ///
    /// # Errors
    /// What is in the way; nothing is held in common then.
    pub(super) async fn in_common(&self, claim: Claim, end: Instant, taken: &mut Taken) -> Result<(), Error> {
        let mut held = taken.hold.take();
        let Some(commons) = self.commons.as_ref().filter(|_| !claim.is_empty()) else {
            held.into_iter().for_each(Hold::cancel);
            return Ok(());
        };
        let claim = Claim { strict: self.rules.refuses_alone, ..claim };
        let hold = loop {
            let begun = clock::fresh();
            let told = match held.take() {
                Some(held) => commons.exchange(held, claim.clone()).await,
                None => commons.claim(claim.clone()).await,
            };
            if let Some(waits) = &self.waits {
                waits.record(clock::fresh().saturating_duration_since(begun));
            }
            match told {
                Told::Granted(hold) => break hold,
                Told::Limited(obstacles) => return Err(limited(&claim, &obstacles)),
                Told::Exceeded(Shortage { why: Why::HeldByOthers, .. }) if clock::fresh() < end => {
                    actix_rt::time::sleep(AGAIN).await;
                }
                Told::Exceeded(shortage) => return Err(self.short(&claim, shortage)),
                Told::Lost | Told::Seen(..) => break self.alone(commons, claim, taken)?,
            }
        };
        if let Some(ticket) = &mut taken.ticket {
            ticket.see(|key| hold.used(key));
        }
        taken.hold = Some(hold);
        Ok(())
    }

    fn short(&self, claim: &Claim, shortage: Shortage) -> Error {
        let Shortage { place, why, spent, held } = shortage;
        let Some(payer) = claim.payers.get(place) else { return unanswered() };
        let known = self.budgets.peek(&payer.scope, unix_ms());
        self.refusal(&Exceeded {
            scope: payer.scope.clone(),
            why,
            max: payer.max,
            spent,
            reserved: held,
            estimate: claim.cost.reserved(),
            resets_at: known.and_then(|known| known.resets_at),
        })
    }

    /// Nobody answers: this replica's part of each limit and of what is left of each budget.
    fn alone(&self, commons: &Commons, claim: Claim, taken: &Taken) -> Result<Hold, Error> {
        if self.rules.refuses_alone {
            return Err(unanswered());
        }
        let replicas = commons.replicas();
        for standing in taken.standings() {
            let full = standing.rooms().find(|room| room.used > part(room.limit, replicas) && room.used > 1);
            let Some(room) = full else { continue };
            let of = |(scope, _): &&(ScopeId, Limits)| scope.kind() == standing.kind;
            let Some((scope, limits)) = claim.rates.iter().find(of) else { continue };
            let now = self.limiter.peek(clock::now(), &[Quota { scope, limits: *limits }]);
            let resets_in = now.first().and_then(|now| now.room(room.kind)).and_then(|room| room.resets_in);
            return Err(hop_rates::limited(&Refusal {
                scope: scope.clone(),
                kind: room.kind,
                limit: part(room.limit, replicas),
                used: room.used,
                wanted: 1,
                reset: resets_in.map_or(Reset::WhenOneEnds, Reset::In),
            }));
        }
        for (place, payer) in claim.payers.iter().enumerate() {
            let Some(known) = self.budgets.peek(&payer.scope, unix_ms()) else { continue };
            let stored = known.spent.saturating_sub(known.unstored);
            let own = known.unstored.saturating_add(known.reserved);
            let left = payer.max.saturating_sub(stored).get();
            let of_this_replica = Nanos::new(left / i64::try_from(replicas).unwrap_or(1));
            if own > of_this_replica && own > claim.cost.reserved() {
                let held = known.reserved;
                let shortage = Shortage { place, why: Why::HeldByOthers, spent: known.spent, held };
                return Err(self.short(&claim, shortage));
            }
        }
        Ok(commons.alone(claim))
    }
}

/// This replica's part, one at least.
fn part(limit: u64, replicas: u64) -> u64 {
    if limit == 0 { 0 } else { (limit / replicas.max(1)).max(1) }
}

fn limited(claim: &Claim, obstacles: &[Obstacle]) -> Error {
    let Some(worst) = obstacles.iter().reduce(|worst, next| match next.reset.outlasts(worst.reset) {
        true => next,
        false => worst,
    }) else {
        return unanswered();
    };
    let Some((scope, limits)) = claim.rates.get(worst.place) else { return unanswered() };
    hop_rates::limited(&Refusal {
        scope: scope.clone(),
        kind: worst.kind,
        limit: limits.of(worst.kind).unwrap_or(0),
        used: worst.used,
        wanted: if worst.kind.counts_tokens() { claim.tokens } else { 1 },
        reset: worst.reset,
    })
}

/// The refusal where replicas are not to go on by themselves.
fn unanswered() -> Error {
    let message = "Redis does not answer, so this request's limits cannot be checked now \
                   (general_settings.fail_closed_rate_limit_enforcement).";
    Error::new(Kind::StoreUnavailable, message)
}
