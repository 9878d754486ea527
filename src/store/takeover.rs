//! Rows of another gateway take their place here: made when they are new, left alone when they are the same, and
//! when they differ kept as they are here or replaced, as is asked for. A dry run decides the same way and writes
//! nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::entity::{self, Entity};
use super::openings::{self, Opening};
use super::session::{Access, Session};
use super::{Store, StoreError, Value, accounts, keys};
use crate::domain::keys::reset::Calendar;
use crate::domain::ledger::{Account, AccountId, AccountKind};

/// What says who wrote a row down and when, not what it is.
const BESIDE: [&str; 4] = ["created_at_ms", "updated_at_ms", "updated_by", "settings_updated_at_ms"];

/// A row of another gateway, as it is to stand here. Its own times are kept.
#[derive(Debug, Clone)]
pub struct Taken<E> {
    /// The row.
    pub row: E,
    /// What it has spent in its current period, nano-dollars.
    pub spend_nanos: i64,
    /// What it has spent ever.
    pub total_nanos: i64,
    /// When its current period ends.
    pub reset_at_ms: Option<i64>,
    /// What it has spent in its further windows, by their length.
    pub windows: BTreeMap<String, i64>,
    /// A column that must be unique, and what the row wants there.
    pub unique: Option<(&'static str, String)>,
}

/// How rows are taken over.
#[derive(Debug, Clone, Copy)]
pub struct TakeOver {
    /// When the other gateway's rows were so, milliseconds since 1970.
    pub as_of_ms: i64,
    /// Whether rows that differ are replaced.
    pub overwrite: bool,
    /// Whether anything is written at all.
    pub apply: bool,
}

/// What became of a row, or would have become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is new here.
    New,
    /// It is here already.
    Same,
    /// It is here and differs in these fields; it was kept.
    Differs(Vec<String>),
    /// It differed in these fields and was replaced.
    Replaced(Vec<String>),
    /// It cannot be kept here, for this reason.
    LeftOut(String),
}

impl Store {
    /// Takes rows over in one transaction; answers what became of each.
    ///
    /// # Errors
    /// When the database is not there; nothing is written then.
    pub async fn take_over<E: Entity>(
        &self,
        rows: Vec<Taken<E>>,
        how: TakeOver,
    ) -> Result<Vec<Outcome>, StoreError> {
        let calendar = self.calendar();
        let access = if how.apply { Access::Write } else { Access::Read };
        self.long(access, move |session| {
            rows.iter().map(|taken| take(session, taken, how, &calendar)).collect()
        })
        .await
    }

    /// Opens the account of everybody with what the whole other gateway has spent, and remembers the moment.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn take_over_everybody(&self, spend_nanos: i64, how: TakeOver) -> Result<Outcome, StoreError> {
        let access = if how.apply { Access::Write } else { Access::Read };
        self.long(access, move |session| {
            let id = openings::everybody();
            let (account, opening) = money(session, &id)?;
            let outcome = match &opening {
                None => Outcome::New,
                Some(opening) if opening.counted(&account) == spend_nanos => Outcome::Same,
                Some(_) if how.overwrite => Outcome::Replaced(vec!["spend".to_string()]),
                Some(_) => Outcome::Differs(vec!["spend".to_string()]),
            };
            if how.apply && matches!(outcome, Outcome::New | Outcome::Replaced(_)) {
                open(session, &id, opening, spend_nanos, spend_nanos, how.as_of_ms)?;
            }
            Ok(outcome)
        })
        .await
    }

    /// Takes over hashes of replaced keys that go on working until a moment: (old hash, new hash, until when).
    /// Answers how many were new.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn take_over_replaced(
        &self,
        replaced: Vec<(String, String, i64)>,
        how: TakeOver,
    ) -> Result<u64, StoreError> {
        let access = if how.apply { Access::Write } else { Access::Read };
        self.long(access, move |session| {
            let mut new = 0;
            for (old, hash, until_ms) in &replaced {
                let known = "SELECT 1 FROM stagedoor_retired_keys WHERE id = $1";
                if session.first(known, &[Value::from(old)])?.is_some() {
                    continue;
                }
                new += 1;
                if how.apply {
                    let sql =
                        "INSERT INTO stagedoor_retired_keys (id, key_hash, revoke_ms) VALUES ($1, $2, $3)";
                    // That one may have been replaced here meanwhile.
                    let now = keys::replaced(session, &[hash.as_str()])?.remove(hash);
                    let hash = now.as_ref().unwrap_or(hash);
                    session.execute(sql, &[Value::from(old), Value::from(hash), (*until_ms).into()])?;
                }
            }
            Ok(new)
        })
        .await
    }
}

fn take<E: Entity>(
    session: &mut dyn Session,
    taken: &Taken<E>,
    how: TakeOver,
    calendar: &Calendar,
) -> Result<Outcome, StoreError> {
    if let Err(cause) = entity::check(&taken.row) {
        return Ok(Outcome::LeftOut(cause.message));
    }
    let (id, part) = taken.row.id();
    let found = entity::get::<E>(session, id, part)?;
    if found.is_none() && is_deleted_key::<E>(session, id)? {
        return Ok(Outcome::LeftOut("it was deleted or replaced here".to_string()));
    }
    if let Some(reason) = elsewhere(session, taken)? {
        return Ok(Outcome::LeftOut(reason));
    }
    let Some(found) = found else {
        if how.apply {
            make(session, taken, how.as_of_ms, calendar)?;
        }
        return Ok(Outcome::New);
    };
    let mut fields = differences(&found, &taken.row);
    if let Some(id) = entity::account_of(&taken.row) {
        let (account, opening) = money(session, &id)?;
        if opening.map_or(0, |opening| opening.counted(&account)) != taken.spend_nanos {
            fields.push("spend".to_string());
        }
    }
    if fields.is_empty() {
        return Ok(Outcome::Same);
    }
    if !how.overwrite {
        return Ok(Outcome::Differs(fields));
    }
    if how.apply {
        replace(session, taken, how.as_of_ms, calendar)?;
    }
    Ok(Outcome::Replaced(fields))
}

/// Why a row cannot have what must be unique; `None` when it can.
fn elsewhere<E: Entity>(session: &mut dyn Session, taken: &Taken<E>) -> Result<Option<String>, StoreError> {
    let Some((column, value)) = &taken.unique else { return Ok(None) };
    let sql = format!("SELECT 1 FROM {} WHERE {column} = $1 AND id <> $2", E::TABLE);
    let others = session.first(&sql, &[Value::from(value), taken.row.id().0.into()])?;
    Ok(others.map(|_| format!("its {column} belongs to another {} here", E::NAME)))
}

/// Whether this is a key that was deleted or replaced here: its text must not work again.
fn is_deleted_key<E: Entity>(session: &mut dyn Session, id: &str) -> Result<bool, StoreError> {
    if E::KIND != Some(AccountKind::Key) {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM stagedoor_deleted_keys WHERE id = $1";
    Ok(session.first(sql, &[id.into()])?.is_some())
}

fn make<E: Entity>(
    session: &mut dyn Session,
    taken: &Taken<E>,
    as_of_ms: i64,
    calendar: &Calendar,
) -> Result<(), StoreError> {
    let mut own = taken.row.clone();
    let times = own.times();
    let (created_ms, updated_ms) = (*times.0, *times.1);
    entity::create(session, taken.row.clone(), 0, calendar, as_of_ms)?;
    entity::save(session, &mut own, updated_ms)?;
    let (id, part) = taken.row.id();
    let sql = format!("UPDATE {} SET created_ms = $1 WHERE id = $2 AND part = $3", E::TABLE);
    session.execute(&sql, &[created_ms.into(), id.into(), part.into()])?;
    if let Some(id) = entity::account_of(&taken.row) {
        let (_, opening) = money(session, &id)?;
        // Its account was begun anew: of an earlier opening only the total is in it.
        let earlier = opening.map_or(0, |opening| opening.total);
        let mut opening = open(session, &id, None, taken.spend_nanos, taken.total_nanos, as_of_ms)?;
        opening.total = opening.total.saturating_add(earlier);
        openings::save(session, &BTreeMap::from([(id, opening)]))?;
    }
    period(session, taken, as_of_ms, calendar)?;
    let Some((kind, windows)) = taken.row.windows() else { return Ok(()) };
    for window in windows {
        let Some(spend) = taken.windows.get(&window.budget_duration) else { continue };
        let id = AccountId::pair(kind, taken.row.id().0, &window.budget_duration);
        accounts::change(session, &id, |account| account.set_spend(*spend))?;
    }
    Ok(())
}

fn replace<E: Entity>(
    session: &mut dyn Session,
    taken: &Taken<E>,
    as_of_ms: i64,
    calendar: &Calendar,
) -> Result<(), StoreError> {
    let (id, part) = taken.row.id();
    entity::update::<E>(session, id, part, calendar, as_of_ms, &|row| {
        *row = taken.row.clone();
        Ok(())
    })?;
    if let Some(id) = entity::account_of(&taken.row) {
        let (_, opening) = money(session, &id)?;
        open(session, &id, opening, taken.spend_nanos, taken.total_nanos, as_of_ms)?;
    }
    period(session, taken, as_of_ms, calendar)
}

/// Lets the current period end when it did at the other gateway.
fn period<E: Entity>(
    session: &mut dyn Session,
    taken: &Taken<E>,
    as_of_ms: i64,
    calendar: &Calendar,
) -> Result<(), StoreError> {
    let (Some(id), Some(reset_at)) = (entity::account_of(&taken.row), taken.reset_at_ms) else {
        return Ok(());
    };
    accounts::change(session, &id, |account| {
        if account.every.is_some() {
            account.reset_at_ms = Some(reset_at);
            account.roll(calendar, as_of_ms);
        }
    })?;
    Ok(())
}

fn money(session: &mut dyn Session, id: &AccountId) -> Result<(Account, Option<Opening>), StoreError> {
    let account = accounts::load(session, std::slice::from_ref(id))?.remove(id).unwrap_or_default();
    Ok((account, openings::load(session, std::slice::from_ref(id))?.remove(id)))
}

fn open(
    session: &mut dyn Session,
    id: &AccountId,
    before: Option<Opening>,
    spend: i64,
    total: i64,
    as_of_ms: i64,
) -> Result<Opening, StoreError> {
    let mut opening = Opening::default();
    accounts::change(session, id, |account| {
        opening = Opening::bring(before.as_ref(), account, spend, total, as_of_ms);
    })?;
    openings::save(session, &BTreeMap::from([(id.clone(), opening)]))?;
    Ok(opening)
}

/// The fields in which two rows differ.
fn differences<E: Entity>(here: &E, there: &E) -> Vec<String> {
    let fields = |row: &E| match serde_json::to_value(row) {
        Ok(Json::Object(map)) => map,
        _ => Map::new(),
    };
    let (here, there) = (fields(here), fields(there));
    let names = here.keys().chain(there.keys().filter(|name| !here.contains_key(*name)));
    names
        .filter(|name| !BESIDE.contains(&name.as_str()) && here.get(*name) != there.get(*name))
        .map(|name| name.trim_end_matches("_nanos").trim_end_matches("_ms").to_string())
        .collect()
}
