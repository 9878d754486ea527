//! What new keys, users and teams get where nothing is said, and the most that may be said.

use crate::base::money::Nanos;
use crate::domain::keys::{JsonMap, Limits, Role, TeamRole};

/// Defaults and ceilings of the management API.
#[derive(Debug, Clone, Default)]
pub struct GrantSettings {
    /// `default_key_generate_params`
    pub key_defaults: KeyDefaults,
    /// `upperbound_key_generate_params`
    pub key_ceilings: KeyCeilings,
    /// `key_generation_settings.team_key_generation`; `None`: no rule beyond the roles' own.
    pub team_keys: Option<KeyRule<TeamRole>>,
    /// `key_generation_settings.personal_key_generation`; `None`: no rule beyond the roles' own.
    pub personal_keys: Option<KeyRule<Role>>,
    /// `default_internal_user_params`, for every new user but a `proxy_admin`.
    pub user_defaults: UserDefaults,
    /// `max_internal_user_budget`: the budget of a new `internal_user` without one.
    pub internal_user_budget: Option<Nanos>,
    /// `internal_user_budget_duration`: and how long it lasts (`30d` ...).
    pub internal_user_budget_duration: Option<String>,
    /// `max_user_budget`: the budget of users who have none, whatever their role.
    pub user_budget: Option<Nanos>,
    /// `max_end_user_budget`: the budget of end users who have none.
    pub end_user_budget: Option<Nanos>,
    /// `max_end_user_budget_id`: the shared budget of end users who point to none.
    pub end_user_budget_id: Option<String>,
    /// `default_team_params`
    pub team_defaults: TeamDefaults,
}

/// What a new key gets where its maker says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyDefaults {
    /// Whose it is.
    pub user_id: Option<String>,
    /// Which team's.
    pub team_id: Option<String>,
    /// Its lifetime (`30d` ...).
    pub duration: Option<String>,
    /// Groups it may ask for.
    pub models: Vec<String>,
    /// Its caps.
    pub limits: Limits,
    /// Free form.
    pub metadata: JsonMap,
}

/// The most a new or changed key may have; it is also what a key gets that says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyCeilings {
    /// `max_budget`, `budget_duration`, `max_parallel_requests`, `tpm_limit`, `rpm_limit`.
    pub limits: Limits,
    /// The longest lifetime.
    pub duration: Option<String>,
}

/// Who may make keys of a kind, and what they have to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRule<R> {
    /// The roles that may; `None`: all.
    pub roles: Option<Vec<R>>,
    /// `required_params`: fields of the request that must be there.
    pub required: Vec<String>,
}

/// What a new user gets where its maker says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserDefaults {
    /// What it may do.
    pub role: Option<Role>,
    /// Groups it may ask for.
    pub models: Vec<String>,
    /// Its caps.
    pub limits: Limits,
    /// The teams it joins.
    pub teams: Vec<TeamGrant>,
}

/// A place in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamGrant {
    /// The team.
    pub team_id: String,
    /// As what.
    pub role: TeamRole,
    /// What may be spent there.
    pub max_budget: Option<Nanos>,
}

/// What a new team gets where its maker says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeamDefaults {
    /// Groups it may ask for.
    pub models: Vec<String>,
    /// Its caps.
    pub limits: Limits,
    /// What members may do with the team's keys; `None`: the usual.
    pub member_permissions: Option<Vec<String>>,
}
