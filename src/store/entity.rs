//! Making, reading, changing and deleting one row of any kind.
//!
//! The whole row is a JSON document; the columns beside it are what is searched and sorted by. An owner's money
//! lives in its account, so saving an owner never touches what it has spent.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::session::{Session, pieces, places, tuples};
use super::value::json;
use super::{Row, Store, StoreError, Value, accounts, keys, tables};
use crate::domain::keys::reset::Calendar;
use crate::domain::keys::{Budget, Limits, State, Window};
use crate::domain::ledger::{AccountId, AccountKind};

/// The longest id and alias, bytes; ledger rows keep no longer ones.
const LONGEST_NAME: usize = 256;

/// Something that the store keeps.
pub trait Entity: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// What messages call it.
    const NAME: &'static str;
    /// Its table.
    const TABLE: &'static str;
    /// The kind of its account; `None`: it spends nothing.
    const KIND: Option<AccountKind>;
    /// Its columns beside those that all have: `id, part, created_ms, updated_ms, version, doc`.
    const COLUMNS: &'static [&'static str];

    /// Its name, and the second one where there are two (empty otherwise).
    fn id(&self) -> (&str, &str);
    /// The values of [`Entity::COLUMNS`].
    fn columns(&self) -> Vec<Value>;
    /// When it was made, and changed.
    fn times(&mut self) -> (&mut i64, &mut i64);
    /// What the store keeps about it.
    fn state(&mut self) -> &mut State;
    /// Its caps.
    fn limits(&self) -> Option<&Limits> {
        None
    }
    /// The shared budget it points to.
    fn budget_id(&self) -> Option<&str> {
        None
    }
    /// Its further windows.
    fn windows(&self) -> Option<(AccountKind, &[Window])> {
        None
    }
}

impl Store {
    /// One row, or `None`. `part` is empty for everything but members.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn get<E: Entity>(&self, id: &str, part: &str) -> Result<Option<E>, StoreError> {
        let (id, part) = (id.to_string(), part.to_string());
        self.read(move |session| get::<E>(session, &id, &part)).await
    }

    /// Makes a row and its account; `spend_nanos` is what it begins with. Answers it as stored.
    ///
    /// # Errors
    /// `Conflict` when its id, alias or e-mail is taken; `Invalid` when an id cannot be kept.
    pub async fn create<E: Entity>(&self, new: E, spend_nanos: i64, now_ms: i64) -> Result<E, StoreError> {
        let calendar = self.calendar();
        self.write(move |session| create(session, new.clone(), spend_nanos, &calendar, now_ms)).await
    }

    /// Changes a row: reads it, lets `change` do its work, writes it with a new version. Answers it as stored.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when its new alias or e-mail is taken; whatever `change` says, and nothing is
    /// changed then.
    pub async fn update<E: Entity>(
        &self,
        id: &str,
        part: &str,
        now_ms: i64,
        change: impl Fn(&mut E) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<E, StoreError> {
        let (id, part, calendar) = (id.to_string(), part.to_string(), self.calendar());
        self.write(move |session| update(session, &id, &part, &calendar, now_ms, &change)).await
    }

    /// Deletes rows and answers them as they were; what else belongs to them stays. Keys, users, teams and
    /// organizations have calls of their own that clear up behind them.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn delete<E: Entity>(&self, ids: Vec<(String, String)>) -> Result<Vec<E>, StoreError> {
        self.write(move |session| {
            let mut gone = Vec::new();
            for (id, part) in &ids {
                gone.extend(remove::<E>(session, id, part)?);
            }
            Ok(gone)
        })
        .await
    }
}

/// What is read of a row: its document, its version and its account.
pub(super) fn selection<E: Entity>() -> String {
    let kind = E::KIND.map_or("none", AccountKind::as_str);
    format!(
        "SELECT e.doc, e.version, a.spend, a.total, a.period_start, a.reset_at, a.last_active FROM {} e
         LEFT JOIN stagedoor_accounts a ON a.kind = '{kind}' AND a.owner = e.id AND a.part = e.part",
        E::TABLE
    )
}

/// A row that [`selection`] has read.
pub(super) fn read<E: Entity>(row: &Row) -> Result<E, StoreError> {
    let mut found: E = row.json(0)?;
    *found.state() = State {
        version: row.int(1),
        spend_nanos: row.int(2),
        total_spend_nanos: row.int(3),
        period_start_ms: row.int(4),
        budget_reset_at_ms: row.maybe_int(5),
        last_active_ms: row.maybe_int(6),
    };
    Ok(found)
}

pub(super) fn get<E: Entity>(
    session: &mut dyn Session,
    id: &str,
    part: &str,
) -> Result<Option<E>, StoreError> {
    let sql = format!("{} WHERE e.id = $1 AND e.part = $2", selection::<E>());
    session.first(&sql, &[id.into(), part.into()])?.map(|row| read(&row)).transpose()
}

/// Several rows by id, those that do not exist left out.
pub(super) fn get_all<E: Entity>(session: &mut dyn Session, ids: &[&str]) -> Result<Vec<E>, StoreError> {
    let mut found = Vec::new();
    for piece in pieces(ids) {
        let sql = format!("{} WHERE e.id IN ({})", selection::<E>(), places(1, piece.len()));
        let parameters: Vec<Value> = piece.iter().map(|id| Value::from(*id)).collect();
        for row in session.query(&sql, &parameters)? {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

pub(super) fn create<E: Entity>(
    session: &mut dyn Session,
    mut new: E,
    spend_nanos: i64,
    calendar: &Calendar,
    now_ms: i64,
) -> Result<E, StoreError> {
    check(&new)?;
    if E::KIND == Some(AccountKind::Key) {
        keys::must_be_unused(session, new.id().0)?;
    }
    let (created, updated) = new.times();
    (*created, *updated) = (now_ms, now_ms);
    let mut parameters = row_of(session, &mut new, now_ms)?;
    parameters.push(now_ms.into());
    let columns: String = E::COLUMNS.iter().map(|column| format!(", {column}")).collect();
    let sql = format!(
        "INSERT INTO {} (id, part, updated_ms, version, doc{columns}, created_ms) VALUES {}",
        E::TABLE,
        tuples(1, parameters.len())
    );
    session.execute(&sql, &parameters)?;
    if let Some(id) = account_of(&new) {
        let every = every(session, &new)?;
        // Somebody of that name may have been here before. End users and tags are their traffic; the others are
        // new and begin with nothing.
        let goes_on = matches!(id.kind, AccountKind::EndUser | AccountKind::Tag);
        accounts::change(session, &id, |account| {
            if !goes_on {
                (account.spend_nanos, account.adjust_nanos, account.period_start_ms) = (0, 0, now_ms);
            }
            account.set_every(calendar, every.as_deref(), now_ms);
            if spend_nanos != 0 {
                account.set_spend(spend_nanos);
            }
        })?;
    }
    follow(session, &new, calendar, now_ms)?;
    stored(session, &new)
}

pub(super) fn update<E: Entity>(
    session: &mut dyn Session,
    id: &str,
    part: &str,
    calendar: &Calendar,
    now_ms: i64,
    change: &dyn Fn(&mut E) -> Result<(), StoreError>,
) -> Result<E, StoreError> {
    let mut found = get::<E>(session, id, part)?.ok_or_else(|| missing::<E>())?;
    change(&mut found)?;
    if found.id() != (id, part) {
        return Err(StoreError::invalid(format!("the id of a {} cannot be changed", E::NAME)));
    }
    check(&found)?;
    *found.times().1 = now_ms;
    save(session, &mut found, now_ms)?;
    if let Some(id) = account_of(&found) {
        let every = every(session, &found)?;
        accounts::change(session, &id, |account| account.set_every(calendar, every.as_deref(), now_ms))?;
    }
    follow(session, &found, calendar, now_ms)?;
    stored(session, &found)
}

/// Writes a row that exists.
pub(super) fn save<E: Entity>(session: &mut dyn Session, row: &mut E, now_ms: i64) -> Result<(), StoreError> {
    let parameters = row_of(session, row, now_ms)?;
    let columns = E::COLUMNS.iter().enumerate();
    let columns: String = columns.map(|(place, column)| format!(", {column} = ${}", place + 6)).collect();
    let sql = format!(
        "UPDATE {} SET updated_ms = $3, version = $4, doc = $5{columns} WHERE id = $1 AND part = $2",
        E::TABLE
    );
    session.execute(&sql, &parameters).map(|_| ())
}

pub(super) fn remove<E: Entity>(
    session: &mut dyn Session,
    id: &str,
    part: &str,
) -> Result<Option<E>, StoreError> {
    let found = get::<E>(session, id, part)?;
    if found.is_some() {
        let sql = format!("DELETE FROM {} WHERE id = $1 AND part = $2", E::TABLE);
        session.execute(&sql, &[id.into(), part.into()])?;
        if let Some(kind) = E::KIND {
            // Periods of somebody who is gone need no resets; what was spent stays for the record.
            let sql = "UPDATE stagedoor_accounts SET reset_at = NULL, every = NULL
                       WHERE kind = $1 AND owner = $2 AND part = $3";
            session.execute(sql, &[kind.as_str().into(), id.into(), part.into()])?;
        }
    }
    Ok(found)
}

/// `id, part, updated_ms, version, doc` and the entity's own columns.
fn row_of<E: Entity>(session: &mut dyn Session, row: &mut E, now_ms: i64) -> Result<Vec<Value>, StoreError> {
    let version = session.next_version()?;
    row.state().version = version;
    let doc = json(row)?;
    let (id, part) = row.id();
    let mut values = vec![Value::from(id), part.into(), now_ms.into(), version.into(), doc];
    values.extend(row.columns());
    Ok(values)
}

pub(super) fn check<E: Entity>(row: &E) -> Result<(), StoreError> {
    let (id, part) = row.id();
    let bad = |name: &str| name.len() > LONGEST_NAME || name.chars().any(char::is_control);
    if id.is_empty() || bad(id) || bad(part) {
        let name = E::NAME;
        return Err(StoreError::invalid(format!(
            "the id of a {name} must have 1 to {LONGEST_NAME} bytes and no control characters"
        )));
    }
    Ok(())
}

pub(super) fn account_of<E: Entity>(row: &E) -> Option<AccountId> {
    let (id, part) = row.id();
    E::KIND.map(|kind| AccountId::pair(kind, id, part))
}

/// How long the owner's periods are: its own length, or its shared budget's.
fn every<E: Entity>(session: &mut dyn Session, row: &E) -> Result<Option<String>, StoreError> {
    let own = row.limits().and_then(|limits| limits.budget_duration.clone());
    match (own, row.budget_id()) {
        (None, Some(id)) => {
            Ok(get::<Budget>(session, id, "")?.and_then(|budget| budget.limits.budget_duration))
        }
        (own, _) => Ok(own),
    }
}

/// What has to change with a saved row: its windows, and the periods of those who point to it.
fn follow<E: Entity>(
    session: &mut dyn Session,
    row: &E,
    calendar: &Calendar,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (id, _) = row.id();
    if let Some((kind, windows)) = row.windows() {
        let lengths: Vec<&str> = windows.iter().map(|window| window.budget_duration.as_str()).collect();
        accounts::set_windows(session, kind, id, &lengths, calendar, now_ms)?;
    }
    accounts::set_model_periods(session, E::KIND, id, row.limits(), calendar, now_ms)?;
    if E::KIND != Some(AccountKind::Budget) {
        return Ok(());
    }
    let every = row.limits().and_then(|limits| limits.budget_duration.as_deref());
    for (kind, table) in tables::WITH_BUDGETS {
        let sql = format!("SELECT id, part, doc FROM {table} WHERE budget_id = $1");
        for row in session.query(&sql, &[id.into()])? {
            let own: Limits = row.json(2)?;
            if own.budget_duration.is_none() {
                let id = AccountId::pair(kind, row.text(0), row.text(1));
                accounts::change(session, &id, |account| account.set_every(calendar, every, now_ms))?;
            }
        }
        // Their copies elsewhere hold the old budget.
        let version = session.next_version()?;
        let sql = format!("UPDATE {table} SET version = $1 WHERE budget_id = $2");
        session.execute(&sql, &[version.into(), id.into()])?;
    }
    Ok(())
}

fn stored<E: Entity>(session: &mut dyn Session, row: &E) -> Result<E, StoreError> {
    let (id, part) = row.id();
    get(session, id, part)?.ok_or_else(|| StoreError::defect("a row was lost while it was written"))
}

pub(super) fn missing<E: Entity>() -> StoreError {
    StoreError::not_found(format!("there is no such {}", E::NAME))
}
