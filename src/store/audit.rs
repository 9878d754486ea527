//! Adds everything up again from the rows, and tells what does not agree. Nothing ever should not.
//!
//! An account's spend is what its rows since the beginning of its period cost, what left the ledger of them, and
//! what people set by hand or brought along from another gateway; its total is all rows, all that left, and what was
//! brought along. The totals of a day are the rows of that day, for days from which none has left. What an owner
//! spent on a day is what its totals of that day are, whatever has left.

use std::collections::{BTreeMap, HashMap};

use super::session::{Access, Session};
use super::{Store, StoreError, accounts, append, daily, openings, retention};
use crate::domain::ledger::{Account, AccountId, AccountKind, Charge, LedgerRow, Sums, day_of};

/// Rows that are read at once.
const BATCH: i64 = 5_000;

/// Two numbers that should be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose: `key <hash>`, `day 20778` ...
    pub of: String,
    /// `spend`, `total`, `requests`.
    pub what: &'static str,
    /// What the store says.
    pub kept: i64,
    /// What the rows come to.
    pub counted: i64,
}

/// What the rows come to.
#[derive(Default)]
struct Counted {
    accounts: HashMap<AccountId, (i64, i64)>,
    days: BTreeMap<i64, Sums>,
    rows: u64,
}

impl Store {
    /// Compares every account, and every day's totals, with the rows, as of one moment. Answers how many rows there
    /// are, and what does not agree.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn audit(&self) -> Result<(u64, Vec<Difference>), StoreError> {
        let patience = self.0.options.long_patience.saturating_mul(20);
        self.run(Access::Snapshot, patience, Box::new(audit)).await
    }
}

fn audit(session: &mut dyn Session) -> Result<(u64, Vec<Difference>), StoreError> {
    let sql = "SELECT kind, owner, part, spend, adjust, total, period_start, reset_at, every, last_active
               FROM stagedoor_accounts";
    let rows = session.query(sql, &[])?;
    let accounts: HashMap<AccountId, Account> = rows
        .iter()
        .filter_map(|row| Some((accounts::account_id(row, 0)?, accounts::account(row, 3))))
        .collect();
    let mut counted = Counted::default();
    count(session, "stagedoor_ledger", (i64::MIN, String::new()), &accounts, &mut counted)?;
    let leaving = session.query("SELECT name, after_day, after_id FROM stagedoor_leaving", &[])?;
    for table in leaving {
        count(session, &table.text(0), (table.int(1), table.text(2)), &accounts, &mut counted)?;
    }
    let ids: Vec<AccountId> = accounts.keys().cloned().collect();
    let folded = retention::load(session, &ids)?;
    let openings = openings::load(session, &ids)?;
    let mut found = Vec::new();
    for (id, account) in &accounts {
        let folded = folded.get(id).copied().unwrap_or_default();
        let (spend, total) = counted.accounts.remove(id).unwrap_or_default();
        let of_period = if folded.period_start == account.period_start_ms { folded.spend } else { 0 };
        let mut compare = |what, kept, counted| {
            if kept != counted {
                found.push(Difference { of: shown(id), what, kept, counted });
            }
        };
        compare("spend", account.spend_nanos, spend + of_period + account.adjust_nanos);
        // A window's total begins when the window does.
        if !matches!(id.kind, AccountKind::KeyWindow | AccountKind::TeamWindow) {
            let brought = openings.get(id).map_or(0, |opening| opening.total);
            compare("total", account.total_nanos, total + folded.total + brought);
        }
    }
    let lost = counted.accounts.iter().filter(|(_, (_, total))| *total != 0);
    found.extend(lost.map(|(id, (_, total))| Difference {
        of: shown(id),
        what: "total",
        kept: 0,
        counted: *total,
    }));
    compare_days(session, &counted.days, &mut found)?;
    compare_owners(session, &mut found)?;
    found.sort_by(|a, b| (&a.of, a.what).cmp(&(&b.of, b.what)));
    Ok((counted.rows, found))
}

fn shown(id: &AccountId) -> String {
    format!("{} {} {}", id.kind.as_str(), id.owner, id.part).trim().to_string()
}

fn count(
    session: &mut dyn Session,
    table: &str,
    (mut day, mut id): (i64, String),
    accounts: &HashMap<AccountId, Account>,
    counted: &mut Counted,
) -> Result<(), StoreError> {
    loop {
        let rows = retention::after(session, table, day, &id, BATCH)?;
        let Some(last) = rows.last() else { return Ok(()) };
        (day, id) = (day_of(last.started_ms), last.id.clone());
        counted.rows += rows.len() as u64;
        for row in &rows {
            counted.days.entry(day_of(row.started_ms)).or_default().add(Sums::of(row));
        }
        let rows: Vec<(&LedgerRow, Charge)> = rows.iter().map(|row| (row, Charge::of(row))).collect();
        for (id, charges) in append::charges(session, &rows)? {
            let start = accounts.get(&id).map_or(0, |account| account.period_start_ms);
            let (spend, total) = counted.accounts.entry(id).or_default();
            for charge in charges {
                *total += charge.spend_nanos;
                *spend += if charge.started_ms >= start { charge.spend_nanos } else { 0 };
            }
        }
    }
}

fn compare_days(
    session: &mut dyn Session,
    counted: &BTreeMap<i64, Sums>,
    found: &mut Vec<Difference>,
) -> Result<(), StoreError> {
    let until = session.first("SELECT day FROM stagedoor_folded_until", &[])?;
    let until = until.map_or(i64::MIN, |row| row.int(0));
    let sql = "SELECT day, CAST(SUM(spend) AS BIGINT), CAST(SUM(requests) AS BIGINT) FROM stagedoor_totals
               WHERE kind = 'all' AND day >= $1 GROUP BY day";
    let mut counted: BTreeMap<i64, Sums> =
        counted.iter().filter(|(day, _)| **day >= until).map(|(day, sums)| (*day, *sums)).collect();
    let mut compare = |day: i64, what, kept, counted| {
        if kept != counted {
            found.push(Difference { of: format!("day {day}"), what, kept, counted });
        }
    };
    for row in session.query(sql, &[until.into()])? {
        let sums = counted.remove(&row.int(0)).unwrap_or_default();
        compare(row.int(0), "spend", row.int(1), sums.spend_nanos);
        compare(row.int(0), "requests", row.int(2), sums.requests);
    }
    for (day, sums) in counted {
        compare(day, "requests", 0, sums.requests);
    }
    Ok(())
}

/// What each owner spent on each day, in its own table and in the totals. Days are left out that the table does not
/// speak for.
fn compare_owners(session: &mut dyn Session, found: &mut Vec<Difference>) -> Result<(), StoreError> {
    let behind = daily::behind(session, None, None)?;
    let sql = "SELECT day, kind, owner, CAST(SUM(spend) AS BIGINT), CAST(SUM(requests) AS BIGINT),
                   CAST(SUM(counted) AS BIGINT), CAST(SUM(counted_requests) AS BIGINT) FROM
                   (SELECT day, kind, owner, spend, requests, 0 AS counted, 0 AS counted_requests
                    FROM stagedoor_daily
                    UNION ALL SELECT day, kind, owner, 0, 0, spend, requests FROM stagedoor_totals) AS kept
               GROUP BY day, kind, owner
               HAVING SUM(spend) <> SUM(counted) OR SUM(requests) <> SUM(counted_requests)";
    for row in session.query(sql, &[])? {
        let (day, of) = (row.int(0), format!("day {} {} {}", row.int(0), row.text(1), row.text(2)));
        if behind.contains(&day) {
            continue;
        }
        for (what, kept, counted) in [("spend", row.int(3), row.int(5)), ("requests", row.int(4), row.int(6))]
        {
            if kept != counted {
                found.push(Difference { of: of.trim().to_string(), what, kept, counted });
            }
        }
    }
    Ok(())
}
