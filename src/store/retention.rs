//! Old rows leave the ledger without locking it, and what they came to is kept, so that an audit still comes out
//! even.
//!
//! In PostgreSQL a part of seven days leaves when all of its days are too old: it is detached, which takes a
//! moment, then counted piece by piece, then dropped whole. In SQLite rows leave in small batches. The totals of
//! the days stay either way. A row that is appended again after it left would count twice, so what waits in a
//! spool must not be older than what is kept.

use std::collections::BTreeMap;

use super::session::{Access, Dialect, Session, pieces, tuples};
use super::{Store, StoreError, Value, accounts, append, ledger_row, parts};
use crate::domain::ledger::{Account, AccountId, Charge, LedgerRow, day_of};

/// Rows that are counted in one transaction.
const BATCH: i64 = 2_000;

/// What left the ledger for one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Folded {
    /// All of it.
    pub total: i64,
    /// What was admitted since `period_start`.
    pub spend: i64,
    /// The account's period at that time.
    pub period_start: i64,
}

impl Folded {
    fn add(&mut self, account: &Account, charges: &[Charge]) {
        if self.period_start != account.period_start_ms {
            (self.period_start, self.spend) = (account.period_start_ms, 0);
        }
        for charge in charges {
            self.total = self.total.saturating_add(charge.spend_nanos);
            if charge.started_ms >= self.period_start {
                self.spend = self.spend.saturating_add(charge.spend_nanos);
            }
        }
    }
}

impl Store {
    /// Lets rows go that were admitted before the day of `keep_from_ms`; answers how many left. It works in many
    /// small transactions and can be stopped and begun again at any time.
    ///
    /// # Errors
    /// When the database is not there; what was done until then stays done.
    pub async fn retain(&self, keep_from_ms: i64) -> Result<u64, StoreError> {
        let before = day_of(keep_from_ms);
        let mut left = 0;
        self.long(Access::Write, move |session| begin(session, before)).await?;
        // The parts that have gone are no longer known to exist.
        self.0.parts.forget();
        loop {
            let step = self.long(Access::Write, move |session| step(session, before)).await?;
            match step {
                Some(rows) => left += rows,
                None => return Ok(left),
            }
        }
    }
}

/// Takes whole parts out of the ledger.
fn begin(session: &mut dyn Session, before: i64) -> Result<(), StoreError> {
    for part in parts::before(session, before)? {
        let aside = format!("stagedoor_leaving_{}", session.next_version()?);
        parts::detach(session, part, &aside)?;
        let sql = "INSERT INTO stagedoor_leaving (name, after_day, after_id) VALUES ($1, 0, '')";
        session.execute(sql, &[Value::from(aside)])?;
    }
    let marker = "INSERT INTO stagedoor_folded_until (one, day) VALUES (1, $1)
                  ON CONFLICT (one) DO UPDATE SET day = excluded.day WHERE stagedoor_folded_until.day < excluded.day";
    // The first day that is still whole: parts stay until all of their days may go.
    let until = if session.dialect() == Dialect::Sqlite { before } else { parts::first_day(before) };
    session.execute(marker, &[until.into()]).map(|_| ())
}

/// Counts one batch; `None` when nothing is left to do.
fn step(session: &mut dyn Session, before: i64) -> Result<Option<u64>, StoreError> {
    if session.dialect() == Dialect::Sqlite {
        return batch_of_rows(session, before);
    }
    let sql = "SELECT name, after_day, after_id FROM stagedoor_leaving ORDER BY name LIMIT 1";
    let Some(leaving) = session.first(sql, &[])? else { return Ok(None) };
    let name = leaving.text(0);
    let rows = after(session, &name, leaving.int(1), &leaving.text(2), BATCH)?;
    let Some(last) = rows.last() else {
        session.script(&format!("DROP TABLE {name}"))?;
        session.execute("DELETE FROM stagedoor_leaving WHERE name = $1", &[Value::from(&name)])?;
        return Ok(Some(0));
    };
    fold(session, &rows)?;
    let sql = "UPDATE stagedoor_leaving SET after_day = $1, after_id = $2 WHERE name = $3";
    session.execute(sql, &[day_of(last.started_ms).into(), Value::from(&last.id), Value::from(&name)])?;
    Ok(Some(rows.len() as u64))
}

fn batch_of_rows(session: &mut dyn Session, before: i64) -> Result<Option<u64>, StoreError> {
    let rows = after(session, "stagedoor_ledger", i64::MIN, "", BATCH)?;
    let rows: Vec<LedgerRow> = rows.into_iter().filter(|row| day_of(row.started_ms) < before).collect();
    let Some(last) = rows.last() else { return Ok(None) };
    fold(session, &rows)?;
    let sql = "DELETE FROM stagedoor_ledger WHERE (day, id) <= ($1, $2)";
    session.execute(sql, &[day_of(last.started_ms).into(), Value::from(&last.id)])?;
    Ok(Some(rows.len() as u64))
}

/// Rows of a table behind a place in the order of (day, id).
pub(super) fn after(
    session: &mut dyn Session,
    table: &str,
    day: i64,
    id: &str,
    count: i64,
) -> Result<Vec<LedgerRow>, StoreError> {
    let sql = format!(
        "SELECT {} FROM {table} WHERE (day, id) > ($1, $2) ORDER BY day, id LIMIT $3",
        ledger_row::COLUMNS.join(", ")
    );
    let rows = session.query(&sql, &[day.into(), id.into(), count.into()])?;
    rows.iter().map(ledger_row::read).collect()
}

fn fold(session: &mut dyn Session, rows: &[LedgerRow]) -> Result<(), StoreError> {
    let rows: Vec<(&LedgerRow, Charge)> = rows.iter().map(|row| (row, Charge::of(row))).collect();
    let charges = append::charges(session, &rows)?;
    let ids: Vec<AccountId> = charges.keys().cloned().collect();
    let accounts = accounts::load(session, &ids)?;
    let mut folded = load(session, &ids)?;
    for (id, charges) in charges {
        let account = accounts.get(&id).cloned().unwrap_or_default();
        folded.entry(id).or_default().add(&account, &charges);
    }
    save(session, &folded)
}

/// What has left for these accounts.
pub(super) fn load(
    session: &mut dyn Session,
    ids: &[AccountId],
) -> Result<BTreeMap<AccountId, Folded>, StoreError> {
    let mut found = BTreeMap::new();
    for piece in pieces(ids) {
        let sql = format!(
            "SELECT kind, owner, part, total, spend, period_start FROM stagedoor_folded
             WHERE (kind, owner, part) IN (VALUES {})",
            tuples(piece.len(), 3)
        );
        let parameters: Vec<Value> = piece.iter().flat_map(accounts::names).collect();
        for row in session.query(&sql, &parameters)? {
            let folded = Folded { total: row.int(3), spend: row.int(4), period_start: row.int(5) };
            found.extend(accounts::account_id(&row, 0).map(|id| (id, folded)));
        }
    }
    Ok(found)
}

fn save(session: &mut dyn Session, folded: &BTreeMap<AccountId, Folded>) -> Result<(), StoreError> {
    let folded: Vec<(&AccountId, &Folded)> = folded.iter().collect();
    for piece in pieces(&folded) {
        let sql = format!(
            "INSERT INTO stagedoor_folded (kind, owner, part, total, spend, period_start) VALUES {}
             ON CONFLICT (kind, owner, part) DO UPDATE SET total = excluded.total, spend = excluded.spend,
                 period_start = excluded.period_start",
            tuples(piece.len(), 6)
        );
        let values = piece.iter().flat_map(|(id, folded)| {
            let numbers = [folded.total, folded.spend, folded.period_start].map(Value::from);
            accounts::names(id).into_iter().chain(numbers)
        });
        session.execute(&sql, &values.collect::<Vec<_>>())?;
    }
    Ok(())
}
