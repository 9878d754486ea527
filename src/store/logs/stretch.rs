//! How far a search goes that no index answers: so many rows, beginning with those that come first, and not through
//! all that there are.

use super::{Clause, LogFind, LogSort, Test, has_index, tests};
use crate::store::session::{Dialect, Session};
use crate::store::{StoreError, Value};

/// Rows that are looked at, in the order of time.
const ROWS: i64 = 20_000;

/// Rows of one owner that are looked at: they lie apart.
const ROWS_OF_OWNER: i64 = 10_000;

/// The first row that is not looked at any more.
pub(super) enum Bound {
    /// In the order of time.
    Row { day: i64, id: String },
    /// In the order of an owner's index.
    Moment(i64),
}

/// The condition of a search that ends there. The bound stands for the period's end on its side: with both, SQLite
/// would take the wider one for its way through the index.
pub(super) fn tests_within(
    clause: &mut Clause,
    find: &LogFind,
    bound: &Bound,
    dialect: Dialect,
) -> Result<String, StoreError> {
    let earliest_first = find.is_earliest_first();
    let (from_ms, until_ms) = if earliest_first { (find.from_ms, None) } else { (None, find.until_ms) };
    let rest = LogFind { from_ms, until_ms, tests: find.tests.clone(), ..LogFind::default() };
    let tests = tests(clause, &rest, dialect)?;
    let side = if earliest_first { "<" } else { ">" };
    let within = match bound {
        Bound::Row { day, id } => {
            let (of_row, id) = (clause.place((*day).into()), clause.place(Value::from(id)));
            let row = format!("(day, id) {side} ({of_row}, {id})");
            // PostgreSQL leaves out parts by the day alone.
            if dialect == Dialect::Sqlite { row } else { format!("{row} AND day {side}= {of_row}") }
        }
        Bound::Moment(ms) => format!("started_ms {side} {}", clause.place((*ms).into())),
    };
    Ok(format!("{tests} AND {within}"))
}

/// Where the search ends; `None` when indexes answer it, or when there are not that many rows.
pub(super) fn bound(session: &mut dyn Session, find: &LogFind) -> Result<Option<Bound>, StoreError> {
    let (found, others): (Vec<&Test>, Vec<&Test>) = find.tests.iter().partition(|test| has_index(test));
    if find.sort_by == LogSort::Start && others.is_empty() {
        return Ok(None);
    }
    bound_of(session, find, found)
}

/// The same for what has to read its rows, whatever indexes there are.
pub(super) fn among_rows(session: &mut dyn Session, find: &LogFind) -> Result<Option<Bound>, StoreError> {
    bound_of(session, find, find.tests.iter().filter(|test| has_index(test)).collect())
}

fn bound_of(
    session: &mut dyn Session,
    find: &LogFind,
    found: Vec<&Test>,
) -> Result<Option<Bound>, StoreError> {
    let window = LogFind {
        from_ms: find.from_ms,
        until_ms: find.until_ms,
        tests: found.into_iter().cloned().collect(),
        ..LogFind::default()
    };
    let by_owner = !window.tests.is_empty();
    let direction = if find.is_earliest_first() { "ASC" } else { "DESC" };
    let mut clause = Clause::default();
    let tests = tests(&mut clause, &window, session.dialect())?;
    let (selected, order, rows) = if by_owner {
        ("started_ms", format!("started_ms {direction}"), ROWS_OF_OWNER)
    } else {
        ("day, id", format!("day {direction}, id {direction}"), ROWS)
    };
    let offset = clause.place(rows.into());
    let sql = format!(
        "SELECT {selected} FROM stagedoor_ledger WHERE {tests} ORDER BY {order} LIMIT 1 OFFSET {offset}"
    );
    let row = session.first(&sql, &clause.parameters)?;
    Ok(row.map(|row| match by_owner {
        true => Bound::Moment(row.int(0)),
        false => Bound::Row { day: row.int(0), id: row.text(1) },
    }))
}
