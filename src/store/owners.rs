//! Changes that concern several rows at once, and deleting owners with all that is theirs.

use super::accounts::{load, set_spend};
use super::entity::{Entity, create, get, remove, update};
use super::find::{Find, Page, page};
use super::session::Session;
use super::{Store, StoreError, Value, keys, tables};
use crate::domain::keys::reset::Calendar;
use crate::domain::keys::{Budget, Key, Member, OrgMember, Organization, Team, User};
use crate::domain::ledger::{Account, AccountId};

/// A transaction: all that is done with it happens, or nothing does.
pub struct Transaction<'a> {
    session: &'a mut dyn Session,
    calendar: &'a Calendar,
    now_ms: i64,
}

impl Transaction<'_> {
    /// As [`Store::get`].
    ///
    /// # Errors
    /// When the database is not there.
    pub fn get<E: Entity>(&mut self, id: &str, part: &str) -> Result<Option<E>, StoreError> {
        get(self.session, id, part)
    }

    /// As [`Store::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create<E: Entity>(&mut self, new: E, spend_nanos: i64) -> Result<E, StoreError> {
        create(self.session, new, spend_nanos, self.calendar, self.now_ms)
    }

    /// As [`Store::update`].
    ///
    /// # Errors
    /// As there.
    pub fn update<E: Entity>(
        &mut self,
        id: &str,
        part: &str,
        change: &dyn Fn(&mut E) -> Result<(), StoreError>,
    ) -> Result<E, StoreError> {
        update(self.session, id, part, self.calendar, self.now_ms, change)
    }

    /// Deletes a row and answers it as it was.
    ///
    /// # Errors
    /// When the database is not there.
    pub fn delete<E: Entity>(&mut self, id: &str, part: &str) -> Result<Option<E>, StoreError> {
        remove(self.session, id, part)
    }

    /// As [`Store::find`].
    ///
    /// # Errors
    /// As there.
    pub fn find<E: Entity>(&mut self, find: &Find) -> Result<Page<E>, StoreError> {
        page(self.session, find)
    }

    /// As [`Store::delete_keys`].
    ///
    /// # Errors
    /// When the database is not there.
    pub fn delete_keys(&mut self, hashes: &[String], by: Option<&str>) -> Result<Vec<Key>, StoreError> {
        keys::delete(self.session, hashes, by, self.now_ms)
    }

    /// An account as it stands now, also one that does not exist yet.
    ///
    /// # Errors
    /// When the database is not there.
    pub fn account(&mut self, id: &AccountId) -> Result<Account, StoreError> {
        let mut account = load(self.session, std::slice::from_ref(id))?.remove(id).unwrap_or_default();
        account.roll(self.calendar, self.now_ms);
        Ok(account)
    }

    /// As [`Store::set_spend`].
    ///
    /// # Errors
    /// When the database is not there.
    pub fn set_spend(&mut self, id: &AccountId, spend_nanos: i64) -> Result<Account, StoreError> {
        set_spend(self.session, id, spend_nanos, self.calendar, self.now_ms)
    }
}

impl Store {
    /// Several changes, all or none. `work` may be run again when it could not be committed, so it must do nothing
    /// but use the transaction.
    ///
    /// # Errors
    /// What `work` says; when the database is not there.
    pub async fn transaction<T: Send + 'static>(
        &self,
        now_ms: i64,
        work: impl Fn(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let calendar = self.calendar();
        self.write(move |session| work(&mut Transaction { session, calendar: &calendar, now_ms })).await
    }

    /// Deletes users with their keys and memberships; answers those that there were, and the keys.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn delete_users(
        &self,
        ids: Vec<String>,
        by: Option<String>,
        now_ms: i64,
    ) -> Result<(Vec<User>, Vec<Key>), StoreError> {
        self.write(move |session| {
            let (mut gone, mut keys) = (Vec::new(), Vec::new());
            for id in &ids {
                let Some(user) = remove::<User>(session, id, "")? else { continue };
                keys.extend(keys_of(session, "user_id", id, by.as_deref(), now_ms)?);
                remove_pairs::<Member>(session, "part", id)?;
                remove_pairs::<OrgMember>(session, "part", id)?;
                gone.push(user);
            }
            Ok((gone, keys))
        })
        .await
    }

    /// Deletes teams with their keys and members; answers those that there were, and the keys.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn delete_teams(
        &self,
        ids: Vec<String>,
        by: Option<String>,
        now_ms: i64,
    ) -> Result<(Vec<Team>, Vec<Key>), StoreError> {
        self.write(move |session| teams(session, &ids, by.as_deref(), now_ms)).await
    }

    /// Deletes organizations with their teams, keys and members; answers those that there were, and the keys.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn delete_organizations(
        &self,
        ids: Vec<String>,
        by: Option<String>,
        now_ms: i64,
    ) -> Result<(Vec<Organization>, Vec<Key>), StoreError> {
        self.write(move |session| {
            let (mut gone, mut keys) = (Vec::new(), Vec::new());
            for id in &ids {
                let Some(organization) = remove::<Organization>(session, id, "")? else { continue };
                let sql = "SELECT id FROM stagedoor_teams WHERE organization_id = $1 ORDER BY id";
                let rows = session.query(sql, &[Value::from(id)])?;
                let below: Vec<String> = rows.iter().map(|row| row.text(0)).collect();
                keys.extend(teams(session, &below, by.as_deref(), now_ms)?.1);
                keys.extend(keys_of(session, "organization_id", id, by.as_deref(), now_ms)?);
                remove_pairs::<OrgMember>(session, "id", id)?;
                gone.push(organization);
            }
            Ok((gone, keys))
        })
        .await
    }

    /// Deletes a shared budget. Those that point to it have no limit from it any more; a budget that is made later
    /// under the same id applies to them again.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn delete_budget(&self, id: &str, now_ms: i64) -> Result<Option<Budget>, StoreError> {
        let (id, calendar) = (id.to_string(), self.calendar());
        self.write(move |session| {
            let Some(budget) = remove::<Budget>(session, &id, "")? else { return Ok(None) };
            for (kind, table) in tables::WITH_BUDGETS {
                let sql = format!("SELECT id, part, doc FROM {table} WHERE budget_id = $1");
                for row in session.query(&sql, &[Value::from(&id)])? {
                    let own: crate::domain::keys::Limits = row.json(2)?;
                    let account = AccountId::pair(kind, row.text(0), row.text(1));
                    let every = own.budget_duration;
                    super::accounts::change(session, &account, |account| {
                        account.set_every(&calendar, every.as_deref(), now_ms);
                    })?;
                }
                let version = session.next_version()?;
                let sql = format!("UPDATE {table} SET version = $1 WHERE budget_id = $2");
                session.execute(&sql, &[version.into(), Value::from(&id)])?;
            }
            Ok(Some(budget))
        })
        .await
    }
}

fn teams(
    session: &mut dyn Session,
    ids: &[String],
    by: Option<&str>,
    now_ms: i64,
) -> Result<(Vec<Team>, Vec<Key>), StoreError> {
    let (mut gone, mut keys) = (Vec::new(), Vec::new());
    for id in ids {
        let Some(team) = remove::<Team>(session, id, "")? else { continue };
        keys.extend(keys_of(session, "team_id", id, by, now_ms)?);
        remove_pairs::<Member>(session, "id", id)?;
        let sql = "DELETE FROM stagedoor_accounts WHERE kind = 'team_window' AND owner = $1";
        session.execute(sql, &[Value::from(id)])?;
        gone.push(team);
    }
    Ok((gone, keys))
}

fn keys_of(
    session: &mut dyn Session,
    column: &str,
    owner: &str,
    by: Option<&str>,
    now_ms: i64,
) -> Result<Vec<Key>, StoreError> {
    let sql = format!("SELECT id FROM stagedoor_keys WHERE {column} = $1 ORDER BY id");
    let rows = session.query(&sql, &[owner.into()])?;
    let hashes: Vec<String> = rows.iter().map(|row| row.text(0)).collect();
    keys::delete(session, &hashes, by, now_ms)
}

fn remove_pairs<E: Entity>(session: &mut dyn Session, column: &str, id: &str) -> Result<(), StoreError> {
    let sql = format!("SELECT id, part FROM {} WHERE {column} = $1 ORDER BY id, part", E::TABLE);
    for row in session.query(&sql, &[id.into()])? {
        remove::<E>(session, &row.text(0), &row.text(1))?;
    }
    Ok(())
}
