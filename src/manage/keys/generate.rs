//! Making keys.

use serde_json::Value;

use super::{access, baseline, bounds, fields, owners, rules};
use crate::base::error::{Error, Kind};
use crate::base::ids;
use crate::base::secret::Secret;
use crate::domain::keys::{Budget, Key};
use crate::manage::{Call, fail, show};
use crate::store::StoreErrorKind;

/// `/key/generate`.
///
/// # Errors
/// 400 and 422 for fields, 403 for what the caller may not give, 409 when the chosen key exists.
pub async fn generate(call: Call) -> Result<Value, Error> {
    let (key, secret, budget) = make(&call, false).await?;
    Ok(Value::Object(show::key::generated(&key, secret.expose(), budget.as_ref())))
}

/// `/key/service-account/generate`: a key of a team, without a user.
///
/// # Errors
/// As [`generate`]; 400 without a team.
pub async fn service_account(call: Call) -> Result<Value, Error> {
    if call.body.id("team_id")?.value().is_none() {
        return Err(fail::invalid("team_id", "team_id is required for service account keys."));
    }
    let (key, secret, budget) = make(&call, true).await?;
    Ok(Value::Object(show::key::generated(&key, secret.expose(), budget.as_ref())))
}

/// Makes a key as the request says.
///
/// # Errors
/// As [`generate`].
pub async fn make(call: &Call, service: bool) -> Result<(Key, Secret, Option<Budget>), Error> {
    let mut body = call.body.clone();
    let settings = call.manage.settings();
    bounds::fill(&mut body, &settings.default_key_params);
    bounds::hold(&mut body, &settings.upper_bounds)?;
    if let Some(own) = call.caller.key.as_ref().filter(|_| !call.caller.is_admin()) {
        bounds::prefer_own(&mut body, &call.body, own)?;
    }
    let before = baseline::new(&call.caller);
    let mut key = before.clone();
    fields::apply(&body, &mut key, call.now_ms)?;
    if !call.caller.is_admin() {
        key.user_id = key.user_id.or_else(|| call.caller.user_id.clone());
    }
    if service {
        must_run_team(call, &key)?;
        key.user_id = None;
    }
    let spend = body.dollars("spend")?.value().unwrap_or(0);
    if spend != 0 && !call.caller.is_admin() {
        return Err(fail::forbidden_field("spend", "`spend` can only be set by an admin."));
    }
    owners::judge_team(call, &before, &key).await?;
    rules::judge(call, &body, &key)?;
    if !service {
        baseline::judge(&call.caller, &before, &key)?;
    }
    let secret = secret_of(call, &body)?;
    sign(call, &mut key, &secret);
    let (key, budget) = save(call, before, key, spend).await?;
    call.manage.tell((&key).into());
    Ok((key, secret, budget))
}

fn must_run_team(call: &Call, key: &Key) -> Result<(), Error> {
    let runs = key.team_id.as_deref().is_some_and(|team| call.caller.runs_team(team));
    if call.caller.is_admin() || runs {
        return Ok(());
    }
    let message = "Service accounts can only be made by those who run the team.";
    Err(fail::forbidden_field("team_id", message))
}

/// The text that the caller chose, or a new one.
///
/// # Errors
/// 400 when the chosen one cannot be a key.
pub fn secret_of(call: &Call, body: &crate::manage::body::Body) -> Result<Secret, Error> {
    let name = if body.has("new_key") { "new_key" } else { "key" };
    let Some(chosen) = body.id(name)?.value() else {
        return ids::virtual_key(call.manage.settings().key_bytes)
            .map(Secret::new)
            .map_err(|cause| Error::new(Kind::Internal, "No random bytes for a new key.").with_cause(cause));
    };
    if call.manage.settings().no_custom_keys {
        return Err(fail::forbidden_field(name, "Keys cannot be chosen here; leave `key` out."));
    }
    let shortest = call.manage.settings().shortest_custom_key;
    let plain = chosen.bytes().all(|byte| byte.is_ascii_graphic());
    if !chosen.starts_with("sk-") || chosen.len() < shortest || !plain {
        let message = format!(
            "A key must start with `sk-` and have at least {shortest} plain characters without spaces."
        );
        return Err(fail::invalid(name, message));
    }
    if call.manage.is_master(&chosen) {
        return Err(fail::conflict(name, "This key exists."));
    }
    Ok(Secret::new(chosen))
}

/// Writes down what a key is called and who made it.
pub fn sign(call: &Call, key: &mut Key, secret: &Secret) {
    let text = secret.expose();
    key.hash = access::hash_of(text);
    let last: String = text.chars().skip(text.chars().count().saturating_sub(4)).collect();
    key.key_name = (!call.manage.settings().no_key_names).then(|| format!("sk-...{last}"));
    key.created_by = call.by();
    key.updated_by = call.by();
    key.settings_updated_at_ms = Some(call.now_ms);
}

async fn save(call: &Call, before: Key, key: Key, spend: i64) -> Result<(Key, Option<Budget>), Error> {
    let alias = key.key_alias.clone();
    let saved = call.manage.store().transaction(call.now_ms, move |transaction| {
        owners::budgets_exist(transaction, &before, &key)?;
        let key = transaction.create(key.clone(), spend)?;
        let budget = match &key.budget_id {
            Some(id) => transaction.get::<Budget>(id, "")?,
            None => None,
        };
        Ok((key, budget))
    });
    saved.await.map_err(|error| refused(error, alias.as_deref()))
}

/// What the store said about a key that could not be saved.
pub fn refused(error: crate::store::StoreError, alias: Option<&str>) -> Error {
    match &error.kind {
        StoreErrorKind::Conflict(what) if what == "alias" => {
            let alias = alias.unwrap_or_default();
            let message =
                format!("Key with alias '{alias}' already exists. Aliases are unique over all keys.");
            fail::invalid("key_alias", message)
        }
        StoreErrorKind::Conflict(_) => fail::conflict("key", "This key exists."),
        StoreErrorKind::Invalid if error.message.starts_with("Budget not found") => {
            fail::invalid("budget_id", error.message)
        }
        StoreErrorKind::NotFound => access::no_such_key(),
        _ => fail::store(error),
    }
}
