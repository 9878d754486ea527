//! What the configuration says about keys, users and teams.

use crate::domain::keys::JsonMap;
use crate::domain::keys::reset::Calendar;

/// Settings of the management operations.
#[derive(Debug, Clone, Default)]
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
    /// When budgets begin anew; the store's own.
    pub calendar: Calendar,
}
