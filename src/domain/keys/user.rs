//! A person or program that owns keys.

use serde::{Deserialize, Serialize};

use super::{JsonMap, Limits, Role, State};

/// An internal user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// Its id.
    pub user_id: String,
    /// Shown name.
    pub user_alias: Option<String>,
    /// Unique, whatever its case.
    pub user_email: Option<String>,
    /// What it may do; `None`: calls models, nothing else.
    pub user_role: Option<Role>,
    /// Its id at a sign-on service.
    pub sso_user_id: Option<String>,
    /// Main organization.
    pub organization_id: Option<String>,
    /// Groups it may ask for through keys without a team; empty: all.
    pub models: Vec<String>,
    /// Its own caps.
    #[serde(flatten)]
    pub limits: Limits,
    /// The shared budget it points to.
    pub budget_id: Option<String>,
    /// Free form.
    pub metadata: JsonMap,
    /// `cache` controls that requests may use.
    pub allowed_cache_controls: Vec<String>,
    /// Kept and shown.
    pub policies: Vec<String>,
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
