//! What a request may take: its rates and its money, from everybody it belongs to, all or nothing.

mod common;
mod hit;
mod loading;
mod own;
mod standing;

pub use standing::Held;

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::Histogram;
use smallvec::SmallVec;

use super::call::Call;
use super::caller::Caller;
use super::demand::cost;
use super::hop::Hop;
use super::hop_rates;
use super::named::{Named, Owners};
use super::size::Size;
use super::throttle::Share;
use crate::actors::coordinator::{Commons, Hold};
use crate::actors::key_directory::{Identity, OfModel, Purse};
use crate::base::clock::{self, unix_ms};
use crate::base::error::{Error, Kind};
use crate::base::money::Nanos;
use crate::config::model::TokenCount;
use crate::domain::budget::{Account, Budgets, Charge, Cost, Exceeded, Refused, Why};
use crate::domain::keys::reset::Calendar;
use crate::domain::limits::{Limiter, Limits, Quota, Standing, Ticket};
use crate::domain::routing::groups::Resolved;
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::spool::Spool;
use crate::store::Store;

/// How long a request waits for others to end whose reservations are all that is in its way.
const FAIR_WAIT: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(5);
/// How often an account is read anew at once because rows were stored meanwhile.
const LOADS: u32 = 5;

/// The counters of this process and what is limited for everybody.
#[derive(Clone)]
pub struct Governance {
    limiter: Arc<Limiter>,
    budgets: Arc<Budgets>,
    store: Store,
    /// The counters that all replicas have in common.
    pub commons: Option<Commons>,
    /// Shows how long requests wait for those.
    pub waits: Option<Histogram>,
    /// End users and tags.
    pub named: Named,
    /// While it cannot be written, requests that would have to be recorded are refused.
    pub spool: Option<Arc<Spool>>,
    /// Limits of the whole proxy.
    pub everybody: Option<(ScopeId, Limits)>,
    /// The budget of the whole proxy.
    pub proxy: Option<Purse>,
    /// What the configuration says besides.
    pub rules: Arc<Rules>,
}

/// What the configuration says of requests and keys in general.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Status of a refusal for want of money; 0 is the usual one.
    pub exceeded_status: u16,
    /// Requests at a time of each key that has no such limit.
    pub key_parallel: Option<u64>,
    /// Refuse models without a price also where no budget applies.
    pub refuses_unpriced: bool,
    /// A request must name its end user.
    pub needs_end_user: bool,
    /// Which tokens count for limits.
    pub tokens: TokenCount,
    /// What keys keep of their rates that go on slowly when their budget is gone.
    pub throttle: Option<Share>,
    /// Refuse limited requests while the common counters do not answer.
    pub refuses_alone: bool,
}

/// What one request has taken.
pub struct Taken {
    /// Who pays.
    pub caller: Caller,
    /// When it arrived here.
    pub admitted_ms: i64,
    /// When its money was held; its row counts into the budget periods of this moment.
    pub charged_ms: i64,
    /// Its rates.
    pub ticket: Option<Ticket>,
    /// Its money.
    pub charge: Option<Charge>,
    /// Whose money, in the charge's order.
    pub purses: SmallVec<[Purse; 4]>,
    /// Its input, estimated.
    pub input_tokens: u64,
    /// The caller's customer.
    pub end_user: Option<Arc<str>>,
    /// The user of the gateway that a header names; the key's own user comes first.
    pub user: Option<Arc<str>>,
    /// The session that it belongs to.
    pub session: Option<Arc<str>>,
    /// Its tags.
    pub tags: Arc<[String]>,
    /// What it holds of the common counters; given back after the rest.
    pub hold: Option<Hold>,
}

/// What a request still owes that has taken its rates: money, and the same of the counters that replicas share.
struct Owed {
    purses: SmallVec<[Purse; 4]>,
    rates: SmallVec<[(ScopeId, Limits); 4]>,
}

impl Governance {
    /// Counters that begin empty.
    pub fn new(store: Store, calendar: Calendar) -> Self {
        let (limiter, budgets) = (Limiter::new(clock::now()), Budgets::new(calendar));
        let (everybody, proxy, rules) = (None, None, Arc::default());
        let named = Named::new(store.clone());
        let (commons, waits, spool) = (None, None, None);
        Governance { limiter, budgets, commons, waits, store, named, everybody, proxy, rules, spool }
    }

    /// This process's own counters of rates, for those who share them.
    pub fn limiter(&self) -> &Arc<Limiter> {
        &self.limiter
    }

    /// The budget accounts, for those who store rows.
    pub fn budgets(&self) -> &Arc<Budgets> {
        &self.budgets
    }

    /// Takes what a request needs.
    ///
    /// # Errors
    /// 429 naming the limit; the budget's refusal; 403 for a model without a price that a budget would have to
    /// pay for; 503 when an account cannot be read.
    pub async fn take(&self, call: &Call, caller: Caller) -> Result<Box<Taken>, Error> {
        let Some(share) = self.rules.throttle.filter(|share| share.applies_to(caller.identity())) else {
            return self.take_at(call, caller, None).await;
        };
        match self.take_at(call, caller.clone(), None).await {
            Err(error) if error.kind() == Kind::BudgetExceeded => {
                Box::pin(self.take_at(call, caller, Some(share))).await
            }
            result => result,
        }
    }

    /// Takes it; with a share, although the key's own budget is gone, and at that share of its rates.
    async fn take_at(&self, call: &Call, caller: Caller, share: Option<Share>) -> Result<Box<Taken>, Error> {
        self.check_handling(call)?;
        if self.rules.refuses_unpriced {
            cost(&call.table, &call.resolved, &call.size)?;
        }
        let owners = self.owners(call, caller.identity()).await?;
        let (mut taken, owed) = self.take_now(call, caller, &owners, share)?;
        let Some(Owed { purses, rates }) = owed.map(|owed| *owed) else { return Ok(taken) };
        let rates = rates.iter().map(|(scope, limits)| (scope, *limits));
        let result = Box::pin(self.pay(call, (&call.resolved, &call.size), purses, rates, &mut taken)).await;
        if let Err(error) = result {
            // A refused request consumes nothing of any limit.
            if let Some(ticket) = taken.ticket.take() {
                ticket.cancel();
            }
            return Err(error);
        }
        Ok(taken)
    }

    /// Takes its rates, and its money where nothing has to be waited for; else says what is owed. Almost every request
    /// ends here without a wait, so what it works with lies on the stack: moved into futures of two and six kilobytes it
    /// cost a request 170 misses of the first data cache (callgrind, 32 KiB).
    fn take_now(
        &self,
        call: &Call,
        caller: Caller,
        owners: &Owners,
        share: Option<Share>,
    ) -> Result<(Box<Taken>, Option<Box<Owed>>), Error> {
        let identity = Arc::clone(caller.identity());
        let (model_rates, model_purses) = of_model(call, &identity, &call.resolved);
        let by_default = self.default_parallel(&identity);
        let rates = identity.rates.iter().chain(&model_rates).chain(&by_default).chain(&self.everybody);
        let mut quotas: SmallVec<[Quota<'_>; 8]> = rates
            .map(|(scope, limits)| Quota { scope, limits: self.complete(scope, *limits) })
            .chain(owners.iter().map(|(scope, limits, _)| Quota { scope, limits: *limits }))
            .filter(|quota| !quota.limits.is_empty())
            .collect();
        if let Some(share) = share {
            share.slow(&mut quotas);
        }
        // Boxed at once: it is large and would be moved on each step to the record.
        let mut taken = Box::new(Taken::nothing(call, caller));
        if !quotas.is_empty() {
            let took = self.limiter.take(clock::now(), call.size.estimated_tokens(), &quotas);
            taken.ticket = Some(took.map_err(|refusal| hop_rates::limited(&refusal))?);
        }
        let of_owners = owners.iter().filter_map(|(_, _, purse)| purse.as_ref());
        let purses = identity.purses.iter().chain(&model_purses).chain(of_owners).chain(&self.proxy);
        let mut purses: SmallVec<[Purse; 4]> = purses.cloned().collect();
        if share.is_some() {
            Share::open(&mut purses);
        }
        if self.commons.is_none() {
            if purses.is_empty() {
                return Ok((taken, None));
            }
            if let Some(charge) = self.hold_now(call, &purses) {
                taken.charged(charge, purses);
                return Ok((taken, None));
            }
        }
        let rates = quotas.iter().map(|quota| (quota.scope.clone(), quota.limits)).collect();
        Ok((taken, Some(Box::new(Owed { purses, rates }))))
    }

    /// Holds money if all accounts are known and have enough. Otherwise nothing is held, and who waits finds out why.
    fn hold_now(&self, call: &Call, purses: &[Purse]) -> Option<Charge> {
        let price = cost(&call.table, &call.resolved, &call.size).ok()?;
        let accounts: SmallVec<[Account<'_>; 4]> = purses.iter().map(account).collect();
        self.budgets.reserve(unix_ms(), price, &accounts).ok()
    }

    /// The request moves on to another group: what it holds is held anew, for that group's limits and price, for
    /// the body that is sent there, and for the budgets that its owners have for it. So no route leads around a
    /// limit or a budget.
    ///
    /// # Errors
    /// As for [`Governance::take`]; then it holds its limits as before, and perhaps no money.
    pub async fn move_to(&self, call: &Call, hop: &Hop, taken: &mut Taken) -> Result<(), Error> {
        let identity = Arc::clone(taken.caller.identity());
        let (rates, of_model) = of_model(call, &identity, &hop.resolved);
        if self.rules.refuses_unpriced {
            cost(&call.table, &hop.resolved, &hop.size)?;
        }
        let general = taken.purses.iter().filter(|purse| !hop_rates::is_of_model(purse.scope.kind()));
        let purses: SmallVec<[Purse; 4]> = general.cloned().chain(of_model).collect();
        // What is held for the group that failed must not be in the way of its successor.
        taken.charge = None;
        taken.purses = purses.clone();
        let common = common::of_hop(taken.hold.as_ref(), &rates);
        let rates_in_common = common.iter().map(|(scope, limits)| (scope, *limits));
        self.pay(call, (&hop.resolved, &hop.size), purses, rates_in_common, taken).await?;
        // Last, so that a request without money takes nothing of the group's limits.
        hop_rates::change(&self.limiter, &mut taken.ticket, &rates, hop.size.estimated_tokens())?;
        taken.input_tokens = hop.size.input_tokens;
        Ok(())
    }

    /// Holds money, and then the same of the common counters.
    async fn pay(
        &self,
        call: &Call,
        (group, size): (&Resolved, &Size),
        purses: SmallVec<[Purse; 4]>,
        rates: impl Iterator<Item = (&ScopeId, Limits)>,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let mut price = Cost::Free;
        if !purses.is_empty() {
            price = cost(&call.table, group, size)?;
            taken.charged(self.hold(call, price, &purses).await?, purses);
        }
        if self.commons.is_some() {
            let claim = common::claim(rates, &taken.purses, size.estimated_tokens(), price);
            self.in_common(claim, fair_end(call), taken).await?;
        }
        Ok(())
    }

    /// The end user and the tags that the request names, and the key's.
    async fn owners(&self, call: &Call, identity: &Identity) -> Result<Owners, Error> {
        match (&call.end_user, &*call.options.tags, identity.key()) {
            (None, [], None) => Ok(Owners::new()),
            (None, [], Some(key)) if key.tags().next().is_none() => Ok(Owners::new()),
            _ => Box::pin(self.named.of(identity, call.end_user.as_deref(), &call.options.tags)).await,
        }
    }

    /// What must be so whoever answers.
    fn check_handling(&self, call: &Call) -> Result<(), Error> {
        if self.rules.needs_end_user && call.end_user.is_none() {
            return Err(Error::invalid(
                "user",
                "`user` is required here (general_settings.enforce_user_param).",
            ));
        }
        if self.spool.as_ref().is_some_and(|spool| spool.is_failing()) {
            let message = "The ledger cannot be written at the moment (general_settings.spool_full: refuse).";
            return Err(Error::new(Kind::StoreUnavailable, message));
        }
        Ok(())
    }

    /// How many requests at a time a key may have that says nothing about it.
    fn default_parallel(&self, identity: &Identity) -> Option<(ScopeId, Limits)> {
        let key = identity.key()?;
        let parallel = self.rules.key_parallel?;
        let known = identity.rates.iter().any(|(scope, _)| scope.kind() == ScopeKind::Key);
        let limits = Limits { parallel: Some(parallel), ..Limits::default() };
        (!known).then(|| (key.scope(), limits))
    }

    /// A key's own limits with those that it has by default.
    fn complete(&self, scope: &ScopeId, limits: Limits) -> Limits {
        match scope.kind() {
            ScopeKind::Key => Limits { parallel: limits.parallel.or(self.rules.key_parallel), ..limits },
            _ => limits,
        }
    }

    /// Holds money. Reservations of requests under way are waited for: they usually come back in part.
    async fn hold(&self, call: &Call, cost: Cost, purses: &[Purse]) -> Result<Charge, Error> {
        let accounts: SmallVec<[Account<'_>; 4]> = purses.iter().map(account).collect();
        let end = fair_end(call);
        let mut loads = 0;
        loop {
            match self.budgets.reserve(unix_ms(), cost, &accounts) {
                Ok(charge) => return Ok(charge),
                Err(Refused::NotLoaded(places)) => {
                    loads += 1;
                    let unknown = || places.iter().filter_map(|place| purses.get(*place));
                    let loaded = self.load(unknown()).await;
                    let in_time = loaded.is_ok() && clock::fresh() < end;
                    if in_time && loads >= LOADS {
                        // Rows that are being stored make an answer old; soon none are for a moment.
                        actix_rt::time::sleep(LOOK).await;
                    }
                    // What was known before somebody changed the account holds if there is no other way.
                    if !in_time && !self.budgets.keep(unknown().map(|purse| &purse.scope)) {
                        loaded?;
                        return Err(loading::unreadable("the account changes faster than it can be read"));
                    }
                }
                Err(Refused::Exceeded(exceeded)) => {
                    if exceeded.why != Why::HeldByOthers || clock::now() >= end {
                        return Err(self.refusal(&exceeded));
                    }
                    actix_rt::time::sleep(LOOK).await;
                }
            }
        }
    }

    fn refusal(&self, exceeded: &Exceeded) -> Error {
        let error = Error::new(Kind::BudgetExceeded, exceeded.sentence()).with_should_retry(Some(false));
        match self.rules.exceeded_status {
            0 => error,
            status => error.with_status(status),
        }
    }
}

/// Until when a request waits for others to end.
fn fair_end(call: &Call) -> Instant {
    clock::now() + call.options.first_byte_deadline.clip(FAIR_WAIT, clock::now())
}

fn account(purse: &Purse) -> Account<'_> {
    let nanos = |amount: Option<i64>| amount.map(Nanos::new);
    Account { scope: &purse.scope, max: nanos(purse.max), soft: nanos(purse.soft) }
}

/// What a caller has for one group; limits that keys have by default replace none of the key's own.
fn of_model(call: &Call, identity: &Identity, asked: &Resolved) -> OfModel {
    let group = &asked.group;
    let (mut rates, mut purses) = identity.of_model(group);
    if asked.name != *group {
        // A model behind a wildcard has rates and budgets of its own, too, where somebody names it.
        let (own_rates, own_purses) = identity.of_model(&asked.name);
        rates.extend(own_rates);
        purses.extend(own_purses);
    }
    let by_default = call.table.config.governance.limits.key_by_group.get(group);
    if let (Some(key), Some(limits)) = (identity.key(), by_default)
        && rates.is_empty()
    {
        rates.push((key.model_scope(group), *limits));
    }
    (rates, purses)
}

impl Taken {
    /// What a request has that has taken nothing yet.
    fn nothing(call: &Call, caller: Caller) -> Self {
        let now = unix_ms();
        Taken {
            caller,
            admitted_ms: now,
            charged_ms: now,
            ticket: None,
            charge: None,
            purses: SmallVec::new(),
            input_tokens: call.size.input_tokens,
            end_user: call.end_user.clone(),
            user: call.user.clone(),
            session: call.session.clone(),
            tags: Arc::clone(&call.options.tags),
            hold: None,
        }
    }

    /// Money is held. The row counts into the period in which it was.
    fn charged(&mut self, charge: Charge, purses: SmallVec<[Purse; 4]>) {
        self.charged_ms = charge.admitted_at();
        self.charge = Some(charge);
        self.purses = purses;
    }

    /// The name that was asked for, where it has a budget beside the one of its group.
    pub fn budgeted_model(&self, group: &str) -> Option<&str> {
        let of_models = self.purses.iter().filter(|purse| hop_rates::is_of_model(purse.scope.kind()));
        of_models.map(|purse| purse.id.part.as_str()).find(|model| *model != group)
    }

    /// How its limits stood just after it was taken.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.ticket.iter().flat_map(Ticket::standings)
    }
}
