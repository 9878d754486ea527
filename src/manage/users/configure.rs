//! Users that the configuration file names, and keys that are made on the command line.

use std::collections::BTreeMap;

use crate::base::error::Error;
use crate::base::secret::Secret;
use crate::config::model::ConfiguredUser;
use crate::domain::keys::{Role, User};
use crate::manage::body::Body;
use crate::manage::keys::generate;
use crate::manage::{Call, Caller, Changed, Manage, fail, show};
use crate::store::{StoreError, StoreErrorKind};

/// Makes a user as the file has it, or lays what the file says over what the store says.
///
/// # Errors
/// 503 when the store cannot be asked; 409 when somebody else has the e-mail address.
pub async fn configure(manage: &Manage, said: &ConfiguredUser, now_ms: i64) -> Result<User, Error> {
    let (store, id) = (manage.store(), said.user_id.as_str());
    let found = store.get::<User>(id, "").await.map_err(fail::store)?;
    if let Some(user) = &found
        && !said.apply(&mut user.clone())
    {
        return Ok(user.clone());
    }
    let laid_over = said.clone();
    let over = move |user: &mut User| {
        laid_over.apply(user);
        Ok(())
    };
    let saved = match found {
        Some(_) => store.update::<User>(id, "", now_ms, over).await,
        None => {
            let mut user = User::default();
            said.apply(&mut user);
            user.user_role = user.user_role.or(Some(Role::InternalUser));
            match store.create(user, 0, now_ms).await {
                // Another replica was faster.
                Err(error) if is_there(&error) => store.update::<User>(id, "", now_ms, over).await,
                other => other,
            }
        }
    };
    let user = saved.map_err(fail::store)?;
    manage.tell(Changed::User(user.user_id.clone()));
    Ok(user)
}

fn is_there(error: &StoreError) -> bool {
    error.kind == StoreErrorKind::Conflict("id".to_string())
}

/// Makes a key for a user, who is made if there is none.
///
/// # Errors
/// As `/key/generate` with the master key.
pub async fn key_for(manage: &Manage, user: &ConfiguredUser, now_ms: i64) -> Result<Secret, Error> {
    let user = configure(manage, user, now_ms).await?;
    let call = Call {
        manage: manage.clone(),
        caller: Caller::master(),
        now_ms,
        body: Body(show::object(serde_json::json!({"user_id": user.user_id}))),
        query: Body::default(),
        path: BTreeMap::new(),
        route: "/key/generate",
        changed_by: None,
    };
    generate::make(&call, false).await.map(|(_, secret, _)| secret)
}
