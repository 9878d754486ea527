//! Members of a team: added, changed, removed.

use serde_json::{Value, json};

use super::{find, members, members_of, must_run};
use crate::base::error::Error;
use crate::domain::keys::{Key, Member, Team, User};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::manage::body::Body;
use crate::manage::{Call, Changed, fail, show};
use crate::store::{Find, StoreError, StoreErrorKind, Test, Value as Column};

/// Fields that bound a member.
const BOUNDS: [&str; 5] =
    ["max_budget_in_team", "budget_duration", "tpm_limit", "rpm_limit", "allowed_models"];

/// `/team/member_add`: one member or a list; all, or none.
///
/// # Errors
/// 404; 403; 400 when somebody is in the team already; 422.
pub async fn add(call: Call) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    must_run(&call, &team_id)?;
    let team = find(&call, &team_id).await?;
    let asked = match call.body.raw("member") {
        Some(Value::Object(one)) => vec![Body(one.clone())],
        Some(Value::Array(_)) => call.body.objects("member")?.value().unwrap_or_default(),
        Some(_) => {
            return Err(fail::wrong_type("member", "`member` must be an object or a list of objects."));
        }
        None => return Err(fail::missing("member")),
    };
    let wanted = asked.iter().map(|who| members::wanted(who, &call.body)).collect::<Result<Vec<_>, _>>()?;
    let added = put(&call, &team, wanted).await?;
    let mut row = super::shown(&call, &team).await?;
    row["updated_users"] = added.iter().map(|(user, _)| user_row(user, &team_id)).collect();
    row["updated_team_memberships"] =
        added.iter().map(|(_, member)| show::team::membership(member, None, None)).collect();
    Ok(row)
}

/// `/team/bulk_member_add`: each on its own; what fails is told beside what went well.
///
/// # Errors
/// 404; 403; 422 without a list.
pub async fn add_several(call: Call) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    must_run(&call, &team_id)?;
    let team = find(&call, &team_id).await?;
    let asked = match call.body.objects("members")?.value() {
        Some(members) => members,
        None if call.body.is_on("all_users")? && call.caller.is_admin() => everybody(&call).await?,
        None => return Err(fail::missing("members")),
    };
    let (mut results, mut failed) = (Vec::new(), 0);
    for who in &asked {
        let (id, email) = (who.raw("user_id"), who.raw("user_email"));
        let added = match members::wanted(who, &call.body) {
            Ok(wanted) => put(&call, &team, vec![wanted]).await,
            Err(error) => Err(error),
        };
        results.push(match added.as_deref() {
            Ok([(user, member), ..]) => json!({
                "user_id": user.user_id, "user_email": user.user_email, "success": true, "error": null,
                "updated_user": user_row(user, &team_id),
                "updated_team_membership": show::team::membership(member, None, None),
            }),
            other => {
                failed += 1;
                let error = other.err().map(ToString::to_string);
                json!({"user_id": id, "user_email": email, "success": false, "error": error,
                       "updated_user": null, "updated_team_membership": null})
            }
        });
    }
    let (total, done) = (asked.len(), asked.len() - failed);
    let row = super::shown(&call, &team).await?;
    Ok(json!({"team_id": team_id, "results": results, "total_requested": total, "successful_additions": done,
              "failed_additions": failed, "updated_team": row}))
}

async fn everybody(call: &Call) -> Result<Vec<Body>, Error> {
    let users = call.manage.store().find::<User>(Find::default()).await.map_err(fail::store)?.rows;
    Ok(users.into_iter().map(|user| Body(show::object(json!({"user_id": user.user_id})))).collect())
}

async fn put(call: &Call, team: &Team, wanted: Vec<members::Wanted>) -> Result<Vec<(User, Member)>, Error> {
    let of = team.clone();
    let saved = call.manage.store().transaction(call.now_ms, move |transaction| {
        wanted.iter().map(|wanted| members::put(transaction, &of, wanted)).collect::<Result<Vec<_>, _>>()
    });
    let added = saved.await.map_err(refused)?;
    for (user, _) in &added {
        call.manage.tell(Changed::User(user.user_id.clone()));
    }
    call.manage.tell(Changed::Team(team.team_id.clone()));
    Ok(added)
}

fn refused(error: StoreError) -> Error {
    let already = error.kind == StoreErrorKind::Invalid && error.message.contains(members::ALREADY);
    if already {
        return fail::invalid("member", error.message).with_type("team_member_already_in_team");
    }
    fail::store(error)
}

fn user_row(user: &User, team_id: &str) -> Value {
    Value::Object(show::user::row(user, &[team_id.to_string()], &[]))
}

/// `/team/member_update`. Nobody but an admin changes its own bounds.
///
/// # Errors
/// 404; 403; 400 when it is not in the team; 422.
pub async fn change(call: Call) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    must_run(&call, &team_id)?;
    find(&call, &team_id).await?;
    let all = members_of(&call, &team_id).await?;
    let member = members::named(&call.body, &all)?;
    if !call.caller.is_admin()
        && call.caller.is_user(&member.user_id)
        && let Some(name) = BOUNDS.iter().find(|name| call.body.has(name))
    {
        return Err(fail::forbidden_field(
            name,
            format!("`{name}` of yourself can only be set by an admin."),
        ));
    }
    let role = members::role(&call.body)?;
    members::limits(&call.body, &mut member.clone())?;
    let body = call.body.clone();
    let saved = call.manage.store().update::<Member>(&team_id, &member.user_id, call.now_ms, move |member| {
        members::limits(&body, member).map_err(|error| StoreError::invalid(error.message()))?;
        member.role = role.unwrap_or(member.role);
        Ok(())
    });
    let member = saved.await.map_err(fail::store)?;
    call.manage.tell(Changed::Team(team_id));
    Ok(json!({
        "user_id": member.user_id,
        "user_email": member.user_email,
        "team_id": member.team_id,
        "role": member.role,
        "max_budget_in_team": show::maybe_usd(member.limits.max_budget_nanos),
        "tpm_limit": member.limits.tpm_limit,
        "rpm_limit": member.limits.rpm_limit,
        "budget_duration": member.limits.budget_duration,
        "allowed_models": member.allowed_models,
    }))
}

/// `/team/member_delete`: with the keys that the member has in the team.
///
/// # Errors
/// 404; 403; 400 when it is not in the team; 422.
pub async fn remove(call: Call) -> Result<Value, Error> {
    let team_id = call.body.must("team_id")?;
    must_run(&call, &team_id)?;
    let team = find(&call, &team_id).await?;
    let all = members_of(&call, &team_id).await?;
    let user_id = members::named(&call.body, &all)?.user_id.clone();
    let (of, who, by) = (team_id.clone(), user_id.clone(), call.by());
    let saved = call.manage.store().transaction(call.now_ms, move |transaction| {
        let tests = vec![Test::Is("team_id", Column::from(&of)), Test::Is("user_id", Column::from(&who))];
        let keys = transaction.find::<Key>(&Find::all(tests))?.rows;
        let hashes: Vec<String> = keys.iter().map(|key| key.hash.clone()).collect();
        transaction.delete_keys(&hashes, by.as_deref())?;
        transaction.delete::<Member>(&of, &who)?;
        Ok(keys)
    });
    let keys = saved.await.map_err(fail::store)?;
    keys.iter().for_each(|key| call.manage.tell(key.into()));
    call.manage.tell(Changed::User(user_id));
    call.manage.tell(Changed::Team(team_id));
    super::shown(&call, &team).await
}

/// `/team/{team_id}/member/{user_id}/reset_spend`: sets what a member has spent in this period to something lower.
///
/// # Errors
/// 404; 403; 400 when it is more than was spent.
pub async fn reset_member_spend(call: Call) -> Result<Value, Error> {
    let (team_id, user_id) = (call.in_path("team_id").to_string(), call.in_path("user_id").to_string());
    must_run(&call, &team_id)?;
    if !call.caller.is_admin() && call.caller.is_user(&user_id) {
        return Err(fail::forbidden_field("user_id", "Your own spend can only be reset by an admin."));
    }
    let member = call.manage.store().get::<Member>(&team_id, &user_id).await.map_err(fail::store)?;
    let member = member.ok_or_else(|| fail::not_found("user_id", "User not found in team"))?;
    let account = AccountId::pair(AccountKind::Member, &team_id, &user_id);
    let (spend, previous) = crate::manage::spend::lower(&call, account).await?;
    call.manage.tell(Changed::Team(team_id.clone()));
    Ok(json!({"team_id": team_id, "user_id": user_id, "spend": spend, "previous_spend": previous,
              "max_budget": show::maybe_usd(member.limits.max_budget_nanos)}))
}
