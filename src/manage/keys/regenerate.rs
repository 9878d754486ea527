//! Replacing a key's text, which keeps its settings and what it has spent.

use serde_json::Value;

use super::{access, baseline, bounds, budget_of, fields, generate, owners};
use crate::base::error::Error;
use crate::domain::keys::Key;
use crate::manage::{Call, fail, show};
use crate::store::StoreError;

/// `/key/regenerate` and `/key/{key}/regenerate`; without a name the caller's own key.
///
/// # Errors
/// 404, 403; 400 and 422 for fields; 409 when the new text is taken.
pub async fn regenerate(call: Call) -> Result<Value, Error> {
    let before = named(&call).await?;
    access::must_change(&call, &before).await?;
    if call.body.has("spend") && !call.caller.is_admin() {
        return Err(fail::forbidden_field("spend", "`spend` can only be set by an admin."));
    }
    let mut after = before.clone();
    fields::apply(&call.body, &mut after, call.now_ms)?;
    bounds::keep(&call.body, &call.manage.settings().upper_bounds, call.caller.is_admin(), &before, &after)?;
    owners::judge_team(&call, &before, &after).await?;
    baseline::judge(&call.caller, &before, &after)?;
    let revoke_ms = revoked_at(&call)?;
    let mut chosen = call.body.clone();
    // `key` names the old one here.
    chosen.0.shift_remove("key");
    let secret = generate::secret_of(&call, &chosen)?;
    let mut new = before.clone();
    generate::sign(&call, &mut new, &secret);
    if new.hash == before.hash {
        return Err(fail::conflict("new_key", "The new key is the old one."));
    }
    let (body, caller, by, now_ms) = (call.body.clone(), call.caller.clone(), call.by(), call.now_ms);
    let (name, alias) = (new.key_name.clone(), after.key_alias.clone());
    let change = move |key: &mut Key| {
        let now = key.clone();
        let said = |error: Error| StoreError::invalid(error.message());
        fields::apply(&body, key, now_ms).map_err(said)?;
        // The hash is new in any case; what is judged is the rest.
        let now = Key { hash: key.hash.clone(), ..now };
        baseline::judge(&caller, &now, key).map_err(said)?;
        key.key_name.clone_from(&name);
        key.updated_by.clone_from(&by);
        key.settings_updated_at_ms = Some(now_ms);
        Ok(())
    };
    let store = call.manage.store();
    let saved = store.regenerate_key(&before.hash, &new.hash, revoke_ms, call.by(), now_ms, change).await;
    let saved = saved.map_err(|error| generate::refused(error, alias.as_deref()))?;
    call.manage.tell((&before).into());
    call.manage.tell((&saved).into());
    let budget = budget_of(&call, &saved).await?;
    Ok(Value::Object(show::key::generated(&saved, secret.expose(), budget.as_ref())))
}

async fn named(call: &Call) -> Result<Key, Error> {
    let name = match (call.in_path("key"), call.body.id("key")?.value(), &call.caller.key) {
        ("", Some(name), _) => name,
        ("", None, Some(own)) => own.hash.clone(),
        ("", None, None) => return Err(fail::missing("key")),
        (name, _, _) => name.to_string(),
    };
    if call.manage.is_master(&name) {
        return Err(fail::invalid("key", "The master key is changed in the configuration."));
    }
    access::find(call, &name).await?.ok_or_else(access::no_such_key)
}

/// Until when the old text goes on working.
fn revoked_at(call: &Call) -> Result<i64, Error> {
    let given = call.body.id("grace_period")?.value();
    match given.or_else(|| call.manage.settings().grace_period.clone()) {
        Some(grace) => fields::rolling("grace_period", &grace, call.now_ms),
        None => Ok(call.now_ms),
    }
}
