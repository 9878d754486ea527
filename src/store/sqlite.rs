//! SQLite: one thread that writes, a few that read, none of them asynchronous.
//!
//! A job that is never run because too many wait, or because its caller has gone, changes nothing.

use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::session::Insert;
use super::value::Cell;
use super::{Access, Dialect, Row, Session, StoreError, Value, migrate};

/// Jobs that may wait for one kind of thread.
const WAITING: usize = 4_096;

/// Threads that read a file.
const READERS: usize = 3;

/// How long a writer waits for a writer of another process.
const BUSY: Duration = Duration::from_secs(5);

/// Prepared statements that each connection keeps.
const STATEMENTS: usize = 256;

type Job = Box<dyn FnOnce(&mut SqliteSession) + Send>;

/// The threads.
pub(super) struct Sqlite {
    writer: SyncSender<Job>,
    /// `None` in memory, where only one connection can see the data.
    readers: Option<SyncSender<Job>>,
}

/// A connection, opened at its first job and again when opening failed.
pub(super) struct SqliteSession {
    path: Option<PathBuf>,
    read_only: bool,
    open: Option<Connection>,
    /// The file that was opened last. Its name may belong to another one by now, or to none.
    identity: Option<Identity>,
    shared: Arc<Shared>,
}

/// What the threads of one store know together.
#[derive(Default)]
struct Shared {
    /// Whether the writer has brought the file up to date; taken back when the file is another one.
    ready: Arc<AtomicBool>,
    /// The file that the writer has brought up to date.
    current: Mutex<Option<Identity>>,
}

/// What makes a file the same one: its device and its number there.
type Identity = (u64, u64);

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Identity>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

impl Sqlite {
    /// Starts the threads; the file is opened by the first job.
    /// `ready` says whether the writer has brought the file up to date, so that readers may look at it.
    pub fn start(path: Option<PathBuf>, ready: &Arc<AtomicBool>) -> Result<Self, StoreError> {
        let (writer, jobs) = sync_channel(WAITING);
        let shared = Arc::new(Shared { ready: Arc::clone(ready), current: Mutex::default() });
        let session = |path, read_only| {
            let shared = Arc::clone(&shared);
            SqliteSession { path, read_only, open: None, identity: None, shared }
        };
        spawn("store-writer", session(path.clone(), false), Arc::new(Mutex::new(jobs)))?;
        let Some(path) = path else { return Ok(Sqlite { writer, readers: None }) };
        let (readers, jobs) = sync_channel(WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..READERS {
            spawn("store-reader", session(Some(path.clone()), true), Arc::clone(&jobs))?;
        }
        Ok(Sqlite { writer, readers: Some(readers) })
    }

    /// Whether there is no file.
    pub fn is_memory(&self) -> bool {
        self.readers.is_none()
    }

    /// Hands a job to a thread.
    pub fn submit(&self, access: Access, job: Job) -> Result<(), StoreError> {
        let queue = match (&self.readers, access) {
            (Some(readers), Access::Read | Access::Snapshot) => readers,
            _ => &self.writer,
        };
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => StoreError::unavailable("too many calls wait for the database"),
            TrySendError::Disconnected(_) => StoreError::unavailable("the database's thread has ended"),
        })
    }
}

fn spawn(name: &str, mut session: SqliteSession, jobs: Arc<Mutex<Receiver<Job>>>) -> Result<(), StoreError> {
    let run = move || {
        loop {
            // Held while waiting: the reader that has it takes the next job, the others wait for it.
            let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { return };
            if catch_unwind(AssertUnwindSafe(|| job(&mut session))).is_err() {
                // The job's caller learns of it by the channel that the job held. A connection in the middle
                // of something is not used again, unless it is all there is.
                session.recover();
            }
        }
    };
    let thread = std::thread::Builder::new().name(name.to_string()).spawn(run);
    thread
        .map(|_| ())
        .map_err(|cause| StoreError::unavailable(format!("no thread for the database: {cause}")))
}

impl SqliteSession {
    fn recover(&mut self) {
        if self.path.is_some() {
            self.open = None;
        } else if let Some(connection) = &self.open
            && !connection.is_autocommit()
        {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if self.open.is_none() {
            // A file that was there once is not made anew: what it held would seem never to have been.
            let may_make = !self.read_only && self.identity.is_none();
            self.open = Some(connect(self.path.as_deref(), self.read_only, may_make)?);
            self.identity = self.path.as_deref().and_then(identity);
            if !self.read_only {
                *self.shared.current() = self.identity;
            }
        }
        self.open.as_mut().ok_or_else(|| StoreError::unavailable("the database is not open"))
    }

    /// Makes sure that the open file is the one that has its name. SQLite goes on with a file that nobody can find
    /// any more, and what is written there is lost with the process.
    fn look(&mut self) -> Result<(), StoreError> {
        let (Some(path), Some(known)) = (&self.path, self.identity) else { return Ok(()) };
        let shown = path.display();
        match identity(path) {
            Some(found) if found == known => Ok(()),
            Some(found) => {
                self.open = None;
                if !self.read_only {
                    tracing::warn!(
                        "the database file {shown} is another one than before: another file has taken its place"
                    );
                } else if *self.shared.current() != Some(found) {
                    // The writer has to bring it up to date first.
                    self.shared.ready.store(false, Ordering::Release);
                    let message = format!("the database file {shown} is being opened anew");
                    return Err(StoreError::unavailable(message));
                }
                Ok(())
            }
            None => {
                self.shared.ready.store(false, Ordering::Release);
                Err(StoreError::unavailable(format!(
                    "the database file {shown} was deleted or moved away while it was in use: put it back, or \
                     restart to begin with a new one"
                )))
            }
        }
    }

    /// Runs a job in a transaction of the kind it wants.
    pub fn run<T>(
        &mut self,
        access: Access,
        job: &dyn Fn(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.look()?;
        self.connection()?;
        match access {
            Access::Read => return job(self),
            Access::Snapshot => self.script("BEGIN")?,
            Access::Write => self.script("BEGIN IMMEDIATE")?,
        }
        let result = job(self).and_then(|value| self.script("COMMIT").map(|()| value));
        if result.is_err() {
            self.recover_transaction();
        }
        result
    }

    fn recover_transaction(&mut self) {
        if let Some(connection) = &self.open
            && !connection.is_autocommit()
            && connection.execute_batch("ROLLBACK").is_err()
        {
            self.recover();
        }
    }
}

fn connect(path: Option<&Path>, read_only: bool, may_make: bool) -> Result<Connection, StoreError> {
    let Some(path) = path else {
        let connection = Connection::open_in_memory().map_err(broken)?;
        return prepare(connection, read_only);
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let (path, folder) = (path.display(), folder.display());
        return Err(StoreError::unavailable(format!("cannot open {path}: there is no folder {folder}")));
    }
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, may_make);
    let opened = Connection::open_with_flags(path, flags);
    let connection = opened
        .map_err(|cause| StoreError::unavailable(format!("cannot open {}: {cause}", path.display())))?;
    prepare(connection, read_only)
}

fn prepare(mut connection: Connection, read_only: bool) -> Result<Connection, StoreError> {
    connection.busy_timeout(BUSY).map_err(broken)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // FULL: a committed ledger row survives a power cut, and may leave the spool.
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = -4000; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;";
    connection.execute_batch(settings).map_err(broken)?;
    if read_only {
        // Each reader has a cache of its own; the kernel's holds the file for all of them.
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -1000").map_err(broken)?;
        return Ok(connection);
    }
    let mut session = SqliteSession {
        path: None,
        read_only: false,
        open: Some(connection),
        identity: None,
        shared: Arc::default(),
    };
    session.script("BEGIN EXCLUSIVE")?;
    migrate::run(&mut session)?;
    session.script("COMMIT")?;
    connection = session.open.take().ok_or_else(|| StoreError::defect("the connection is gone"))?;
    Ok(connection)
}

impl Session for SqliteSession {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection()?;
        let mut statement = connection.prepare_cached(&numbered(sql)).map_err(broken)?;
        let columns = statement.column_count();
        for (place, parameter) in parameters.iter().enumerate() {
            statement.raw_bind_parameter(place + 1, parameter).map_err(broken)?;
        }
        let mut found = statement.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(broken)? {
            let read = |place| row.get_ref(place).map(value).map_err(broken);
            rows.push(Row((0..columns).map(read).collect::<Result<_, _>>()?));
        }
        Ok(rows)
    }

    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        let connection = self.connection()?;
        let mut statement = connection.prepare_cached(&numbered(sql)).map_err(broken)?;
        for (place, parameter) in parameters.iter().enumerate() {
            statement.raw_bind_parameter(place + 1, parameter).map_err(broken)?;
        }
        statement.raw_execute().map(|rows| rows as u64).map_err(broken)
    }

    /// One statement that is run for each row, with those parameters changed that differ from the row before: binding a
    /// text copies it, and rows of a batch have most of them in common. A statement for many rows would be bound whole.
    fn insert(&mut self, into: &Insert, cells: &[Cell<'_>]) -> Result<Vec<bool>, StoreError> {
        let width = into.columns.len();
        let sql = into.sql(&format!("({})", vec!["?"; width].join(", ")));
        let connection = self.connection()?;
        let mut statement = connection.prepare_cached(&sql).map_err(broken)?;
        let mut new = Vec::with_capacity(cells.len() / width.max(1));
        let mut last: &[Cell<'_>] = &[];
        for row in cells.chunks_exact(width) {
            for (place, cell) in row.iter().enumerate() {
                if last.get(place) != Some(cell) {
                    statement.raw_bind_parameter(place + 1, cell).map_err(broken)?;
                }
            }
            new.push(statement.raw_execute().map_err(broken)? > 0);
            last = row;
        }
        Ok(new)
    }

    fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.connection()?.execute_batch(sql).map_err(broken)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Int(number) => ValueRef::Integer(*number),
            Cell::Text(text) => ValueRef::Text(text),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        // Sums of integers are integers; a fraction can only come from an average that was not rounded.
        #[allow(clippy::cast_possible_truncation)]
        ValueRef::Real(number) => Value::Int(number.round() as i64),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

/// `$1` as SQLite numbers parameters: `?1`. To SQLite `$1` is a name, numbered by its first appearance.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

fn broken(cause: rusqlite::Error) -> StoreError {
    let Some(code) = cause.sqlite_error_code() else {
        return StoreError::defect(format!("SQLite: {cause}"));
    };
    match code {
        ErrorCode::ConstraintViolation => match cause {
            rusqlite::Error::SqliteFailure(_, Some(text)) if text.contains("UNIQUE") => {
                StoreError::taken(&text)
            }
            other => StoreError::defect(format!("SQLite: {other}")),
        },
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::SystemIoFailure
        | ErrorCode::PermissionDenied
        | ErrorCode::NotADatabase
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::OperationInterrupted => StoreError::unavailable(format!("SQLite: {cause}")),
        _ => StoreError::defect(format!("SQLite: {cause}")),
    }
}
