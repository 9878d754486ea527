//! Budget accounts, read from the store: when a request first needs them, and when somebody has changed them.

use std::time::{Duration, Instant};

use super::{Governance, LOOK};
use crate::actors::key_directory::Purse;
use crate::base::clock::unix_ms;
use crate::base::error::{Error, Kind};
use crate::base::money::Nanos;
use crate::domain::budget::Loaded;
use crate::domain::keys::reset::Every;
use crate::domain::ledger::{AccountId, AccountKind};
use crate::domain::scope::ScopeId;

/// How long a request waits for rows of a former process to reach the store before it looks at a budget.
const FORMER_ROWS: Duration = Duration::from_secs(5);
/// How long a change of a budget is tried to be read.
const REREAD: Duration = Duration::from_secs(120);
/// The longest pause in between.
const REREAD_PAUSE: Duration = Duration::from_secs(2);

impl Governance {
    /// Reads an owner's account anew, and those that it has for models, windows and members (`parts`), after somebody
    /// changed the owner. What is not known here is left alone, but not the owner's own account where counters are
    /// common: they may know it. `scope_of` says where accounts are counted; answers
    /// where those are that were read, the owner's own in any case.
    pub async fn reread(
        &self,
        own: AccountId,
        parts: &[AccountKind],
        scope_of: impl Fn(&AccountId) -> Option<ScopeId>,
    ) -> Vec<u128> {
        // At once: whoever is reading it now may have asked before the change.
        scope_of(&own).iter().for_each(|scope| self.budgets.changed(scope));
        let end = Instant::now() + REREAD;
        let mut pause = LOOK;
        loop {
            // Rows that are stored meanwhile make an answer of the store old; then it is asked again.
            let cause = match self.read_again(&own, parts, &scope_of).await {
                Ok(Some(read)) => return read,
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if Instant::now() >= end {
                tracing::error!(?cause, "a changed budget could not be read; the old one holds");
                return scope_of(&own).iter().map(ScopeId::key).collect();
            }
            actix_rt::time::sleep(pause).await;
            pause = (pause * 2).min(REREAD_PAUSE);
        }
    }

    async fn read_again(
        &self,
        own: &AccountId,
        parts: &[AccountKind],
        scope_of: &impl Fn(&AccountId) -> Option<ScopeId>,
    ) -> Result<Option<Vec<u128>>, Error> {
        let mut ids = vec![own.clone()];
        if !parts.is_empty() {
            ids.extend(self.store.accounts_of(&own.owner, parts.to_vec()).await.map_err(unreadable)?);
        }
        let purse =
            |id: AccountId| Some(Purse { scope: scope_of(&id)?, id: id.into(), max: None, soft: None });
        let mut purses: Vec<Purse> = ids.into_iter().filter_map(purse).collect();
        purses.iter().for_each(|purse| self.budgets.changed(&purse.scope));
        let is_own = |purse: &Purse| self.commons.is_some() && *purse.id == *own;
        purses.retain(|purse| is_own(purse) || self.budgets.peek(&purse.scope, unix_ms()).is_some());
        let all = purses.is_empty() || self.load(purses.iter()).await?;
        let read = scope_of(own).into_iter().chain(purses.into_iter().map(|purse| purse.scope));
        let mut read: Vec<u128> = read.map(|scope| scope.key()).collect();
        read.dedup();
        Ok(all.then_some(read))
    }

    /// Rows that a former process has left in the spool are money spent, which the store does not know of yet.
    async fn former_rows_stored(&self) -> Result<(), Error> {
        let end = Instant::now() + FORMER_ROWS;
        while self.budgets.expects_rows() {
            if Instant::now() >= end {
                return Err(unreadable("rows of an earlier run are still being stored"));
            }
            actix_rt::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Reads what accounts have spent; answers whether all of it was taken.
    pub(super) async fn load(&self, purses: impl Iterator<Item = &Purse>) -> Result<bool, Error> {
        self.former_rows_stored().await?;
        let purses: Vec<&Purse> = purses.collect();
        let now = unix_ms();
        let marks: Vec<_> = purses.iter().map(|purse| self.budgets.mark(&purse.scope, now)).collect();
        let ids = purses.iter().map(|purse| AccountId::clone(&purse.id)).collect();
        let known = self.store.accounts(ids, now).await.map_err(unreadable)?;
        let mut all = true;
        for (purse, mark) in purses.into_iter().zip(marks) {
            let changed = self.budgets.is_stale(&purse.scope);
            let account = known.get(&*purse.id).cloned().unwrap_or_default();
            let loaded = Loaded {
                spent: Nanos::new(account.spend_nanos),
                began_at: account.period_start_ms,
                resets_at: account.reset_at_ms,
                every: account.every.as_deref().and_then(Every::parse),
            };
            let taken = self.budgets.load(&purse.scope, mark, now, loaded);
            if let Some(commons) = self.commons.as_ref().filter(|_| taken && changed) {
                commons.replace(purse.scope.key());
            }
            all &= taken;
        }
        Ok(all)
    }
}

/// The refusal while an account cannot be read.
pub(super) fn unreadable(cause: impl std::fmt::Display) -> Error {
    let message = "The database does not answer, so this budget cannot be checked now.";
    Error::new(Kind::StoreUnavailable, message).with_cause(cause)
}
