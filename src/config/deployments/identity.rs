//! Names of deployments that stay the same over restarts, reordering and new secrets.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Parts;
use crate::config::yaml::{Node, Yaml};
use crate::domain::deployment::Deployment;

/// Bytes of the hash that make up an id.
const ID_BYTES: usize = 16;

/// Gives out ids, each once.
#[derive(Default)]
pub struct Ids {
    explicit: HashMap<String, u32>,
    given: HashSet<String>,
}

impl Ids {
    /// `model_info.id`, or a hash of what identifies the deployment. The second of equals gets `-2`.
    pub fn give(&mut self, parts: &Parts<'_>, deployment: &Deployment) -> Arc<str> {
        let base = self.explicit(parts).unwrap_or_else(|| hash(parts, deployment));
        let mut id = base.clone();
        let mut count = 1_u32;
        while !self.given.insert(id.clone()) {
            count += 1;
            id = format!("{base}-{count}");
        }
        Arc::from(id)
    }

    fn explicit(&mut self, parts: &Parts<'_>) -> Option<String> {
        let field = parts.info.get("id")?;
        let id = match &field.node.value {
            Yaml::Int(number) => number.to_string(),
            _ => field.text()?,
        };
        if id.is_empty() {
            field.error("must not be empty");
            return None;
        }
        let line = field.at.line;
        let first = *self.explicit.entry(id.clone()).or_insert(line);
        if first != line {
            field.error(format!(
                "the id \"{id}\" is taken by the deployment of line {first}; ids must differ"
            ));
        }
        Some(id)
    }
}

/// A hash over group, provider, model and place, and over the *name* of the key's variable, never over a
/// secret: so a rotated key keeps the id, and with it the history in dashboards.
fn hash(parts: &Parts<'_>, deployment: &Deployment) -> String {
    let entries = parts.params.entries();
    let entry = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node);
    let mut hasher = Sha256::new();
    let mut field = |name: &str, value: &str| {
        hasher.update(name.as_bytes());
        hasher.update([0]);
        hasher.update(value.as_bytes());
        hasher.update([0]);
    };
    field("group", &deployment.group);
    field("provider", deployment.provider.name);
    field("model", &deployment.model);
    for key in ["api_base", "base_url", "api_version", "region_name", "litellm_credential_name"] {
        field(key, &entry(key).map(reference_or_text).unwrap_or_default());
    }
    field("organization", deployment.connection.organization.as_deref().unwrap_or_default());
    let variable = entry("api_key").and_then(|node| node.variable.as_deref());
    field("api_key", variable.unwrap_or_default());
    hasher.finalize().iter().take(ID_BYTES).fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// The name of the variable that a value comes from, or else the value.
fn reference_or_text(node: &Node) -> String {
    match &node.variable {
        Some(name) => format!("os.environ/{name}"),
        None => node.text().unwrap_or_default().to_owned(),
    }
}
