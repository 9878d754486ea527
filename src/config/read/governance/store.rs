//! The database and the spool.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::variables;
use crate::base::secret::Secret;
use crate::config::context::Context;
use crate::config::model::{Retention, SpoolFsync, SpoolFull, SpoolSettings, StoreSettings};
use crate::config::problem::At;
use crate::config::scope::Scope;
use crate::domain::redact::Redactor;

/// Connections to PostgreSQL when nothing is said.
const CONNECTIONS: usize = 10;
/// How long rows wait for company when nothing is said.
const BATCH_EVERY: Duration = Duration::from_secs(1);
/// How often old rows are looked for when nothing is said.
const RETENTION_EVERY: Duration = Duration::from_secs(86_400);
/// How often rows are forced to the disk when `spool_fsync: interval` says no more.
const FSYNC_EVERY: Duration = Duration::from_secs(1);

/// How often changed models are looked for when nothing is said.
const MODELS_EVERY: Duration = Duration::from_secs(30);

/// What a usable URL looks like.
const FORMS: &str = "it must look like sqlite:///file.db or postgresql://user:password@host:5432/name";

/// Characters of each text that rows keep when nothing is said.
const LONGEST_TEXT: usize = 2_048;

/// Reads what is said of the database.
pub fn store(context: &Context<'_>, general: &Scope<'_>, litellm: &Scope<'_>) -> StoreSettings {
    // 0 is LiteLLM's default for both, written out.
    let connections = general.small("database_connection_pool_limit").filter(|count| *count > 0);
    let connections = connections.and_then(|count| usize::try_from(count).ok());
    let patience = general.seconds("database_connection_timeout").filter(|patience| !patience.is_zero());
    let (disabled, tracking) = (general.flag("disable_spend_logs"), litellm.bool("cost_tracking"));
    let batch_every = general.seconds("proxy_batch_write_at");
    let models_every = general.limit("proxy_config_reload_interval_seconds");
    let holds_models = general.bool("store_model_in_db");
    let longest = variables::number(context, "MAX_STRING_LENGTH_PROMPT_IN_DB", 1..=65_536);
    StoreSettings {
        database_url: database_url(context, general),
        connections: connections.unwrap_or(CONNECTIONS),
        patience,
        keeps_rows: !disabled && tracking.unwrap_or(true),
        keeps_content: general.flag("store_prompts_in_spend_logs").then_some(longest.unwrap_or(LONGEST_TEXT)),
        redactor: redactor(general),
        batch_every: batch_every.unwrap_or(BATCH_EVERY),
        retention: retention(general),
        holds_models: holds_models.or_else(|| variables::flag(context, "STORE_MODEL_IN_DB")).unwrap_or(false),
        models_every: models_every.unwrap_or(MODELS_EVERY),
        salt_key: context.environment.get("LITELLM_SALT_KEY").map(Secret::new),
        open_when_down: general.flag("allow_requests_on_db_unavailable"),
    }
}

fn redactor(general: &Scope<'_>) -> Redactor {
    let Some(field) = general.get("redact_stored_prompts") else { return Redactor::default() };
    let Some(rules) = field.texts() else { return Redactor::default() };
    Redactor::new(rules).unwrap_or_else(|(index, cause)| {
        field.error(format!("entry {index} is neither keys nor emails nor a regular expression: {cause}"));
        Redactor::default()
    })
}

/// The config's URL, or the environment's, or the one that its parts make.
fn database_url(context: &Context<'_>, general: &Scope<'_>) -> Option<Secret> {
    if let Some(field) = general.get("database_url") {
        let url = field.text()?;
        if !url.trim().is_empty() {
            if !is_known(&url) {
                field.error(FORMS);
            }
            return Some(Secret::new(url));
        }
    }
    let Some(url) = context.environment.get("DATABASE_URL") else { return from_parts(context) };
    if !is_known(&url) {
        variables::wrong(context, "DATABASE_URL", &format!("names no database: {FORMS}"));
    }
    Some(Secret::new(url))
}

fn is_known(url: &str) -> bool {
    let scheme = url.trim().split(':').next().unwrap_or_default();
    let known = matches!(scheme.split('+').next(), Some("sqlite" | "postgres" | "postgresql"));
    known && url.contains("://")
}

/// A PostgreSQL URL of `DATABASE_HOST` and its kin; the host alone is no wish for a database.
fn from_parts(context: &Context<'_>) -> Option<Secret> {
    let get = |names: &[&str]| context.environment.first(names).map(|(_, value)| value);
    let host = get(&["DATABASE_HOST"])?;
    let (name, user) = (get(&["DATABASE_NAME"]), get(&["DATABASE_USERNAME", "DATABASE_USER"]));
    let (Some(name), Some(user)) = (name, user) else {
        let text = "DATABASE_HOST is set, but there is no database without DATABASE_NAME and DATABASE_USER";
        context.problems.warn(At::default(), "", text);
        return None;
    };
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let password = get(&["DATABASE_PASSWORD"]).map(|word| format!(":{}", encoded(&word)));
    let port = get(&["DATABASE_PORT"]).map(|port| format!(":{}", port.trim()));
    let schema = get(&["DATABASE_SCHEMA"]).map(|schema| format!("?schema={}", encoded(&schema)));
    Some(Secret::new(format!(
        "postgresql://{}{}@{}{}/{}{}",
        encoded(&user),
        password.unwrap_or_default(),
        host.trim(),
        port.unwrap_or_default(),
        encoded(&name),
        schema.unwrap_or_default()
    )))
}

fn retention(general: &Scope<'_>) -> Option<Retention> {
    let span = |key: &str| general.get(key).and_then(|field| field.span());
    let every = span("maximum_spend_logs_retention_interval").unwrap_or(RETENTION_EVERY);
    Some(Retention { keep: span("maximum_spend_logs_retention_period")?, every })
}

/// Reads what is said of the spool.
pub fn spool(context: &Context<'_>, general: &Scope<'_>, database: Option<&Secret>) -> SpoolSettings {
    let every = general.limit("spool_fsync_interval").unwrap_or(FSYNC_EVERY);
    let fsync = [
        ("never", SpoolFsync::Never),
        ("interval", SpoolFsync::Interval(every)),
        ("always", SpoolFsync::Always),
    ];
    let full = [("go_on", SpoolFull::GoOn), ("refuse", SpoolFull::Refuse)];
    let dir = general.text("spool_dir").or_else(|| context.environment.get("SPOOL_DIR"));
    SpoolSettings {
        dir: dir.map(PathBuf::from).or_else(|| default_dir(context, database?)),
        fsync: general.get("spool_fsync").and_then(|field| field.word(&fsync)).unwrap_or_default(),
        full: general.get("spool_full").and_then(|field| field.word(&full)).unwrap_or_default(),
    }
}

/// Beside the SQLite file, like its own `-wal`; with PostgreSQL the service's or the user's state folder.
fn default_dir(context: &Context<'_>, database: &Secret) -> Option<PathBuf> {
    let url = database.expose().trim();
    if url.starts_with("sqlite") {
        return sqlite_file(url).map(|file| PathBuf::from(format!("{file}-spool")));
    }
    let get = |name: &str| context.environment.get(name);
    if let Some(folder) = get("STATE_DIRECTORY") {
        // systemd's: one folder, or several with colons between them.
        return folder.split(':').next().map(|first| Path::new(first).join("spool"));
    }
    let home = || get("HOME").map(|home| format!("{home}/.local/state"));
    let state = get("XDG_STATE_HOME").or_else(home).unwrap_or_else(|| "/var/lib".to_owned());
    Some(Path::new(&state).join("stagedoor/spool"))
}

/// The file of a SQLite URL in SQLAlchemy's form; `None` when it names none, because it lives in memory.
fn sqlite_file(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let file = rest.split('?').next()?.strip_prefix('/')?;
    (!matches!(file, "" | ":memory:")).then_some(file)
}
