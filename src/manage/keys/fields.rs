//! What a request says about a key's fields, put into the key.

use serde_json::{Map, Value};

use crate::base::error::Error;
use crate::domain::cache::Controls;
use crate::domain::keys::reset::rolling_end;
use crate::domain::keys::{JsonMap, Key, Limits, RouterSettings, Window};
use crate::manage::authority::groups;
use crate::manage::body::{Body, Given};
use crate::manage::{fail, show};

/// Puts all fields of a request into a key.
///
/// # Errors
/// 422 for values of wrong types, 400 for values that make no sense.
pub fn apply(body: &Body, key: &mut Key, now_ms: i64) -> Result<(), Error> {
    owners(body, key)?;
    limits(body, &mut key.limits)?;
    money(body, key)?;
    lifetime(body, key, now_ms)?;
    rights(body, key)?;
    rest(body, key)?;
    metadata(body, &mut key.metadata, &show::key::IN_METADATA)
}

fn owners(body: &Body, key: &mut Key) -> Result<(), Error> {
    body.name("key_alias")?.set(&mut key.key_alias);
    body.id("user_id")?.set(&mut key.user_id);
    body.id("team_id")?.set(&mut key.team_id);
    body.id("organization_id")?.set(&mut key.organization_id);
    body.id("project_id")?.set(&mut key.project_id);
    body.id("agent_id")?.set(&mut key.agent_id);
    Ok(())
}

/// The caps that all kinds of owners have.
///
/// # Errors
/// As [`apply`].
pub fn limits(body: &Body, limits: &mut Limits) -> Result<(), Error> {
    body.dollars("max_budget")?.set(&mut limits.max_budget_nanos);
    body.dollars("soft_budget")?.set(&mut limits.soft_budget_nanos);
    body.period("budget_duration")?.set(&mut limits.budget_duration);
    body.limit("max_parallel_requests")?.set(&mut limits.max_parallel_requests);
    body.limit("rpm_limit")?.set(&mut limits.rpm_limit);
    body.limit("tpm_limit")?.set(&mut limits.tpm_limit);
    body.limit("tpd_limit")?.set(&mut limits.tpd_limit);
    let per_model = body.object("model_max_budget")?;
    if let Given::Is(models) = &per_model {
        for (model, budget) in models {
            model_budget(model, budget)?;
        }
    }
    per_model.fill(&mut limits.model_max_budget);
    Ok(())
}

/// One entry of `model_max_budget`: an object, or just the amount.
fn model_budget(model: &str, budget: &Value) -> Result<(), Error> {
    let bad = || {
        let message = format!(
            "`model_max_budget` of `{model}` must be {{\"max_budget\": USD, \"budget_duration\": \"1d\"}}."
        );
        fail::wrong_type("model_max_budget", message)
    };
    let budget = match budget {
        Value::Object(budget) => Body(budget.clone()),
        Value::Number(_) => return Ok(()),
        _ => return Err(bad()),
    };
    for (amount, length) in [("max_budget", "budget_duration"), ("budget_limit", "time_period")] {
        budget.dollars(amount).map_err(|_| bad())?;
        budget.period(length).map_err(|_| bad())?;
    }
    Ok(())
}

/// `metadata.cache`: what the owner's requests want of the response cache.
fn cache_controls(metadata: &crate::domain::keys::JsonMap) -> Result<(), Error> {
    let wrong = |cause: &str| fail::invalid("metadata.cache", format!("`metadata.cache` cannot be: {cause}"));
    match metadata.get("cache") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(controls)) => {
            Controls::default().apply(controls).map_err(|error| wrong(error.message()))
        }
        Some(_) => Err(wrong("it must be an object, as {\"no-cache\": true, \"ttl\": 60}.")),
    }
}

/// Budgets over several lengths.
///
/// # Errors
/// As [`apply`].
pub fn windows(body: &Body, windows: &mut Vec<Window>) -> Result<(), Error> {
    let given = match body.objects("budget_limits")? {
        Given::Absent => return Ok(()),
        Given::Null => Vec::new(),
        Given::Is(given) => given,
    };
    let mut read: Vec<Window> = Vec::new();
    for window in &given {
        let budget_duration = window.period("budget_duration")?.value();
        let max_budget_nanos = window.dollars("max_budget")?.value();
        let (Some(budget_duration), Some(max_budget_nanos)) = (budget_duration, max_budget_nanos) else {
            let message = "Each of `budget_limits` needs `budget_duration` and `max_budget`.";
            return Err(fail::wrong_type("budget_limits", message));
        };
        if read.iter().any(|other| other.budget_duration == budget_duration) {
            let message = format!("`budget_limits` names {budget_duration} twice.");
            return Err(fail::invalid("budget_limits", message));
        }
        read.push(Window { budget_duration, max_budget_nanos });
    }
    *windows = read;
    Ok(())
}

fn money(body: &Body, key: &mut Key) -> Result<(), Error> {
    windows(body, &mut key.budget_limits)?;
    body.id("budget_id")?.set(&mut key.budget_id);
    body.id("end_user_budget_id")?.set(&mut key.end_user_budget_id);
    body.object("budget_fallbacks")?.fill(&mut key.budget_fallbacks);
    body.bool("throttle_on_budget_exceeded")?.fill(&mut key.throttle_on_budget_exceeded);
    if body.has("temp_budget_increase") != body.has("temp_budget_expiry") {
        let message = "`temp_budget_increase` and `temp_budget_expiry` go together.";
        return Err(fail::invalid("temp_budget_increase", message));
    }
    body.dollars("temp_budget_increase")?.set(&mut key.temp_budget_increase_nanos);
    match body.text("temp_budget_expiry")? {
        Given::Absent => {}
        Given::Null => key.temp_budget_expiry_ms = None,
        Given::Is(text) => key.temp_budget_expiry_ms = Some(moment("temp_budget_expiry", &text)?),
    }
    Ok(())
}

/// A moment as ISO 8601; without a zone it is UTC.
fn moment(name: &str, text: &str) -> Result<i64, Error> {
    let text = text.trim();
    let parsed = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| format!("{}Z", text.replacen(' ', "T", 1)).parse())
        .or_else(|_| format!("{text}T00:00:00Z").parse());
    parsed
        .map(jiff::Timestamp::as_millisecond)
        .map_err(|_| fail::invalid(name, format!("`{name}` must be a moment like 2026-12-31T23:59:59Z.")))
}

fn lifetime(body: &Body, key: &mut Key, now_ms: i64) -> Result<(), Error> {
    match body.length("duration")? {
        Given::Absent => {}
        Given::Null => key.expires_ms = None,
        Given::Is(text) if text == "-1" => key.expires_ms = None,
        Given::Is(text) => key.expires_ms = Some(rolling("duration", &text, now_ms)?),
    }
    body.bool("auto_rotate")?.fill(&mut key.auto_rotate);
    body.id("rotation_interval")?.set(&mut key.rotation_interval);
    if body.has("auto_rotate") || body.has("rotation_interval") {
        key.key_rotation_at_ms = match &key.rotation_interval {
            Some(every) if key.auto_rotate => Some(rolling("rotation_interval", every, now_ms)?),
            _ => None,
        };
    }
    Ok(())
}

/// When something of this length ends.
///
/// # Errors
/// 400 when it is no length of time.
pub fn rolling(name: &str, text: &str, now_ms: i64) -> Result<i64, Error> {
    rolling_end(text, now_ms).ok_or_else(|| {
        let message =
            format!("Invalid {name} '{text}'. Use a format like '30s', '30m', '1h', '30d' or '1mo'.");
        fail::invalid(name, message)
    })
}

fn rights(body: &Body, key: &mut Key) -> Result<(), Error> {
    body.texts("models")?.fill(&mut key.models);
    body.object("aliases")?.fill(&mut key.aliases);
    if key.aliases.values().any(|name| !name.is_string()) {
        return Err(fail::wrong_type("aliases", "`aliases` must map names to names."));
    }
    body.object("permissions")?.fill(&mut key.permissions);
    let key_type = body.id("key_type")?;
    if let Given::Is(name) = &key_type {
        let preset = groups::of_key_type(name)?;
        key.allowed_routes = preset.iter().map(ToString::to_string).collect();
    }
    key_type.set(&mut key.key_type);
    match body.texts("allowed_routes")? {
        // Clients send the empty list along with a type.
        Given::Is(routes) if routes.is_empty() && body.id("key_type")?.value().is_some() => {}
        given => given.fill(&mut key.allowed_routes),
    }
    body.bool("blocked")?.fill(&mut key.blocked);
    Ok(())
}

fn rest(body: &Body, key: &mut Key) -> Result<(), Error> {
    body.object("config")?.fill(&mut key.config);
    body.texts("allowed_cache_controls")?.fill(&mut key.allowed_cache_controls);
    body.texts("policies")?.fill(&mut key.policies);
    body.texts("access_group_ids")?.fill(&mut key.access_group_ids);
    body.id("object_permission_id")?.set(&mut key.object_permission_id);
    match body.object("router_settings")? {
        Given::Absent => {}
        Given::Null => key.router_settings = None,
        Given::Is(settings) => {
            RouterSettings::parse(&settings)?;
            key.router_settings = Some(Value::Object(settings));
        }
    }
    body.id("rpm_limit_type")?.set(&mut key.rpm_limit_type);
    body.id("tpm_limit_type")?.set(&mut key.tpm_limit_type);
    Ok(())
}

/// What a request says about callbacks: which are not told of the owner's requests, but none of its own. Those would have
/// keys of their own, which are not kept in metadata that others may read.
fn callbacks(body: &Body) -> Result<(), Error> {
    const DISABLED: &str = "litellm_disabled_callbacks";
    let inside = match body.object("metadata")? {
        Given::Is(inside) => inside,
        Given::Absent | Given::Null => JsonMap::new(),
    };
    let of =
        |value: Option<&Value>| value.is_some_and(|value| !matches!(value, Value::Null) && !is_empty(value));
    for (name, value) in [("metadata.logging", inside.get("logging")), ("logging", body.raw("logging"))] {
        if of(value) {
            let message = format!(
                "`{name}`: a single key, user or team has no callbacks of its own here; name them in the config's \
                 `litellm_settings.callbacks`. `metadata.{DISABLED}` lists those that are not told of its requests."
            );
            return Err(fail::invalid(name, message));
        }
    }
    let texts = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
    if inside.get(DISABLED).is_some_and(|value| !value.is_null() && !texts(value)) {
        let name = format!("metadata.{DISABLED}");
        return Err(fail::wrong_type(&name, format!("`{name}` must be a list of callbacks' names.")));
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

/// The metadata, and the fields that are kept in it under their own names.
///
/// # Errors
/// As [`apply`].
pub fn metadata(
    body: &Body,
    metadata: &mut crate::domain::keys::JsonMap,
    inside: &[&str],
) -> Result<(), Error> {
    callbacks(body)?;
    let given = body.object("metadata")?;
    if let Given::Is(given) = &given {
        cache_controls(given)?;
    }
    given.fill(metadata);
    for name in ["model_rpm_limit", "model_tpm_limit"] {
        if let Given::Is(limits) = body.object(name)? {
            let limits = Body(limits);
            for model in limits.0.keys() {
                limits.limit(model).map_err(|error| error.with_param(name))?;
            }
        }
    }
    body.texts("tags")?;
    for name in inside {
        match body.raw(name) {
            None => {}
            Some(Value::Null) => {
                metadata.shift_remove(*name);
            }
            Some(value) => {
                metadata.insert((*name).to_string(), value.clone());
            }
        }
    }
    Ok(())
}
