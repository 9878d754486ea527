//! Showing keys.

use serde_json::{Value, json};

use super::{access, budget_of};
use crate::base::error::Error;
use crate::manage::{Call, fail, show};

/// `/key/info`: the key of the query, or the caller's own.
///
/// # Errors
/// 404 when there is none; 403 when it is somebody else's.
pub async fn info(call: Call) -> Result<Value, Error> {
    let asked = call.query.id("key")?.value();
    let shown = match (&asked, &call.caller.key) {
        (Some(asked), _) => asked.clone(),
        (None, Some(own)) => own.hash.clone(),
        (None, None) => return Err(unknown()),
    };
    let key = access::find(&call, &shown).await?.ok_or_else(unknown)?;
    if !access::may_see(&call.caller, &key) {
        let role = call.caller.standing.as_str();
        let message = format!("You are not allowed to access this key's info. Your role={role}");
        return Err(fail::forbidden_field("key", message));
    }
    let budget = budget_of(&call, &key).await?;
    Ok(json!({"key": shown, "info": show::key::info(&key, budget.as_ref(), call.now_ms)}))
}

/// `/v2/key/info`: several keys; those that do not exist or are somebody else's are left out.
///
/// # Errors
/// 422 when no list is given; 503.
pub async fn info_of_several(call: Call) -> Result<Value, Error> {
    let asked = call.body.texts("keys")?.value().ok_or_else(|| fail::missing("keys"))?;
    let (mut keys, mut infos) = (Vec::new(), Vec::new());
    for text in asked {
        let Some(key) = access::find(&call, &text).await? else { continue };
        if access::may_see(&call.caller, &key) {
            let budget = budget_of(&call, &key).await?;
            let mut info = show::key::info(&key, budget.as_ref(), call.now_ms);
            info.insert("token".into(), key.hash.into());
            infos.push(Value::Object(info));
            keys.push(text);
        }
    }
    Ok(json!({"key": keys, "info": infos}))
}

fn unknown() -> Error {
    fail::not_found("key", "Key not found in database")
}
