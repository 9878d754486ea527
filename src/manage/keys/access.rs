//! Finding a key, and whose it is.

use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::{Key, Team};
use crate::manage::{Call, Caller, fail};
use crate::store::{Find, Test, Value};

/// The hash under which a key is kept; requests name keys by their text or by their hash.
pub fn hash_of(key: &str) -> String {
    if key.starts_with("sk-") { ids::sha256_hex(key) } else { key.to_string() }
}

/// The key of this text or hash.
///
/// # Errors
/// 503.
pub async fn find(call: &Call, key: &str) -> Result<Option<Key>, Error> {
    call.manage.store().get::<Key>(&hash_of(key), "").await.map_err(fail::store)
}

/// The keys of these aliases.
///
/// # Errors
/// 503.
pub async fn find_by_alias(call: &Call, aliases: &[String]) -> Result<Vec<Key>, Error> {
    let aliases = aliases.iter().map(Value::from).collect();
    let find = Find::all(vec![Test::OneOf("alias", aliases)]);
    Ok(call.manage.store().find::<Key>(find).await.map_err(fail::store)?.rows)
}

/// The key that a request names in `key`, or else in `key_alias`.
///
/// # Errors
/// 404 when there is none; 422 when the request names none.
pub async fn named(call: &Call) -> Result<Key, Error> {
    let found = match (call.body.id("key")?.value(), call.body.id("key_alias")?.value()) {
        (Some(key), _) => find(call, &key).await?,
        (None, Some(alias)) => find_by_alias(call, &[alias]).await?.into_iter().next(),
        (None, None) => return Err(fail::missing("key")),
    };
    found.ok_or_else(no_such_key)
}

/// 404.
pub fn no_such_key() -> Error {
    fail::not_found("key", "Key not found.")
}

/// Whether a caller may look at a key: its own, its user's, or one of a team that it runs.
pub fn may_see(caller: &Caller, key: &Key) -> bool {
    caller.sees_all() || is_own(caller, key) || key.team_id.as_deref().is_some_and(|id| caller.runs_team(id))
}

/// Whether it is the caller's own key, or its user's.
pub fn is_own(caller: &Caller, key: &Key) -> bool {
    caller.key.as_ref().is_some_and(|own| own.hash == key.hash)
        || key.user_id.as_deref().is_some_and(|user| caller.is_user(user))
}

/// Lets only those change a key who may: admins, its user, and for keys of a team those who run the team, or
/// members whom the team allows this route.
///
/// # Errors
/// 403.
pub async fn must_change(call: &Call, key: &Key) -> Result<(), Error> {
    let caller = &call.caller;
    if caller.is_admin() {
        return Ok(());
    }
    match &key.team_id {
        Some(team_id) => must_act_in_team(call, team_id, is_own(caller, key)).await,
        None if is_own(caller, key) => Ok(()),
        None => Err(not_yours()),
    }
}

/// Lets only those act on keys of a team who run it, or whom it allows the route; `own`: it is about a key of
/// their own.
///
/// # Errors
/// 403.
pub async fn must_act_in_team(call: &Call, team_id: &str, own: bool) -> Result<(), Error> {
    if call.caller.runs_team(team_id) {
        return Ok(());
    }
    if call.caller.membership(team_id).is_none() || !own {
        return Err(not_yours());
    }
    let team = call.manage.store().get::<Team>(team_id, "").await.map_err(fail::store)?;
    let route = call.route.replace("/{key}", "");
    // LiteLLM writes the route with the key's name in it in its own way.
    let names = |own: &String| own.replace("/{key_id}", "").replace("/{key}", "") == route;
    let allowed = team.is_some_and(|team| team.team_member_permissions.iter().any(names));
    if allowed {
        return Ok(());
    }
    let message = format!("Members of team {team_id} may not call {route}. Ask somebody who runs the team.");
    Err(fail::forbidden(message).with_type("team_member_permission_error").with_param("team_id"))
}

fn not_yours() -> Error {
    fail::forbidden("This key is neither yours nor of a team that you run.").with_param("key")
}
