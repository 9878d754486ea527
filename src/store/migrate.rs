//! Brings a database up to date: numbered scripts, compiled in, each run once, in one transaction, while no
//! other writer is at work.
//!
//! Scripts of one major number only add (tables, columns with defaults, indexes), so that older replicas go on
//! serving beside newer ones. A database that a newer major has touched is refused.

use super::{Dialect, Session, StoreError, Value};

/// What this program understands.
const MAJOR: i64 = 1;

struct Script {
    number: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

const SCRIPTS: &[Script] = &[
    Script {
        number: 1,
        sqlite: include_str!("../../cluster/sqlite/0001_identities.sql"),
        postgres: include_str!("../../cluster/postgres/0001_identities.sql"),
    },
    Script {
        number: 2,
        sqlite: include_str!("../../cluster/sqlite/0002_ledger.sql"),
        postgres: include_str!("../../cluster/postgres/0002_ledger.sql"),
    },
    Script {
        number: 3,
        sqlite: include_str!("../../cluster/sqlite/0003_openings.sql"),
        postgres: include_str!("../../cluster/postgres/0003_openings.sql"),
    },
    Script {
        number: 4,
        sqlite: include_str!("../../cluster/sqlite/0004_daily.sql"),
        postgres: include_str!("../../cluster/postgres/0004_daily.sql"),
    },
    Script {
        number: 5,
        sqlite: include_str!("../../cluster/sqlite/0005_credentials.sql"),
        postgres: include_str!("../../cluster/postgres/0005_credentials.sql"),
    },
];

/// Runs what is missing. The caller has begun a transaction and commits it.
pub(super) fn run(session: &mut dyn Session) -> Result<(), StoreError> {
    let postgres = session.dialect() == Dialect::Postgres;
    session.script(
        "CREATE TABLE IF NOT EXISTS stagedoor_migrations (
            number BIGINT PRIMARY KEY, major BIGINT NOT NULL, applied_by TEXT NOT NULL)",
    )?;
    let known = session.query("SELECT number, major FROM stagedoor_migrations", &[])?;
    if let Some(newer) = known.iter().map(|row| row.int(1)).max().filter(|major| *major > MAJOR) {
        return Err(StoreError::unavailable(format!(
            "the database was upgraded by a newer Stagedoor (schema {newer}, this program knows {MAJOR}): \
             upgrade this program too"
        )));
    }
    for script in SCRIPTS.iter().filter(|script| !known.iter().any(|row| row.int(0) == script.number)) {
        session.script(if postgres { script.postgres } else { script.sqlite })?;
        session.execute(
            "INSERT INTO stagedoor_migrations (number, major, applied_by) VALUES ($1, $2, $3)",
            &[script.number.into(), MAJOR.into(), Value::from(env!("CARGO_PKG_VERSION"))],
        )?;
    }
    Ok(())
}
