//! Reports, from what the rows of each day add up to: no row is read, whatever the period.

use super::find::{Clause, Page, Test};
use super::session::{Access, Session};
use super::{Store, StoreError, Value, daily, keys};
use crate::domain::ledger::{Sums, TotalKind};

/// Rows of one answer at most. A report that has more is refused: a bill that is cut would be a wrong one.
pub const LARGEST: u32 = 100_000;

/// What totals are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// The day.
    Day,
    /// The owner.
    Owner,
    /// The key used (nothing for [`TotalKind::All`] and [`TotalKind::Key`]).
    Key,
    /// The group asked for.
    ModelGroup,
    /// The model that answered.
    Model,
    /// Its provider.
    Provider,
    /// The kind of call.
    CallType,
}

impl GroupBy {
    fn column(self) -> &'static str {
        match self {
            GroupBy::Day => "day",
            GroupBy::Owner => "owner",
            GroupBy::Key => "key_hash",
            GroupBy::ModelGroup => "model_group",
            GroupBy::Model => "model",
            GroupBy::Provider => "provider",
            GroupBy::CallType => "call_type",
        }
    }
}

/// The columns of [`Sums`], in their order.
const SUMS: [&str; Sums::LEN] = [
    "spend",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "requests",
    "successes",
    "failures",
    "cache_hits",
    "duration_ms",
];

/// Which of the sums are wanted. The others are left at nothing, which makes a report over many totals cheaper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Numbers {
    /// All of them.
    #[default]
    All,
    /// Spend, input and output tokens, requests, and how many of them the response cache answered.
    Costs,
    /// Spend and requests. Over everybody's days they come from a table of their own, with a row for each owner and
    /// day.
    Spend,
}

impl Numbers {
    /// The places of the wanted ones among all.
    fn places(self) -> &'static [usize] {
        match self {
            Numbers::All => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
            Numbers::Costs => &[0, 1, 2, 6, 9],
            Numbers::Spend => &[0, 6],
        }
    }
}

/// Whose totals.
#[derive(Debug, Clone)]
pub struct ReportFilter {
    /// Of owners of this kind.
    pub kind: TotalKind,
    /// Only these owners.
    pub owners: Option<Vec<String>>,
    /// Only calls with these keys.
    pub keys: Option<Vec<String>>,
    /// Only this model: as the group that was asked for, or as the model that answered.
    pub model: Option<String>,
    /// From this day on (days since 1970-01-01, UTC).
    pub from_day: Option<i64>,
    /// Up to this day, itself included.
    pub to_day: Option<i64>,
    /// So many at most, the dearest first; `None`: all, by what they are told apart by.
    pub top: Option<u32>,
    /// Only a page of the lines, in their order: its number, from 1, and how many lines it has at most.
    pub page: Option<(u32, u32)>,
    /// The sums that are wanted.
    pub numbers: Numbers,
}

impl ReportFilter {
    /// All totals of a kind.
    pub fn of(kind: TotalKind) -> Self {
        ReportFilter {
            kind,
            owners: None,
            keys: None,
            model: None,
            from_day: None,
            to_day: None,
            top: None,
            page: None,
            numbers: Numbers::All,
        }
    }

    /// Only spend and requests of all totals of a kind.
    pub fn spend_of(kind: TotalKind) -> Self {
        ReportFilter { numbers: Numbers::Spend, ..ReportFilter::of(kind) }
    }

    /// Only these days, both included.
    #[must_use]
    pub fn days(mut self, from: i64, to: i64) -> Self {
        (self.from_day, self.to_day) = (Some(from), Some(to));
        self
    }

    /// Whether the days of the owners say it all.
    fn is_daily(&self, by: &[GroupBy]) -> bool {
        let everybody = self.owners.is_none() && self.keys.is_none() && self.model.is_none();
        let told = by.iter().all(|by| matches!(by, GroupBy::Day | GroupBy::Owner));
        self.numbers == Numbers::Spend && everybody && told
    }

    /// The same; what a key has spent includes what it has spent under the hashes that it replaced.
    fn of_all_texts(&self, session: &mut dyn Session) -> Result<Self, StoreError> {
        let mut found = self.clone();
        let owners = if self.kind == TotalKind::Key { found.owners.as_mut() } else { None };
        for hashes in owners.into_iter().chain(found.keys.as_mut()) {
            for hash in hashes.clone() {
                hashes.extend(keys::replaced_by(session, &hash)?);
            }
        }
        Ok(found)
    }

    fn tests(&self) -> Vec<Test> {
        let one_of = |column, names: &Option<Vec<String>>| {
            names.as_ref().map(|names| Test::OneOf(column, names.iter().map(Value::from).collect()))
        };
        let mut tests = vec![Test::Is("kind", self.kind.as_str().into())];
        tests.extend(one_of("owner", &self.owners));
        tests.extend(one_of("key_hash", &self.keys));
        tests.extend(self.model.as_ref().map(|model| {
            Test::Any(vec![Test::Is("model_group", model.into()), Test::Is("model", model.into())])
        }));
        tests.extend(self.from_day.map(|day| Test::Above("day", day.saturating_sub(1))));
        tests.extend(self.to_day.map(|day| Test::UpTo("day", day)));
        tests
    }
}

/// What one combination comes to. What it was not told apart by is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportRow {
    /// Days since 1970-01-01.
    pub day: i64,
    /// The owner.
    pub owner: String,
    /// The key used.
    pub key_hash: String,
    /// The group asked for.
    pub model_group: String,
    /// The model that answered.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// The kind of call.
    pub call_type: String,
    /// How much.
    pub sums: Sums,
}

impl Store {
    /// Totals of the days, added up over everything that they are not told apart by.
    ///
    /// # Errors
    /// `Invalid` when it has more than a hundred thousand lines and no page is asked for; when the database is not there.
    pub async fn report(&self, filter: ReportFilter, by: Vec<GroupBy>) -> Result<Vec<ReportRow>, StoreError> {
        self.report_within(filter, by, LARGEST).await
    }

    /// [`Store::report`] with so many lines at most.
    pub(super) async fn report_within(
        &self,
        filter: ReportFilter,
        by: Vec<GroupBy>,
        most: u32,
    ) -> Result<Vec<ReportRow>, StoreError> {
        let daily = filter.is_daily(&by);
        // What is missing in one table and what is read from the other must be of one moment.
        let access = if daily { Access::Snapshot } else { Access::Read };
        self.long(access, move |session| {
            let filter = filter.of_all_texts(session)?;
            let mut clause = Clause::default();
            let table = if daily {
                let behind = daily::behind(session, filter.from_day, filter.to_day)?;
                daily::source(&mut clause, &behind)
            } else {
                "stagedoor_totals".to_string()
            };
            grouped(session, &filter, &by, &table, clause, most)
        })
        .await
    }

    /// A page of totals, each combination for itself, the latest days first. `top` and `numbers` are not looked at.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn report_page(
        &self,
        filter: ReportFilter,
        page: u32,
        size: u32,
    ) -> Result<Page<ReportRow>, StoreError> {
        self.long(Access::Snapshot, move |session| {
            let filter = filter.of_all_texts(session)?;
            one_page(session, &filter, page, size)
        })
        .await
    }
}

fn grouped(
    session: &mut dyn Session,
    filter: &ReportFilter,
    by: &[GroupBy],
    table: &str,
    mut clause: Clause,
    most: u32,
) -> Result<Vec<ReportRow>, StoreError> {
    let tests = clause.joined(&filter.tests(), " AND ", "1 = 1", &|name| Ok(name.to_string()))?;
    let columns: Vec<&str> = by.iter().map(|by| by.column()).collect();
    let numbers = filter.numbers.places().iter().filter_map(|place| SUMS.get(*place));
    let mut selected: Vec<String> = columns.iter().map(ToString::to_string).collect();
    selected.extend(numbers.map(|number| format!("CAST(SUM({number}) AS BIGINT)")));
    let mut order = columns.join(", ");
    if filter.top.is_some() {
        order = format!("SUM(spend) DESC{}{order}", if columns.is_empty() { "" } else { ", " });
    }
    let group = if columns.is_empty() { String::new() } else { format!("GROUP BY {}", columns.join(", ")) };
    let order = if order.is_empty() { order } else { format!("ORDER BY {order}") };
    let (skip, lines) = match (filter.page, filter.top) {
        (Some((page, size)), _) => (i64::from(page.max(1) - 1).saturating_mul(size.into()), size.min(most)),
        (None, Some(top)) => (0, top.min(most)),
        (None, None) => (0, most + 1),
    };
    let (limit, offset) = (clause.place(i64::from(lines).into()), clause.place(skip.into()));
    let selected = selected.join(", ");
    let sql =
        format!("SELECT {selected} FROM {table} WHERE {tests} {group} {order} LIMIT {limit} OFFSET {offset}");
    let rows = session.query(&sql, &clause.parameters)?;
    if rows.len() > most as usize {
        let message = format!(
            "The report has more than {most} lines: ask for fewer days or fewer owners, or where there are pages for \
             those (`page`, `page_size`)."
        );
        return Err(StoreError::invalid(message));
    }
    Ok(rows.iter().map(|row| told_apart(row, by, filter.numbers)).collect())
}

/// What tells totals of a kind apart, in the order of their primary key, so that a page is cut from it.
const APART: [GroupBy; 7] = [
    GroupBy::Day,
    GroupBy::Owner,
    GroupBy::Key,
    GroupBy::Model,
    GroupBy::ModelGroup,
    GroupBy::Provider,
    GroupBy::CallType,
];

fn one_page(
    session: &mut dyn Session,
    filter: &ReportFilter,
    page: u32,
    size: u32,
) -> Result<Page<ReportRow>, StoreError> {
    let mut clause = Clause::default();
    let tests = clause.joined(&filter.tests(), " AND ", "1 = 1", &|name| Ok(name.to_string()))?;
    let count = format!("SELECT COUNT(*) FROM stagedoor_totals WHERE {tests}");
    let total = session.first(&count, &clause.parameters)?.map_or(0, |row| row.int(0));
    let skip = i64::from(page.max(1) - 1).saturating_mul(i64::from(size));
    let (limit, offset) = (clause.place(i64::from(size).into()), clause.place(skip.into()));
    let columns = APART.map(GroupBy::column);
    let sql = format!(
        "SELECT {}, {} FROM stagedoor_totals WHERE {tests} ORDER BY {} LIMIT {limit} OFFSET {offset}",
        columns.join(", "),
        SUMS.join(", "),
        columns.map(|column| format!("{column} DESC")).join(", ")
    );
    let rows = session.query(&sql, &clause.parameters)?;
    let rows = rows.iter().map(|row| told_apart(row, &APART, Numbers::All)).collect();
    Ok(Page { rows, total: u64::try_from(total).unwrap_or_default(), capped: false })
}

fn told_apart(row: &super::Row, by: &[GroupBy], numbers: Numbers) -> ReportRow {
    let mut sums = [0; Sums::LEN];
    for (column, place) in numbers.places().iter().enumerate() {
        if let Some(sum) = sums.get_mut(*place) {
            *sum = row.int(by.len() + column);
        }
    }
    let mut told = ReportRow { sums: Sums::from_array(sums), ..ReportRow::default() };
    for (place, by) in by.iter().enumerate() {
        match by {
            GroupBy::Day => told.day = row.int(place),
            GroupBy::Owner => told.owner = row.text(place),
            GroupBy::Key => told.key_hash = row.text(place),
            GroupBy::ModelGroup => told.model_group = row.text(place),
            GroupBy::Model => told.model = row.text(place),
            GroupBy::Provider => told.provider = row.text(place),
            GroupBy::CallType => told.call_type = row.text(place),
        }
    }
    told
}
