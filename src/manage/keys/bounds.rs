//! What the configuration gives new keys, and what they may have at most.

use serde_json::Value;

use crate::base::error::Error;
use crate::domain::keys::reset::rolling_end;
use crate::domain::keys::{JsonMap, Key};
use crate::manage::body::{Body, Given};
use crate::manage::fail;

/// Fields that the defaults fill in.
const DEFAULTED: [&str; 10] = [
    "max_budget",
    "user_id",
    "team_id",
    "max_parallel_requests",
    "tpm_limit",
    "rpm_limit",
    "budget_duration",
    "duration",
    "models",
    "metadata",
];

/// Fills in what the request is silent about.
pub fn fill(body: &mut Body, defaults: &JsonMap) {
    for name in DEFAULTED {
        if let (true, Some(value)) = (is_silent(body, name), defaults.get(name)) {
            body.0.insert(name.to_string(), value.clone());
        }
    }
}

fn is_silent(body: &Body, name: &str) -> bool {
    match body.raw(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

/// Takes back what was filled in where the key that the request came with has a tighter bound, which the new key
/// begins with.
///
/// # Errors
/// 422 when the configuration has values of wrong types.
pub fn prefer_own(filled: &mut Body, asked: &Body, own: &Key) -> Result<(), Error> {
    let limits = &own.limits;
    let budget = limits.max_budget_nanos;
    let tighter =
        |filled: Option<i64>, own: Option<i64>| own.is_some_and(|own| filled.is_none_or(|f| f > own));
    for (name, gives_way) in [
        ("max_budget", tighter(filled.dollars("max_budget")?.value(), budget)),
        ("rpm_limit", tighter(filled.int("rpm_limit")?.value(), limits.rpm_limit)),
        ("tpm_limit", tighter(filled.int("tpm_limit")?.value(), limits.tpm_limit)),
        (
            "max_parallel_requests",
            tighter(filled.int("max_parallel_requests")?.value(), limits.max_parallel_requests),
        ),
        ("budget_duration", budget.is_some() || own.budget_id.is_some()),
        ("duration", own.expires_ms.is_some()),
        ("models", !own.models.is_empty()),
        ("metadata", !own.metadata.is_empty()),
        ("team_id", own.team_id.is_some()),
        ("user_id", true),
    ] {
        if gives_way && !asked.has(name) {
            filled.0.shift_remove(name);
        }
    }
    Ok(())
}

/// Fields that can be bounded.
const BOUNDED: [&str; 6] =
    ["max_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "duration", "budget_duration"];

fn bounded(bounds: &JsonMap) -> impl Iterator<Item = (&'static str, &Value)> {
    let bound = |name| bounds.get(name).filter(|bound| !bound.is_null()).map(|bound| (name, bound));
    BOUNDED.into_iter().filter_map(bound)
}

/// Holds a request to the bounds, and fills in the bound where it is silent.
///
/// # Errors
/// 400 naming the field above its bound.
pub fn hold(body: &mut Body, bounds: &JsonMap) -> Result<(), Error> {
    for (name, bound) in bounded(bounds) {
        if !says_within(body, bounds, name, bound)? {
            body.0.insert(name.to_string(), bound.clone());
        }
    }
    Ok(())
}

/// Holds a change to the bounds. What it is silent about stays as it is; that it takes a bounded field's value away
/// is for admins.
///
/// # Errors
/// 400 naming the field above its bound.
pub fn keep(body: &Body, bounds: &JsonMap, admin: bool, before: &Key, after: &Key) -> Result<(), Error> {
    for (name, bound) in bounded(bounds) {
        let said = says_within(body, bounds, name, bound)?;
        if !said && !admin && value_of(before, name).is_some() && value_of(after, name).is_none() {
            return Err(above_bound(name, body, bound));
        }
    }
    Ok(())
}

fn value_of(key: &Key, name: &str) -> Option<i64> {
    match name {
        "max_budget" => key.limits.max_budget_nanos,
        "max_parallel_requests" => key.limits.max_parallel_requests,
        "tpm_limit" => key.limits.tpm_limit,
        "rpm_limit" => key.limits.rpm_limit,
        "duration" => key.expires_ms,
        _ => None,
    }
}

/// Whether a request says something of a bounded field, which is within its bound then. Emptiness says nothing.
fn says_within(body: &Body, bounds: &JsonMap, name: &str, bound: &Value) -> Result<bool, Error> {
    let most = Body(bounds.clone());
    let above = match name {
        "max_budget" => above(&body.dollars(name)?, most.dollars(name)?.value()),
        "duration" | "budget_duration" => match body.id(name)? {
            Given::Is(text) if text == "-1" => Some(true),
            // What is no length of time is refused where it is read.
            Given::Is(text) => {
                Some(rolling_end(&text, 0).zip(rolling_end(&most.must(name)?, 0)).is_some_and(|(a, b)| a > b))
            }
            _ => None,
        },
        _ => above(&body.int(name)?, most.int(name)?.value()),
    };
    match above {
        Some(true) => Err(above_bound(name, body, bound)),
        said => Ok(said.is_some()),
    }
}

fn above_bound(name: &str, body: &Body, bound: &Value) -> Error {
    let given = body.raw(name).cloned().unwrap_or_default();
    let message = format!("{name} is over max limit set in config - user_value={given}; max_value={bound}");
    fail::invalid(name, message)
}

fn above(given: &Given<i64>, most: Option<i64>) -> Option<bool> {
    match given {
        Given::Is(given) => most.map(|most| *given > most),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> JsonMap {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn silence_gets_the_default_and_what_is_said_stays() {
        let mut body = Body(map(json!({"models": [], "rpm_limit": 3, "max_budget": ""})));
        fill(&mut body, &map(json!({"models": ["a"], "rpm_limit": 1, "max_budget": 5, "key": "never"})));
        assert_eq!(Value::Object(body.0), json!({"models": ["a"], "rpm_limit": 3, "max_budget": 5}));
    }

    #[test]
    fn bounds_hold_and_fill() {
        let bounds = map(json!({"max_budget": 100, "duration": "30d", "rpm_limit": 10}));
        let mut body = Body(map(json!({"rpm_limit": 10})));
        hold(&mut body, &bounds).unwrap();
        assert_eq!(Value::Object(body.0), json!({"rpm_limit": 10, "max_budget": 100, "duration": "30d"}));
        for (bad, name) in [
            (json!({"max_budget": 100.01}), "max_budget"),
            (json!({"duration": "31d"}), "duration"),
            (json!({"duration": "-1"}), "duration"),
            (json!({"rpm_limit": "11"}), "rpm_limit"),
        ] {
            let error = hold(&mut Body(map(bad)), &bounds).unwrap_err();
            assert_eq!((error.status(), error.param()), (400, Some(name)));
        }
        let mut empty = Body(map(json!({"rpm_limit": "", "max_budget": " ", "duration": ""})));
        hold(&mut empty, &bounds).unwrap();
        assert_eq!(empty.0, bounds);
    }
}
