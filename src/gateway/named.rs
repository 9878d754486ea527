//! Owners that requests name themselves, end users and tags: what they may spend and how fast.
//!
//! All names of a request are looked up at once, about once a minute, behind a request; a change through the
//! management API forgets the copy. While the database does not answer, a name that is not known here counts as one
//! without limits, and no request waits for it: nobody's key stops working because of the customer that a request
//! names.

mod copies;

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::actors::key_directory::{Identity, Purse, rates};
use crate::base::clock::{self, unix_ms};
use crate::base::error::{Error, Kind};
use crate::domain::keys::Limits;
use crate::domain::ledger::{AccountId, AccountKind};
use crate::domain::limits::Limits as Rates;
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::store::{NamedRows, Store};
use copies::{Bounds, Copies, Place};

/// How long a request waits for the database because of a name.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often an answer that is older than a change is asked for again.
const TRIES: u32 = 3;

/// The copies of end users and tags.
#[derive(Clone)]
pub struct Named {
    store: Store,
    copies: Arc<Copies>,
    /// What end users get that have no budget of their own.
    pub default_end_user: Arc<DefaultBudget>,
}

/// The budget of end users who have none.
#[derive(Debug, Clone, Default)]
pub struct DefaultBudget {
    /// As an amount, nano-dollars.
    pub max_nanos: Option<i64>,
    /// As a shared budget.
    pub budget_id: Option<String>,
}

/// Rates and purses of the names in one request.
pub type Owners = SmallVec<[(ScopeId, Rates, Option<Purse>); 2]>;

impl Named {
    /// No copies yet.
    pub fn new(store: Store) -> Self {
        Named { store, copies: Arc::default(), default_end_user: Arc::default() }
    }

    /// What the names of a request are limited to.
    ///
    /// # Errors
    /// 403 for an end user that is blocked.
    pub async fn of(
        &self,
        identity: &Identity,
        end_user: Option<&str>,
        tags: &[String],
    ) -> Result<Owners, Error> {
        let places = places(identity, end_user, tags);
        let mut owners = Owners::new();
        if places.is_empty() {
            return Ok(owners);
        }
        let mut found = self.copies.find(&places, clock::now());
        if !found.missing.is_empty() {
            let asked = std::mem::take(&mut found.missing);
            Box::pin(self.ask(asked)).await;
            found.bounds = self.copies.find(&places, clock::now()).bounds;
        } else if !found.stale.is_empty() {
            let (own, stale) = (self.clone(), found.stale);
            actix_rt::spawn(async move { own.ask(stale).await });
        }
        for (place, bounds) in places.iter().zip(found.bounds) {
            let bounds = bounds.unwrap_or_default();
            if bounds.blocked {
                let message = "This end user is blocked. Update via `/customer/unblock` if you're an admin.";
                return Err(Error::new(Kind::Forbidden, message).with_param("user"));
            }
            let account =
                if place.kind == ScopeKind::EndUser { AccountKind::EndUser } else { AccountKind::Tag };
            owners.push(owner(place.kind, account, &place.name, &bounds.limits));
        }
        Ok(owners)
    }

    /// Changes may have been missed.
    pub fn doubt(&self) {
        self.copies.doubt(clock::now());
    }

    /// Forgets a name, or all of a kind; a look-up under way does not bring them back.
    pub fn forget(&self, kind: ScopeKind, name: Option<&str>) {
        self.copies.forget(kind, name);
    }

    /// Looks names up, all in one visit to the database, and keeps what it says, also that it says nothing.
    async fn ask(&self, places: Vec<Place>) {
        let of = |kind| places.iter().filter(move |place| place.kind == kind);
        let user = of(ScopeKind::EndUser).next();
        let tags: Vec<String> = of(ScopeKind::Tag).map(|place| place.name.clone()).collect();
        let by_default = user.and_then(|user| user.shared.clone());
        let budgets = by_default.into_iter().chain(self.default_end_user.budget_id.clone());
        let budgets: Vec<String> = budgets.collect();
        for _ in 0..TRIES {
            let epoch = self.copies.epoch();
            let asked = self.store.named(user.map(|user| user.name.clone()), tags.clone(), budgets.clone());
            let rows = match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(rows)) => rows,
                Ok(Err(cause)) => {
                    tracing::debug!(%cause, "end users and tags could not be looked up");
                    return self.copies.failed(Instant::now());
                }
                Err(_) => {
                    tracing::debug!("end users and tags could not be looked up in time");
                    return self.copies.failed(Instant::now());
                }
            };
            let bounds = places.iter().map(|place| (place.clone(), self.bounds(place, &rows)));
            // Otherwise something was changed while the store was asked: the answer may be older than the change.
            if self.copies.keep(epoch, bounds.collect(), Instant::now()) {
                return;
            }
        }
    }

    fn bounds(&self, place: &Place, rows: &NamedRows) -> Bounds {
        let completed = |own: Limits, shared: Option<&str>| match shared.and_then(|id| rows.budget(id)) {
            Some(shared) => own.or(&shared.limits_at(unix_ms())),
            None => own,
        };
        if place.kind == ScopeKind::Tag {
            let Some(tag) = rows.tags.iter().find(|tag| tag.name == place.name) else {
                return Bounds::default();
            };
            return Bounds {
                limits: completed(tag.limits.clone(), tag.budget_id.as_deref()),
                blocked: false,
            };
        }
        let user = rows.end_user.clone().unwrap_or_default();
        let by_default = self.default_end_user.budget_id.as_deref();
        let shared = user.budget_id.as_deref().or(place.shared.as_deref()).or(by_default);
        let mut limits = completed(user.limits, shared);
        limits.max_budget_nanos = limits.max_budget_nanos.or(self.default_end_user.max_nanos);
        Bounds { limits, blocked: user.blocked }
    }
}

/// The names of a request, each once.
fn places(identity: &Identity, end_user: Option<&str>, tags: &[String]) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(name) = end_user.filter(|name| !name.is_empty()) {
        let shared = identity.key().and_then(|key| key.end_user_budget_id.clone());
        places.push(Place { kind: ScopeKind::EndUser, name: name.to_string(), shared });
    }
    let own = identity.key().into_iter().flat_map(|key| key.tags());
    let mut names: SmallVec<[&str; 4]> = tags.iter().map(String::as_str).chain(own).collect();
    names.sort_unstable();
    names.dedup();
    let tag = |name: &str| Place { kind: ScopeKind::Tag, name: name.to_string(), shared: None };
    places.extend(names.into_iter().map(tag));
    places
}

fn owner(
    kind: ScopeKind,
    account: AccountKind,
    name: &str,
    limits: &Limits,
) -> (ScopeId, Rates, Option<Purse>) {
    let scope = ScopeId::new(kind, name);
    let (max, soft) = (limits.max_budget_nanos, limits.soft_budget_nanos);
    let bounded = max.is_some() || soft.is_some();
    let purse =
        bounded.then(|| Purse { scope: scope.clone(), id: AccountId::new(account, name).into(), max, soft });
    (scope, rates(limits), purse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keys::{Budget, EndUser, Tag};
    use crate::store::StoreOptions;

    fn limited(max_budget_nanos: i64) -> Limits {
        Limits { max_budget_nanos: Some(max_budget_nanos), ..Limits::default() }
    }

    async fn maxima(named: &Named, end_user: Option<&str>, tags: &[String]) -> Vec<Option<i64>> {
        let owners = named.of(&Identity::master(), end_user, tags).await.unwrap();
        owners.iter().map(|(_, _, purse)| purse.as_ref().and_then(|purse| purse.max)).collect()
    }

    #[actix_rt::test]
    async fn every_name_of_a_request_has_its_own_budget() {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let shared = Budget { budget_id: "b".into(), limits: limited(5), ..Budget::default() };
        store.create(shared, 0, 1).await.unwrap();
        let budget_id = Some("b".to_string());
        let user = EndUser { user_id: "e".into(), budget_id: budget_id.clone(), ..EndUser::default() };
        store.create(user, 0, 1).await.unwrap();
        for n in 0..32 {
            let tag = Tag { name: format!("t{n:02}"), limits: limited(100 + n), ..Tag::default() };
            store.create(tag, 0, 1).await.unwrap();
        }
        let named = Named::new(store.clone());
        let mut tags: Vec<String> = (0..32).map(|n| format!("t{n:02}")).collect();
        tags.push("unknown".into());
        let expected: Vec<Option<i64>> =
            std::iter::once(Some(5)).chain((0..32).map(|n| Some(100 + n))).chain([None]).collect();
        assert_eq!(maxima(&named, Some("e"), &tags).await, expected);
        let changed = store.update::<Tag>("t00", "", 2, |tag| {
            tag.limits.max_budget_nanos = Some(1);
            Ok(())
        });
        changed.await.unwrap();
        assert_eq!(maxima(&named, None, &tags[..1]).await, [Some(100)], "a copy");
        named.forget(ScopeKind::Tag, Some("t00"));
        assert_eq!(maxima(&named, None, &tags[..1]).await, [Some(1)]);
    }

    /// A database that takes connections and says nothing.
    #[actix_rt::test]
    async fn a_silent_database_is_waited_for_once() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgresql://u@{}/x", silent.local_addr().unwrap());
        let named = Named::new(Store::new(&url, StoreOptions::default()).unwrap());
        assert_eq!(maxima(&named, Some("e"), &[]).await, [None]);
        let start = Instant::now();
        for n in 0..20 {
            assert_eq!(maxima(&named, Some(&format!("e{n}")), &["t".into()]).await, [None, None]);
        }
        assert!(start.elapsed() < 10 * PATIENCE, "{:?}", start.elapsed());
    }
}
