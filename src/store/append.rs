//! Rows enter the ledger: each once, however often it comes, and with it everything that it adds to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;

use super::session::{Access, Insert, Session, pieces, tuples};
use super::{Store, StoreError, Value, accounts, daily, keys, ledger_row, parts};
use crate::domain::keys::EndUser;
use crate::domain::keys::reset::Calendar;
use crate::domain::ledger::{
    Account, AccountId, AccountKind, Charge, Group, LedgerRow, PackedRow, RowId, Sums, Total, accounts_of,
    day_of, totals_of,
};

/// Where rows are written.
const LEDGER: Insert =
    Insert { table: "stagedoor_ledger", columns: &ledger_row::COLUMNS, key: "day, id", id: ledger_row::ID };

/// What became of a batch of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// How many rows were new.
    pub rows: usize,
    /// How the accounts of all rows of the batch stand with them, whether or not the rows were new: who gives
    /// rows again because the first answer was lost learns what it would have learned from that.
    pub charged: Vec<Charged>,
    /// Keys of rows that were replaced, by hash, and the hash of the key that pays for them now.
    pub replaced: HashMap<String, String>,
}

/// How an account stands with a batch of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    /// Which account.
    pub id: AccountId,
    /// When the first of the rows was admitted that count into its current period.
    pub admitted_ms: i64,
    /// What the current period comes to with them.
    pub spent_nanos: i64,
}

impl Charged {
    /// `None` when none of the rows counts into the current period.
    fn of<'a>(id: &AccountId, account: &Account, charges: impl Iterator<Item = &'a Charge>) -> Option<Self> {
        let admitted = charges.map(|charge| charge.started_ms);
        let admitted_ms = admitted.filter(|admitted_ms| *admitted_ms >= account.period_start_ms).min()?;
        Some(Charged { id: id.clone(), admitted_ms, spent_nanos: account.spend_nanos })
    }
}

impl Store {
    /// Writes rows in one transaction; those whose id is already there change nothing. New ones add to the
    /// accounts of their owners, to the totals of their day, and make their end user known. After an
    /// `Unavailable` the same rows can be given again, whether or not they were written.
    ///
    /// # Errors
    /// `Invalid` when a row cannot be read or its id is none of ours; when the database is not there.
    pub async fn append<R>(&self, rows: Vec<R>) -> Result<Appended, StoreError>
    where
        R: TryInto<PackedRow>,
        R::Error: Display,
    {
        self.append_by(rows, write).await
    }

    /// Prepares rows and what they need, and has them written in one transaction.
    pub(super) async fn append_by<R, T>(
        &self,
        rows: Vec<R>,
        write: fn(&mut dyn Session, &[PackedRow], &Calendar) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>
    where
        R: TryInto<PackedRow>,
        R::Error: Display,
        T: Send + 'static,
    {
        let rows = rows
            .into_iter()
            .map(|row| row.try_into().map_err(|cause| StoreError::invalid(cause.to_string())));
        let mut rows: Vec<PackedRow> = rows.collect::<Result<_, _>>()?;
        rows.sort_by_key(PackedRow::id);
        rows.dedup_by_key(|row| row.id());
        let (calendar, known) = (self.calendar(), std::sync::Arc::clone(&self.0.parts));
        let new = known.missing(rows.iter().map(|row| day_of(row.id().ms())));
        let made = new.clone();
        let written = self.long(Access::Write, move |session| {
            parts::ensure(session, &new)?;
            write(session, &rows, &calendar)
        });
        let written = written.await;
        match &written {
            Ok(_) => known.remember(&made),
            // A part may have been dropped by another replica meanwhile.
            Err(_) => known.forget(),
        }
        written
    }
}

fn write(session: &mut dyn Session, rows: &[PackedRow], calendar: &Calendar) -> Result<Appended, StoreError> {
    let new = insert(session, rows)?;
    let groups = rows.iter().zip(new).filter_map(|(row, is_new)| Some((row.fields()?, is_new)));
    let groups = Group::all(groups);
    let of_rows: Vec<(&LedgerRow, &Group)> = groups.iter().map(|group| (&group.row, group)).collect();
    let replaced = replaced_keys(session, &of_rows)?;
    let charges = charges_with(session, &of_rows, &replaced)?;
    let owners: Vec<AccountId> = charges.keys().cloned().collect();
    let mut accounts = accounts::load(session, &owners)?;
    let mut charged = Vec::new();
    for (id, groups) in charges {
        let charges = || groups.iter().flat_map(|group| &group.charges);
        let mut new = charges().filter(|(_, is_new)| *is_new).peekable();
        if new.peek().is_some() {
            let account = accounts.entry(id.clone()).or_default();
            new.for_each(|(charge, _)| account.charge(calendar, *charge));
        }
        let of_all = accounts
            .get(&id)
            .and_then(|account| Charged::of(&id, account, charges().map(|(charge, _)| charge)));
        charged.extend(of_all);
    }
    let new: Vec<&Group> = groups.iter().filter(|group| group.has_new()).collect();
    if !new.is_empty() {
        accounts::save(session, &accounts)?;
        add_totals(session, &totals_of(new.iter().map(|group| (&group.row, group.sums))))?;
        know_end_users(session, new.iter().map(|group| &group.row))?;
    }
    let rows = new.iter().map(|group| group.sums.requests).sum::<i64>();
    Ok(Appended { rows: usize::try_from(rows).unwrap_or_default(), charged, replaced })
}

/// Inserts the rows that are not there; answers of each whether it was new.
pub(super) fn insert(session: &mut dyn Session, rows: &[PackedRow]) -> Result<Vec<bool>, StoreError> {
    let mut new = Vec::with_capacity(rows.len());
    // So many that what is read of them stays near the processor.
    for piece in rows.chunks(64) {
        let mut ids = [RowId::room(); 64];
        let mut cells = Vec::with_capacity(piece.len() * LEDGER.columns.len());
        for (row, room) in piece.iter().zip(&mut ids) {
            let fields = row.fields().ok_or_else(|| StoreError::invalid("a ledger row makes no sense"))?;
            cells.extend(ledger_row::cells(&fields, row.id().text(room)));
        }
        new.extend(session.insert(&LEDGER, &cells)?);
    }
    Ok(new)
}

/// What these rows do to which accounts: those that every row names, and the windows of their keys and teams. A
/// replaced key's rows are charged to the key that replaced it. `Of` is what a row stands for.
pub(super) fn charges<Of: Copy>(
    session: &mut dyn Session,
    rows: &[(&LedgerRow, Of)],
) -> Result<BTreeMap<AccountId, Vec<Of>>, StoreError> {
    let replaced = replaced_keys(session, rows)?;
    charges_with(session, rows, &replaced)
}

/// The keys of rows that were replaced.
fn replaced_keys<Of>(
    session: &mut dyn Session,
    rows: &[(&LedgerRow, Of)],
) -> Result<HashMap<String, String>, StoreError> {
    keys::replaced(session, &distinct(rows, |row| &row.key_hash))
}

fn distinct<'a, Of>(rows: &[(&'a LedgerRow, Of)], name: fn(&LedgerRow) -> &str) -> Vec<&'a str> {
    let names = rows.iter().map(|(row, _)| name(row)).filter(|name| !name.is_empty());
    let mut names: Vec<&str> = names.collect::<HashSet<&str>>().into_iter().collect();
    names.sort_unstable();
    names
}

fn charges_with<Of: Copy>(
    session: &mut dyn Session,
    rows: &[(&LedgerRow, Of)],
    replaced: &HashMap<String, String>,
) -> Result<BTreeMap<AccountId, Vec<Of>>, StoreError> {
    let hashes = distinct(rows, |row| &row.key_hash);
    let current: Vec<&str> =
        hashes.iter().map(|hash| replaced.get(*hash).map_or(*hash, String::as_str)).collect();
    let mut windows: HashMap<(AccountKind, String), Vec<AccountId>> = HashMap::new();
    let of_keys = accounts::windows(session, AccountKind::KeyWindow, &current)?;
    let of_teams = accounts::windows(session, AccountKind::TeamWindow, &distinct(rows, |row| &row.team_id))?;
    for id in of_keys.into_iter().chain(of_teams) {
        let owner = if id.kind == AccountKind::KeyWindow { AccountKind::Key } else { AccountKind::Team };
        windows.entry((owner, id.owner.clone())).or_default().push(id);
    }
    let mut charges: BTreeMap<AccountId, Vec<Of>> = BTreeMap::new();
    for (row, of) in rows {
        for mut id in accounts_of(row) {
            if matches!(id.kind, AccountKind::Key | AccountKind::KeyModel)
                && let Some(new) = replaced.get(&id.owner)
            {
                id.owner.clone_from(new);
            }
            let further = windows.get(&(id.kind, id.owner.clone())).filter(|_| id.part.is_empty());
            for window in further.into_iter().flatten() {
                charges.entry(window.clone()).or_default().push(*of);
            }
            charges.entry(id).or_default().push(*of);
        }
    }
    Ok(charges)
}

pub(super) fn add_totals(session: &mut dyn Session, totals: &[Total]) -> Result<(), StoreError> {
    const WIDTH: usize = 8 + Sums::LEN;
    for piece in pieces(totals) {
        let sql = format!(
            "INSERT INTO stagedoor_totals AS t (day, kind, owner, key_hash, model_group, model, provider, call_type,
                 spend, prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens,
                 requests, successes, failures, cache_hits, duration_ms)
             VALUES {}
             ON CONFLICT (kind, owner, day, key_hash, model_group, model, provider, call_type) DO UPDATE SET
                 spend = t.spend + excluded.spend,
                 prompt_tokens = t.prompt_tokens + excluded.prompt_tokens,
                 completion_tokens = t.completion_tokens + excluded.completion_tokens,
                 cached_tokens = t.cached_tokens + excluded.cached_tokens,
                 cache_write_tokens = t.cache_write_tokens + excluded.cache_write_tokens,
                 reasoning_tokens = t.reasoning_tokens + excluded.reasoning_tokens,
                 requests = t.requests + excluded.requests,
                 successes = t.successes + excluded.successes,
                 failures = t.failures + excluded.failures,
                 cache_hits = t.cache_hits + excluded.cache_hits,
                 duration_ms = t.duration_ms + excluded.duration_ms",
            tuples(piece.len(), WIDTH)
        );
        let mut parameters: Vec<Value> = Vec::with_capacity(piece.len() * WIDTH);
        for Total { key, sums } in piece {
            parameters.extend([key.day.into(), key.kind.as_str().into()]);
            let names =
                [&key.owner, &key.key_hash, &key.model_group, &key.model, &key.provider, &key.call_type];
            parameters.extend(names.into_iter().map(Value::from));
            parameters.extend(sums.to_array().into_iter().map(Value::from));
        }
        session.execute(&sql, &parameters)?;
    }
    daily::add(session, totals)
}

pub(super) fn know_end_users<'a>(
    session: &mut dyn Session,
    rows: impl Iterator<Item = &'a LedgerRow>,
) -> Result<(), StoreError> {
    let first: BTreeMap<&str, i64> = rows
        .filter(|row| !row.end_user.is_empty())
        .map(|row| (row.end_user.as_str(), row.ended_ms))
        .collect();
    let first: Vec<(&str, i64)> = first.into_iter().collect();
    for piece in pieces(&first) {
        let mut parameters: Vec<Value> = Vec::with_capacity(piece.len() * 7);
        for (name, ms) in piece {
            let (user_id, at) = ((*name).to_string(), *ms);
            let user = EndUser { user_id, created_at_ms: at, updated_at_ms: at, ..EndUser::default() };
            let version = 0;
            parameters.extend([
                Value::from(*name),
                "".into(),
                false.into(),
                at.into(),
                at.into(),
                version.into(),
                super::value::json(&user)?,
            ]);
        }
        let sql = format!(
            "INSERT INTO stagedoor_end_users (id, part, blocked, created_ms, updated_ms, version, doc) VALUES {}
             ON CONFLICT (id, part) DO NOTHING",
            tuples(piece.len(), 7)
        );
        session.execute(&sql, &parameters)?;
    }
    Ok(())
}
