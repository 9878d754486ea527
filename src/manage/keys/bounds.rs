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

/// Holds a request to the bounds, and fills in the bound where it is silent.
///
/// # Errors
/// 400 naming the field above its bound.
pub fn hold(body: &mut Body, bounds: &JsonMap) -> Result<(), Error> {
    let most = Body(bounds.clone());
    for name in
        ["max_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "duration", "budget_duration"]
    {
        let Some(bound) = bounds.get(name).filter(|bound| !bound.is_null()) else { continue };
        let above = match name {
            "max_budget" => above(&body.dollars(name)?, most.dollars(name)?.value()),
            "duration" | "budget_duration" => match body.id(name)? {
                Given::Is(text) if text == "-1" => Some(true),
                Given::Is(text) => {
                    rolling_end(&text, 0).zip(rolling_end(&most.must(name)?, 0)).map(|(a, b)| a > b)
                }
                _ => None,
            },
            _ => above(&body.int(name)?, most.int(name)?.value()),
        };
        match above {
            Some(true) => {
                let given = body.raw(name).cloned().unwrap_or_default();
                let message =
                    format!("{name} is over max limit set in config - user_value={given}; max_value={bound}");
                return Err(fail::invalid(name, message));
            }
            Some(false) => {}
            None => {
                if body.raw(name).is_none_or(Value::is_null) {
                    body.0.insert(name.to_string(), bound.clone());
                }
            }
        }
    }
    Ok(())
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
        let mut body = Body(map(json!({"models": [], "rpm_limit": 3, "max_budget": null})));
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
    }
}
