//! What an answer from the cache takes: one request of the limits of requests. No tokens, no slot, no money.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Governance, Taken, common, fair_end, of_model};
use crate::base::clock;
use crate::base::error::Error;
use crate::domain::budget::Cost;
use crate::domain::limits::{Limits, Quota};
use crate::domain::scope::ScopeId;
use crate::gateway::call::Call;
use crate::gateway::caller::Caller;
use crate::gateway::hop_rates;

impl Governance {
    /// Takes it.
    ///
    /// # Errors
    /// 429 naming the limit; 403 for a blocked end user; 503 where rows cannot be written and must be.
    pub async fn take_hit(&self, call: &Call, caller: Caller) -> Result<Box<Taken>, Error> {
        self.check_handling(call)?;
        let identity = Arc::clone(caller.identity());
        let (model_rates, _) = of_model(call, &identity, &call.resolved);
        let owners = self.owners(call, &identity).await?;
        let own = identity.rates.iter().chain(&model_rates).chain(&self.everybody);
        let of_owners = owners.iter().map(|(scope, limits, _)| (scope, *limits));
        let rates: SmallVec<[(&ScopeId, Limits); 8]> = own
            .map(|(scope, limits)| (scope, *limits))
            .chain(of_owners)
            .map(|(scope, limits)| (scope, of_requests(limits)))
            .filter(|(_, limits)| !limits.is_empty())
            .collect();
        let mut taken = Box::new(Taken::nothing(call, caller));
        if rates.is_empty() {
            return Ok(taken);
        }
        let quotas: SmallVec<[Quota<'_>; 8]> =
            rates.iter().map(|(scope, limits)| Quota { scope, limits: *limits }).collect();
        let took = self.limiter.take(clock::now(), 0, &quotas);
        taken.ticket = Some(took.map_err(|refusal| hop_rates::limited(&refusal))?);
        if self.commons.is_none() {
            return Ok(taken);
        }
        let claim = common::claim(rates.into_iter(), &[], 0, Cost::Free);
        if let Err(error) = Box::pin(self.in_common(claim, fair_end(call), &mut taken)).await {
            // A refused request consumes nothing of any limit.
            if let Some(ticket) = taken.ticket.take() {
                ticket.cancel();
            }
            return Err(error);
        }
        Ok(taken)
    }
}

fn of_requests(limits: Limits) -> Limits {
    Limits { requests_per_minute: limits.requests_per_minute, ..Limits::default() }
}
