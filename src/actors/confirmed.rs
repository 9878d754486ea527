//! What a batch of rows means for the budget accounts of this process, once the store has it.

use std::collections::{BTreeMap, HashMap};

use crate::base::money::Nanos;
use crate::domain::budget::{Budgets, Committed, UnixMs};
use crate::domain::ledger::{AccountId, AccountKind, PackedRow, Text};
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::store::Appended;

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

impl Confirmed {
    /// A row that accounts of this process have counted will be in the store.
    pub fn count(&mut self, row: &PackedRow) {
        for account in row.accounts() {
            let counted = (row.started_ms(), Nanos::new(row.spend_nanos()));
            self.news.entry(account).or_default().counted.push(counted);
        }
    }

    /// Where the key of a row, whoever has counted it, has its accounts here.
    pub fn place(&mut self, row: &PackedRow) {
        let Some(fields) = row.fields() else { return };
        let counted_as = fields.text(Text::CountedAs);
        if !counted_as.is_empty() {
            self.counted_as.insert(fields.text(Text::KeyHash).to_string(), counted_as.to_string());
        }
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

    /// What the store says of accounts that have counted nothing of the batch here.
    pub fn elsewhere(&self) -> impl Iterator<Item = (u128, Committed)> {
        let elsewhere = self.news.iter().filter(|(_, news)| news.counted.is_empty());
        elsewhere.filter_map(|(key, news)| Some((*key, news.committed?)))
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
