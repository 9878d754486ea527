//! `/spend/keys` and `/spend/users`: owners with what they have spent in their current period, the dearest first.

use serde_json::{Value, json};

use super::limit;
use crate::base::error::Error;
use crate::domain::keys::{Key, User};
use crate::manage::show::{maybe_usd, offset, usd};
use crate::manage::{Call, fail, scope, show};
use crate::store::{Find, Test};

/// How many owners are shown when the query does not say.
const USUAL: u32 = 100;

/// `/spend/keys`.
///
/// # Errors
/// 403 for another user's keys; 422; 503.
pub async fn keys(call: Call) -> Result<Value, Error> {
    let tests = scope::user(&call)?.map(|user| Test::Is("user_id", user.into()));
    let find = dearest(tests.into_iter().collect(), limit(&call, USUAL)?);
    let rows = call.manage.store().find::<Key>(find).await.map_err(fail::store)?.rows;
    Ok(rows.iter().map(|key| Value::Object(show::key::changed(key, None))).collect())
}

/// `/spend/users`.
///
/// # Errors
/// 403 for another user; 422; 503.
pub async fn users(call: Call) -> Result<Value, Error> {
    let tests = scope::user(&call)?.map(|user| Test::Is("id", user.into()));
    let find = dearest(tests.into_iter().collect(), limit(&call, USUAL)?);
    let rows = call.manage.store().find::<User>(find).await.map_err(fail::store)?.rows;
    Ok(rows.iter().map(user).collect())
}

fn dearest(tests: Vec<Test>, size: u32) -> Find {
    Find { tests, sort_by: "spend", descending: true, page: 1, size }
}

fn user(user: &User) -> Value {
    json!({
        "user_id": user.user_id,
        "user_alias": user.user_alias,
        "user_email": user.user_email,
        "user_role": user.user_role.map(|role| role.as_str()),
        "organization_id": user.organization_id,
        "spend": usd(user.state.spend_nanos),
        "total_spend": usd(user.state.total_spend_nanos),
        "max_budget": maybe_usd(user.limits.max_budget_nanos),
        "budget_duration": user.limits.budget_duration,
        "budget_reset_at": offset(user.state.budget_reset_at_ms),
        "models": user.models,
        "tpm_limit": user.limits.tpm_limit,
        "rpm_limit": user.limits.rpm_limit,
        "max_parallel_requests": user.limits.max_parallel_requests,
        "metadata": user.metadata,
        "created_at": offset(user.created_at_ms),
        "updated_at": offset(user.updated_at_ms),
    })
}
