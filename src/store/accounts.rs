//! Accounts in the database: read, charged, set by hand, begun anew.

use std::collections::{BTreeMap, HashMap};

use super::session::{Access, Session, pieces, places, tuples};
use super::{Row, Store, StoreError, Value, keys};
use crate::domain::keys::Limits;
use crate::domain::keys::reset::Calendar;
use crate::domain::ledger::{Account, AccountId, AccountKind};

/// The columns of an account, in the order in which they are read and written here.
const COLUMNS: &str = "spend, adjust, total, period_start, reset_at, every, last_active";

/// How many accounts one clean-up step begins anew.
const STEP: i64 = 500;

impl Store {
    /// Accounts as they stand, those that do not exist left out. A period that is over by `now_ms` shows as begun
    /// anew, whether or not that has been written. A key that was replaced has the account of the key that replaced
    /// it, under the name that was asked for.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn accounts(
        &self,
        ids: Vec<AccountId>,
        now_ms: i64,
    ) -> Result<BTreeMap<AccountId, Account>, StoreError> {
        let calendar = self.calendar();
        self.read(move |session| {
            let mut found = load_following(session, &ids)?;
            found.values_mut().for_each(|account| {
                account.roll(&calendar, now_ms);
            });
            Ok(found)
        })
        .await
    }

    /// The accounts of these kinds that an owner has: for single models, windows, members.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn accounts_of(
        &self,
        owner: &str,
        kinds: Vec<AccountKind>,
    ) -> Result<Vec<AccountId>, StoreError> {
        let owner = owner.to_string();
        self.read(move |session| {
            let mut found = Vec::new();
            for kind in &kinds {
                found.extend(windows(session, *kind, &[owner.as_str()])?);
            }
            Ok(found)
        })
        .await
    }

    /// Sets what an owner has spent in its current period. What it has spent ever stays.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn set_spend(
        &self,
        id: AccountId,
        spend_nanos: i64,
        now_ms: i64,
    ) -> Result<Account, StoreError> {
        let calendar = self.calendar();
        self.write(move |session| set_spend(session, &id, spend_nanos, &calendar, now_ms)).await
    }

    /// Sets when an owner's current period ends.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn set_reset_at(&self, id: AccountId, reset_at_ms: Option<i64>) -> Result<Account, StoreError> {
        self.write(move |session| change(session, &id, |account| account.reset_at_ms = reset_at_ms)).await
    }

    /// Sets the spend of all owners of these kinds to nothing; totals and rows stay. Answers how many there are.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn clear_spend(&self, kinds: Vec<AccountKind>) -> Result<u64, StoreError> {
        self.long(Access::Write, move |session| {
            let names: Vec<Value> = kinds.iter().map(|kind| kind.as_str().into()).collect();
            let kinds = places(1, names.len());
            let sql = format!(
                "UPDATE stagedoor_accounts SET adjust = adjust - spend, spend = 0 WHERE kind IN ({kinds})"
            );
            session.execute(&sql, &names)
        })
        .await
    }

    /// Begins the periods that are due at `now_ms`, at most 500 of them; answers whose. Nobody has to call it for
    /// budgets to be right: accounts are read and charged as if it had been.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn reset_due(&self, now_ms: i64) -> Result<Vec<AccountId>, StoreError> {
        let calendar = self.calendar();
        self.write(move |session| {
            let sql = "SELECT kind, owner, part FROM stagedoor_accounts WHERE reset_at <= $1
                       ORDER BY reset_at LIMIT $2";
            let due = session.query(sql, &[now_ms.into(), STEP.into()])?;
            let due: Vec<AccountId> = due.iter().filter_map(|row| account_id(row, 0)).collect();
            let mut accounts = load(session, &due)?;
            accounts.values_mut().for_each(|account| {
                account.roll(&calendar, now_ms);
            });
            save(session, &accounts)?;
            Ok(due)
        })
        .await
    }

    /// When the next period ends, for whoever wants to call [`Store::reset_due`] then.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn next_reset(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MIN(reset_at) FROM stagedoor_accounts WHERE reset_at IS NOT NULL";
        self.read(move |session| Ok(session.first(sql, &[])?.and_then(|row| row.maybe_int(0)))).await
    }
}

pub(super) fn set_spend(
    session: &mut dyn Session,
    id: &AccountId,
    spend_nanos: i64,
    calendar: &Calendar,
    now_ms: i64,
) -> Result<Account, StoreError> {
    let account = change(session, id, |account| {
        account.roll(calendar, now_ms);
        account.set_spend(spend_nanos);
    })?;
    touch(session, id, now_ms)?;
    Ok(account)
}

/// Gives a changed owner a new version, so that copies of it are known to be stale.
fn touch(session: &mut dyn Session, id: &AccountId, now_ms: i64) -> Result<(), StoreError> {
    let Some(table) = super::tables::table_of(id.kind) else { return Ok(()) };
    let version = session.next_version()?;
    let sql = format!("UPDATE {table} SET version = $1, updated_ms = $2 WHERE id = $3 AND part = $4");
    let parameters = [version.into(), now_ms.into(), Value::from(&id.owner), Value::from(&id.part)];
    session.execute(&sql, &parameters).map(|_| ())
}

/// The account in three columns of a row from `place` on.
pub(super) fn account_id(row: &Row, place: usize) -> Option<AccountId> {
    let kind = AccountKind::parse(row.maybe_text(place)?)?;
    Some(AccountId { kind, owner: row.text(place + 1), part: row.text(place + 2) })
}

/// The account in seven columns of a row from `place` on.
pub(super) fn account(row: &Row, place: usize) -> Account {
    Account {
        spend_nanos: row.int(place),
        adjust_nanos: row.int(place + 1),
        total_nanos: row.int(place + 2),
        period_start_ms: row.int(place + 3),
        reset_at_ms: row.maybe_int(place + 4),
        every: row.maybe_text(place + 5).map(str::to_string),
        last_active_ms: row.maybe_int(place + 6),
    }
}

/// The three columns that name an account: the inverse of [`account_id`].
pub(super) fn names(id: &AccountId) -> [Value; 3] {
    [id.kind.as_str().into(), Value::from(&id.owner), Value::from(&id.part)]
}

/// Those of the accounts that exist.
pub(super) fn load(
    session: &mut dyn Session,
    ids: &[AccountId],
) -> Result<BTreeMap<AccountId, Account>, StoreError> {
    let mut found = BTreeMap::new();
    for piece in pieces(ids) {
        let wanted = tuples(piece.len(), 3);
        let sql = format!(
            "SELECT kind, owner, part, {COLUMNS} FROM stagedoor_accounts
             WHERE (kind, owner, part) IN (VALUES {wanted})"
        );
        let rows = session.query(&sql, &piece.iter().flat_map(names).collect::<Vec<_>>())?;
        found.extend(rows.iter().filter_map(|row| Some((account_id(row, 0)?, account(row, 3)))));
    }
    Ok(found)
}

/// Those of the accounts that exist, of replaced keys under their successor's name. Accounts are looked for before
/// successors, and again as long as there are any: statements of one reader see a replacement that is made in between.
fn load_following(
    session: &mut dyn Session,
    ids: &[AccountId],
) -> Result<BTreeMap<AccountId, Account>, StoreError> {
    let mut found = load(session, ids)?;
    let mut sought: Vec<(AccountId, AccountId)> =
        ids.iter().filter(|id| is_of_key(id.kind)).map(|id| (id.clone(), id.clone())).collect();
    loop {
        sought.retain(|(asked, _)| !found.contains_key(asked));
        let hashes: Vec<&str> = sought.iter().map(|(asked, _)| asked.owner.as_str()).collect();
        let replaced = if hashes.is_empty() { HashMap::new() } else { keys::replaced(session, &hashes)? };
        let mut moved = Vec::new();
        for (asked, at) in sought {
            let owner = replaced.get(&asked.owner).filter(|owner| **owner != at.owner);
            moved.extend(owner.map(|owner| (asked, AccountId { owner: owner.clone(), ..at })));
        }
        if moved.is_empty() {
            return Ok(found);
        }
        let places: Vec<AccountId> = moved.iter().map(|(_, at)| at.clone()).collect();
        let there = load(session, &places)?;
        found.extend(moved.iter().filter_map(|(asked, at)| Some((asked.clone(), there.get(at)?.clone()))));
        sought = moved;
    }
}

fn is_of_key(kind: AccountKind) -> bool {
    matches!(kind, AccountKind::Key | AccountKind::KeyModel | AccountKind::KeyWindow)
}

/// Writes accounts, new or not.
pub(super) fn save(
    session: &mut dyn Session,
    accounts: &BTreeMap<AccountId, Account>,
) -> Result<(), StoreError> {
    let accounts: Vec<(&AccountId, &Account)> = accounts.iter().collect();
    for piece in pieces(&accounts) {
        let rows = tuples(piece.len(), 10);
        let sql = format!(
            "INSERT INTO stagedoor_accounts (kind, owner, part, {COLUMNS}) VALUES {rows}
             ON CONFLICT (kind, owner, part) DO UPDATE SET spend = excluded.spend, adjust = excluded.adjust,
                 total = excluded.total, period_start = excluded.period_start, reset_at = excluded.reset_at,
                 every = excluded.every, last_active = excluded.last_active"
        );
        let parameters = piece.iter().flat_map(|(id, account)| {
            [
                id.kind.as_str().into(),
                Value::from(&id.owner),
                Value::from(&id.part),
                account.spend_nanos.into(),
                account.adjust_nanos.into(),
                account.total_nanos.into(),
                account.period_start_ms.into(),
                account.reset_at_ms.into(),
                Value::from(&account.every),
                account.last_active_ms.into(),
            ]
        });
        session.execute(&sql, &parameters.collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Changes one account, new or not.
pub(super) fn change(
    session: &mut dyn Session,
    id: &AccountId,
    change: impl FnOnce(&mut Account),
) -> Result<Account, StoreError> {
    let mut account = load(session, std::slice::from_ref(id))?.remove(id).unwrap_or_default();
    change(&mut account);
    save(session, &BTreeMap::from([(id.clone(), account.clone())]))?;
    Ok(account)
}

/// The windows that owners of a kind have.
pub(super) fn windows(
    session: &mut dyn Session,
    kind: AccountKind,
    owners: &[&str],
) -> Result<Vec<AccountId>, StoreError> {
    let mut found = Vec::new();
    for piece in pieces(owners) {
        let wanted = places(2, piece.len());
        let sql = format!(
            "SELECT kind, owner, part FROM stagedoor_accounts WHERE kind = $1 AND owner IN ({wanted})"
        );
        let mut parameters = vec![Value::from(kind.as_str())];
        parameters.extend(piece.iter().map(|owner| Value::from(*owner)));
        found.extend(session.query(&sql, &parameters)?.iter().filter_map(|row| account_id(row, 0)));
    }
    Ok(found)
}

/// Makes an owner's windows exactly these.
pub(super) fn set_windows(
    session: &mut dyn Session,
    kind: AccountKind,
    owner: &str,
    lengths: &[&str],
    calendar: &Calendar,
    now_ms: i64,
) -> Result<(), StoreError> {
    for known in windows(session, kind, &[owner])? {
        if !lengths.contains(&known.part.as_str()) {
            let sql = "DELETE FROM stagedoor_accounts WHERE kind = $1 AND owner = $2 AND part = $3";
            session.execute(sql, &names(&known))?;
        }
    }
    for length in lengths {
        let id = AccountId::pair(kind, owner, *length);
        let known = !load(session, std::slice::from_ref(&id))?.is_empty();
        change(session, &id, |account| {
            if !known {
                account.period_start_ms = now_ms;
            }
            account.set_every(calendar, Some(length), now_ms);
        })?;
    }
    Ok(())
}

/// Gives an owner's budgets of single models their periods, and takes them from those that have none any more.
pub(super) fn set_model_periods(
    session: &mut dyn Session,
    kind: Option<AccountKind>,
    owner: &str,
    limits: Option<&Limits>,
    calendar: &Calendar,
    now_ms: i64,
) -> Result<(), StoreError> {
    let kind = match kind {
        Some(AccountKind::Key) => AccountKind::KeyModel,
        Some(AccountKind::Team) => AccountKind::TeamModel,
        Some(AccountKind::User) => AccountKind::UserModel,
        _ => return Ok(()),
    };
    let wanted: BTreeMap<&str, &str> = limits.map(Limits::model_periods).into_iter().flatten().collect();
    for known in windows(session, kind, &[owner])? {
        if !wanted.contains_key(known.part.as_str()) {
            change(session, &known, |account| account.set_every(calendar, None, now_ms))?;
        }
    }
    for (model, every) in wanted {
        let id = AccountId::pair(kind, owner, model);
        change(session, &id, |account| account.set_every(calendar, Some(every), now_ms))?;
    }
    Ok(())
}
