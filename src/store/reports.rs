//! Reports, from what the rows of each day add up to: no row is read, whatever the period.

use super::find::{Clause, Test};
use super::logs::sums;
use super::session::Access;
use super::{Store, StoreError, Value};
use crate::domain::ledger::{Sums, TotalKind};

/// Rows of one answer at most.
const LARGEST: u32 = 100_000;

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
}

impl ReportFilter {
    /// All totals of a kind.
    pub fn of(kind: TotalKind) -> Self {
        ReportFilter { kind, owners: None, keys: None, model: None, from_day: None, to_day: None, top: None }
    }

    /// Only these days, both included.
    #[must_use]
    pub fn days(mut self, from: i64, to: i64) -> Self {
        (self.from_day, self.to_day) = (Some(from), Some(to));
        self
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
    /// When the database is not there.
    pub async fn report(&self, filter: ReportFilter, by: Vec<GroupBy>) -> Result<Vec<ReportRow>, StoreError> {
        self.long(Access::Read, move |session| {
            let mut clause = Clause::default();
            let tests = clause.joined(&filter.tests(), " AND ", "1 = 1", &|name| Ok(name.to_string()))?;
            let columns: Vec<&str> = by.iter().map(|by| by.column()).collect();
            let numbers = [
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
            let mut selected: Vec<String> = columns.iter().map(ToString::to_string).collect();
            selected.extend(numbers.map(|number| format!("CAST(SUM({number}) AS BIGINT)")));
            let mut order = columns.join(", ");
            if filter.top.is_some() {
                order = format!("SUM(spend) DESC{}{order}", if columns.is_empty() { "" } else { ", " });
            }
            let group =
                if columns.is_empty() { String::new() } else { format!("GROUP BY {}", columns.join(", ")) };
            let order = if order.is_empty() { order } else { format!("ORDER BY {order}") };
            let limit = clause.place(i64::from(filter.top.unwrap_or(LARGEST).min(LARGEST)).into());
            let selected = selected.join(", ");
            let sql = format!(
                "SELECT {selected} FROM stagedoor_totals WHERE {tests} {group} {order} LIMIT {limit}"
            );
            let rows = session.query(&sql, &clause.parameters)?;
            Ok(rows.iter().map(|row| told_apart(row, &by)).collect())
        })
        .await
    }
}

fn told_apart(row: &super::Row, by: &[GroupBy]) -> ReportRow {
    let mut told = ReportRow { sums: sums(row, by.len()), ..ReportRow::default() };
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
