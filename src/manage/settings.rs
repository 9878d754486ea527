//! What the configuration says about keys, users and teams.

use crate::actors::response_cache::ResponseCache;
use crate::config::model::KeyRule;
use crate::domain::keys::reset::Calendar;
use crate::domain::keys::{JsonMap, Role, TeamRole};

/// Settings of the management operations.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What `/key/generate` fills in where the request is silent (`default_key_generate_params`).
    pub default_key_params: JsonMap,
    /// What a key may have at most, also filled in where the request is silent (`upperbound_key_generate_params`).
    pub upper_bounds: JsonMap,
    /// What `/user/new` fills in for all but admins (`default_internal_user_params`).
    pub default_user_params: JsonMap,
    /// What `/team/new` fills in (`default_team_params`).
    pub default_team_params: JsonMap,
    /// Budget of internal users that are given none, nano-dollars (`max_internal_user_budget`).
    pub user_budget_nanos: Option<i64>,
    /// Its period (`internal_user_budget_duration`).
    pub user_budget_duration: Option<String>,
    /// Callers may not choose a key's text (`disable_custom_api_keys`).
    pub no_custom_keys: bool,
    /// How long a replaced key goes on working when the request does not say (`24h`).
    pub grace_period: Option<String>,
    /// The one who makes a team does not become its admin (`disable_auto_add_proxy_admin_to_teams`).
    pub teams_without_maker: bool,
    /// The budget of the whole gateway, nano-dollars (`max_budget`).
    pub proxy_budget_nanos: Option<i64>,
    /// What models cost.
    pub prices: super::costs::Prices,
    /// The response cache, where there is one.
    pub cache: Option<ResponseCache>,
    /// What is served, and how models of the database get there.
    pub models: super::models::Models,
    /// When budgets begin anew; the store's own.
    pub calendar: Calendar,
    /// Random bytes in a generated key.
    pub key_bytes: usize,
    /// Characters that a chosen key must have.
    pub shortest_custom_key: usize,
    /// Keys are not shown as `sk-...` with their last characters.
    pub no_key_names: bool,
    /// Keys belong to a team, or are not made.
    pub keys_need_team: bool,
    /// Who may make keys of teams, and what they have to say.
    pub team_keys: Option<KeyRule<TeamRole>>,
    /// Who may make keys of their own, and what they have to say.
    pub personal_keys: Option<KeyRule<Role>>,
}

impl Default for Settings {
    /// As without a configuration.
    fn default() -> Self {
        Settings {
            default_key_params: JsonMap::new(),
            upper_bounds: JsonMap::new(),
            default_user_params: JsonMap::new(),
            default_team_params: JsonMap::new(),
            user_budget_nanos: None,
            user_budget_duration: None,
            no_custom_keys: false,
            grace_period: None,
            teams_without_maker: false,
            calendar: Calendar::default(),
            key_bytes: 16,
            shortest_custom_key: 16,
            no_key_names: false,
            keys_need_team: false,
            team_keys: None,
            personal_keys: None,
            proxy_budget_nanos: None,
            prices: super::costs::Prices::default(),
            cache: None,
            models: super::models::Models::default(),
        }
    }
}
