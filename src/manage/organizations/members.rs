//! Who is in an organization: added, changed, taken out.

use serde_json::{Value, json};

use super::{access, member_fields, show, unknown};
use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::{OrgMember, Organization, User};
use crate::manage::body::{Body, Given};
use crate::manage::{Call, Changed, fail, rows};
use crate::store::{Find, StoreError, StoreErrorKind, Test};

/// A member to be added.
#[derive(Clone)]
struct Newcomer {
    user_id: String,
    user_email: Option<String>,
    role: Option<String>,
}

/// `/organization/member_add`: `member` is one or a list. Users that are not known are made.
///
/// # Errors
/// 404 for an unknown organization; 403 for those who do not run it; 400 for one who is in it already; 422.
pub async fn member_add(call: Call) -> Result<Value, Error> {
    let id = call.body.must("organization_id")?;
    access::must_run(&call, &id).await?;
    let store = call.manage.store();
    if store.get::<Organization>(&id, "").await.map_err(fail::store)?.is_none() {
        return Err(unknown("organization_id", &id));
    }
    let newcomers = newcomers(&call).await?;
    let budget = call.body.dollars("max_budget_in_organization")?;
    let (asked, organization) = (newcomers.clone(), id.clone());
    let added = store.transaction(call.now_ms, move |transaction| {
        let mut added = Vec::new();
        for one in &asked {
            if transaction.get::<User>(&one.user_id, "")?.is_none() {
                let user = User {
                    user_id: one.user_id.clone(),
                    user_email: one.user_email.clone(),
                    ..User::default()
                };
                transaction.create(user, 0)?;
            }
            let mut member = OrgMember {
                organization_id: organization.clone(),
                user_id: one.user_id.clone(),
                user_role: Some(one.role.clone().unwrap_or_else(|| "internal_user".to_string())),
                ..OrgMember::default()
            };
            member_fields::set_budget(transaction, &mut member, &budget)?;
            added.push(transaction.create(member, 0)?);
        }
        Ok(added)
    });
    let added = added.await.map_err(|error| match error.kind {
        StoreErrorKind::Conflict(_) => fail::invalid("member", "The user is in the organization already."),
        _ => fail::store(error),
    })?;
    tell(&call, &id, newcomers.iter().map(|one| one.user_id.clone()));
    let users = rows::named::<User>(&call, newcomers.iter().map(|one| one.user_id.as_str())).await?;
    let users = users.values().map(|user| json!({"user_id": user.user_id, "user_email": user.user_email}));
    let members = added.iter().map(|member| show::member(member, None));
    Ok(json!({
        "organization_id": id,
        "updated_users": users.collect::<Vec<_>>(),
        "updated_organization_memberships": members.collect::<Vec<_>>(),
    }))
}

/// `/organization/member_update`: role, and budget in the organization.
///
/// # Errors
/// 404 for one who is not in it; 403 for those who do not run it; 422.
pub async fn member_update(call: Call) -> Result<Value, Error> {
    let id = call.body.must("organization_id")?;
    access::must_run(&call, &id).await?;
    let user = named_user(&call, &call.body).await?.ok_or_else(|| stranger(&id))?;
    let role = member_fields::role(&call.body)?;
    let budget = call.body.dollars("max_budget_in_organization")?;
    let (organization, member) = (id.clone(), user.clone());
    let changed = call.manage.store().transaction(call.now_ms, move |transaction| {
        let row = transaction.get::<OrgMember>(&organization, &member)?;
        let mut row = row.ok_or_else(|| StoreError::not_found("no such member"))?;
        member_fields::set_budget(transaction, &mut row, &budget)?;
        transaction.update::<OrgMember>(&organization, &member, &|kept| {
            kept.budget_id.clone_from(&row.budget_id);
            kept.user_role = role.clone().or(kept.user_role.take());
            Ok(())
        })
    });
    let changed = changed.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => stranger(&id),
        _ => fail::store(error),
    })?;
    tell(&call, &id, std::iter::once(user));
    let linked = rows::named(&call, changed.budget_id.as_deref().into_iter()).await?;
    Ok(show::member(&changed, linked.values().next()))
}

/// `/organization/member_delete`.
///
/// # Errors
/// 404 for one who is not in it; 403 for those who do not run it; 422.
pub async fn member_delete(call: Call) -> Result<Value, Error> {
    let id = call.body.must("organization_id")?;
    access::must_run(&call, &id).await?;
    let user = named_user(&call, &call.body).await?.ok_or_else(|| stranger(&id))?;
    let gone = call.manage.store().delete::<OrgMember>(vec![(id.clone(), user.clone())]).await;
    let gone = gone.map_err(fail::store)?.into_iter().next().ok_or_else(|| stranger(&id))?;
    tell(&call, &id, std::iter::once(user));
    Ok(show::member(&gone, None))
}

fn tell(call: &Call, id: &str, users: impl Iterator<Item = String>) {
    call.manage.tell(Changed::Organization(id.to_string()));
    for user in users {
        call.manage.tell(Changed::User(user));
    }
}

fn stranger(id: &str) -> Error {
    fail::not_found("user_id", format!("The user is not in the organization {id}."))
}

async fn newcomers(call: &Call) -> Result<Vec<Newcomer>, Error> {
    let members = match call.body.raw("member") {
        Some(Value::Object(member)) => vec![Body(member.clone())],
        _ => match call.body.objects("member")? {
            Given::Is(members) if !members.is_empty() => members,
            _ => return Err(fail::missing("member")),
        },
    };
    let mut found = Vec::new();
    for member in &members {
        let user_email = member.id("user_email")?.value();
        let role = member_fields::role(member)?;
        let user_id = named_user(call, member).await?.unwrap_or_else(ids::call_id);
        found.push(Newcomer { user_id, user_email, role });
    }
    Ok(found)
}

/// The user that a request names by id or e-mail; `None` for an e-mail that nobody has.
async fn named_user(call: &Call, body: &Body) -> Result<Option<String>, Error> {
    if let Some(id) = body.id("user_id")?.value() {
        return Ok(Some(id));
    }
    let Some(email) = body.id("user_email")?.value() else { return Err(fail::missing("user_id")) };
    let find = Find::all(vec![Test::Is("email", email.to_lowercase().into())]);
    let found = call.manage.store().find::<User>(find).await.map_err(fail::store)?;
    Ok(found.rows.into_iter().next().map(|user| user.user_id))
}
