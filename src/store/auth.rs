//! Everything that decides about a virtual key, in a few round trips.

use std::collections::BTreeMap;

use super::accounts::{account, account_id};
use super::entity::{Entity, get, get_all, read, selection};
use super::session::Session;
use super::{Row, Store, StoreError, Value};
use crate::domain::keys::{Budget, Key, Member, Organization, Team, User};
use crate::domain::ledger::{Account, AccountId};

/// A key with all that its owners allow it. Many are kept, and few have all of these owners: they are boxed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The key. Its hash differs from the presented one when that was replaced a short while ago.
    pub key: Key,
    /// Until when the presented hash may be used, if it was replaced.
    pub revoke_ms: Option<i64>,
    /// Its user, if there is such a row.
    pub user: Option<Box<User>>,
    /// Its team, if there is such a row.
    pub team: Option<Box<Team>>,
    /// Its user as a member of its team.
    pub member: Option<Box<Member>>,
    /// Its organization, or its team's.
    pub organization: Option<Box<Organization>>,
    /// The shared budgets that any of them point to.
    pub budgets: Vec<Budget>,
    /// Accounts of further windows and of single models.
    pub accounts: BTreeMap<AccountId, Account>,
}

impl Store {
    /// The key with this hash, or the one that replaced it as long as the old one may still be used.
    ///
    /// # Errors
    /// When the database is not there: then nothing is known about the key, not even that it is unknown.
    pub async fn grant(&self, hash: &str, now_ms: i64) -> Result<Option<Grant>, StoreError> {
        let (hash, calendar) = (hash.to_string(), self.calendar());
        self.read(move |session| {
            let Some((key, revoke_ms)) = key_for(session, &hash, now_ms)? else { return Ok(None) };
            let mut grant = Grant { revoke_ms, ..owners(session, key)? };
            grant.accounts.values_mut().for_each(|account| {
                account.roll(&calendar, now_ms);
            });
            Ok(Some(grant))
        })
        .await
    }
}

/// The key, and until when the presented hash leads to it.
fn key_for(
    session: &mut dyn Session,
    hash: &str,
    now_ms: i64,
) -> Result<Option<(Key, Option<i64>)>, StoreError> {
    if let Some(key) = get::<Key>(session, hash, "")? {
        return Ok(Some((key, None)));
    }
    let sql = "SELECT key_hash, revoke_ms FROM stagedoor_retired_keys WHERE id = $1 AND revoke_ms > $2";
    let Some(row) = session.first(sql, &[hash.into(), now_ms.into()])? else { return Ok(None) };
    Ok(get(session, &row.text(0), "")?.map(|key| (key, row.maybe_int(1))))
}

/// A question for one owner, told apart by the last column.
fn one<E: Entity>(label: &str, id: &Option<String>, part: &Option<String>, to: &mut Asked) {
    let Some(id) = id else { return };
    let first = to.parameters.len() + 1;
    let selection = selection::<E>().replacen(" FROM ", &format!(", '{label}' FROM "), 1);
    to.sql.push(format!("{selection} WHERE e.id = ${first} AND e.part = ${}", first + 1));
    to.parameters.extend([Value::from(id), Value::from(part.as_deref().unwrap_or_default())]);
}

#[derive(Default)]
struct Asked {
    sql: Vec<String>,
    parameters: Vec<Value>,
}

impl Asked {
    fn answers(self, session: &mut dyn Session) -> Result<Vec<Row>, StoreError> {
        if self.sql.is_empty() {
            return Ok(Vec::new());
        }
        session.query(&self.sql.join(" UNION ALL "), &self.parameters)
    }
}

fn owners(session: &mut dyn Session, key: Key) -> Result<Grant, StoreError> {
    let mut asked = Asked::default();
    let none = None;
    one::<User>("user", &key.user_id, &none, &mut asked);
    one::<Team>("team", &key.team_id, &none, &mut asked);
    if key.user_id.is_some() {
        one::<Member>("member", &key.team_id, &key.user_id, &mut asked);
    }
    one::<Organization>("organization", &key.organization_id, &none, &mut asked);
    let (budgets, accounts) = (Vec::new(), BTreeMap::new());
    let mut grant = Grant {
        key,
        revoke_ms: None,
        user: None,
        team: None,
        member: None,
        organization: None,
        budgets,
        accounts,
    };
    for row in asked.answers(session)? {
        match row.maybe_text(7) {
            Some("user") => grant.user = Some(Box::new(read(&row)?)),
            Some("team") => grant.team = Some(Box::new(read(&row)?)),
            Some("member") => grant.member = Some(Box::new(read(&row)?)),
            _ => grant.organization = Some(Box::new(read(&row)?)),
        }
    }
    let above = grant.team.as_ref().and_then(|team| team.organization_id.clone());
    if let (None, Some(id)) = (&grant.organization, above) {
        grant.organization = get(session, &id, "")?.map(Box::new);
    }
    grant.budgets = budgets_of(session, &grant)?;
    grant.accounts = accounts_of(session, &grant)?;
    Ok(grant)
}

fn budgets_of(session: &mut dyn Session, grant: &Grant) -> Result<Vec<Budget>, StoreError> {
    let ids = [
        grant.key.budget_id.as_deref(),
        grant.key.end_user_budget_id.as_deref(),
        grant.user.as_ref().and_then(|user| user.budget_id.as_deref()),
        grant.team.as_ref().and_then(|team| team.team_member_budget_id.as_deref()),
        grant.member.as_ref().and_then(|member| member.budget_id.as_deref()),
        grant.organization.as_ref().and_then(|organization| organization.budget_id.as_deref()),
    ];
    let mut ids: Vec<&str> = ids.into_iter().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    get_all(session, &ids)
}

fn accounts_of(session: &mut dyn Session, grant: &Grant) -> Result<BTreeMap<AccountId, Account>, StoreError> {
    let sql = "SELECT kind, owner, part, spend, adjust, total, period_start, reset_at, every, last_active
               FROM stagedoor_accounts
               WHERE (kind IN ('key_window', 'key_model') AND owner = $1)
                  OR (kind IN ('team_window', 'team_model') AND owner = $2)
                  OR (kind = 'user_model' AND owner = $3)";
    let owner = |id: &Option<String>| Value::from(id.as_deref().unwrap_or_default());
    let key = &grant.key;
    let rows = session.query(sql, &[Value::from(&key.hash), owner(&key.team_id), owner(&key.user_id)])?;
    Ok(rows.iter().filter_map(|row| Some((account_id(row, 0)?, account(row, 3)))).collect())
}
