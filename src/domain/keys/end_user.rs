//! The callers' own customers, named by `user` in the request's body.

use serde::{Deserialize, Serialize};

use super::{JsonMap, Limits, State};

/// An end user (`/customer/*`). One is made by itself when money is first spent for an unknown name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndUser {
    /// The name in requests.
    pub user_id: String,
    /// Shown name.
    pub alias: Option<String>,
    /// Refused until unblocked.
    pub blocked: bool,
    /// Its own caps.
    #[serde(flatten)]
    pub limits: Limits,
    /// The shared budget it points to.
    pub budget_id: Option<String>,
    /// `eu` or `us`.
    pub allowed_model_region: Option<String>,
    /// Kept and shown.
    pub default_model: Option<String>,
    /// Groups it may be served by; empty: all.
    pub models: Vec<String>,
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
