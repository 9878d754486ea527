//! Changing users.

use serde_json::{Value, json};

use super::{fields, named, shown};
use crate::base::error::Error;
use crate::domain::keys::User;
use crate::domain::ledger::{AccountId, AccountKind};
use crate::manage::body::{Body, Given};
use crate::manage::{Call, Changed, fail};
use crate::store::{Find, StoreError, StoreErrorKind};

/// How many users one request may change.
const MOST: usize = 500;

/// `/user/update`.
///
/// # Errors
/// 404 for an unknown user; 409 when the e-mail is taken; 400 and 422 for fields.
pub async fn update(call: Call) -> Result<Value, Error> {
    let user = change(&call, &call.body).await?;
    Ok(json!({"user_id": user.user_id, "data": shown(&call, &user).await?}))
}

/// `/user/bulk_update`: each on its own; what fails is told beside what went well.
///
/// # Errors
/// 422 when the request names nobody.
pub async fn bulk_update(call: Call) -> Result<Value, Error> {
    let asked = match call.body.objects("users")?.value() {
        Some(users) => users,
        None if call.body.is_on("all_users")? => all(&call).await?,
        None => return Err(fail::missing("users")),
    };
    if asked.len() > MOST && call.body.has("users") {
        return Err(fail::invalid("users", format!("At most {MOST} users in one request.")));
    }
    let (mut results, mut failed) = (Vec::new(), 0);
    for body in &asked {
        let changed = match change(&call, body).await {
            Ok(user) => shown(&call, &user).await,
            Err(error) => Err(error),
        };
        let (id, email) = (body.raw("user_id"), body.raw("user_email"));
        results.push(match changed {
            Ok(row) => json!({"user_id": row["user_id"], "user_email": row["user_email"], "success": true,
                              "error": null, "updated_user": row}),
            Err(error) => {
                failed += 1;
                json!({"user_id": id, "user_email": email, "success": false, "error": error.message(),
                       "updated_user": null})
            }
        });
    }
    let (total, done) = (asked.len(), asked.len() - failed);
    Ok(json!({"results": results, "total_requested": total, "successful_updates": done,
              "failed_updates": failed}))
}

/// The same change for every user.
async fn all(call: &Call) -> Result<Vec<Body>, Error> {
    let updates = call.body.object("user_updates")?.value().ok_or_else(|| fail::missing("user_updates"))?;
    let users = call.manage.store().find::<User>(Find::default()).await.map_err(fail::store)?;
    let each = users.rows.into_iter().map(|user| {
        let mut body = Body(updates.clone());
        body.0.insert("user_id".into(), user.user_id.into());
        body
    });
    Ok(each.collect())
}

async fn change(call: &Call, body: &Body) -> Result<User, Error> {
    let before = named(call, body).await?;
    let mut after = before.clone();
    fields::apply(body, &mut after)?;
    let (spend, id) = (body.dollars("spend")?, before.user_id.clone());
    let (fields, email) = (body.clone(), after.user_email.clone().unwrap_or_default());
    let saved = call.manage.store().transaction(call.now_ms, move |transaction| {
        let mut saved = transaction.update::<User>(&id, "", &|user| {
            fields::apply(&fields, user).map_err(|error| StoreError::invalid(error.message()))
        })?;
        if let Given::Is(spend) = spend {
            let account = AccountId::new(AccountKind::User, &id);
            saved.state.spend_nanos = transaction.set_spend(&account, spend)?.spend_nanos;
        }
        Ok(saved)
    });
    let saved = saved.await.map_err(|error| match &error.kind {
        StoreErrorKind::Conflict(_) => {
            fail::conflict("user_email", format!("User with email {email} already exists"))
        }
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::User(saved.user_id.clone()));
    Ok(saved)
}
