//! A LiteLLM proxy's PostgreSQL database, read as it stood at one moment.
//!
//! Everything is read in one `REPEATABLE READ READ ONLY` transaction, so that the proxy may go on working. Its
//! versions differ in their columns: what a table has is asked of the database, and only that is read. Tables are
//! read page by page in the order of their keys, so memory does not grow with them.

mod record;

use std::collections::BTreeMap;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error as PostgresError};

use super::postgres::session::{chain, row};
use super::postgres::{CONNECT, SILENT, tls};
use super::url::{self, Target};
use super::{StoreError, Value};

pub use record::Record;

/// Waits as long as it takes while rows are written elsewhere, and writes floats so that they come back.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
                     SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0;
                     SET LOCAL extra_float_digits = 3";

/// A column of a table.
struct Column {
    name: String,
    /// As `information_schema` calls it.
    kind: String,
}

/// An open database of LiteLLM's.
pub struct Source {
    client: Client,
    tables: BTreeMap<String, Vec<Column>>,
    as_of_ms: i64,
}

impl Source {
    /// Connects, with the URL's own settings for TLS, and begins the one transaction.
    ///
    /// # Errors
    /// One sentence, which never repeats the URL.
    pub async fn open(from: &str) -> Result<Self, StoreError> {
        let client = connect(from).await?;
        client.batch_execute(BEGIN).await.map_err(told)?;
        let mut source = Source { client, tables: BTreeMap::new(), as_of_ms: 0 };
        let now = "SELECT floor(extract(epoch FROM now()) * 1000)::bigint";
        source.as_of_ms = source.query(now, &[]).await?.first().map_or(0, |row| row.int(0));
        source.tables = source.columns().await?;
        Ok(source)
    }

    /// Of when everything that is read is, milliseconds since 1970.
    pub fn as_of_ms(&self) -> i64 {
        self.as_of_ms
    }

    /// Whether there is a table of this name that may be read.
    pub fn has(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Refuses when a table is not there, or must not be read.
    ///
    /// # Errors
    /// Which of both.
    pub async fn require(&self, table: &str) -> Result<(), StoreError> {
        let sql = "SELECT has_table_privilege(c.oid, 'SELECT'), current_user::text FROM pg_class c
                   WHERE c.oid = to_regclass($1)";
        let found = self.query(sql, &[Value::from(format!("\"{table}\""))]).await?;
        match found.first() {
            None => Err(StoreError::invalid(format!(
                "there is no table {table}: is this LiteLLM's database? (`?schema=` in the URL names another schema)"
            ))),
            Some(row) if !row.truth(0) => {
                Err(StoreError::invalid(format!("the user {} may not read the table {table}", row.text(1))))
            }
            Some(_) => Ok(()),
        }
    }

    /// How many rows a table has; 0 when it is not there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count(&self, table: &str) -> Result<u64, StoreError> {
        if !self.has(table) {
            return Ok(0);
        }
        let rows = self.query(&format!("SELECT COUNT(*) FROM \"{table}\""), &[]).await?;
        Ok(rows.first().and_then(|row| u64::try_from(row.int(0)).ok()).unwrap_or_default())
    }

    /// The next rows of a table in the order of `keys` (columns that cannot be empty), from behind a row with these
    /// values of them; and the values of the last row. Nothing when the table is not there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn page(
        &self,
        table: &str,
        keys: &[&str],
        after: Option<&[String]>,
        size: i64,
    ) -> Result<(Vec<Record>, Vec<String>), StoreError> {
        let Some(columns) = self.tables.get(table) else { return Ok((Vec::new(), Vec::new())) };
        let key_list: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
        let key_texts: Vec<String> = key_list.iter().map(|key| format!("{key}::text")).collect();
        let key_list = key_list.join(", ");
        let kind = |key: &str| columns.iter().find(|column| column.name == key).map_or("text", |c| &c.kind);
        let (mut behind, mut parameters) = (String::new(), Vec::new());
        if let Some(after) = after {
            let places: Vec<String> = keys
                .iter()
                .enumerate()
                .map(|(place, key)| format!("${}::text::{}", place + 1, kind(key)))
                .collect();
            behind = format!("WHERE ({key_list}) > ({})", places.join(", "));
            parameters.extend(after.iter().map(Value::from));
        }
        let sql = format!(
            "SELECT {}, {} FROM \"{table}\" {behind} ORDER BY {key_list} LIMIT {size}",
            key_texts.join(", "),
            selection(columns)
        );
        let rows = self.query(&sql, &parameters).await?;
        let last = rows.last().map(|row| (0..keys.len()).map(|place| row.text(place)).collect());
        let records = rows.into_iter().map(|row| record(columns, row, keys.len())).collect();
        Ok((records, last.unwrap_or_default()))
    }

    /// The rows of a table that have one of these values in a column.
    ///
    /// # Errors
    /// What the database says.
    pub async fn matching(
        &self,
        table: &str,
        column: &str,
        values: &[String],
    ) -> Result<Vec<Record>, StoreError> {
        let Some(columns) = self.tables.get(table) else { return Ok(Vec::new()) };
        let places: Vec<String> = (1..=values.len()).map(|place| format!("${place}::text")).collect();
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {} FROM \"{table}\" WHERE \"{column}\"::text IN ({})",
            selection(columns),
            places.join(", ")
        );
        let parameters: Vec<Value> = values.iter().map(Value::from).collect();
        let rows = self.query(&sql, &parameters).await?;
        Ok(rows.into_iter().map(|row| record(columns, row, 0)).collect())
    }

    /// The texts that several rows of a table have in a column (in lower case if `whatever_case`), and of each the
    /// key of the first of those rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn shared(
        &self,
        table: &str,
        column: &str,
        key: &str,
        whatever_case: bool,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let has = |name: &str| self.tables.get(table).is_some_and(|all| all.iter().any(|c| c.name == name));
        if !has(column) {
            return Ok(BTreeMap::new());
        }
        let text = if whatever_case { format!("LOWER(\"{column}\")") } else { format!("\"{column}\"") };
        let sql = format!(
            "SELECT {text}, MIN(\"{key}\") FROM \"{table}\" WHERE \"{column}\" <> ''
             GROUP BY {text} HAVING COUNT(*) > 1"
        );
        Ok(self.query(&sql, &[]).await?.iter().map(|row| (row.text(0), row.text(1))).collect())
    }

    /// What may be read, prompts and answers left where they are: they can be large, and nobody here wants them.
    async fn columns(&self) -> Result<BTreeMap<String, Vec<Column>>, StoreError> {
        let sql =
            "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
                   WHERE table_schema = current_schema() AND table_name LIKE 'LiteLLM\\_%'
                     AND column_name NOT IN ('messages', 'response', 'proxy_server_request')
                     AND has_table_privilege(format('%I.%I', table_schema, table_name), 'SELECT')
                   ORDER BY table_name, ordinal_position";
        let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
        for row in self.query(sql, &[]).await? {
            let column = Column { name: row.text(1), kind: row.text(2) };
            tables.entry(row.text(0)).or_default().push(column);
        }
        Ok(tables)
    }

    async fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<super::Row>, StoreError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
        let rows = self.client.query(sql, &parameters).await.map_err(told)?;
        rows.iter().map(row).collect()
    }
}

/// What a column is read as: numbers, truth values and texts go as they are, amounts as exact text.
fn selection(columns: &[Column]) -> String {
    let expression = |column: &Column| {
        let name = format!("\"{}\"", column.name);
        match column.kind.as_str() {
            "ARRAY" => format!("to_json({name})::text"),
            "boolean" => name,
            "bigint" | "integer" | "smallint" => format!("{name}::bigint"),
            kind if kind.starts_with("timestamp") => format!(
                "CASE WHEN isfinite({name}) THEN round(extract(epoch FROM {name}) * 1000)::bigint END"
            ),
            _ => format!("{name}::text"),
        }
    };
    columns.iter().map(expression).collect::<Vec<_>>().join(", ")
}

fn record(columns: &[Column], row: super::Row, skip: usize) -> Record {
    let values = row.0.into_iter().skip(skip);
    Record(columns.iter().map(|column| column.name.clone()).zip(values).collect())
}

async fn connect(from: &str) -> Result<Client, StoreError> {
    let Target::Postgres(target) = url::parse(from)? else {
        return Err(StoreError::invalid(
            "LiteLLM's database is a PostgreSQL one: use postgresql://user@host/name",
        ));
    };
    let tls = tls::connector(&target)?;
    let mut config = target.config.clone();
    config.connect_timeout(CONNECT).keepalives_idle(SILENT).application_name("stagedoor import-litellm");
    let (client, connection) = config
        .connect(tls)
        .await
        .map_err(|cause| StoreError::unavailable(format!("no connection: {}", chain(&cause))))?;
    // Its end is told to whoever waits for an answer.
    tokio::spawn(async move {
        let _ended = connection.await;
    });
    Ok(client)
}

fn told(cause: PostgresError) -> StoreError {
    StoreError::unavailable(chain(&cause))
}

/// Whether a database has been used by Stagedoor before.
///
/// # Errors
/// When it cannot be asked.
pub async fn is_ours(url: &str) -> Result<bool, StoreError> {
    let client = connect(url).await?;
    let found = client.query("SELECT 1 WHERE to_regclass('stagedoor_migrations') IS NOT NULL", &[]).await;
    Ok(!found.map_err(told)?.is_empty())
}
