//! Putting people into a team.

use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::{Member, Role, Team, TeamRole, User};
use crate::manage::body::{Body, Given};
use crate::manage::fail;
use crate::store::{Find, StoreError, Test, Transaction, Value as Column};

/// Somebody who shall be in a team.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The member; without a `user_id` it is found by e-mail, or made under [`Wanted::fresh_id`].
    pub member: Member,
    /// The id of a user that has to be made.
    pub fresh_id: String,
}

/// What a message begins with when somebody is in the team already.
pub const ALREADY: &str = "already in team";

/// Reads `{role, user_id | user_email}`; `around` may give limits for all of them.
///
/// # Errors
/// 422 for values of wrong types, or when neither id nor e-mail is given.
pub fn wanted(who: &Body, around: &Body) -> Result<Wanted, Error> {
    let (user_id, user_email) = (who.id("user_id")?.value(), who.id("user_email")?.value());
    if user_id.is_none() && user_email.is_none() {
        return Err(fail::wrong_type("member", "Each member needs a `user_id` or a `user_email`."));
    }
    let mut member = Member { user_email, role: role(who)?.unwrap_or_default(), ..Member::default() };
    member.user_id = user_id.unwrap_or_default();
    for body in [around, who] {
        limits(body, &mut member)?;
    }
    Ok(Wanted { member, fresh_id: ids::call_id() })
}

/// The role inside the team, if the request names one.
///
/// # Errors
/// 422.
pub fn role(body: &Body) -> Result<Option<TeamRole>, Error> {
    match body.id("role")?.value().as_deref() {
        None => Ok(None),
        Some("admin") => Ok(Some(TeamRole::Admin)),
        Some("user") => Ok(Some(TeamRole::User)),
        Some(_) => Err(fail::wrong_type("role", "`role` must be admin or user.")),
    }
}

/// What a member may spend in the team, and how fast.
///
/// # Errors
/// 422 and 400.
pub fn limits(body: &Body, member: &mut Member) -> Result<(), Error> {
    body.dollars("max_budget_in_team")?.set(&mut member.limits.max_budget_nanos);
    body.period("budget_duration")?.set(&mut member.limits.budget_duration);
    body.limit("tpm_limit")?.set(&mut member.limits.tpm_limit);
    body.limit("rpm_limit")?.set(&mut member.limits.rpm_limit);
    body.texts("allowed_models")?.fill(&mut member.allowed_models);
    Ok(())
}

/// Puts somebody into a team, making the user if there is none.
///
/// # Errors
/// `Invalid` when it is in the team already.
pub fn put(
    transaction: &mut Transaction<'_>,
    team: &Team,
    wanted: &Wanted,
) -> Result<(User, Member), StoreError> {
    let user = user_of(transaction, wanted)?;
    if transaction.get::<Member>(&team.team_id, &user.user_id)?.is_some() {
        return Err(StoreError::invalid(format!("{} is {ALREADY} {}", user.user_id, team.team_id)));
    }
    let mut member = wanted.member.clone();
    member.team_id.clone_from(&team.team_id);
    member.user_id.clone_from(&user.user_id);
    member.user_email = user.user_email.clone().or(member.user_email);
    if member.allowed_models.is_empty() {
        member.allowed_models.clone_from(&team.default_team_member_models);
    }
    let member = transaction.create(member, 0)?;
    Ok((user, member))
}

fn user_of(transaction: &mut Transaction<'_>, wanted: &Wanted) -> Result<User, StoreError> {
    let Wanted { member, fresh_id } = wanted;
    let found = match &member.user_email {
        _ if !member.user_id.is_empty() => transaction.get::<User>(&member.user_id, "")?,
        Some(email) => {
            let find = Find::all(vec![Test::Is("email", Column::from(email.to_lowercase()))]);
            transaction.find::<User>(&find)?.rows.into_iter().next()
        }
        None => None,
    };
    if let Some(user) = found {
        return Ok(user);
    }
    let user_id = if member.user_id.is_empty() { fresh_id.clone() } else { member.user_id.clone() };
    let user = User {
        user_id,
        user_email: member.user_email.clone(),
        user_role: Some(Role::InternalUser),
        ..User::default()
    };
    transaction.create(user, 0)
}

/// The member that a request names by `user_id` or `user_email`.
///
/// # Errors
/// 422 when it names nobody; 400 when it is not in the team.
pub fn named<'a>(body: &Body, members: &'a [Member]) -> Result<&'a Member, Error> {
    let (id, email) = (body.id("user_id")?, body.id("user_email")?);
    let found = match (&id, &email) {
        (Given::Is(id), _) => members.iter().find(|member| member.user_id == *id),
        (_, Given::Is(email)) => members
            .iter()
            .find(|member| member.user_email.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(email))),
        _ => return Err(fail::missing("user_id")),
    };
    found.ok_or_else(|| fail::invalid("user_id", "User not found in team"))
}
