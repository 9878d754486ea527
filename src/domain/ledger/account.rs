//! Accounts: whose spend a row adds to, and what a row does to an account.
//!
//! An account has the spend of its current period and of all time. A row counts into the period that contains the
//! moment of its admission: a row that was admitted before the period began adds to the total only, one that was
//! admitted after its end begins the next. So the sums do not depend on when rows arrive or in which order, and a
//! period's spend is exactly the sum of the rows admitted since it began.

use super::{Fields, LedgerRow, Number};
use crate::domain::keys::reset::{Calendar, Every};

/// What kind of owner an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    /// A shared budget row: only its period matters.
    Budget,
    /// An end user.
    EndUser,
    /// Everybody.
    Global,
    /// A virtual key.
    Key,
    /// One model group under one key.
    KeyModel,
    /// One of a key's several windows.
    KeyWindow,
    /// A user inside a team.
    Member,
    /// A model group, whoever asks.
    Model,
    /// A user inside an organization.
    OrgMember,
    /// An organization.
    Organization,
    /// A tag.
    Tag,
    /// A team.
    Team,
    /// One model group under one team.
    TeamModel,
    /// One of a team's several windows.
    TeamWindow,
    /// A user.
    User,
    /// One model group under one user.
    UserModel,
}

impl AccountKind {
    /// All of them, in the order of their names.
    pub const ALL: [AccountKind; 16] = [
        AccountKind::Budget,
        AccountKind::EndUser,
        AccountKind::Global,
        AccountKind::Key,
        AccountKind::KeyModel,
        AccountKind::KeyWindow,
        AccountKind::Member,
        AccountKind::Model,
        AccountKind::OrgMember,
        AccountKind::Organization,
        AccountKind::Tag,
        AccountKind::Team,
        AccountKind::TeamModel,
        AccountKind::TeamWindow,
        AccountKind::User,
        AccountKind::UserModel,
    ];

    /// Its name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountKind::Budget => "budget",
            AccountKind::EndUser => "end_user",
            AccountKind::Global => "global",
            AccountKind::Key => "key",
            AccountKind::KeyModel => "key_model",
            AccountKind::KeyWindow => "key_window",
            AccountKind::Member => "member",
            AccountKind::Model => "model",
            AccountKind::OrgMember => "org_member",
            AccountKind::Organization => "organization",
            AccountKind::Tag => "tag",
            AccountKind::Team => "team",
            AccountKind::TeamModel => "team_model",
            AccountKind::TeamWindow => "team_window",
            AccountKind::User => "user",
            AccountKind::UserModel => "user_model",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        AccountKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Which account. The order is the one in which the store locks them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    /// Whose kind.
    pub kind: AccountKind,
    /// Hash, id or name of the owner; empty for everybody.
    pub owner: String,
    /// The second name, where there are two: the member's user, the model, the window's length.
    pub part: String,
}

impl AccountId {
    /// An account with one name.
    pub fn new(kind: AccountKind, owner: impl Into<String>) -> Self {
        AccountId { kind, owner: owner.into(), part: String::new() }
    }

    /// An account with two: (team, user), (key, model), (key, `1d`).
    pub fn pair(kind: AccountKind, owner: impl Into<String>, part: impl Into<String>) -> Self {
        AccountId { kind, owner: owner.into(), part: part.into() }
    }

    /// The one of everybody.
    pub fn global() -> Self {
        AccountId::new(AccountKind::Global, "")
    }
}

/// The accounts that a row is charged to. What was asked for by a wildcard is charged to the wildcard, and to the model
/// where somebody has a budget for it: names that nobody has written down have no accounts. Windows left out: which of those exist is for the store to know.
pub fn accounts_of(row: &LedgerRow) -> Vec<AccountId> {
    use AccountKind::{
        EndUser, Key, KeyModel, Member, Model, OrgMember, Organization, Tag, Team, TeamModel, User, UserModel,
    };
    let mut found = vec![AccountId::global()];
    let single = [
        (Key, &row.key_hash),
        (User, &row.user_id),
        (Team, &row.team_id),
        (Organization, &row.organization_id),
        (EndUser, &row.end_user),
        (Model, &row.model_group),
    ];
    found.extend(single.iter().filter(|(_, id)| !id.is_empty()).map(|(kind, id)| AccountId::new(*kind, *id)));
    let pairs = [
        (KeyModel, row.key_hash.as_str(), row.model_group.as_str()),
        (UserModel, &row.user_id, &row.model_group),
        (TeamModel, &row.team_id, &row.model_group),
        (KeyModel, &row.key_hash, row.asked_model()),
        (UserModel, &row.user_id, row.asked_model()),
        (TeamModel, &row.team_id, row.asked_model()),
        (Member, &row.team_id, &row.user_id),
        (OrgMember, &row.organization_id, &row.user_id),
    ];
    let both = pairs.iter().filter(|(_, owner, part)| !owner.is_empty() && !part.is_empty());
    found.extend(both.map(|(kind, owner, part)| AccountId::pair(*kind, *owner, *part)));
    found.extend(row.tags.iter().filter(|tag| !tag.is_empty()).map(|tag| AccountId::new(Tag, tag)));
    found.sort_unstable();
    found.dedup();
    found
}

/// An account as the store keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Spent since `period_start_ms`, nano-dollars.
    pub spend_nanos: i64,
    /// The part of `spend_nanos` that no row tells of, because somebody set it by hand.
    pub adjust_nanos: i64,
    /// Spent ever, nano-dollars.
    pub total_nanos: i64,
    /// When the current period began; 0: with the account.
    pub period_start_ms: i64,
    /// When it ends; `None`: never.
    pub reset_at_ms: Option<i64>,
    /// How long periods are, as the API writes it.
    pub every: Option<String>,
    /// When the last row charged to it ended.
    pub last_active_ms: Option<i64>,
}

/// What one row does to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// When its request was admitted.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// What it cost, nano-dollars.
    pub spend_nanos: i64,
}

impl Charge {
    /// What `row` does.
    pub fn of(row: &LedgerRow) -> Self {
        Charge { started_ms: row.started_ms, ended_ms: row.ended_ms, spend_nanos: row.spend_nanos }
    }

    /// What a packed row does.
    pub fn of_fields(row: &Fields<'_>) -> Self {
        let (started_ms, ended_ms) = (row.started_ms(), row.number(Number::EndedMs));
        Charge { started_ms, ended_ms, spend_nanos: row.spend_nanos }
    }
}

impl Account {
    /// Begins the period that contains `now_ms`, if the current one is over. Tells whether it did.
    pub fn roll(&mut self, calendar: &Calendar, now_ms: i64) -> bool {
        let Some(reset_at) = self.reset_at_ms.filter(|reset_at| *reset_at <= now_ms) else { return false };
        let every = self.every.as_deref().and_then(Every::parse);
        let (start, end) = every.map_or((reset_at, None), |every| calendar.roll(every, reset_at, now_ms));
        self.spend_nanos = 0;
        self.adjust_nanos = 0;
        self.period_start_ms = start;
        self.reset_at_ms = end;
        true
    }

    /// Sets what is spent in the current period; it is remembered that no row says so.
    pub fn set_spend(&mut self, spend_nanos: i64) {
        let by_hand = spend_nanos.saturating_sub(self.spend_nanos);
        self.adjust_nanos = self.adjust_nanos.saturating_add(by_hand);
        self.spend_nanos = spend_nanos;
    }

    /// Adds a row.
    pub fn charge(&mut self, calendar: &Calendar, charge: Charge) {
        self.roll(calendar, charge.started_ms);
        self.total_nanos = self.total_nanos.saturating_add(charge.spend_nanos);
        if charge.started_ms >= self.period_start_ms {
            self.spend_nanos = self.spend_nanos.saturating_add(charge.spend_nanos);
        }
        self.last_active_ms = self.last_active_ms.max(Some(charge.ended_ms));
    }

    /// Gives it the period of its owner's budget. A new length begins on the calendar at once; what was spent
    /// since the current period began stays.
    pub fn set_every(&mut self, calendar: &Calendar, every: Option<&str>, now_ms: i64) {
        if self.every.as_deref() == every && self.reset_at_ms.is_some() == every.is_some() {
            return;
        }
        self.roll(calendar, now_ms);
        self.every = every.map(str::to_string);
        self.reset_at_ms = every.and_then(Every::parse).and_then(|every| calendar.next_after(every, now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(started_ms: i64, spend_nanos: i64) -> Charge {
        Charge { started_ms, ended_ms: started_ms + 5, spend_nanos }
    }

    #[test]
    fn names_are_sorted_as_the_kinds_are() {
        let names: Vec<&str> = AccountKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert!(names.is_sorted() && AccountKind::ALL.is_sorted());
        assert!(AccountKind::ALL.iter().all(|kind| AccountKind::parse(kind.as_str()) == Some(*kind)));
    }

    #[test]
    fn a_row_counts_into_the_period_of_its_admission_whenever_it_arrives() {
        let calendar = Calendar::default();
        let hour = 3_600_000;
        let mut orders = [
            vec![charge(1, 10), charge(hour - 1, 20), charge(hour, 40)],
            vec![charge(hour, 40), charge(hour - 1, 20), charge(1, 10)],
        ];
        for order in &mut orders {
            let mut account =
                Account { reset_at_ms: Some(hour), every: Some("1h".into()), ..Account::default() };
            order.drain(..).for_each(|charge| account.charge(&calendar, charge));
            assert_eq!((account.spend_nanos, account.total_nanos), (40, 70));
            assert_eq!((account.period_start_ms, account.reset_at_ms), (hour, Some(2 * hour)));
            assert_eq!(account.last_active_ms, Some(hour + 5));
        }
    }

    #[test]
    fn a_changed_length_keeps_what_was_spent() {
        let calendar = Calendar::default();
        let mut account = Account::default();
        account.charge(&calendar, charge(5, 7));
        account.set_every(&calendar, Some("1h"), 10);
        assert_eq!((account.spend_nanos, account.reset_at_ms), (7, Some(3_600_000)));
        account.set_every(&calendar, None, 20);
        assert_eq!((account.spend_nanos, account.reset_at_ms), (7, None));
    }

    #[test]
    fn a_model_behind_a_wildcard_is_charged_under_both_names() {
        let mut row = LedgerRow {
            key_hash: "k".into(),
            model_group: "a/*".into(),
            ..LedgerRow::new(1_795_249_500_123)
        };
        let models = |row: &LedgerRow| -> Vec<String> {
            let all = accounts_of(row).into_iter();
            all.filter(|id| id.kind == AccountKind::KeyModel).map(|id| id.part).collect()
        };
        assert_eq!(models(&row), ["a/*"]);
        row.metadata.insert(super::super::ASKED_MODEL.into(), "a/b".into());
        assert_eq!(models(&row), ["a/*", "a/b"]);
        assert!(!accounts_of(&row).contains(&AccountId::new(AccountKind::Model, "a/b")));
    }

    #[test]
    fn every_owner_of_a_row_is_charged_once() {
        let row = LedgerRow {
            key_hash: "k".into(),
            user_id: "u".into(),
            team_id: "t".into(),
            model_group: "m".into(),
            tags: vec!["a".into(), "a".into(), String::new()],
            ..LedgerRow::new(1_795_249_500_123)
        };
        let names: Vec<String> = accounts_of(&row)
            .iter()
            .map(|id| format!("{}:{}:{}", id.kind.as_str(), id.owner, id.part))
            .collect();
        assert_eq!(
            names,
            [
                "global::",
                "key:k:",
                "key_model:k:m",
                "member:t:u",
                "model:m:",
                "tag:a:",
                "team:t:",
                "team_model:t:m",
                "user:u:",
                "user_model:u:m"
            ]
        );
    }
}
