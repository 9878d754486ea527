//! Users, and what everybody has spent together, which LiteLLM keeps in a user's row.

use std::collections::BTreeMap;

use super::shapes::{limits, taken};
use super::{Area, EVERYBODY, Mover, Read};
use crate::domain::keys::{Role, User};
use crate::store::StoreError;
use crate::store::litellm::Record;

const TABLE: &str = "LiteLLM_UserTable";

/// What happens to some users' fields.
const NO_ROLE: &str = "users became internal_user_viewer, because their role is unknown here";
const NO_EMAIL: &str = "users without their e-mail address, which an earlier one has";
const NO_PASSWORD: &str = "passwords of users: there is no sign-in here";

/// Users, and the account of everybody.
pub(super) async fn users(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let emails = mover.source.shared(TABLE, "user_email", "user_id", true).await?;
    let notes = std::cell::RefCell::new(Vec::new());
    let everybody = std::cell::RefCell::new(None);
    mover
        .each(Area::Users, TABLE, &["user_id"], |record| {
            if record.text("user_id").as_deref() == Some(EVERYBODY) {
                *everybody.borrow_mut() = Some(record.clone());
                return None;
            }
            Some(user(record, &emails, &mut notes.borrow_mut()))
        })
        .await?;
    notes.take().into_iter().for_each(|note| mover.report.note(note));
    let spend = everybody.take().map(|record| record.dollars("spend")).transpose();
    match spend {
        Ok(spend) => {
            let spend = spend.flatten().unwrap_or_default();
            let outcome = mover.store.take_over_everybody(spend, mover.how).await?;
            mover.report.outcome(Area::Everybody, "of all", outcome);
        }
        Err(reason) => mover.report.left_out(Area::Everybody, "of all", &reason),
    }
    Ok(())
}

fn user(record: &Record, emails: &BTreeMap<String, String>, notes: &mut Vec<&'static str>) -> Read<User> {
    let name = record.text("user_id").unwrap_or_default();
    let mut email = record.text("user_email");
    let first = email.as_ref().and_then(|email| emails.get(&email.to_lowercase()));
    if first.is_some_and(|first| *first != name) {
        email = None;
        notes.push(NO_EMAIL);
    }
    let user_role = record.text("user_role").map(|said| role(&said, notes));
    if record.text("password").is_some() {
        notes.push(NO_PASSWORD);
    }
    let read = || {
        let row = User {
            user_id: name.clone(),
            user_alias: record.text("user_alias"),
            user_email: email.clone(),
            user_role,
            sso_user_id: record.text("sso_user_id"),
            organization_id: record.text("organization_id"),
            models: record.texts("models"),
            limits: limits(record)?,
            metadata: record.object("metadata"),
            allowed_cache_controls: record.texts("allowed_cache_controls"),
            policies: record.texts("policies"),
            object_permission_id: record.text("object_permission_id"),
            ..User::default()
        };
        let mut taken = taken(record, row)?;
        taken.unique = email.as_ref().map(|email| ("email", email.to_lowercase()));
        Ok(taken)
    };
    Read { taken: read(), name }
}

/// The role of that name. One that is unknown must not become more than it was; who runs an organization is said in
/// its membership.
fn role(said: &str, notes: &mut Vec<&'static str>) -> Role {
    match Role::parse(said) {
        Some(role) => role,
        None if said == "org_admin" => Role::InternalUser,
        None => {
            notes.push(NO_ROLE);
            Role::InternalUserViewer
        }
    }
}
