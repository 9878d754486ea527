//! Teams and who is in them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JsonMap, Limits, State, TeamRole, Window};

/// A team. Its members are rows of their own ([`Member`]).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Team {
    /// Its id.
    pub team_id: String,
    /// Shown name.
    pub team_alias: Option<String>,
    /// The organization it belongs to.
    pub organization_id: Option<String>,
    /// Groups its keys may ask for; empty: all.
    pub models: Vec<String>,
    /// Renames: asked name to real name.
    pub model_aliases: JsonMap,
    /// Its own caps.
    #[serde(flatten)]
    pub limits: Limits,
    /// Further budgets over other lengths.
    pub budget_limits: Vec<Window>,
    /// The budget of members without one of their own.
    pub team_member_budget_id: Option<String>,
    /// What members without the admin role may do with the team's keys.
    pub team_member_permissions: Vec<String>,
    /// Models of members that were given none.
    pub default_team_member_models: Vec<String>,
    /// Free form.
    pub metadata: JsonMap,
    /// Refused until unblocked.
    pub blocked: bool,
    /// Router settings for its requests.
    pub router_settings: Option<Value>,
    /// Kept and shown.
    pub policies: Vec<String>,
    /// Kept and shown.
    pub access_group_ids: Vec<String>,
    /// Kept and shown.
    pub object_permission_id: Option<String>,
    /// Made when.
    pub created_at_ms: i64,
    /// Changed when.
    pub updated_at_ms: i64,
    /// Money and version.
    #[serde(skip)]
    pub state: State,
    /// Fields of later versions.
    #[serde(flatten)]
    pub other: JsonMap,
}

/// A user in a team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// The team.
    pub team_id: String,
    /// The user.
    pub user_id: String,
    /// As it was when the member was added.
    pub user_email: Option<String>,
    /// What it may do in the team.
    pub role: TeamRole,
    /// Caps inside the team.
    #[serde(flatten)]
    pub limits: Limits,
    /// The shared budget it points to.
    pub budget_id: Option<String>,
    /// Models it may use; empty: the team's.
    pub allowed_models: Vec<String>,
    /// Made when.
    pub created_at_ms: i64,
    /// Changed when.
    pub updated_at_ms: i64,
    /// Money and version.
    #[serde(skip)]
    pub state: State,
    /// Fields of later versions.
    #[serde(flatten)]
    pub other: JsonMap,
}
