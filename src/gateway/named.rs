//! Owners that requests name themselves, end users and tags: what they may spend and how fast.
//!
//! Their rows are looked up once a minute each; a change through the management API forgets the copy. While the
//! database does not answer, a name that is not known here counts as one without limits: nobody's key stops working
//! because of the customer that a request names.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::actors::key_directory::{Identity, Purse, rates};
use crate::base::clock;
use crate::base::clock::unix_ms;
use crate::base::error::{Error, Kind};
use crate::domain::keys::{Budget, EndUser, Limits, Tag};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::domain::limits::Limits as Rates;
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::store::{Store, StoreError};

/// How long a row is believed.
const FRESH: Duration = Duration::from_secs(60);
/// The most names that are kept; callers choose names.
const MOST: usize = 10_000;

/// What a name is limited to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Bounds {
    limits: Limits,
    blocked: bool,
}

/// By kind, name, and the budget that the asking key gives end users who have none.
type Known = HashMap<(ScopeKind, String, Option<String>), (Instant, Arc<Bounds>)>;

/// The copies of end users and tags.
#[derive(Clone)]
pub struct Named {
    store: Store,
    known: Arc<Mutex<Known>>,
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
        Named { store, known: Arc::default(), default_end_user: Arc::default() }
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
        let mut owners = Owners::new();
        if let Some(name) = end_user.filter(|name| !name.is_empty()) {
            let bounds = self.bounds(ScopeKind::EndUser, name, identity).await;
            if bounds.blocked {
                let message = "This end user is blocked. Update via `/customer/unblock` if you're an admin.";
                return Err(Error::new(Kind::Forbidden, message).with_param("user"));
            }
            owners.push(owner(ScopeKind::EndUser, AccountKind::EndUser, name, &bounds.limits));
        }
        let own = identity.key().into_iter().flat_map(|key| key.tags());
        let mut names: SmallVec<[&str; 4]> = tags.iter().map(String::as_str).chain(own).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let bounds = self.bounds(ScopeKind::Tag, name, identity).await;
            owners.push(owner(ScopeKind::Tag, AccountKind::Tag, name, &bounds.limits));
        }
        Ok(owners)
    }

    /// Forgets a name, or all of a kind.
    pub fn forget(&self, kind: ScopeKind, name: Option<&str>) {
        self.lock().retain(|(known, own, _), _| *known != kind || name.is_some_and(|name| name != own));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn bounds(&self, kind: ScopeKind, name: &str, identity: &Identity) -> Arc<Bounds> {
        let of_key = identity.key().and_then(|key| key.end_user_budget_id.clone());
        let place = (kind, name.to_string(), of_key.filter(|_| kind == ScopeKind::EndUser));
        let known = self.lock().get(&place).cloned();
        if let Some((_, bounds)) =
            known.as_ref().filter(|(since, _)| clock::now().saturating_duration_since(*since) < FRESH)
        {
            return Arc::clone(bounds);
        }
        match self.look_up(kind, name, identity).await {
            Ok(bounds) => {
                let bounds = Arc::new(bounds);
                let mut all = self.lock();
                if all.len() >= MOST {
                    all.clear();
                }
                all.insert(place, (clock::now(), Arc::clone(&bounds)));
                bounds
            }
            Err(cause) => {
                tracing::debug!(%cause, "an end user or tag could not be looked up");
                known.map(|(_, bounds)| bounds).unwrap_or_default()
            }
        }
    }

    async fn look_up(&self, kind: ScopeKind, name: &str, identity: &Identity) -> Result<Bounds, StoreError> {
        if kind == ScopeKind::Tag {
            let tag = self.store.get::<Tag>(name, "").await?.unwrap_or_default();
            let limits = self.completed(tag.limits, tag.budget_id.as_deref()).await?;
            return Ok(Bounds { limits, blocked: false });
        }
        let user = self.store.get::<EndUser>(name, "").await?.unwrap_or_default();
        let of_key = identity.key().and_then(|key| key.end_user_budget_id.as_deref());
        let shared = user.budget_id.as_deref().or(of_key).or(self.default_end_user.budget_id.as_deref());
        let mut limits = self.completed(user.limits, shared).await?;
        limits.max_budget_nanos = limits.max_budget_nanos.or(self.default_end_user.max_nanos);
        Ok(Bounds { limits, blocked: user.blocked })
    }

    /// A name's own caps, and those of the budget that it points to where it has none.
    async fn completed(&self, own: Limits, shared: Option<&str>) -> Result<Limits, StoreError> {
        let Some(id) = shared else { return Ok(own) };
        let shared = self.store.get::<Budget>(id, "").await?.unwrap_or_default();
        Ok(own.or(&shared.limits_at(unix_ms())))
    }
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
    let purse = bounded.then(|| Purse { scope: scope.clone(), id: AccountId::new(account, name), max, soft });
    (scope, rates(limits), purse)
}
