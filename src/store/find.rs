//! Lists: filters, order, pages.

use super::entity::{Entity, read, selection};
use super::session::Session;
use super::{Store, StoreError, Value};

/// The largest page.
const LARGEST_PAGE: u32 = 10_000;

/// A condition on a column.
#[derive(Debug, Clone)]
pub enum Test {
    /// Is this.
    Is(&'static str, Value),
    /// Is not this; nothing is not this either.
    IsNot(&'static str, Value),
    /// Is one of these.
    OneOf(&'static str, Vec<Value>),
    /// Has this in it, whatever the case.
    Contains(&'static str, String),
    /// Is a text that is not empty. Written out, so that it chooses an index of such rows.
    Given(&'static str),
    /// Is nothing.
    Nothing(&'static str),
    /// Is at most this.
    UpTo(&'static str, i64),
    /// Is more than this.
    Above(&'static str, i64),
    /// One of these holds.
    Any(Vec<Test>),
    /// All of these hold.
    All(Vec<Test>),
}

/// What to list. Columns are those of the entity ([`Entity::COLUMNS`]), `id`, `part`, `created_ms`,
/// `updated_ms`, and of its account `spend` and `total`.
#[derive(Debug, Clone)]
pub struct Find {
    /// All of these hold.
    pub tests: Vec<Test>,
    /// Sorted by this column; rows that are equal in it, by id.
    pub sort_by: &'static str,
    /// The largest first.
    pub descending: bool,
    /// From 1.
    pub page: u32,
    /// Rows on a page.
    pub size: u32,
}

impl Default for Find {
    /// Everything, newest first.
    fn default() -> Self {
        Find { tests: Vec::new(), sort_by: "created_ms", descending: true, page: 1, size: LARGEST_PAGE }
    }
}

impl Find {
    /// Everything that passes these.
    pub fn all(tests: Vec<Test>) -> Self {
        Find { tests, ..Find::default() }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
    /// Counting stopped at `total`; there are more.
    pub capped: bool,
}

impl<T> Page<T> {
    /// How many pages of this size there are.
    pub fn pages(&self, size: u32) -> u64 {
        self.total.div_ceil(u64::from(size.max(1)))
    }
}

impl Store {
    /// A page of rows.
    ///
    /// # Errors
    /// `Invalid` for a column that is not there; when the database is not there.
    pub async fn find<E: Entity>(&self, find: Find) -> Result<Page<E>, StoreError> {
        self.read(move |session| page(session, &find)).await
    }
}

/// A condition under construction.
#[derive(Default)]
pub(super) struct Clause {
    pub parameters: Vec<Value>,
}

impl Clause {
    pub fn place(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    pub fn test(
        &mut self,
        test: &Test,
        name: &dyn Fn(&str) -> Result<String, StoreError>,
    ) -> Result<String, StoreError> {
        Ok(match test {
            Test::Is(column, value) => format!("{} = {}", name(column)?, self.place(value.clone())),
            Test::IsNot(column, value) => {
                let column = name(column)?;
                format!("({column} IS NULL OR {column} <> {})", self.place(value.clone()))
            }
            Test::OneOf(_, values) if values.is_empty() => "1 = 0".to_string(),
            Test::OneOf(column, values) => {
                let places: Vec<String> = values.iter().map(|value| self.place(value.clone())).collect();
                format!("{} IN ({})", name(column)?, places.join(", "))
            }
            Test::Contains(column, text) => {
                format!("LOWER({}) LIKE {} ESCAPE '!'", name(column)?, self.place(like(text)))
            }
            Test::Given(column) => format!("{} <> ''", name(column)?),
            Test::Nothing(column) => format!("{} IS NULL", name(column)?),
            Test::UpTo(column, limit) => format!("{} <= {}", name(column)?, self.place((*limit).into())),
            Test::Above(column, limit) => format!("{} > {}", name(column)?, self.place((*limit).into())),
            Test::Any(tests) => self.joined(tests, " OR ", "1 = 0", name)?,
            Test::All(tests) => self.joined(tests, " AND ", "1 = 1", name)?,
        })
    }

    pub fn joined(
        &mut self,
        tests: &[Test],
        by: &str,
        none: &str,
        name: &dyn Fn(&str) -> Result<String, StoreError>,
    ) -> Result<String, StoreError> {
        let parts = tests.iter().map(|test| self.test(test, name)).collect::<Result<Vec<_>, _>>()?;
        Ok(if parts.is_empty() { none.to_string() } else { format!("({})", parts.join(by)) })
    }
}

/// A pattern for texts that contain this one.
fn like(text: &str) -> Value {
    let escaped = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    Value::from(format!("%{escaped}%"))
}

fn column<E: Entity>(name: &str) -> Result<String, StoreError> {
    match name {
        "spend" | "total" => Ok(format!("COALESCE(a.{name}, 0)")),
        "id" | "part" | "created_ms" | "updated_ms" => Ok(format!("e.{name}")),
        _ if E::COLUMNS.contains(&name) => Ok(format!("e.{name}")),
        _ => Err(StoreError::invalid(format!("a {} has no column `{name}`", E::NAME))),
    }
}

pub(super) fn page<E: Entity>(session: &mut dyn Session, find: &Find) -> Result<Page<E>, StoreError> {
    let mut clause = Clause::default();
    let tests = clause.joined(&find.tests, " AND ", "1 = 1", &column::<E>)?;
    let from = selection::<E>();
    let source = from.split_once(" FROM ").map_or("", |(_, source)| source);
    let count = format!("SELECT COUNT(*) FROM {source} WHERE {tests}");
    let total = session.first(&count, &clause.parameters)?.map_or(0, |row| row.int(0));
    let sort = column::<E>(find.sort_by)?;
    let (direction, nulls) = if find.descending { ("DESC", "LAST") } else { ("ASC", "FIRST") };
    let size = find.size.clamp(1, LARGEST_PAGE);
    let skip = u64::from(find.page.max(1) - 1).saturating_mul(u64::from(size));
    let skip = i64::try_from(skip).unwrap_or(i64::MAX);
    let (limit, offset) = (clause.place(i64::from(size).into()), clause.place(skip.into()));
    let sql = format!(
        "{from} WHERE {tests} ORDER BY {sort} {direction} NULLS {nulls}, e.id {direction}, e.part {direction}
         LIMIT {limit} OFFSET {offset}"
    );
    let rows = session.query(&sql, &clause.parameters)?;
    let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { rows, total: u64::try_from(total).unwrap_or_default(), capped: false })
}
