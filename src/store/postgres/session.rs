//! One connection, used as if it were synchronous: the job has a thread of its own, its statements wait on the
//! store's runtime, and none of them waits beyond the job's deadline.

use std::collections::HashSet;
use std::error::Error as _;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::Client;
use crate::store::session::{Insert, pieces, tuples};
use crate::store::value::Cell;
use crate::store::{Access, Dialect, Row, Session, StoreError, Value, migrate};

/// A connection of the pool while a job has it.
pub(super) struct PostgresSession {
    client: Option<Client>,
    handle: Handle,
    deadline: Instant,
    in_transaction: bool,
    in_the_way: bool,
    /// Whether the next transaction may take as long as [`UPGRADE`] once it has begun.
    upgrading: bool,
}

/// How long it may take to bring a database up to date: indexes over a large ledger take minutes.
const UPGRADE: Duration = Duration::from_secs(3_600);

impl PostgresSession {
    pub fn new(client: Client, handle: Handle, deadline: Instant) -> Self {
        let client = Some(client);
        PostgresSession {
            client,
            handle,
            deadline,
            in_transaction: false,
            in_the_way: false,
            upgrading: false,
        }
    }

    /// Whether the last failure was another transaction's doing (a deadlock, a serialization failure).
    pub fn was_in_the_way(&self) -> bool {
        self.in_the_way
    }

    /// Brings the schema up to date, once for each process and again for each one that failed.
    pub fn prepare(&mut self, ready: &AtomicBool) -> Result<(), StoreError> {
        if ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let deadline = self.deadline;
        self.upgrading = true;
        let done = self.transaction(Access::Write, &|session| migrate::run(session));
        (self.upgrading, self.deadline) = (false, deadline);
        done?;
        ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Runs a job between the right `BEGIN` and `COMMIT`.
    pub fn transaction<T>(
        &mut self,
        access: Access,
        job: &dyn Fn(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.in_the_way = false;
        let begin = match access {
            Access::Read => return job(self),
            Access::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // Writers take turns, as in SQLite: all of them change the account of everybody anyway, and no two of
            // them can wait for each other.
            Access::Write => "BEGIN; SELECT pg_advisory_xact_lock(7305808869229538)",
        };
        self.in_transaction = true;
        self.script(begin)?;
        // Only now: who waits for another one's upgrade gives up when its own time is over.
        if self.upgrading {
            self.deadline = Instant::now() + UPGRADE;
        }
        let result = job(self).and_then(|value| self.script("COMMIT").map(|()| value));
        if result.is_err() && self.client.is_some() {
            let in_the_way = self.in_the_way;
            self.script("ROLLBACK")?;
            self.in_the_way = in_the_way;
        }
        self.in_transaction = false;
        result
    }

    /// Waits for one exchange with the server. A connection that is late or broken is closed, which also ends
    /// what the server was doing for it.
    fn wait<T>(
        &mut self,
        exchange: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let Some(client) = &self.client else {
            return Err(StoreError::unavailable("the connection is lost"));
        };
        let done: Result<T, StoreError> =
            match block(&self.handle, tokio::time::timeout_at(self.deadline, exchange(client))) {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(cause)) => {
                    let state = cause.code();
                    self.in_the_way = state == Some(&SqlState::T_R_DEADLOCK_DETECTED)
                        || state == Some(&SqlState::T_R_SERIALIZATION_FAILURE);
                    Err(told(&cause))
                }
                Err(_) => Err(StoreError::unavailable("the database did not answer in time")),
            };
        let closed = self.client.as_ref().is_some_and(|client| client.is_closed());
        if closed || matches!(&done, Err(error) if error.message.ends_with("in time")) {
            self.discard();
        }
        done
    }

    fn discard(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

fn block<F: Future>(handle: &Handle, future: F) -> F::Output {
    handle.block_on(future)
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        // A job that panicked in a transaction: the connection is of no use to others.
        if self.in_transaction {
            self.discard();
        }
    }
}

impl Session for PostgresSession {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        let rows = self.wait(async |client: &Client| {
            let statement = client.prepare_cached(sql).await?;
            let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
            client.query(&statement, &parameters).await
        })?;
        rows.iter().map(row).collect()
    }

    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.wait(async |client: &Client| {
            let statement = client.prepare_cached(sql).await?;
            let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
            client.execute(&statement, &parameters).await
        })
    }

    fn insert(&mut self, into: &Insert, cells: &[Cell<'_>]) -> Result<Vec<bool>, StoreError> {
        let width = into.columns.len();
        let rows: Vec<&[Cell<'_>]> = cells.chunks_exact(width).collect();
        let id = into.columns.get(into.id).copied().unwrap_or_default();
        let mut new = Vec::with_capacity(rows.len());
        for piece in pieces(&rows) {
            let sql = format!("{} RETURNING {id}", into.sql(&tuples(piece.len(), width)));
            let written = self.wait(async |client: &Client| {
                let statement = client.prepare_cached(&sql).await?;
                let parameters: Vec<&(dyn ToSql + Sync)> =
                    piece.iter().copied().flatten().map(|cell| cell as _).collect();
                client.query(&statement, &parameters).await
            })?;
            let written: HashSet<&[u8]> =
                written.iter().filter_map(|row| row.try_get::<_, &str>(0).ok()).map(str::as_bytes).collect();
            new.extend(
                piece
                    .iter()
                    .map(|row| matches!(row.get(into.id), Some(Cell::Text(id)) if written.contains(*id))),
            );
        }
        Ok(new)
    }

    fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.wait(async |client: &Client| client.batch_execute(sql).await)
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let cell = match self {
            Value::Null => Cell::Null,
            Value::Int(number) => Cell::Int(*number),
            Value::Text(text) => Cell::Text(text.as_bytes()),
        };
        cell.to_sql(ty, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl ToSql for Cell<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Cell::Null => Ok(IsNull::Yes),
            Cell::Int(number) if *ty == Type::BOOL => (*number != 0).to_sql(ty, out),
            Cell::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Cell::Int(number) if *ty == Type::INT8 => number.to_sql(ty, out),
            Cell::Text(text) if <&str as ToSql>::accepts(ty) => std::str::from_utf8(text)?.to_sql(ty, out),
            Cell::Int(_) | Cell::Text(_) => Err(format!("a value does not fit type {ty}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

pub(in crate::store) fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let read = |place: usize| -> Result<Value, tokio_postgres::Error> {
        let type_ = row.columns().get(place).map(tokio_postgres::Column::type_);
        Ok(match type_ {
            Some(&Type::INT8) => row.try_get::<_, Option<i64>>(place)?.into(),
            Some(&Type::INT4) => row.try_get::<_, Option<i32>>(place)?.map(i64::from).into(),
            Some(&Type::BOOL) => row.try_get::<_, Option<bool>>(place)?.into(),
            Some(&Type::VOID) => Value::Null,
            _ => row.try_get::<_, Option<String>>(place)?.map_or(Value::Null, Value::Text),
        })
    };
    let values: Result<Vec<Value>, _> = (0..row.len()).map(read).collect();
    values.map(Row).map_err(|cause| StoreError::defect(format!("PostgreSQL: {cause}")))
}

/// What a failure means to callers. Messages of the server may be repeated; their details hold values of rows.
fn told(cause: &tokio_postgres::Error) -> StoreError {
    let Some(said) = cause.as_db_error() else {
        return StoreError::unavailable(format!("the connection to the database broke: {}", chain(cause)));
    };
    if *said.code() == SqlState::UNIQUE_VIOLATION {
        return StoreError::taken(said.constraint().unwrap_or_default());
    }
    let text = format!("PostgreSQL: {} ({})", said.message(), said.code().code());
    // Classes: 08 connection, 25 read-only standby, 40 rolled back, 53 resources, 55 locks, 57 operator, 58 system.
    let class = said.code().code().get(..2).unwrap_or_default();
    match class {
        "08" | "25" | "28" | "3D" | "40" | "53" | "55" | "57" | "58" => StoreError::unavailable(text),
        _ => StoreError::defect(text),
    }
}

/// An error with the causes behind it; the driver's own text is only `db error` or `error connecting`.
pub(in crate::store) fn chain(cause: &tokio_postgres::Error) -> String {
    if let Some(said) = cause.as_db_error() {
        return said.message().to_string();
    }
    let mut text = cause.to_string();
    let mut source = cause.source();
    while let Some(next) = source {
        text = format!("{text}: {next}");
        source = next.source();
    }
    text
}
