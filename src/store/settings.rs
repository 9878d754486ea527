//! Settings that were changed through the API: JSON values by name.

use serde_json::Value as Json;

use super::value::json;
use super::{Store, StoreError, Value};

/// A stored setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `general_settings`, `litellm_settings` ...
    pub name: String,
    /// Its value; whoever saves it has encrypted what is secret.
    pub value: Json,
    /// Larger after every change.
    pub version: i64,
    /// Changed when.
    pub updated_ms: i64,
}

impl Store {
    /// All settings, by name.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn settings(&self) -> Result<Vec<Setting>, StoreError> {
        self.read(|session| {
            let sql = "SELECT name, value, version, updated_ms FROM stagedoor_settings ORDER BY name";
            let rows = session.query(sql, &[])?;
            let read = rows.iter().map(|row| {
                let (version, updated_ms) = (row.int(2), row.int(3));
                Ok(Setting { name: row.text(0), value: row.json(1)?, version, updated_ms })
            });
            read.collect()
        })
        .await
    }

    /// Changes one setting: `change` gets its value (null when there is none) and answers the new one; `None`
    /// deletes it.
    ///
    /// # Errors
    /// What `change` says; when the database is not there.
    pub async fn change_setting(
        &self,
        name: &str,
        now_ms: i64,
        change: impl Fn(Json) -> Result<Option<Json>, StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let name = name.to_string();
        self.write(move |session| {
            let sql = "SELECT value FROM stagedoor_settings WHERE name = $1";
            let old = session.first(sql, &[Value::from(&name)])?;
            let old = old.map(|row| row.json(0)).transpose()?.unwrap_or(Json::Null);
            let Some(new) = change(old)? else {
                let sql = "DELETE FROM stagedoor_settings WHERE name = $1";
                return session.execute(sql, &[Value::from(&name)]).map(|_| ());
            };
            let version = session.next_version()?;
            let sql =
                "INSERT INTO stagedoor_settings (name, value, version, updated_ms) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value, version = excluded.version,
                           updated_ms = excluded.updated_ms";
            let parameters = [Value::from(&name), json(&new)?, version.into(), now_ms.into()];
            session.execute(sql, &parameters).map(|_| ())
        })
        .await
    }
}
