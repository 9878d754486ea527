//! Rows of the ledger with those of one session as one: its latest row, and what all of them come to.

use super::{Clause, LogFind, LogSort, Page, of_all_texts, stretch, tests};
use crate::domain::ledger::LedgerRow;
use crate::store::session::{Access, Session};
use crate::store::{Store, StoreError, ledger_row};

/// What tells sessions apart; a row of none is one of its own.
const SESSION: &str = "CASE WHEN session_id = '' THEN 'r' || id ELSE 's' || session_id END";

/// The latest row of a session, and the session.
#[derive(Debug, Clone)]
pub struct InSession {
    /// The row.
    pub row: LedgerRow,
    /// Rows of the session among those that were looked at.
    pub rows: i64,
    /// What they cost together.
    pub spend_nanos: i64,
}

impl Store {
    /// [`Store::logs`] with one row for each session. As they have to be read for that, sessions are looked for among
    /// the latest rows of the period (the earliest where these come first); the total is capped when there are more.
    ///
    /// # Errors
    /// As [`Store::logs`].
    pub async fn logs_by_session(&self, find: LogFind) -> Result<Page<InSession>, StoreError> {
        self.long(Access::Snapshot, move |session| {
            let tests = find.tests.iter().cloned();
            let tests = tests.map(|test| of_all_texts(session, test)).collect::<Result<_, _>>()?;
            page(session, &LogFind { tests, ..find.clone() })
        })
        .await
    }
}

fn page(session: &mut dyn Session, find: &LogFind) -> Result<Page<InSession>, StoreError> {
    let mut clause = Clause::default();
    let bound = stretch::among_rows(session, find)?;
    let tests = match &bound {
        None => tests(&mut clause, find, session.dialect())?,
        Some(bound) => stretch::tests_within(&mut clause, find, bound, session.dialect())?,
    };
    let count = format!("SELECT COUNT(DISTINCT {SESSION}) FROM stagedoor_ledger WHERE {tests}");
    let total = session.first(&count, &clause.parameters)?.map_or(0, |row| row.int(0));
    let size = find.page_size();
    let (limit, offset) = (clause.place(i64::from(size).into()), clause.place(find.skipped().into()));
    let direction = if find.ascending { "ASC" } else { "DESC" };
    let (order, nulls) = match find.sort_by {
        LogSort::Start => ("started_ms", ""),
        LogSort::Spend => ("session_spend", ""),
        LogSort::FirstToken => (LogSort::FirstToken.sql(), " NULLS LAST"),
        other => (other.sql(), ""),
    };
    let columns = ledger_row::COLUMNS.join(", ");
    let sql = format!(
        "SELECT {columns}, session_rows, session_spend FROM (
           SELECT {columns}, COUNT(*) OVER whole AS session_rows,
                  CAST(SUM(spend) OVER whole AS BIGINT) AS session_spend,
                  ROW_NUMBER() OVER (PARTITION BY {SESSION} ORDER BY started_ms DESC, id DESC) AS place
           FROM stagedoor_ledger WHERE {tests} WINDOW whole AS (PARTITION BY {SESSION})
         ) AS placed WHERE place = 1 ORDER BY {order} {direction}{nulls}, id {direction}
         LIMIT {limit} OFFSET {offset}"
    );
    let width = ledger_row::COLUMNS.len();
    let rows = session.query(&sql, &clause.parameters)?;
    let rows = rows.iter().map(|row| {
        Ok(InSession { row: ledger_row::read(row)?, rows: row.int(width), spend_nanos: row.int(width + 1) })
    });
    let rows = rows.collect::<Result<_, StoreError>>()?;
    Ok(Page { rows, total: u64::try_from(total).unwrap_or_default(), capped: bound.is_some() })
}
