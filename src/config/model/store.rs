//! What is remembered where, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::domain::redact::Redactor;

/// The database and what goes into it.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `database_url`, else `DATABASE_URL`, else made of `DATABASE_HOST`, `DATABASE_NAME` ...; `None`: nothing
    /// outlives the process.
    pub database_url: Option<Secret>,
    /// `database_connection_pool_limit`: connections to PostgreSQL at most (10 by default, and
    /// for 0).
    pub connections: usize,
    /// `database_connection_timeout`: longest wait for the database; `None`: the store's own default,
    /// also for 0.
    pub patience: Option<Duration>,
    /// Whether ledger rows are kept (`disable_spend_logs`, `cost_tracking`); totals and budgets are kept anyway.
    pub keeps_rows: bool,
    /// `store_prompts_in_spend_logs`: rows also keep what was asked and answered, each text cut after so many
    /// characters (`MAX_STRING_LENGTH_PROMPT_IN_DB`, 2048); `None`: they do not.
    pub keeps_content: Option<usize>,
    /// `redact_stored_prompts`: what is taken out of them before.
    pub redactor: Redactor,
    /// `proxy_batch_write_at`: how long a row may wait in the spool for company (1 s by default).
    pub batch_every: Duration,
    /// `maximum_spend_logs_retention_period`; `None`: rows are kept for ever.
    pub retention: Option<Retention>,
    /// `store_model_in_db`: whether models may be added, changed and deleted through the API.
    pub holds_models: bool,
    /// `proxy_config_reload_interval_seconds`: how often models that other replicas changed are looked for (30 s by
    /// default).
    pub models_every: Duration,
    /// `LITELLM_SALT_KEY`: encrypts provider keys in the database; the master key does where it is unset.
    pub salt_key: Option<Secret>,
    /// `allow_requests_on_db_unavailable`: while the database is down, serve keys that are not known here.
    pub open_when_down: bool,
}

/// When old ledger rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Rows older than this go; a month counts 31 days.
    pub keep: Duration,
    /// `maximum_spend_logs_retention_interval`: how often that is looked after (a day by default).
    pub every: Duration,
}

/// The local spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// `spool_dir`, else `SPOOL_DIR`, else beside the SQLite file (`litellm.db-spool`), else, with PostgreSQL,
    /// the user's state folder. `None`: there is no database, so rows need no folder that outlives the process.
    pub dir: Option<PathBuf>,
    /// `spool_fsync`: when rows are forced to the disk.
    pub fsync: SpoolFsync,
    /// `spool_full`: what happens to requests while rows cannot be written.
    pub full: SpoolFull,
}

/// When rows are forced from the kernel's memory to the disk; a difference after a power cut only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpoolFsync {
    /// When the kernel likes.
    #[default]
    Never,
    /// So often (`spool_fsync_interval`, 1 s by default).
    Interval(Duration),
    /// With every row.
    Always,
}

/// What to do while the disk takes no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpoolFull {
    /// Serve; rows wait in memory.
    #[default]
    GoOn,
    /// Refuse requests that would have to be recorded.
    Refuse,
}
