//! What the gateway remembers: identities, money and the ledger, in SQLite or PostgreSQL.
//!
//! [`Store`] is one type for both. Its calls are asynchronous and never wait beyond their time: SQLite runs on
//! threads of its own, PostgreSQL on a runtime of its own. Nothing is opened before the first call, which also
//! brings the schema up to date; a database that is down gives [`StoreErrorKind::Unavailable`] until it is back.
//!
//! Every query is written once, for a [`session::Session`]; one behavioural test suite (`suite`) runs on both.

mod accounts;
mod append;
mod audit;
mod auth;
mod daily;
mod entity;
mod error;
mod find;
mod health;
mod history;
mod keys;
mod ledger_row;
mod listen;
pub mod litellm;
mod logs;
mod migrate;
mod named;
mod openings;
mod owners;
mod parts;
mod postgres;
mod reports;
mod retention;
mod session;
mod settings;
mod sqlite;
mod tables;
mod takeover;
mod url;
mod value;

#[cfg(test)]
mod suite;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

pub use append::{Appended, Charged};
pub use audit::Difference;
pub use auth::Grant;
pub use entity::Entity;
pub use error::{StoreError, StoreErrorKind};
pub use find::{Find, Page, Test};
pub use keys::DeletedKey;
pub use listen::Notice;
pub use logs::{InSession, LogFind, LogSort};
pub use named::NamedRows;
pub use owners::Transaction;
pub use reports::{GroupBy, LARGEST as LARGEST_REPORT, Numbers, ReportFilter, ReportRow};
pub use settings::Setting;
pub use takeover::{Outcome, TakeOver, Taken};
pub use url::Target;
pub use value::{Row, Value};

use crate::domain::keys::reset::Calendar;
use health::Health;
use postgres::Postgres;
use session::{Access, Dialect, Session};
use sqlite::Sqlite;

/// How the store is to behave.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Connections to PostgreSQL at most, unless the URL says otherwise.
    pub connections: usize,
    /// How long a look-up or a small change may take.
    pub patience: Duration,
    /// How long a batch of rows, a report, an audit or a clean-up may take.
    pub long_patience: Duration,
    /// When budgets begin anew.
    pub calendar: Calendar,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            connections: 10,
            patience: Duration::from_secs(5),
            long_patience: Duration::from_secs(60),
            calendar: Calendar::default(),
        }
    }
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

struct Inner {
    backend: Backend,
    options: StoreOptions,
    ready: Arc<AtomicBool>,
    parts: Arc<parts::Known>,
    health: Health,
}

/// The store. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

/// What is to be done with a connection; more than once when another transaction was in the way.
type Job<T> = Box<dyn Fn(&mut dyn Session) -> Result<T, StoreError> + Send>;

impl Store {
    /// A store at a URL ([`url`]); nothing is opened yet.
    ///
    /// # Errors
    /// [`StoreErrorKind::Invalid`] when the URL cannot be read, or its certificate file.
    pub fn new(database_url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let ready = Arc::default();
        let backend = match url::parse(database_url)? {
            Target::Memory => Backend::Sqlite(Sqlite::start(None, &ready)?),
            Target::File(path) => Backend::Sqlite(Sqlite::start(Some(path), &ready)?),
            Target::Postgres(target) => Backend::Postgres(Postgres::start(*target, options.connections)?),
        };
        let (parts, health) = (Arc::default(), Health::default());
        Ok(Store(Arc::new(Inner { backend, options, ready, parts, health })))
    }

    /// A store that forgets everything when the program ends.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn in_memory(options: StoreOptions) -> Result<Self, StoreError> {
        Store::new("sqlite://:memory:", options)
    }

    /// `sqlite` or `postgresql`, for logs.
    pub fn kind(&self) -> &'static str {
        match self.0.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Postgres(_) => "postgresql",
        }
    }

    /// Whether it lives in memory only.
    pub fn forgets(&self) -> bool {
        matches!(&self.0.backend, Backend::Sqlite(sqlite) if sqlite.is_memory())
    }

    /// Whether the database answers and its schema is this program's; brings it up to date first.
    ///
    /// # Errors
    /// Why not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.write(|session| session.query("SELECT 1", &[]).map(|_| ())).await
    }

    /// Looks whether the database answers, and remembers it for [`Store::is_up`]. A change is logged. To be called
    /// every few seconds.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn look(&self) -> Result<(), StoreError> {
        let result = self.read(|session| session.query("SELECT 1", &[]).map(|_| ())).await;
        self.0.health.note(self.kind(), &result);
        result
    }

    /// Whether the database answered when it was looked at last; `None` before that.
    pub fn is_up(&self) -> Option<bool> {
        self.0.health.is_up()
    }

    fn calendar(&self) -> Calendar {
        self.0.options.calendar.clone()
    }

    async fn read<T: Send + 'static>(
        &self,
        job: impl Fn(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(Access::Read, self.0.options.patience, Box::new(job)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl Fn(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(Access::Write, self.0.options.patience, Box::new(job)).await
    }

    async fn long<T: Send + 'static>(
        &self,
        access: Access,
        job: impl Fn(&mut dyn Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(access, self.0.options.long_patience, Box::new(job)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        access: Access,
        patience: Duration,
        job: Job<T>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + patience;
        match &self.0.backend {
            Backend::Postgres(postgres) => {
                postgres.run(access, deadline, Arc::clone(&self.0.ready), job).await
            }
            Backend::Sqlite(sqlite) => {
                self.open(sqlite, deadline).await?;
                on_sqlite(sqlite, access, deadline, job).await
            }
        }
    }

    /// The file is made and brought up to date by the writer before a reader may look at it.
    async fn open(&self, sqlite: &Sqlite, deadline: Instant) -> Result<(), StoreError> {
        use std::sync::atomic::Ordering;
        if !self.0.ready.load(Ordering::Acquire) {
            let look: Job<()> = Box::new(|session| session.query("SELECT 1", &[]).map(|_| ()));
            on_sqlite(sqlite, Access::Write, deadline, look).await?;
            self.0.ready.store(true, Ordering::Release);
        }
        Ok(())
    }
}

async fn on_sqlite<T: Send + 'static>(
    sqlite: &Sqlite,
    access: Access,
    deadline: Instant,
    job: Job<T>,
) -> Result<T, StoreError> {
    let (answer, answered) = oneshot::channel();
    let run = Box::new(move |session: &mut sqlite::SqliteSession| {
        // Nobody waits any more: the caller has given up, and must find that nothing happened.
        if !answer.is_closed() {
            let _ = answer.send(session.run(access, &*job));
        }
    });
    sqlite.submit(access, run)?;
    match tokio::time::timeout_at(deadline, answered).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(StoreError::defect("a job of the store has panicked")),
        Err(_) => Err(StoreError::unavailable("the database did not answer in time")),
    }
}
