//! What new keys, users and teams get where nothing is said, and the most that may be said.

use crate::base::money::Nanos;
use crate::domain::keys::{JsonMap, Role, TeamRole};

/// Defaults and ceilings of the management API. The mappings have the names and forms of the API's requests, and
/// their amounts, lengths, numbers and roles are known to be good.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrantSettings {
    /// `default_key_generate_params`: what a new key gets where its maker says nothing.
    pub key_defaults: JsonMap,
    /// `upperbound_key_generate_params`: the most a key may have; also what one gets that says nothing.
    pub key_ceilings: JsonMap,
    /// `key_generation_settings.team_key_generation`; `None`: no rule beyond the roles' own.
    pub team_keys: Option<KeyRule<TeamRole>>,
    /// `key_generation_settings.personal_key_generation`; `None`: no rule beyond the roles' own.
    pub personal_keys: Option<KeyRule<Role>>,
    /// `default_internal_user_params`: the same for users, but a `proxy_admin`.
    pub user_defaults: JsonMap,
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
    /// `default_team_params`: the same for teams.
    pub team_defaults: JsonMap,
}

/// Who may make keys of a kind, and what they have to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRule<R> {
    /// The roles that may; `None`: all.
    pub roles: Option<Vec<R>>,
    /// `required_params`: fields of the request that must be there.
    pub required: Vec<String>,
}
