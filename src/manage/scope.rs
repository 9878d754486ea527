//! Whose spend a caller may see: everybody's, or its own user's.

use super::body::Body;
use super::{Call, fail};
use crate::base::error::Error;
use crate::base::ids;

/// What the ledger calls the master key.
pub const MASTER_KEY: &str = "litellm_proxy_master_key";

/// The user to whom a report is narrowed down: the one that the query names, or the caller when it may see
/// nobody else; `None`: everybody.
///
/// # Errors
/// 403 when the query names somebody else, or the caller has no user.
pub fn user(call: &Call) -> Result<Option<String>, Error> {
    let asked = call.query.id("user_id")?.value();
    if call.caller.sees_all() {
        return Ok(asked);
    }
    let Some(own) = call.caller.user_id.clone() else {
        return Err(fail::forbidden("The key has no user whose spend could be shown."));
    };
    if asked.is_some_and(|asked| asked != own) {
        let message = "Non-admin users can only view their own spend data.";
        return Err(fail::forbidden_field("user_id", message));
    }
    Ok(Some(own))
}

/// The key that a query names, as the ledger names it: by hash, whether the text or the hash was given.
///
/// # Errors
/// 422.
pub fn key(call: &Call, query: &Body, name: &str) -> Result<Option<String>, Error> {
    Ok(query.id(name)?.value().map(|key| match key.as_str() {
        text if call.manage.is_master(text) => MASTER_KEY.to_string(),
        text if text.starts_with("sk-") => ids::sha256_hex(text),
        _ => key,
    }))
}

/// Several names in one field, between commas.
///
/// # Errors
/// 422.
pub fn names(query: &Body, field: &str) -> Result<Option<Vec<String>>, Error> {
    let Some(text) = query.id(field)?.value() else { return Ok(None) };
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(Some(names.map(str::to_string).collect()))
}
