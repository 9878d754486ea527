//! What each owner spent on each day: totals that are not told apart by key, model or call, for reports over
//! everybody. The writer keeps them in the transaction of the rows.
//!
//! A program that does not know this table adds to the totals only; while replicas are replaced one by one, both may
//! write. The days on which that happened show by the sums of everybody, and of those the totals are read instead.

use super::find::Clause;
use super::session::{Session, pieces, tuples};
use super::{StoreError, Value};
use crate::domain::ledger::Total;

/// What one owner spent on one day.
struct Spent<'a> {
    total: &'a Total,
    spend_nanos: i64,
    requests: i64,
}

/// Adds to the days what these totals do; they are sorted, and so are the rows that this locks.
pub(super) fn add(session: &mut dyn Session, totals: &[Total]) -> Result<(), StoreError> {
    const WIDTH: usize = 5;
    for piece in pieces(&spent(totals)) {
        let sql = format!(
            "INSERT INTO stagedoor_daily AS d (kind, day, owner, spend, requests) VALUES {}
             ON CONFLICT (kind, day, owner) DO UPDATE SET
                 spend = d.spend + excluded.spend, requests = d.requests + excluded.requests",
            tuples(piece.len(), WIDTH)
        );
        let mut parameters: Vec<Value> = Vec::with_capacity(piece.len() * WIDTH);
        for Spent { total, spend_nanos, requests } in piece {
            let (kind, owner) = (total.key.kind.as_str(), &total.key.owner);
            parameters.extend([kind.into(), total.key.day.into(), Value::from(owner)]);
            parameters.extend([Value::from(*spend_nanos), Value::from(*requests)]);
        }
        session.execute(&sql, &parameters)?;
    }
    Ok(())
}

/// Neighbours of one owner and day, added up.
fn spent(totals: &[Total]) -> Vec<Spent<'_>> {
    let mut found: Vec<Spent> = Vec::new();
    for total in totals {
        let key = |total: &'_ Total| (total.key.day, total.key.kind);
        let (spend_nanos, requests) = (total.sums.spend_nanos, total.sums.requests);
        match found.last_mut() {
            Some(last) if key(last.total) == key(total) && last.total.key.owner == total.key.owner => {
                last.spend_nanos = last.spend_nanos.saturating_add(spend_nanos);
                last.requests = last.requests.saturating_add(requests);
            }
            _ => found.push(Spent { total, spend_nanos, requests }),
        }
    }
    found
}

/// The days from `from` to `to` that somebody has written to who does not know this table.
pub(super) fn behind(
    session: &mut dyn Session,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT t.day FROM
                   (SELECT day, SUM(requests) AS requests FROM stagedoor_totals
                    WHERE kind = 'all' AND day >= $1 AND day <= $2 GROUP BY day) AS t
               LEFT JOIN stagedoor_daily AS d ON d.kind = 'all' AND d.day = t.day AND d.owner = ''
               WHERE d.requests IS NULL OR d.requests <> t.requests ORDER BY t.day";
    let span = [from.unwrap_or(i64::MIN).into(), to.unwrap_or(i64::MAX).into()];
    Ok(session.query(sql, &span)?.iter().map(|row| row.int(0)).collect())
}

/// What to read instead of a table: the days, and those that are behind from the totals.
pub(super) fn source(clause: &mut Clause, behind: &[i64]) -> String {
    if behind.is_empty() {
        return "stagedoor_daily".to_string();
    }
    let places: Vec<String> = behind.iter().map(|day| clause.place((*day).into())).collect();
    let (columns, days) = ("kind, day, owner, spend, requests", places.join(", "));
    format!(
        "(SELECT {columns} FROM stagedoor_daily WHERE day NOT IN ({days})
          UNION ALL SELECT {columns} FROM stagedoor_totals WHERE day IN ({days})) AS spent"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{LedgerRow, Sums, totals_of};

    #[test]
    fn what_belongs_to_one_owner_and_day_is_written_once() {
        let row = |model: &str, team: &str| LedgerRow {
            model: model.into(),
            team_id: team.into(),
            spend_nanos: 2,
            ..LedgerRow::new(1_795_249_500_123)
        };
        let rows = [row("a", "t1"), row("b", "t1"), row("a", "t2")];
        let totals = totals_of(rows.iter().map(|row| (row, Sums::of(row))));
        let found = spent(&totals);
        let found: Vec<_> =
            found.iter().map(|s| (s.total.key.owner.as_str(), s.spend_nanos, s.requests)).collect();
        assert_eq!(found, [("", 6, 3), ("t1", 4, 2), ("t2", 2, 1)]);
    }
}
