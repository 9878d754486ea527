//! Deleting keys.

use serde_json::{Value, json};

use super::access;
use crate::base::error::Error;
use crate::domain::keys::Key;
use crate::manage::{Call, fail};

/// `/key/delete`: by text, hash or alias; all that exist, or none when one of them is not the caller's to delete.
///
/// # Errors
/// 404 when none exists; 403; 422 when the request names none.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let keys = call.body.texts("keys")?.value().unwrap_or_default();
    let aliases = call.body.texts("key_aliases")?.value().unwrap_or_default();
    if keys.is_empty() && aliases.is_empty() {
        return Err(fail::missing("keys"));
    }
    let mut found: Vec<(String, Key)> = Vec::new();
    for name in keys {
        if let Some(key) = access::find(&call, &name).await? {
            found.push((name, key));
        }
    }
    for key in access::find_by_alias(&call, &aliases).await? {
        found.push((key.key_alias.clone().unwrap_or_default(), key));
    }
    if found.is_empty() {
        return Err(fail::not_found("keys", "No keys found"));
    }
    for (_, key) in &found {
        access::must_change(&call, key).await?;
    }
    let hashes: Vec<String> = found.iter().map(|(_, key)| key.hash.clone()).collect();
    let gone = call.manage.store().delete_keys(hashes, call.by(), call.now_ms).await.map_err(fail::store)?;
    for key in &gone {
        call.manage.tell(key.into());
    }
    let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
    Ok(json!({"deleted_keys": names}))
}
