//! What only keys have: they are replaced, and remembered after they are gone.

use super::entity::{create, get, missing, remove};
use super::find::{Clause, Page, Test};
use super::session::{Session, pieces, places};
use super::value::json;
use super::{Store, StoreError, Value, accounts};
use crate::domain::keys::Key;
use crate::domain::keys::reset::Calendar;
use crate::domain::ledger::{AccountId, AccountKind};

/// A key that was deleted or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedKey {
    /// As it was, with what it had spent.
    pub key: Key,
    /// When.
    pub deleted_ms: i64,
    /// By whom.
    pub deleted_by: Option<String>,
}

impl Store {
    /// Deletes keys by hash, remembering them; answers those that there were.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn delete_keys(
        &self,
        hashes: Vec<String>,
        by: Option<String>,
        now_ms: i64,
    ) -> Result<Vec<Key>, StoreError> {
        self.write(move |session| delete(session, &hashes, by.as_deref(), now_ms)).await
    }

    /// Gives a key a new hash. It keeps its spend and its settings, after `change` had a look at them; the old
    /// hash goes on working until `revoke_ms`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the new hash is taken; whatever `change` says.
    pub async fn regenerate_key(
        &self,
        hash: &str,
        new_hash: &str,
        revoke_ms: i64,
        by: Option<String>,
        now_ms: i64,
        change: impl Fn(&mut Key) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Key, StoreError> {
        let (hash, new_hash, calendar) = (hash.to_string(), new_hash.to_string(), self.calendar());
        self.write(move |session| {
            let old = get::<Key>(session, &hash, "")?.ok_or_else(missing::<Key>)?;
            archive(session, &old, by.as_deref(), now_ms)?;
            session.execute("DELETE FROM stagedoor_keys WHERE id = $1", &[Value::from(&hash)])?;
            let first = old.counted_as().to_string();
            let mut new = Key { hash: new_hash.clone(), ..old };
            change(&mut new)?;
            new.rotation_count += 1;
            new.last_rotation_at_ms = Some(now_ms);
            new.first_hash = Some(first);
            new.hash.clone_from(&new_hash);
            replace(session, &hash, new, revoke_ms, &calendar, now_ms)
        })
        .await
    }

    /// Deleted and replaced keys, the latest first. Columns: `id`, `alias`, `user_id`, `team_id`,
    /// `organization_id`.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn deleted_keys(
        &self,
        tests: Vec<Test>,
        page: u32,
        size: u32,
    ) -> Result<Page<DeletedKey>, StoreError> {
        self.read(move |session| {
            let mut clause = Clause::default();
            let tests = clause.joined(&tests, " AND ", "1 = 1", &|name| Ok(name.to_string()))?;
            let count = format!("SELECT COUNT(*) FROM stagedoor_deleted_keys WHERE {tests}");
            let total = session.first(&count, &clause.parameters)?.map_or(0, |row| row.int(0));
            let skip = i64::from(page.max(1) - 1) * i64::from(size);
            let (limit, offset) = (clause.place(i64::from(size).into()), clause.place(skip.into()));
            let sql = format!(
                "SELECT doc, deleted_ms, deleted_by, spend, total, version FROM stagedoor_deleted_keys
                 WHERE {tests} ORDER BY deleted_ms DESC, id LIMIT {limit} OFFSET {offset}"
            );
            let mut rows = Vec::new();
            for row in session.query(&sql, &clause.parameters)? {
                let mut key: Key = row.json(0)?;
                key.state.spend_nanos = row.int(3);
                key.state.total_spend_nanos = row.int(4);
                key.state.version = row.int(5);
                let deleted_by = row.maybe_text(2).map(str::to_string);
                rows.push(DeletedKey { key, deleted_ms: row.int(1), deleted_by });
            }
            Ok(Page { rows, total: u64::try_from(total).unwrap_or_default(), capped: false })
        })
        .await
    }
}

/// A text that once was another key's is nobody else's: rows that are on their way still name it, and what was revoked
/// must not work again.
pub(super) fn must_be_unused(session: &mut dyn Session, hash: &str) -> Result<(), StoreError> {
    let sql = "SELECT key_hash FROM stagedoor_retired_keys WHERE id = $1";
    let successor = session.first(sql, &[hash.into()])?.map(|row| row.text(0));
    match successor.filter(|successor| successor != hash) {
        Some(_) => Err(StoreError::conflict("key")),
        None => Ok(()),
    }
}

/// Whether there is an account of that hash: of a key that is or was.
fn has_money(session: &mut dyn Session, hash: &str) -> Result<bool, StoreError> {
    Ok(!accounts::load(session, &[AccountId::new(AccountKind::Key, hash)])?.is_empty())
}

/// Puts the new row in the old one's place.
fn replace(
    session: &mut dyn Session,
    hash: &str,
    new: Key,
    revoke_ms: i64,
    calendar: &Calendar,
    now_ms: i64,
) -> Result<Key, StoreError> {
    let new_hash = new.hash.clone();
    // The account of a deleted key stays for the record, and two accounts do not become one.
    if has_money(session, &new_hash)? {
        return Err(StoreError::conflict("key"));
    }
    let created_at_ms = new.created_at_ms;
    // Earlier hashes lead to the newest one, too, and end no later than they did.
    let sql = "UPDATE stagedoor_retired_keys SET key_hash = $1 WHERE key_hash = $2";
    session.execute(sql, &[Value::from(&new_hash), hash.into()])?;
    create(session, new, 0, calendar, now_ms)?;
    for kind in ["key", "key_model", "key_window"] {
        let parameters = [kind.into(), Value::from(&new_hash), hash.into()];
        let sql = "DELETE FROM stagedoor_accounts WHERE kind = $1 AND owner = $2";
        session.execute(sql, parameters.get(..2).unwrap_or_default())?;
        let sql = "UPDATE stagedoor_accounts SET owner = $2 WHERE kind = $1 AND owner = $3";
        session.execute(sql, &parameters)?;
        // What stands for rows that are not here follows the account.
        for table in ["stagedoor_folded", "stagedoor_openings"] {
            let sql = format!("UPDATE {table} SET owner = $2 WHERE kind = $1 AND owner = $3");
            session.execute(&sql, &parameters)?;
        }
    }
    let sql = "INSERT INTO stagedoor_retired_keys (id, key_hash, revoke_ms) VALUES ($1, $2, $3)
               ON CONFLICT (id) DO UPDATE SET key_hash = excluded.key_hash, revoke_ms = excluded.revoke_ms";
    session.execute(sql, &[hash.into(), Value::from(&new_hash), revoke_ms.into()])?;
    super::entity::update::<Key>(session, &new_hash, "", calendar, now_ms, &|key| {
        key.created_at_ms = created_at_ms;
        Ok(())
    })
}

pub(super) fn delete(
    session: &mut dyn Session,
    hashes: &[String],
    by: Option<&str>,
    now_ms: i64,
) -> Result<Vec<Key>, StoreError> {
    let mut gone = Vec::new();
    for hash in hashes {
        let Some(key) = remove::<Key>(session, hash, "")? else { continue };
        archive(session, &key, by, now_ms)?;
        let sql = "UPDATE stagedoor_retired_keys SET revoke_ms = $1 WHERE key_hash = $2 AND revoke_ms > $1";
        session.execute(sql, &[now_ms.into(), Value::from(hash)])?;
        let sql = "DELETE FROM stagedoor_accounts WHERE kind = 'key_window' AND owner = $1";
        session.execute(sql, &[Value::from(hash)])?;
        gone.push(key);
    }
    Ok(gone)
}

fn archive(session: &mut dyn Session, key: &Key, by: Option<&str>, now_ms: i64) -> Result<(), StoreError> {
    let version = session.next_version()?;
    let sql = "INSERT INTO stagedoor_deleted_keys (id, version, alias, user_id, team_id, organization_id,
                   deleted_ms, deleted_by, spend, total, doc)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let parameters = [
        Value::from(&key.hash),
        version.into(),
        (&key.key_alias).into(),
        (&key.user_id).into(),
        (&key.team_id).into(),
        (&key.organization_id).into(),
        now_ms.into(),
        by.into(),
        key.state.spend_nanos.into(),
        key.state.total_spend_nanos.into(),
        json(key)?,
    ];
    session.execute(sql, &parameters).map(|_| ())
}

/// The hash that each of these was replaced by, for those that were.
pub(super) fn replaced(
    session: &mut dyn Session,
    hashes: &[&str],
) -> Result<std::collections::HashMap<String, String>, StoreError> {
    let mut found = std::collections::HashMap::new();
    for piece in pieces(hashes) {
        let wanted = places(1, piece.len());
        let sql = format!("SELECT id, key_hash FROM stagedoor_retired_keys WHERE id IN ({wanted})");
        let parameters: Vec<Value> = piece.iter().map(|hash| Value::from(*hash)).collect();
        found.extend(session.query(&sql, &parameters)?.iter().map(|row| (row.text(0), row.text(1))));
    }
    Ok(found)
}

/// The hashes that a key has replaced.
pub(super) fn replaced_by(session: &mut dyn Session, hash: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM stagedoor_retired_keys WHERE key_hash = $1 ORDER BY id";
    Ok(session.query(sql, &[hash.into()])?.iter().map(|row| row.text(0)).collect())
}
