//! Deployments that were added through the API.

use serde::{Deserialize, Serialize};

use super::{JsonMap, State};

/// A deployment in the database (`/model/new`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredModel {
    /// The deployment's id.
    pub model_id: String,
    /// The group it serves.
    pub model_name: String,
    /// `litellm_params`; whoever saves the row has encrypted the secret values.
    pub params: JsonMap,
    /// `model_info`.
    pub model_info: JsonMap,
    /// Serves nothing until unblocked.
    pub blocked: bool,
    /// Made when.
    pub created_at_ms: i64,
    /// Made by whom.
    pub created_by: Option<String>,
    /// Changed when.
    pub updated_at_ms: i64,
    /// Changed by whom.
    pub updated_by: Option<String>,
    /// Its version.
    #[serde(skip)]
    pub state: State,
    /// Fields of later versions.
    #[serde(flatten)]
    pub other: JsonMap,
}
