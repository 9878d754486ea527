//! What a new key begins with, and what somebody who is no admin may make of a key.

use serde_json::{Map, Value};

use crate::base::error::Error;
use crate::domain::keys::{JsonMap, Key};
use crate::manage::authority::{fields, groups};
use crate::manage::{Caller, fail};

/// A key before the request has said anything. One that is made with another key has what bounds that one, so that
/// it can do no more.
pub fn new(caller: &Caller) -> Key {
    let Some(own) = caller.key.as_ref().filter(|_| !caller.is_admin()) else { return Key::default() };
    let governs = |(name, _): &(String, Value)| fields::GOVERNING.contains(&name.as_str());
    Key {
        user_id: own.user_id.clone(),
        team_id: own.team_id.clone(),
        organization_id: own.organization_id.clone(),
        project_id: own.project_id.clone(),
        agent_id: own.agent_id.clone(),
        models: own.models.clone(),
        aliases: own.aliases.clone(),
        limits: own.limits.clone(),
        budget_limits: own.budget_limits.clone(),
        budget_id: own.budget_id.clone(),
        end_user_budget_id: own.end_user_budget_id.clone(),
        budget_fallbacks: own.budget_fallbacks.clone(),
        throttle_on_budget_exceeded: own.throttle_on_budget_exceeded,
        expires_ms: own.expires_ms,
        metadata: own.metadata.clone().into_iter().filter(governs).collect::<JsonMap>(),
        allowed_routes: own.allowed_routes.clone(),
        key_type: own.key_type.clone(),
        allowed_cache_controls: own.allowed_cache_controls.clone(),
        router_settings: own.router_settings.clone(),
        ..Key::default()
    }
}

/// Judges what became of a key.
///
/// # Errors
/// 403 naming the field that the caller may not set so.
pub fn judge(caller: &Caller, before: &Key, after: &Key) -> Result<(), Error> {
    let Some(own) = caller.key.as_ref().filter(|_| !caller.is_admin()) else { return Ok(()) };
    routes(own, before, after)?;
    if after.user_id != before.user_id && after.user_id != own.user_id {
        return Err(fail::forbidden_field("user_id", "Keys can only be made for yourself."));
    }
    detours(own, after)?;
    fields::judge(fields::KEY, &stored(before), &stored(after), &stored(own))
}

fn stored(key: &Key) -> Map<String, Value> {
    match serde_json::to_value(key) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Other names for models, and models to go on with when a budget is gone, lead to no model beside the list.
fn detours(own: &Key, after: &Key) -> Result<(), Error> {
    let listed =
        |name: &Value| name.as_str().is_some_and(|name| own.models.iter().any(|model| model == name));
    let aliases = after.aliases.values().all(listed);
    let fallbacks = after.budget_fallbacks.values().all(|names| match names {
        Value::Array(names) => names.iter().all(listed),
        one => listed(one),
    });
    match (own.models.is_empty(), aliases, fallbacks) {
        (true, ..) | (false, true, true) => Ok(()),
        (false, false, _) => Err(beside("aliases")),
        (false, true, false) => Err(beside("budget_fallbacks")),
    }
}

fn beside(name: &str) -> Error {
    fail::forbidden_field(name, format!("`{name}` leads to models that your key may not use."))
}

/// Lists of routes are for admins; others may choose a type that is no wider than their own.
fn routes(own: &Key, before: &Key, after: &Key) -> Result<(), Error> {
    if after.allowed_routes == before.allowed_routes && after.key_type == before.key_type {
        return Ok(());
    }
    let chosen = after.key_type.as_deref().unwrap_or("default");
    let of_type = groups::of_key_type(chosen)?;
    if !own.allowed_routes.is_empty() && after.allowed_routes != own.allowed_routes {
        return Err(fail::forbidden_field(
            "key_type",
            "The key can only call the routes that yours can call.",
        ));
    }
    if own.allowed_routes.is_empty() && after.allowed_routes.iter().ne(of_type) {
        return Err(fail::forbidden_field("allowed_routes", "`allowed_routes` can only be set by an admin."));
    }
    if chosen == "management" && own.allowed_routes.is_empty() {
        let message = "`key_type` can only be one of default, llm_api, read_only.";
        return Err(fail::forbidden_field("key_type", message));
    }
    Ok(())
}
