//! Credentials that were added through the API.

use serde::{Deserialize, Serialize};

use super::{JsonMap, State};

/// A credential in the database (`/credentials`): values that deployments name instead of having them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredCredential {
    /// Its name (`litellm_credential_name`).
    pub name: String,
    /// `credential_values`; whoever saves the row has encrypted them.
    pub values: JsonMap,
    /// `credential_info`: what people note about it; no secret.
    pub info: JsonMap,
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
