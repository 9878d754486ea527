//! One conversation with a database, the same for both kinds, so that every query is written once.
//!
//! SQL is the part that both understand; parameters are `$1`, `$2` ... What differs is asked of [`Dialect`].

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::value::Cell;
use super::{Row, StoreError, Value};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// What a job wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads; each statement sees what is committed when it begins.
    Read,
    /// Reads; all statements see the same moment.
    Snapshot,
    /// Changes things, all or nothing. May be run again when another transaction was in the way.
    Write,
}

/// Where rows are written.
pub struct Insert {
    /// The table.
    pub table: &'static str,
    /// The columns, in the order of a row's cells.
    pub columns: &'static [&'static str],
    /// What makes a row the same one.
    pub key: &'static str,
    /// The column that tells a row from the others of a batch.
    pub id: usize,
}

impl Insert {
    /// The statement for these rows, in the form of [`tuples`] or another.
    pub(super) fn sql(&self, rows: &str) -> String {
        let Insert { table, columns, key, .. } = self;
        format!("INSERT INTO {table} ({}) VALUES {rows} ON CONFLICT ({key}) DO NOTHING", columns.join(", "))
    }
}

/// An open connection.
pub trait Session {
    /// Which database it is.
    fn dialect(&self) -> Dialect;

    /// All rows of an answer.
    ///
    /// # Errors
    /// What the database says.
    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// How many rows were changed.
    ///
    /// # Errors
    /// What the database says.
    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, StoreError>;

    /// Writes rows into a table; those that are there already stay as they are. `cells` are the rows one behind the
    /// other. Answers of each row whether it was new.
    ///
    /// # Errors
    /// What the database says.
    fn insert(&mut self, into: &Insert, cells: &[Cell<'_>]) -> Result<Vec<bool>, StoreError>;

    /// Runs several statements without parameters.
    ///
    /// # Errors
    /// What the database says.
    fn script(&mut self, sql: &str) -> Result<(), StoreError>;
}

impl dyn Session + '_ {
    /// The first row of an answer.
    pub(super) fn first(&mut self, sql: &str, parameters: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, parameters)?.into_iter().next())
    }

    /// The next number of the store's one sequence.
    pub(super) fn next_version(&mut self) -> Result<i64, StoreError> {
        let sql = match self.dialect() {
            Dialect::Sqlite => "UPDATE stagedoor_sequence SET value = value + 1 RETURNING value",
            Dialect::Postgres => "SELECT nextval('stagedoor_version')",
        };
        self.first(sql, &[])?.map(|row| row.int(0)).ok_or_else(|| StoreError::defect("the sequence is gone"))
    }
}

/// `$first, $first+1 ...`, so many of them.
pub(super) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

/// `($1, $2), ($3, $4) ...`: rows of so many columns. Each is written once: for rows of the ledger these are thousands
/// of numbers, which would cost more than storing the rows.
pub(super) fn tuples(rows: usize, columns: usize) -> Arc<str> {
    type Written = HashMap<(usize, usize), Arc<str>>;
    static KNOWN: LazyLock<Mutex<Written>> = LazyLock::new(Mutex::default);
    let written = || {
        let tuples = (0..rows).map(|row| format!("({})", places(row * columns + 1, columns)));
        Arc::from(tuples.collect::<Vec<_>>().join(", "))
    };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // Lengths are few (see `pieces`), columns are the tables'.
    Arc::clone(known.entry((rows, columns)).or_insert_with(written))
}

/// Cuts a list into pieces whose lengths are powers of two, at most 64: few enough different statements to keep
/// all of them prepared.
pub(super) fn pieces<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = [64, 32, 16, 8, 4, 2, 1].into_iter().find(|length| *length <= items.len())?;
        let (piece, rest) = items.split_at_checked(length)?;
        items = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_into_few_lengths() {
        let items: Vec<u32> = (0..203).collect();
        let lengths: Vec<usize> = pieces(&items).map(<[u32]>::len).collect();
        assert_eq!(lengths, [64, 64, 64, 8, 2, 1]);
        assert_eq!(pieces(&items).flatten().copied().collect::<Vec<_>>(), items);
        assert_eq!(&*tuples(2, 2), "($1, $2), ($3, $4)");
    }
}
