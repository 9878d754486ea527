//! The ledger's parts in PostgreSQL: one for each seven days, made before a row needs it, taken out whole.

use std::collections::HashSet;
use std::sync::Mutex;

use super::session::{Dialect, Session};
use super::{StoreError, Value};

/// Days in a part.
const DAYS: i64 = 7;

/// How many parts are made ahead of the newest row.
const AHEAD: i64 = 2;

/// The parts that this process knows to exist.
#[derive(Default)]
pub(super) struct Known(Mutex<HashSet<i64>>);

impl Known {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The parts of these days, and the next ones, that may have to be made.
    pub fn missing(&self, days: impl Iterator<Item = i64>) -> Vec<i64> {
        let known = self.lock();
        let mut missing: Vec<i64> =
            days.map(|day| day.div_euclid(DAYS)).filter(|part| !known.contains(part)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Remembers parts once their transaction is committed.
    pub fn remember(&self, parts: &[i64]) {
        self.lock().extend(parts);
    }

    /// Forgets all: some may have been dropped.
    pub fn forget(&self) {
        self.lock().clear();
    }
}

fn name(part: i64) -> String {
    format!("stagedoor_ledger_p{part}")
}

/// Makes the parts that are not there, and the two after the newest.
pub(super) fn ensure(session: &mut dyn Session, parts: &[i64]) -> Result<(), StoreError> {
    let (Dialect::Postgres, Some(last)) = (session.dialect(), parts.iter().max().copied()) else {
        return Ok(());
    };
    for part in parts.iter().copied().chain(last + 1..=last + AHEAD) {
        let name = name(part);
        let known =
            session.query("SELECT 1 FROM pg_class WHERE oid = to_regclass($1)", &[Value::from(&name)])?;
        if !known.is_empty() {
            continue;
        }
        // Made aside and attached: that lets readers and other writers of the ledger go on.
        let (from, to) = (part * DAYS, (part + 1) * DAYS);
        session.script(&format!(
            "CREATE TABLE {name} (LIKE stagedoor_ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
             ALTER TABLE stagedoor_ledger ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})"
        ))?;
    }
    Ok(())
}

/// The existing parts whose days all lie before `day`.
pub(super) fn before(session: &mut dyn Session, day: i64) -> Result<Vec<i64>, StoreError> {
    if session.dialect() == Dialect::Sqlite {
        return Ok(Vec::new());
    }
    let sql = "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
               WHERE inhparent = to_regclass('stagedoor_ledger')";
    let rows = session.query(sql, &[])?;
    let parts = rows.iter().filter_map(|row| row.text(0).strip_prefix("stagedoor_ledger_p")?.parse().ok());
    let mut parts: Vec<i64> = parts.filter(|part: &i64| (part + 1) * DAYS <= day).collect();
    parts.sort_unstable();
    Ok(parts)
}

/// Takes a part out of the ledger and gives it another name. It waits two seconds for readers at most; the next
/// clean-up tries again.
pub(super) fn detach(session: &mut dyn Session, part: i64, aside: &str) -> Result<(), StoreError> {
    let name = name(part);
    session.script(&format!(
        "SET LOCAL lock_timeout = '2s';
         ALTER TABLE stagedoor_ledger DETACH PARTITION {name}; ALTER TABLE {name} RENAME TO {aside}"
    ))
}

/// The first day of the part that `day` is in.
pub(super) fn first_day(day: i64) -> i64 {
    day.div_euclid(DAYS) * DAYS
}
