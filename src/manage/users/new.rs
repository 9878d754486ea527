//! Making users, with a key of theirs.

use serde_json::{Value, json};

use super::fields;
use crate::base::error::Error;
use crate::base::ids;
use crate::base::secret::Secret;
use crate::domain::keys::{JsonMap, Key, Member, OrgMember, Organization, Role, Team, TeamRole, User};
use crate::manage::body::{Body, Given};
use crate::manage::keys::generate as keys;
use crate::manage::{Call, Changed, Manage, fail, keys::fields as key_fields, show};
use crate::store::{StoreError, StoreErrorKind, Transaction};

/// What `/user/new` makes, all or nothing.
#[derive(Clone)]
pub struct Made {
    /// The user.
    pub user: User,
    /// Its first key, unless none is wanted.
    pub key: Option<Key>,
    /// Its teams.
    pub teams: Vec<Member>,
    /// Its organizations.
    pub organizations: Vec<OrgMember>,
}

/// `/user/new`.
///
/// # Errors
/// 409 when the id or e-mail is taken; 400 and 422 for fields.
pub async fn new(call: Call) -> Result<Value, Error> {
    let mut body = call.body.clone();
    defaults(&call.manage, &mut body)?;
    let user_id = body.name("user_id")?.value().unwrap_or_else(ids::call_id);
    let mut user = User { user_id: user_id.clone(), ..User::default() };
    fields::apply(&body, &mut user)?;
    let spend = body.dollars("spend")?.value().unwrap_or(0);
    let with_key = body.bool("auto_create_key")?.value().unwrap_or(true);
    let secret = if with_key { Some(keys::secret_of(&call, &body)?) } else { None };
    let key = secret.as_ref().map(|secret| first_key(&call, &body, &user_id, secret)).transpose()?;
    let (teams, organizations) = (teams(&body, &user)?, organizations(&body, &user_id)?);
    let made = Made { user, key, teams, organizations };
    let saved =
        call.manage.store().transaction(call.now_ms, move |transaction| save(transaction, &made, spend));
    let made = saved.await.map_err(|error| refused(error, &user_id, &body))?;
    call.manage.tell(Changed::User(user_id));
    for member in &made.teams {
        call.manage.tell(Changed::Team(member.team_id.clone()));
    }
    Ok(reply(&made, secret.as_ref()))
}

/// What the configuration gives new users: all but admins get the general ones, internal users their budget.
fn defaults(manage: &Manage, body: &mut Body) -> Result<(), Error> {
    let settings = manage.settings();
    let role = body.id("user_role")?.value();
    if role.as_deref() != Some(Role::ProxyAdmin.as_str()) {
        for (name, value) in &settings.default_user_params {
            if body.raw(name).is_none_or(Value::is_null) {
                body.0.insert(name.clone(), value.clone());
            }
        }
    }
    if role.is_some_and(|role| Role::parse(&role) == Some(Role::InternalUser)) {
        if let (Some(nanos), true) =
            (settings.user_budget_nanos, body.raw("max_budget").is_none_or(Value::is_null))
        {
            body.0.insert("max_budget".into(), show::usd(nanos));
        }
        if let (Some(every), true) =
            (&settings.user_budget_duration, body.raw("budget_duration").is_none_or(Value::is_null))
        {
            body.0.insert("budget_duration".into(), every.clone().into());
        }
    }
    Ok(())
}

/// The key has the user's models, limits and metadata, but not its budget: that holds over all its keys.
fn first_key(call: &Call, body: &Body, user_id: &str, secret: &Secret) -> Result<Key, Error> {
    let mut body = body.clone();
    for name in ["max_budget", "soft_budget", "budget_duration", "budget_limits", "budget_id", "team_id"] {
        body.0.shift_remove(name);
    }
    let mut key = Key::default();
    key_fields::apply(&body, &mut key, call.now_ms)?;
    key.user_id = Some(user_id.to_string());
    keys::sign(call, &mut key, secret);
    Ok(key)
}

/// `teams`: ids, or objects with a budget and a role inside the team; and `team_id`.
fn teams(body: &Body, user: &User) -> Result<Vec<Member>, Error> {
    let bad = || fail::wrong_type("teams", "`teams` must be a list of ids or of objects with a `team_id`.");
    let mut listed: Vec<Value> = match body.raw("teams") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(teams)) => teams.clone(),
        Some(_) => return Err(bad()),
    };
    listed.extend(body.id("team_id")?.value().map(Value::from));
    let mut members: Vec<Member> = Vec::new();
    for team in listed {
        let fields = match team {
            Value::String(team_id) => Body(show::object(json!({"team_id": team_id}))),
            Value::Object(fields) => Body(fields),
            _ => return Err(bad()),
        };
        let team_id = fields.must("team_id").map_err(|_| bad())?;
        let role = match fields.id("user_role")?.value().as_deref() {
            Some("admin") => TeamRole::Admin,
            _ => TeamRole::User,
        };
        let mut member = Member {
            team_id,
            user_id: user.user_id.clone(),
            user_email: user.user_email.clone(),
            role,
            ..Member::default()
        };
        fields.dollars("max_budget_in_team")?.set(&mut member.limits.max_budget_nanos);
        if !members.iter().any(|other| other.team_id == member.team_id) {
            members.push(member);
        }
    }
    Ok(members)
}

fn organizations(body: &Body, user_id: &str) -> Result<Vec<OrgMember>, Error> {
    let member = |organization_id: String| OrgMember {
        organization_id,
        user_id: user_id.to_string(),
        user_role: Some(Role::InternalUser.as_str().to_string()),
        ..OrgMember::default()
    };
    Ok(body.texts("organizations")?.value().unwrap_or_default().into_iter().map(member).collect())
}

/// Makes the user and all that comes with it.
fn save(transaction: &mut Transaction<'_>, made: &Made, spend: i64) -> Result<Made, StoreError> {
    let user = transaction.create(made.user.clone(), spend)?;
    let mut saved = Made { user, key: None, teams: Vec::new(), organizations: Vec::new() };
    for member in &made.teams {
        if transaction.get::<Team>(&member.team_id, "")?.is_none() {
            return Err(StoreError::invalid(format!("Team not found, passed team_id={}", member.team_id)));
        }
        saved.teams.push(transaction.create(member.clone(), 0)?);
    }
    for member in &made.organizations {
        if transaction.get::<Organization>(&member.organization_id, "")?.is_none() {
            let message = format!("Organization not found, organization_id={}", member.organization_id);
            return Err(StoreError::invalid(message));
        }
        saved.organizations.push(transaction.create(member.clone(), 0)?);
    }
    if let Some(key) = &made.key {
        saved.key = Some(transaction.create(key.clone(), 0)?);
    }
    Ok(saved)
}

fn refused(error: StoreError, user_id: &str, body: &Body) -> Error {
    match &error.kind {
        StoreErrorKind::Conflict(what) if what == "email" => {
            let email = body.id("user_email").map_or(None, Given::value).unwrap_or_default();
            fail::conflict("user_email", format!("User with email {email} already exists"))
        }
        StoreErrorKind::Conflict(what) if what == "alias" => keys::refused(error, None),
        StoreErrorKind::Conflict(_) => {
            fail::conflict("user_id", format!("User with id {user_id} already exists"))
        }
        StoreErrorKind::Invalid if error.message.starts_with("Team") => fail::invalid("teams", error.message),
        StoreErrorKind::Invalid if error.message.starts_with("Organization") => {
            fail::invalid("organizations", error.message)
        }
        _ => fail::store(error),
    }
}

/// Flat like the reply of `/key/generate`, with what is the user's on top.
fn reply(made: &Made, secret: Option<&Secret>) -> Value {
    let mut shown = match (&made.key, secret) {
        (Some(key), Some(secret)) => show::key::generated(key, secret.expose(), None),
        _ => {
            let mut none = JsonMap::new();
            none.insert("key".into(), "".into());
            none
        }
    };
    let teams: Vec<String> = made.teams.iter().map(|member| member.team_id.clone()).collect();
    let user = show::user::row(&made.user, &teams, &made.organizations);
    for (name, value) in user {
        if !["organization_memberships", "password_reset_required", "last_breach_check_at"]
            .contains(&name.as_str())
        {
            shown.insert(name, value);
        }
    }
    for (name, ms) in [("created_at", made.user.created_at_ms), ("updated_at", made.user.updated_at_ms)] {
        shown.insert(name.into(), show::zulu(ms));
    }
    shown.insert("token".into(), Value::Null);
    shown.insert("token_id".into(), Value::Null);
    Value::Object(shown)
}
