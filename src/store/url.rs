//! `database_url`: which database, and how to reach it.
//!
//! SQLite's forms are SQLAlchemy's: `sqlite:///file.db` is relative to the working directory,
//! `sqlite:////var/lib/file.db` is absolute, `sqlite://`, `sqlite://:memory:` and `sqlite:///:memory:` live in
//! memory. PostgreSQL's are libpq's, with the parameters that Prisma adds to them understood or left aside.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::StoreError;

/// How the connection to PostgreSQL is protected; libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Not at all.
    Disable,
    /// Encrypted if the server can; the certificate is not looked at.
    Prefer,
    /// Encrypted; the certificate is looked at only if there is a root to check it against.
    Require,
    /// Encrypted, with a certificate that the root vouches for.
    VerifyCa,
    /// The same, and it must name the host.
    VerifyFull,
}

/// A PostgreSQL server.
#[derive(Clone)]
pub struct PostgresTarget {
    /// Host, user, password, database and times as the driver understands them.
    pub config: tokio_postgres::Config,
    /// Protection.
    pub ssl_mode: SslMode,
    /// File with the roots to check the certificate against; `None`: the public ones.
    pub ssl_root: Option<PathBuf>,
    /// Connections at most, when the URL says so (`connection_limit`).
    pub connections: Option<usize>,
    /// Time to wait for a free connection, when the URL says so (`pool_timeout`).
    pub pool_timeout: Option<Duration>,
}

/// What a URL names.
#[derive(Clone)]
pub enum Target {
    /// SQLite in memory.
    Memory,
    /// SQLite in a file.
    File(PathBuf),
    /// PostgreSQL.
    Postgres(Box<PostgresTarget>),
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// A sentence that does not repeat the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        parse(url)
    }
}

/// Reads a URL.
///
/// # Errors
/// A sentence that does not repeat the URL, which may hold a password.
pub fn parse(url: &str) -> Result<Target, StoreError> {
    let url = url.trim();
    let (scheme, rest) = url.split_once(':').ok_or_else(|| {
        StoreError::invalid(
            "database_url has no scheme: use sqlite:///file.db or postgresql://user@host/name",
        )
    })?;
    match scheme.split('+').next().unwrap_or(scheme) {
        "sqlite" => sqlite(rest),
        "postgres" | "postgresql" => postgres(rest),
        other => Err(StoreError::invalid(format!(
            "database_url: `{other}` is no known database: use sqlite:///file.db or postgresql://user@host/name"
        ))),
    }
}

fn sqlite(rest: &str) -> Result<Target, StoreError> {
    let rest = rest.strip_prefix("//").ok_or_else(|| {
        StoreError::invalid(
            "database_url: SQLite wants slashes: sqlite:///relative.db or sqlite:////absolute.db",
        )
    })?;
    let path = rest.split('?').next().unwrap_or(rest);
    if matches!(path, "" | "/" | ":memory:" | "/:memory:") {
        return Ok(Target::Memory);
    }
    let path = path.strip_prefix('/').ok_or_else(|| {
        StoreError::invalid("database_url: SQLite has no host: use sqlite:///relative.db with three slashes")
    })?;
    Ok(Target::File(PathBuf::from(path)))
}

fn postgres(rest: &str) -> Result<Target, StoreError> {
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut target = PostgresTarget {
        config: tokio_postgres::Config::new(),
        ssl_mode: SslMode::Prefer,
        ssl_root: None,
        connections: None,
        pool_timeout: None,
    };
    let mut schema = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        match name {
            "sslmode" => target.ssl_mode = ssl_mode(&value)?,
            "sslrootcert" if value == "system" => {}
            "sslrootcert" | "sslcert" => target.ssl_root = Some(PathBuf::from(value)),
            "schema" => schema = Some(value),
            "connection_limit" => target.connections = value.parse().ok().filter(|count| *count > 0),
            "pool_timeout" => target.pool_timeout = value.parse().ok().map(Duration::from_secs),
            // Settings of other drivers that change nothing here.
            "pgbouncer"
            | "sslaccept"
            | "socket_timeout"
            | "statement_cache_size"
            | "sslidentity"
            | "sslpassword" => {}
            _ => kept.push(pair),
        }
    }
    let text = format!("postgresql:{base}{}{}", if kept.is_empty() { "" } else { "?" }, kept.join("&"));
    let config = tokio_postgres::Config::from_str(&text);
    // The driver's own text could repeat what it could not read.
    target.config =
        config.map_err(|_| StoreError::invalid("database_url is no PostgreSQL URL that can be read"))?;
    if let Some(schema) = schema {
        let known = target.config.get_options().unwrap_or_default().to_string();
        target.config.options(format!("{known} -c search_path={}", schema.replace(['\\', ' '], "")).trim());
    }
    target.config.ssl_mode(match target.ssl_mode {
        SslMode::Disable => tokio_postgres::config::SslMode::Disable,
        SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
            tokio_postgres::config::SslMode::Require
        }
    });
    Ok(Target::Postgres(Box::new(target)))
}

fn ssl_mode(text: &str) -> Result<SslMode, StoreError> {
    Ok(match text {
        "disable" => SslMode::Disable,
        "allow" | "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        other => return Err(StoreError::invalid(format!("database_url: `{other}` is no sslmode"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> String {
        match parse(url).unwrap() {
            Target::File(path) => path.to_string_lossy().into_owned(),
            Target::Memory => "memory".into(),
            Target::Postgres(_) => panic!("{url}"),
        }
    }

    #[test]
    fn sqlite_urls_are_read_as_sqlalchemy_does() {
        assert_eq!(file("sqlite:///litellm.db"), "litellm.db");
        assert_eq!(file("sqlite:///./data/x.db?check=1"), "./data/x.db");
        assert_eq!(file("sqlite:////var/lib/x.db"), "/var/lib/x.db");
        assert_eq!(file("sqlite+aiosqlite:///x.db"), "x.db");
        for memory in ["sqlite://:memory:", "sqlite:///:memory:", "sqlite://", "sqlite:///"] {
            assert_eq!(file(memory), "memory");
        }
        for bad in ["sqlite://host/x.db", "sqlite:x.db", "mysql://x", "x.db"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn postgres_urls_may_carry_what_other_drivers_want() {
        let url = "postgresql://u:p%40ss@db:5433/name?sslmode=verify-full&sslrootcert=/ca.pem&schema=s\
                   &connection_limit=4&pgbouncer=true&application_name=x";
        let Target::Postgres(target) = parse(url).unwrap() else { panic!() };
        assert_eq!(target.ssl_mode, SslMode::VerifyFull);
        assert_eq!(target.ssl_root, Some(PathBuf::from("/ca.pem")));
        assert_eq!(target.connections, Some(4));
        assert_eq!(target.config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(target.config.get_options(), Some("-c search_path=s"));
        assert_eq!(target.config.get_application_name(), Some("x"));
    }

    #[test]
    fn errors_do_not_repeat_the_password() {
        for bad in ["postgresql://u:hunter2@h:port/x", "postgresql://u:hunter2@h/x?sslmode=maybe"] {
            let Err(error) = parse(bad) else { panic!("{bad}") };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
