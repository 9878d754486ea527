//! Budget accounts, read from the store: when a request first needs them, and when somebody has changed them.

use std::time::{Duration, Instant};

use super::{Governance, LOOK};
use crate::actors::key_directory::Purse;
use crate::base::clock::unix_ms;
use crate::base::error::{Error, Kind};
use crate::base::money::Nanos;
use crate::domain::budget::Loaded;
use crate::domain::keys::reset::Every;
use crate::domain::ledger::AccountId;

/// How long a request waits for rows of a former process to reach the store before it looks at a budget.
const FORMER_ROWS: Duration = Duration::from_secs(5);
/// How long a change of a budget is tried to be read.
const REREAD: Duration = Duration::from_secs(120);
/// The longest pause in between.
const REREAD_PAUSE: Duration = Duration::from_secs(2);

impl Governance {
    /// Reads accounts anew that are known here, after somebody changed them by hand.
    pub async fn reread(&self, purses: Vec<Purse>) {
        purses.iter().for_each(|purse| self.budgets.changed(&purse.scope));
        let known = |purse: &&Purse| self.budgets.peek(&purse.scope, unix_ms()).is_some();
        let known: Vec<&Purse> = purses.iter().filter(known).collect();
        if known.is_empty() {
            return;
        }
        let end = Instant::now() + REREAD;
        let mut pause = LOOK;
        loop {
            // Rows that are stored meanwhile make an answer of the store old; then it is asked again.
            let cause = match self.load(known.iter().copied()).await {
                Ok(true) => return,
                Ok(false) => None,
                Err(error) => Some(error),
            };
            if Instant::now() >= end {
                return tracing::error!(?cause, "a changed budget could not be read; the old one holds");
            }
            actix_rt::time::sleep(pause).await;
            pause = (pause * 2).min(REREAD_PAUSE);
        }
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
            let account = known.get(&*purse.id).cloned().unwrap_or_default();
            let loaded = Loaded {
                spent: Nanos::new(account.spend_nanos),
                began_at: account.period_start_ms,
                resets_at: account.reset_at_ms,
                every: account.every.as_deref().and_then(Every::parse),
            };
            all &= self.budgets.load(&purse.scope, mark, now, loaded);
        }
        Ok(all)
    }
}

/// The refusal while an account cannot be read.
pub(super) fn unreadable(cause: impl std::fmt::Display) -> Error {
    let message = "The database does not answer, so this budget cannot be checked now.";
    Error::new(Kind::StoreUnavailable, message).with_cause(cause)
}
