//! Which rows a query asks for, and in which order.

use crate::base::error::Error;
use crate::domain::ledger::Status;
use crate::manage::body::Body;
use crate::manage::{Call, fail, scope};
use crate::store::{LogFind, LogSort, Test, Value};

/// What the ledger calls the key of health checks.
const HEALTH_CHECKS: &str = "litellm-internal-health-check";

/// Fields that must be the same in the row, and their columns.
const SAME: [(&str, &str); 7] = [
    ("session_id", "session_id"),
    ("team_id", "team_id"),
    ("model_id", "model_id"),
    ("model_group", "model_group"),
    ("end_user", "end_user"),
    ("error_code", "error_code"),
    ("organization_id", "organization_id"),
];

/// Fields whose text must be in the row, and their columns.
const WITHIN: [(&str, &str); 2] = [("key_alias", "key_alias"), ("error_message", "error_message")];

/// The filters of `/spend/logs`.
///
/// # Errors
/// 403 for another user's rows; 422.
pub fn simple(call: &Call) -> Result<Vec<Test>, Error> {
    let mut tests = Vec::new();
    tests.extend(scope::user(call)?.map(|user| Test::Is("user_id", user.into())));
    tests.extend(scope::key(call, &call.query, "api_key")?.map(|key| Test::Is("key_hash", key.into())));
    tests.extend(call.query.id("request_id")?.value().map(|id| LogFind::request(&id)));
    for name in ["end_user", "team_id"] {
        tests.extend(call.query.id(name)?.value().map(|value| Test::Is(name, value.into())));
    }
    Ok(tests)
}

/// The filters of `/spend/logs/v2`.
///
/// # Errors
/// 403 for another user's rows; 400 and 422 for values that cannot be.
pub fn all(call: &Call) -> Result<Vec<Test>, Error> {
    let query = &call.query;
    let mut tests = Vec::new();
    tests.extend(scope::user(call)?.map(|user| Test::Is("user_id", user.into())));
    tests.extend(scope::key(call, query, "api_key")?.map(|key| Test::Is("key_hash", key.into())));
    tests.extend(query.id("request_id")?.value().map(|id| LogFind::request(&id)));
    for (name, column) in SAME {
        tests.extend(query.id(name)?.value().map(|value| Test::Is(column, value.into())));
    }
    for (name, column) in WITHIN {
        tests.extend(query.id(name)?.value().map(|text| Test::Contains(column, text)));
    }
    tests.extend(query.id("model")?.value().map(|model| named_model(&model)));
    tests.extend(query.id("tag")?.value().map(|tag| LogFind::tag(&tag)));
    tests.extend(query.dollars("min_spend")?.value().map(|least| Test::Above("spend", least - 1)));
    tests.extend(query.dollars("max_spend")?.value().map(|most| Test::UpTo("spend", most)));
    tests.extend(status(query)?);
    tests.extend(cache_hit(query)?);
    tests.extend(query.id("search")?.value().map(|text| search(&text)));
    if query.is_on("exclude_internal_health_checks")? {
        tests.push(Test::IsNot("key_hash", HEALTH_CHECKS.into()));
    }
    Ok(tests)
}

fn named_model(model: &str) -> Test {
    Test::Any(vec![Test::Is("model", model.into()), Test::Is("model_group", model.into())])
}

fn search(text: &str) -> Test {
    let columns = ["id", "call_id", "response_id", "key_alias", "user_id", "end_user", "model", "session_id"];
    Test::Any(columns.map(|column| Test::Contains(column, text.to_string())).into())
}

fn status(query: &Body) -> Result<Option<Test>, Error> {
    let Some(name) = query.id("status_filter")?.value() else { return Ok(None) };
    let status = Status::parse(&name)
        .ok_or_else(|| fail::wrong_type("status_filter", "`status_filter` must be success or failure."))?;
    Ok(Some(Test::Is("status", status.as_str().into())))
}

fn cache_hit(query: &Body) -> Result<Option<Test>, Error> {
    let Some(text) = query.id("cache_hit_filter")?.value() else { return Ok(None) };
    match text.to_ascii_lowercase().as_str() {
        "true" | "hit" => Ok(Some(Test::Is("cache_hit", Value::from(true)))),
        "false" | "miss" => Ok(Some(Test::IsNot("cache_hit", Value::from(true)))),
        _ => Err(fail::wrong_type("cache_hit_filter", "`cache_hit_filter` must be true or false.")),
    }
}

/// By what rows are sorted, and whether the smallest comes first.
///
/// # Errors
/// 422 for what rows cannot be sorted by.
pub fn order(query: &Body) -> Result<(LogSort, bool), Error> {
    let sort = match query.id("sort_by")?.value().as_deref() {
        None | Some("startTime") => LogSort::Start,
        Some("endTime") => LogSort::End,
        Some("spend") => LogSort::Spend,
        Some("total_tokens") => LogSort::TotalTokens,
        Some("model") => LogSort::Model,
        Some("request_duration_ms") => LogSort::Duration,
        Some("ttft_ms") => LogSort::FirstToken,
        Some(_) => {
            let message = "`sort_by` must be one of startTime, endTime, spend, total_tokens, model, \
                           request_duration_ms, ttft_ms.";
            return Err(fail::wrong_type("sort_by", message));
        }
    };
    match query.id("sort_order")?.value().as_deref() {
        None | Some("desc") => Ok((sort, false)),
        Some("asc") => Ok((sort, true)),
        Some(_) => Err(fail::wrong_type("sort_order", "`sort_order` must be asc or desc.")),
    }
}
