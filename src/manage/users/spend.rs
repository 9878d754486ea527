//! What a user has spent, and beginning anew.

use serde_json::{Value, json};

use super::{find, no_such_user};
use crate::base::error::Error;
use crate::domain::keys::{Budget, Limits};
use crate::domain::ledger::{Account, AccountId, AccountKind};
use crate::manage::show::{maybe_usd, offset, usd};
use crate::manage::{Call, Changed, fail};

/// `/user/spend`: the caller's user, or for those who see all, any. A key without a user tells of itself.
///
/// # Errors
/// 404; 403 for somebody else.
pub async fn spend(call: Call) -> Result<Value, Error> {
    let asked = super::info::asked(&call)?.or_else(|| call.caller.user_id.clone());
    let Some(user_id) = asked else {
        let key = call.caller.key.clone().unwrap_or_default();
        let account = account(&call, AccountId::new(AccountKind::Key, &key.hash)).await?.unwrap_or_default();
        return Ok(told(Value::Null, &account, &key.limits));
    };
    let user = find(&call, &user_id).await?;
    // Money is also known of users who are only named by keys.
    let account = account(&call, AccountId::new(AccountKind::User, &user_id)).await?;
    if user.is_none() && account.is_none() && call.query.has("user_id") {
        return Err(no_such_user(&user_id));
    }
    let mut limits = user.as_ref().map(|user| user.limits.clone()).unwrap_or_default();
    if let Some(id) = user.and_then(|user| user.budget_id)
        && let Some(shared) = call.manage.store().get::<Budget>(&id, "").await.map_err(fail::store)?
    {
        limits.max_budget_nanos = limits.max_budget_nanos.or(shared.limits.max_budget_nanos);
        limits.budget_duration = limits.budget_duration.or(shared.limits.budget_duration);
    }
    Ok(told(user_id.into(), &account.unwrap_or_default(), &limits))
}

async fn account(call: &Call, id: AccountId) -> Result<Option<Account>, Error> {
    let found = call.manage.store().accounts(vec![id.clone()], call.now_ms).await.map_err(fail::store)?;
    Ok(found.get(&id).cloned())
}

fn told(user_id: Value, account: &Account, limits: &Limits) -> Value {
    let left = limits.max_budget_nanos.map(|most| most.saturating_sub(account.spend_nanos));
    json!({
        "user_id": user_id,
        "total_spend": usd(account.total_nanos),
        "spend": usd(account.spend_nanos),
        "max_budget": maybe_usd(limits.max_budget_nanos),
        "remaining_budget": maybe_usd(left),
        "budget_duration": limits.budget_duration,
        "budget_reset_at": offset(account.reset_at_ms),
    })
}

/// `/user/reset_budget`: the user has spent nothing in this period. What it has spent ever stays.
///
/// # Errors
/// 404; 422 without a user.
pub async fn reset_budget(call: Call) -> Result<Value, Error> {
    let user_id = call.body.must("user_id")?;
    let user = find(&call, &user_id).await?;
    let id = AccountId::new(AccountKind::User, &user_id);
    let before = account(&call, id.clone()).await?;
    // As for its spend: users who are only named by keys have money, too.
    if user.is_none() && before.is_none() {
        return Err(no_such_user(&user_id));
    }
    let limits = user.map(|user| user.limits).unwrap_or_default();
    let previous = before.unwrap_or_default().spend_nanos;
    let now = call.manage.store().set_spend(id, 0, call.now_ms).await.map_err(fail::store)?;
    call.manage.tell(Changed::User(user_id.clone()));
    let mut told = told(user_id.into(), &now, &limits);
    told["previous_spend"] = usd(previous);
    Ok(told)
}
