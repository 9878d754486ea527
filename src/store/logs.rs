//! Rows of the ledger: found, sorted, paged, summed up.

use super::find::{Clause, Page, Test};
use super::session::{Access, Dialect, Session};
use super::{Row, Store, StoreError, Value, keys, ledger_row};
use crate::domain::ledger::{DAY_MS, LedgerRow, Sums, day_of, id_ms};

mod sessions;
mod stretch;

pub use sessions::InSession;

/// Counting stops here: a list that long is not paged to its end, and counting ten million rows takes seconds.
const COUNTED: i64 = 10_000;

/// The largest page.
const LARGEST_PAGE: u32 = 10_000;

/// What rows are sorted by; equal ones by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogSort {
    /// Admission.
    #[default]
    Start,
    /// End.
    End,
    /// Cost.
    Spend,
    /// Input and output tokens.
    TotalTokens,
    /// Model.
    Model,
    /// How long it took.
    Duration,
    /// How long the first token took; rows without one last.
    FirstToken,
}

impl LogSort {
    fn sql(self) -> &'static str {
        match self {
            // An id begins with its moment, so this is the primary key's order.
            LogSort::Start => "day",
            LogSort::End => "ended_ms",
            LogSort::Spend => "spend",
            LogSort::TotalTokens => "prompt_tokens + completion_tokens",
            LogSort::Model => "model",
            LogSort::Duration => "ended_ms - started_ms",
            LogSort::FirstToken => "first_token_ms - started_ms",
        }
    }
}

/// Which rows. Columns are those of the ledger's table, beside `tag`, which is [`LogFind::tag`]'s.
#[derive(Debug, Clone, Default)]
pub struct LogFind {
    /// Admitted at or after.
    pub from_ms: Option<i64>,
    /// Admitted before.
    pub until_ms: Option<i64>,
    /// All of these hold.
    pub tests: Vec<Test>,
    /// Sorted by.
    pub sort_by: LogSort,
    /// The smallest first.
    pub ascending: bool,
    /// From 1; 0 is 1, too.
    pub page: u32,
    /// Rows on a page; 0: 50.
    pub size: u32,
}

impl LogFind {
    /// Whether the rows that were admitted first come first.
    fn is_earliest_first(&self) -> bool {
        self.sort_by == LogSort::Start && self.ascending
    }

    fn page_size(&self) -> u32 {
        if self.size == 0 { 50 } else { self.size.min(LARGEST_PAGE) }
    }

    /// How many come before the page.
    fn skipped(&self) -> i64 {
        i64::from(self.page.max(1) - 1) * i64::from(self.page_size())
    }

    /// The rows that an id names, whoever gave it: ours, the call's, the provider's.
    pub fn request(id: &str) -> Test {
        let mut any = vec![Test::Is("call_id", id.into()), Test::Is("response_id", id.into())];
        // Ours tells its day, and with that its place in the primary key.
        any.extend(
            id_ms(id)
                .map(|ms| Test::All(vec![Test::Is("day", day_of(ms).into()), Test::Is("id", id.into())])),
        );
        Test::Any(any)
    }

    /// The rows with this tag.
    pub fn tag(tag: &str) -> Test {
        let quoted = serde_json::to_string(tag).unwrap_or_default();
        Test::Contains("tags", quoted)
    }
}

impl Store {
    /// A page of rows, the latest first unless asked otherwise. Those of a key have also the hashes that it replaced. The total counts up to 10 000. What no index finds
    /// or sorts is looked for in a stretch of the rows, the latest ones (the earliest when the earliest come first);
    /// the total is capped when there are more.
    ///
    /// # Errors
    /// `Invalid` for a column that is not there; when the database is not there.
    pub async fn logs(&self, find: LogFind) -> Result<Page<LedgerRow>, StoreError> {
        self.long(Access::Snapshot, move |session| {
            let tests = find.tests.iter().cloned();
            let tests = tests.map(|test| of_all_texts(session, test)).collect::<Result<_, _>>()?;
            page(session, &LogFind { tests, ..find.clone() })
        })
        .await
    }

    /// What rows come to for each combination of values in these columns, the dearest first. It reads the rows
    /// themselves: for what the totals of [`Store::report`] do not tell apart. Order and pages of `find` are not
    /// looked at.
    ///
    /// # Errors
    /// As [`Store::logs`].
    pub async fn log_sums(
        &self,
        by: Vec<&'static str>,
        find: LogFind,
    ) -> Result<Vec<(Vec<String>, Sums)>, StoreError> {
        self.long(Access::Read, move |session| {
            let mut clause = Clause::default();
            let tests = tests(&mut clause, &find, session.dialect())?;
            let by: Vec<String> = by.iter().map(|name| column(name)).collect::<Result<_, _>>()?;
            let by = by.join(", ");
            let sql = format!(
                "SELECT {by}, {} FROM stagedoor_ledger WHERE {tests} GROUP BY {by} ORDER BY 1 LIMIT {LARGEST_PAGE}",
                sums_of_rows()
            );
            let width = by.split(", ").count();
            let rows = session.query(&sql, &clause.parameters)?;
            let mut found: Vec<_> = rows
                .iter()
                .map(|row| ((0..width).map(|place| row.text(place)).collect(), sums(row, width)))
                .collect();
            found.sort_by_key(|(_, sums): &(Vec<String>, Sums)| std::cmp::Reverse(sums.spend_nanos));
            Ok(found)
        })
        .await
    }
}

/// The numbers of [`Sums`], in their order, from rows.
fn sums_of_rows() -> String {
    let expressions = [
        "spend",
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "1",
        "CASE WHEN status = 'success' THEN 1 ELSE 0 END",
        "CASE WHEN status = 'success' THEN 0 ELSE 1 END",
        "CASE WHEN cache_hit THEN 1 ELSE 0 END",
        "CASE WHEN ended_ms > started_ms THEN ended_ms - started_ms ELSE 0 END",
    ];
    expressions.map(|expression| format!("CAST(SUM({expression}) AS BIGINT)")).join(", ")
}

/// The numbers of [`Sums`] from `place` on.
fn sums(row: &Row, place: usize) -> Sums {
    Sums::from_array(std::array::from_fn(|number| row.int(place + number)))
}

fn column(name: &str) -> Result<String, StoreError> {
    if ledger_row::COLUMNS.contains(&name) {
        return Ok(name.to_string());
    }
    Err(StoreError::invalid(format!("a ledger row has no column `{name}`")))
}

/// The rows of a key are those of all texts that it had.
fn of_all_texts(session: &mut dyn Session, test: Test) -> Result<Test, StoreError> {
    let Test::Is("key_hash", Value::Text(hash)) = &test else { return Ok(test) };
    let replaced = keys::replaced_by(session, hash)?;
    if replaced.is_empty() {
        return Ok(test);
    }
    let others = replaced.into_iter().filter(|other| other != hash);
    let others = others.map(|other| Test::Is("key_hash", other.as_str().into())).collect::<Vec<_>>();
    Ok(Test::Any(others.into_iter().chain([test]).collect()))
}

/// Columns with an index of the rows that have something there.
const INDEXED: [&str; 7] =
    ["user_id", "team_id", "end_user", "session_id", "response_id", "call_id", "error_code"];

/// The same test, in a form that an index answers.
fn indexed(test: Test) -> Test {
    match test {
        Test::Is(column, Value::Text(text)) if INDEXED.contains(&column) && !text.is_empty() => {
            Test::All(vec![Test::Is(column, Value::Text(text)), Test::Given(column)])
        }
        Test::Any(tests) => Test::Any(tests.into_iter().map(indexed).collect()),
        other => other,
    }
}

/// Whether an index other than that of time finds the rows.
fn has_index(test: &Test) -> bool {
    match test {
        Test::Is(column, _) => *column == "key_hash" || *column == "id" || INDEXED.contains(column),
        Test::All(tests) => tests.iter().any(has_index),
        Test::Any(tests) => !tests.is_empty() && tests.iter().all(has_index),
        _ => false,
    }
}

/// The condition, with the days that it is about, by which whole parts are left out. SQLite has no parts, and would
/// rather walk through the days than use an owner's index, in which the day is not: there the moments say it all.
fn tests(clause: &mut Clause, find: &LogFind, dialect: Dialect) -> Result<String, StoreError> {
    let without_days = find.tests.iter().any(has_index) && dialect == Dialect::Sqlite;
    let mut all: Vec<Test> = find.tests.iter().cloned().map(indexed).collect();
    if let Some(from) = find.from_ms {
        all.extend((!without_days).then(|| Test::Above("day", day_of(from).saturating_sub(1))));
        all.push(Test::Above("started_ms", from.saturating_sub(1)));
    }
    if let Some(until) = find.until_ms {
        all.extend((!without_days).then(|| Test::UpTo("day", until.saturating_sub(1).div_euclid(DAY_MS))));
        all.push(Test::UpTo("started_ms", until.saturating_sub(1)));
    }
    clause.joined(&all, " AND ", "1 = 1", &column)
}

fn page(session: &mut dyn Session, find: &LogFind) -> Result<Page<LedgerRow>, StoreError> {
    let mut clause = Clause::default();
    let bound = stretch::bound(session, find)?;
    let tests = match &bound {
        None => tests(&mut clause, find, session.dialect())?,
        Some(bound) => stretch::tests_within(&mut clause, find, bound, session.dialect())?,
    };
    let more = COUNTED + 1;
    let count = format!(
        "SELECT COUNT(*) FROM (SELECT 1 AS one FROM stagedoor_ledger WHERE {tests} LIMIT {more}) AS counted"
    );
    let total = session.first(&count, &clause.parameters)?.map_or(0, |row| row.int(0));
    let limit = clause.place(i64::from(find.page_size()).into());
    let offset = clause.place(find.skipped().into());
    let direction = if find.ascending { "ASC" } else { "DESC" };
    // The same order, in the owners' indexes.
    let by_owner = find.sort_by == LogSort::Start && find.tests.iter().any(has_index);
    let order = if by_owner { "started_ms" } else { find.sort_by.sql() };
    let nulls = if find.sort_by == LogSort::FirstToken { " NULLS LAST" } else { "" };
    let sql = format!(
        "SELECT {} FROM stagedoor_ledger WHERE {tests} ORDER BY {} {direction}{nulls}, id {direction}
         LIMIT {limit} OFFSET {offset}",
        ledger_row::COLUMNS.join(", "),
        order
    );
    let rows = session.query(&sql, &clause.parameters)?;
    let rows = rows.iter().map(ledger_row::read).collect::<Result<_, _>>()?;
    let counted = u64::try_from(total.min(COUNTED)).unwrap_or_default();
    Ok(Page { rows, total: counted, capped: bound.is_some() || total > COUNTED })
}
