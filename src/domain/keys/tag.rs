//! Tags with settings of their own; other tags need no row.

use serde::{Deserialize, Serialize};

use super::{JsonMap, Limits, State};

/// A configured tag (`/tag/new`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tag {
    /// The tag.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Ids of deployments that serve it.
    pub models: Vec<String>,
    /// Kept and shown.
    pub model_info: JsonMap,
    /// Its own caps.
    #[serde(flatten)]
    pub limits: Limits,
    /// The shared budget it points to.
    pub budget_id: Option<String>,
    /// Made when.
    pub created_at_ms: i64,
    /// Made by whom.
    pub created_by: Option<String>,
    /// Changed when.
    pub updated_at_ms: i64,
    /// Money and version.
    #[serde(skip)]
    pub state: State,
    /// Fields of later versions.
    #[serde(flatten)]
    pub other: JsonMap,
}
