//! What a batch of rows means for the budget accounts of this process, once the store has it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::money::Nanos;
use crate::domain::budget::{Budgets, Committed, UnixMs};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::spool::Batch;
use crate::store::Charged;

/// Digits of one account in a row of the spool.
const DIGITS: usize = 32;

/// What is to be told to accounts.
#[derive(Default)]
pub struct Confirmed(BTreeMap<u128, News>);

#[derive(Default)]
struct News {
    committed: Option<Committed>,
    /// Rows that this account has counted, by admission and cost.
    counted: Vec<(UnixMs, Nanos)>,
}

/// What a row of the spool tells about money here; its other fields are the ledger's.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Counted<'a> {
    started_ms: UnixMs,
    spend_nanos: i64,
    counted_in: &'a str,
}

/// The accounts that count a row, as the spool keeps them.
pub fn written(accounts: impl Iterator<Item = u128>) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for account in accounts {
        // Writing to a text cannot fail.
        let _ = write!(text, "{account:0DIGITS$x}");
    }
    text
}

impl Confirmed {
    /// Which rows of a batch were counted by which accounts. What a former process has counted means nothing here.
    pub fn of(batch: &Batch) -> Self {
        let mut confirmed = Confirmed::default();
        let own = batch.rows().iter().enumerate().filter(|(place, _)| batch.is_own(*place));
        for (_, row) in own {
            let Ok(Counted { started_ms, spend_nanos, counted_in }) = serde_json::from_slice(row) else {
                continue;
            };
            for account in
                counted_in.as_bytes().chunks(DIGITS).filter_map(|chunk| std::str::from_utf8(chunk).ok())
            {
                let Ok(account) = u128::from_str_radix(account, 16) else { continue };
                confirmed.0.entry(account).or_default().counted.push((started_ms, Nanos::new(spend_nanos)));
            }
        }
        confirmed
    }

    /// The accounts that have counted rows of the batch.
    pub fn accounts(&self) -> impl Iterator<Item = u128> {
        self.0.keys().copied()
    }

    /// What the store says of accounts; later commits are added later.
    pub fn add(&mut self, charged: &[Charged]) {
        for charged in charged {
            let Some(scope) = scope_of(&charged.id) else { continue };
            let (admitted_at, spent) = (charged.admitted_ms, Nanos::new(charged.spent_nanos));
            self.0.entry(scope.key()).or_default().committed = Some(Committed { admitted_at, spent });
        }
    }

    /// Tells the accounts.
    pub fn tell(self, budgets: &Budgets) {
        for (account, News { committed, counted }) in self.0 {
            budgets.confirm(account, committed, &counted);
        }
    }
}

/// Where the money of an account is counted in this process.
fn scope_of(id: &AccountId) -> Option<ScopeId> {
    let AccountId { owner, part, .. } = id;
    Some(match id.kind {
        AccountKind::Key => ScopeId::new(ScopeKind::Key, owner),
        AccountKind::KeyWindow => ScopeId::new(ScopeKind::Key, owner).within(part),
        AccountKind::KeyModel => ScopeId::pair(ScopeKind::ModelPerKey, owner, part),
        AccountKind::User => ScopeId::new(ScopeKind::User, owner),
        AccountKind::UserModel => ScopeId::pair(ScopeKind::ModelPerUser, owner, part),
        AccountKind::Team => ScopeId::new(ScopeKind::Team, owner),
        AccountKind::TeamWindow => ScopeId::new(ScopeKind::Team, owner).within(part),
        AccountKind::TeamModel => ScopeId::pair(ScopeKind::ModelPerTeam, owner, part),
        AccountKind::Member => ScopeId::pair(ScopeKind::TeamMember, owner, part),
        AccountKind::Organization => ScopeId::new(ScopeKind::Organization, owner),
        AccountKind::EndUser => ScopeId::new(ScopeKind::EndUser, owner),
        AccountKind::Tag => ScopeId::new(ScopeKind::Tag, owner),
        AccountKind::Global => ScopeId::global(),
        AccountKind::Budget | AccountKind::Model | AccountKind::OrgMember => return None,
    })
}
