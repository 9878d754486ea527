//! What a batch of rows means for the budget accounts of this process, once the store has it.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::base::money::Nanos;
use crate::domain::budget::{Budgets, Committed, UnixMs};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::spool::Batch;
use crate::store::Appended;

/// Digits of one account in a row of the spool.
const DIGITS: usize = 32;

/// What is to be told to accounts.
#[derive(Default)]
pub struct Confirmed {
    news: BTreeMap<u128, News>,
    /// The hash that keys of rows are counted under, where it is another one.
    counted_as: HashMap<String, String>,
}

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
    key_hash: &'a str,
    counted_as: &'a str,
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
        for (place, row) in batch.rows().iter().enumerate() {
            let Ok(row) = serde_json::from_slice::<Counted<'_>>(row) else { continue };
            let Counted { started_ms, spend_nanos, counted_in, key_hash, counted_as } = row;
            if !counted_as.is_empty() {
                confirmed.counted_as.insert(key_hash.to_string(), counted_as.to_string());
            }
            let own = counted_in.as_bytes().chunks(DIGITS).filter(|_| batch.is_own(place));
            for account in own.filter_map(|chunk| std::str::from_utf8(chunk).ok()) {
                let Ok(account) = u128::from_str_radix(account, 16) else { continue };
                confirmed
                    .news
                    .entry(account)
                    .or_default()
                    .counted
                    .push((started_ms, Nanos::new(spend_nanos)));
            }
        }
        confirmed
    }

    /// The accounts that have counted rows of the batch.
    pub fn accounts(&self) -> impl Iterator<Item = u128> {
        self.news.keys().copied()
    }

    /// What the store says of accounts; later commits are added later.
    pub fn add(&mut self, appended: &Appended) {
        // Which of a key's texts the rows name does not matter: all are counted as one.
        let named = appended.replaced.iter().map(|(old, new)| (new.as_str(), old.as_str()));
        let named: HashMap<&str, &str> = named.collect();
        for charged in &appended.charged {
            let of_key = |hash: &str| {
                let row =
                    if self.counted_as.contains_key(hash) { hash } else { named.get(hash).unwrap_or(&hash) };
                self.counted_as.get(row).map_or(row, String::as_str).to_string()
            };
            let Some(scope) = scope_of(&charged.id, of_key) else { continue };
            let (admitted_at, spent) = (charged.admitted_ms, Nanos::new(charged.spent_nanos));
            self.news.entry(scope.key()).or_default().committed = Some(Committed { admitted_at, spent });
        }
    }

    /// Tells the accounts.
    pub fn tell(self, budgets: &Budgets) {
        for (account, News { committed, counted }) in self.news {
            budgets.confirm(account, committed, &counted);
        }
    }
}

/// Where the money of an account is counted in this process; `of_key` says under which hash that of a key is.
pub fn scope_of(id: &AccountId, of_key: impl Fn(&str) -> String) -> Option<ScopeId> {
    let AccountId { owner, part, .. } = id;
    Some(match id.kind {
        AccountKind::Key => ScopeId::new(ScopeKind::Key, &of_key(owner)),
        AccountKind::KeyWindow => ScopeId::new(ScopeKind::Key, &of_key(owner)).within(part),
        AccountKind::KeyModel => ScopeId::pair(ScopeKind::ModelPerKey, &of_key(owner), part),
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
