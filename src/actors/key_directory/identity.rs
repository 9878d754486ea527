//! Somebody whose key is known, with everything that decides about a request worked out once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use smallvec::SmallVec;

use crate::base::money::Nanos;
use crate::domain::keys::{Budget, Key, Limits, OwnRouting, Window, access};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::domain::limits::Limits as Rates;
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::store::Grant;

/// How the master key is called in logs, metrics and the ledger: its hash would be one more thing to guard.
pub const MASTER: &str = "litellm_proxy_master_key";

/// A caller as the data plane needs it.
pub struct Identity {
    /// Hash of the key that was presented, or [`MASTER`].
    pub hash: Arc<str>,
    /// The key and its owners; `None` for the master key.
    pub grant: Option<Box<Grant>>,
    /// Whose rates a request of it counts into.
    pub rates: Vec<(ScopeId, Rates)>,
    /// Whose money it spends, as far as a budget says so.
    pub purses: Vec<Purse>,
    /// What the key and its team change about its requests; most change nothing.
    pub own: Option<Arc<OwnRouting>>,
    /// When one of its budgets ends that was raised for a while: it is to be worked out anew then.
    until_ms: Option<i64>,
    /// What it has spent since it was looked up, nano-dollars.
    spent_since: AtomicI64,
}

/// What the configuration says of users' budgets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// A user's budget holds for its keys in teams, too.
    pub team_users_pay: bool,
    /// The budget of users who have none, nano-dollars.
    pub user_budget: Option<i64>,
}

/// What a caller has for one model group: rates and budgets.
pub type OfModel = (SmallVec<[(ScopeId, Rates); 2]>, SmallVec<[Purse; 2]>);

/// Something with a budget.
#[derive(Debug, Clone)]
pub struct Purse {
    /// Where its money is counted here.
    pub scope: ScopeId,
    /// Where the store keeps it. Shared: each request has a list of its purses.
    pub id: Arc<AccountId>,
    /// No more than this in a period, nano-dollars.
    pub max: Option<i64>,
    /// From here on somebody is told.
    pub soft: Option<i64>,
}

impl Identity {
    /// The master key: everything is allowed and nothing is limited.
    pub fn master() -> Self {
        Identity {
            hash: MASTER.into(),
            grant: None,
            rates: Vec::new(),
            purses: Vec::new(),
            own: None,
            until_ms: None,
            spent_since: AtomicI64::new(0),
        }
    }

    /// A virtual key, as it stands at `now_ms`.
    pub fn of_grant(grant: Grant, now_ms: i64, terms: Terms) -> Self {
        let mut identity = Identity {
            hash: grant.key.hash.as_str().into(),
            grant: None,
            rates: Vec::new(),
            purses: Vec::new(),
            own: OwnRouting::of(&grant.key, grant.team.as_deref()).map(Arc::new),
            until_ms: raised_until(&grant, now_ms),
            spent_since: AtomicI64::new(0),
        };
        identity.count_key(&grant, now_ms);
        identity.count_owners(&grant, now_ms, terms);
        // Thousands are kept, and what was grown has room for more than most of them have.
        identity.rates.shrink_to_fit();
        identity.purses.shrink_to_fit();
        identity.grant = Some(Box::new(grant));
        identity
    }

    /// The virtual key.
    pub fn key(&self) -> Option<&Key> {
        self.grant.as_ref().map(|grant| &grant.key)
    }

    /// Whether what was worked out of it holds no longer.
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms.is_some_and(|until| until <= now_ms)
    }

    /// A key that nobody can look up now, with nothing but what is said of it here.
    pub fn on_trust(key: Key) -> Self {
        let grant = Grant {
            revoke_ms: None,
            key,
            user: None,
            team: None,
            member: None,
            organization: None,
            budgets: Vec::new(),
            accounts: BTreeMap::new(),
        };
        Identity::of_grant(grant, 0, Terms::default())
    }

    /// What its key has spent with this amount added, about: as the store knew it when the key was looked up, and what
    /// this process has seen since. `None` for the master key.
    pub fn spent_with(&self, amount: Nanos) -> Option<Nanos> {
        let key = self.key()?;
        let before = match amount.get() {
            0 => self.spent_since.load(Ordering::Relaxed),
            amount => self.spent_since.fetch_add(amount, Ordering::Relaxed),
        };
        Some(Nanos::new(key.state.spend_nanos.saturating_add(before)).saturating_add(amount))
    }

    /// Which of key, team, user or member does not allow a model, if one of them does not. A user's list holds for
    /// keys without a team.
    pub fn forbids(
        &self,
        names: &[&str],
        in_access_group: impl Fn(&str) -> bool + Copy,
    ) -> Option<ScopeKind> {
        let grant = self.grant.as_deref()?;
        let denied = |list: &[String]| !names.iter().any(|name| access::allows(list, name, in_access_group));
        let team = grant.team.as_ref();
        if denied(&grant.key.models) {
            return Some(ScopeKind::Key);
        }
        if team.is_some_and(|team| denied(&team.models)) {
            return Some(ScopeKind::Team);
        }
        if grant.member.as_ref().is_some_and(|member| denied(&member.allowed_models)) {
            return Some(ScopeKind::TeamMember);
        }
        if team.is_none() && grant.user.as_ref().is_some_and(|user| denied(&user.models)) {
            return Some(ScopeKind::User);
        }
        grant
            .organization
            .as_ref()
            .is_some_and(|organization| denied(&organization.models))
            .then_some(ScopeKind::Organization)
    }

    fn count_key(&mut self, grant: &Grant, now_ms: i64) {
        let key = &grant.key;
        let scope = key.scope();
        let mut limits = merged(&key.limits, budget(grant, key.budget_id.as_deref()), now_ms);
        limits.add_for_a_while(key.temp_budget_increase_nanos, key.temp_budget_expiry_ms, now_ms);
        self.windows(&scope, AccountKind::KeyWindow, &key.hash, &key.budget_limits);
        self.count(scope, AccountId::new(AccountKind::Key, &key.hash), &limits);
    }

    fn count_owners(&mut self, grant: &Grant, now_ms: i64, terms: Terms) {
        if let Some(user) = &grant.user {
            let mut limits = merged(&user.limits, budget(grant, user.budget_id.as_deref()), now_ms);
            limits.max_budget_nanos = limits.max_budget_nanos.or(terms.user_budget);
            if grant.team.is_some() && !terms.team_users_pay {
                limits = Limits { max_budget_nanos: None, soft_budget_nanos: None, ..limits };
            }
            let scope = ScopeId::new(ScopeKind::User, &user.user_id);
            self.count(scope, AccountId::new(AccountKind::User, &user.user_id), &limits);
        }
        if let Some(team) = &grant.team {
            let scope = ScopeId::new(ScopeKind::Team, &team.team_id);
            self.windows(&scope, AccountKind::TeamWindow, &team.team_id, &team.budget_limits);
            self.count(scope, AccountId::new(AccountKind::Team, &team.team_id), &team.limits);
        }
        if let Some(member) = &grant.member {
            let shared = grant.team.as_ref().and_then(|team| team.team_member_budget_id.as_deref());
            let limits =
                merged(&member.limits, budget(grant, member.budget_id.as_deref().or(shared)), now_ms);
            let scope = ScopeId::pair(ScopeKind::TeamMember, &member.team_id, &member.user_id);
            self.count(
                scope,
                AccountId::pair(AccountKind::Member, &member.team_id, &member.user_id),
                &limits,
            );
        }
        if let Some(organization) = &grant.organization {
            let shared = budget(grant, organization.budget_id.as_deref());
            let limits = merged(&organization.limits, shared, now_ms);
            let scope = ScopeId::new(ScopeKind::Organization, &organization.organization_id);
            let id = AccountId::new(AccountKind::Organization, &organization.organization_id);
            self.count(scope, id, &limits);
        }
    }

    fn windows(&mut self, scope: &ScopeId, kind: AccountKind, owner: &str, windows: &[Window]) {
        self.purses.extend(windows.iter().map(|window| Purse {
            scope: scope.within(&window.budget_duration),
            id: AccountId::pair(kind, owner, &window.budget_duration).into(),
            max: Some(window.max_budget_nanos),
            soft: None,
        }));
    }

    fn count(&mut self, scope: ScopeId, id: AccountId, limits: &Limits) {
        let rates = rates(limits);
        if !rates.is_empty() {
            self.rates.push((scope.clone(), rates));
        }
        if limits.max_budget_nanos.is_some() || limits.soft_budget_nanos.is_some() {
            let (max, soft) = (limits.max_budget_nanos, limits.soft_budget_nanos);
            self.purses.push(Purse { scope, id: id.into(), max, soft });
        }
    }

    /// Limits and budgets that this caller has for one model group.
    pub fn of_model(&self, group: &str) -> OfModel {
        let (mut rates, mut purses) = (SmallVec::new(), SmallVec::new());
        let Some(grant) = self.grant.as_deref() else { return (rates, purses) };
        let key = &grant.key;
        let limit = |name: &str| key.model_limit(name, group).map(at_least_0);
        let of_key = Rates {
            requests_per_minute: limit("model_rpm_limit"),
            tokens_per_minute: limit("model_tpm_limit"),
            ..Rates::default()
        };
        if !of_key.is_empty() {
            rates.push((key.model_scope(group), of_key));
        }
        if let Some(max) = model_budget(&key.limits, group) {
            purses.push(Purse {
                scope: key.model_scope(group),
                id: AccountId::pair(AccountKind::KeyModel, &key.hash, group).into(),
                max: Some(max),
                soft: None,
            });
        }
        if let Some(user) = grant.user.as_ref().filter(|_| grant.team.is_none())
            && let Some(max) = model_budget(&user.limits, group)
        {
            purses.push(Purse {
                scope: ScopeId::pair(ScopeKind::ModelPerUser, &user.user_id, group),
                id: AccountId::pair(AccountKind::UserModel, &user.user_id, group).into(),
                max: Some(max),
                soft: None,
            });
        }
        if let Some(team) = &grant.team
            && let Some(max) = model_budget(&team.limits, group)
        {
            purses.push(Purse {
                scope: ScopeId::pair(ScopeKind::ModelPerTeam, &team.team_id, group),
                id: AccountId::pair(AccountKind::TeamModel, &team.team_id, group).into(),
                max: Some(max),
                soft: None,
            });
        }
        (rates, purses)
    }
}

/// When the first of the budgets that are raised for a while is as before.
fn raised_until(grant: &Grant, now_ms: i64) -> Option<i64> {
    let shared = grant.budgets.iter().map(|budget| budget.temp_budget_expiry_ms);
    shared.chain([grant.key.temp_budget_expiry_ms]).flatten().filter(|until| *until > now_ms).min()
}

fn budget<'a>(grant: &'a Grant, id: Option<&str>) -> Option<&'a Budget> {
    let id = id?;
    grant.budgets.iter().find(|budget| budget.budget_id == id)
}

/// An owner's own caps, and those of the budget row it points to where it has none.
fn merged(own: &Limits, shared: Option<&Budget>, now_ms: i64) -> Limits {
    shared.map_or_else(|| own.clone(), |shared| own.or(&shared.limits_at(now_ms)))
}

fn at_least_0(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The rates among an owner's caps.
pub fn rates(limits: &Limits) -> Rates {
    Rates {
        requests_per_minute: limits.rpm_limit.map(at_least_0),
        tokens_per_minute: limits.tpm_limit.map(at_least_0),
        tokens_per_day: limits.tpd_limit.map(at_least_0),
        parallel: limits.max_parallel_requests.map(at_least_0),
    }
}

/// The budget of one model (`model_max_budget`), nano-dollars: a bare number, or an object with `max_budget` (or
/// `budget_limit`).
fn model_budget(limits: &Limits, group: &str) -> Option<i64> {
    let entry = limits.model_max_budget.get(group)?;
    let amount = entry.get("max_budget").or_else(|| entry.get("budget_limit")).unwrap_or(entry);
    Nanos::from_json(amount.as_number()?).ok().map(Nanos::get)
}
