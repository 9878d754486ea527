//! Rows of another gateway enter the ledger: each once, and without counting again what their owners brought along.

use std::collections::HashSet;

use super::append::{add_totals, charges, insert, know_end_users};
use super::openings::{self, Opening};
use super::session::{Session, pieces};
use super::{Store, StoreError, Value, accounts};
use crate::domain::keys::reset::Calendar;
use crate::domain::ledger::{AccountId, Charge, LedgerRow, PackedRow, Sums, day_of, id_ms, totals_of};

impl Store {
    /// Writes rows of another gateway in one transaction; those whose id is already there change nothing. They add
    /// to totals and reports; to an owner's current period only if they are later than what it brought along.
    /// Answers how many were new.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn append_history(&self, rows: Vec<LedgerRow>) -> Result<usize, StoreError> {
        self.append_by(rows, write).await
    }

    /// Which of these rows are in the ledger.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn known_rows(&self, ids: Vec<String>) -> Result<HashSet<String>, StoreError> {
        self.read(move |session| {
            let mut known = HashSet::new();
            for piece in pieces(&ids) {
                // PostgreSQL takes bare parameters of a list for texts.
                let wanted: Vec<String> = (0..piece.len())
                    .map(|place| format!("(CAST(${} AS BIGINT), ${})", place * 2 + 1, place * 2 + 2))
                    .collect();
                let sql = format!(
                    "SELECT id FROM stagedoor_ledger WHERE (day, id) IN (VALUES {})",
                    wanted.join(", ")
                );
                let places = piece
                    .iter()
                    .flat_map(|id| [Value::from(day_of(id_ms(id).unwrap_or_default())), Value::from(id)]);
                let rows = session.query(&sql, &places.collect::<Vec<_>>())?;
                known.extend(rows.iter().map(|row| row.text(0)));
            }
            Ok(known)
        })
        .await
    }

    /// The first day from which no row has left the ledger; rows of earlier days must not be added any more.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn first_whole_day(&self) -> Result<Option<i64>, StoreError> {
        self.read(|session| {
            let found = session.first("SELECT day FROM stagedoor_folded_until", &[])?;
            Ok(found.map(|row| row.int(0)))
        })
        .await
    }
}

fn write(session: &mut dyn Session, rows: &[PackedRow], calendar: &Calendar) -> Result<usize, StoreError> {
    let new = insert(session, rows)?;
    let new = rows.iter().zip(new).filter_map(|(row, is_new)| row.fields().filter(|_| is_new));
    let rows: Vec<LedgerRow> = new.map(|fields| LedgerRow::of(&fields)).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let of_rows: Vec<(&LedgerRow, Charge)> = rows.iter().map(|row| (row, Charge::of(row))).collect();
    let charges = charges(session, &of_rows)?;
    let mut ids: Vec<AccountId> = charges.keys().cloned().collect();
    let mut accounts = accounts::load(session, &ids)?;
    if !charges.contains_key(&openings::everybody()) {
        ids.push(openings::everybody());
    }
    let mut opened = openings::load(session, &ids)?;
    // Whoever brought nothing along: from the last take-over on; without one, such rows are the past.
    let since = opened.get(&openings::everybody()).map_or(i64::MAX, |opening| opening.as_of_ms);
    for (id, charges) in charges {
        let account = accounts.entry(id.clone()).or_default();
        let mut opening = opened.get_mut(&id);
        let since = opening.as_ref().map_or(since, |opening| opening.as_of_ms);
        for charge in charges {
            Opening::charge(opening.as_deref_mut(), account, charge, since, calendar);
        }
    }
    accounts::save(session, &accounts)?;
    openings::save(session, &opened)?;
    add_totals(session, &totals_of(rows.iter().map(|row| (row, Sums::of(row)))))?;
    know_end_users(session, rows.iter())?;
    Ok(rows.len())
}
