//! Organizations, which own teams, and their members.

use serde::{Deserialize, Serialize};

use super::{JsonMap, Limits, State};

/// An organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// Its id.
    pub organization_id: String,
    /// Shown name.
    pub organization_alias: Option<String>,
    /// Groups its teams may ask for; empty: all.
    pub models: Vec<String>,
    /// Its own caps.
    #[serde(flatten)]
    pub limits: Limits,
    /// The shared budget it points to.
    pub budget_id: Option<String>,
    /// Free form.
    pub metadata: JsonMap,
    /// Made when.
    pub created_at_ms: i64,
    /// Made by whom.
    pub created_by: Option<String>,
    /// Changed when.
    pub updated_at_ms: i64,
    /// Changed by whom.
    pub updated_by: Option<String>,
    /// Money and version.
    #[serde(skip)]
    pub state: State,
    /// Fields of later versions.
    #[serde(flatten)]
    pub other: JsonMap,
}

/// A user in an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgMember {
    /// The organization.
    pub organization_id: String,
    /// The user.
    pub user_id: String,
    /// `org_admin`, `internal_user` or `internal_user_viewer`.
    pub user_role: Option<String>,
    /// The shared budget it points to.
    pub budget_id: Option<String>,
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
