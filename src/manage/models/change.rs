//! `/model/new`, `/model/update`, `PATCH /model/{model_id}/update`, `/model/block`, `/model/unblock`.

use serde_json::Value;

use super::fields::{self, Asked};
use super::{Database, bring_in, database, delete, table};
use crate::actors::topology::Table;
use crate::base::error::{Error, Kind};
use crate::base::ids;
use crate::config::stored::Plain;
use crate::domain::keys::{JsonMap, StoredModel};
use crate::manage::{Call, Changed, fail};
use crate::store::{StoreError, StoreErrorKind};

/// How often a change is tried again that another one overtook.
const TRIES: usize = 5;

/// `/model/new`: a model that serves from now on.
///
/// # Errors
/// 400 for fields that make no sense, and when models are not kept in the database; 403 for what only the master key
/// may write; 409 when the id is taken; 422; 503.
pub async fn new(call: Call) -> Result<Value, Error> {
    let (database, table) = (database(&call)?, table(&call)?);
    let asked = Asked::of(&call.body)?;
    if asked.group.is_none() {
        return Err(fail::missing("model_name"));
    }
    if asked.params.is_empty() {
        return Err(fail::missing("litellm_params"));
    }
    let id = asked.id()?.unwrap_or_else(ids::call_id);
    let after = asked.onto(&Plain { id: id.clone(), ..Plain::default() }, false);
    let checked = fields::check(&call, &table, database, &asked, &JsonMap::new(), &after)?;
    if delete::in_file(&table, &id) {
        return Err(taken(&id));
    }
    let row = StoredModel {
        model_id: id.clone(),
        model_name: after.group,
        params: fields::sealed(database, &after.params)?,
        model_info: after.info,
        created_by: call.by(),
        updated_by: call.by(),
        ..StoredModel::default()
    };
    let made = call.manage.store().create(row, 0, call.now_ms).await.map_err(|error| match error.kind {
        StoreErrorKind::Conflict(_) => taken(&id),
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::Model(id));
    bring_in(database).await;
    Ok(fields::row(&made, &checked.deployment.origin.params, &checked.warnings))
}

fn taken(id: &str) -> Error {
    fail::conflict("model_info.id", format!("There is a model with the id {id} already."))
}

/// `/model/update`: changes what the request names of the model of `model_info.id`; null says nothing, as in
/// LiteLLM.
///
/// # Errors
/// 400 when the model stands in the file; 404; as [`new`].
pub async fn update(call: Call) -> Result<Value, Error> {
    database(&call)?;
    let id = Asked::of(&call.body)?.id()?.ok_or_else(|| fail::missing("model_info.id"))?;
    change(&call, &id, false).await
}

/// `PATCH /model/{model_id}/update`: the same; null takes a field away.
///
/// # Errors
/// As [`update`].
pub async fn patch(call: Call) -> Result<Value, Error> {
    let id = call.in_path("model_id").to_string();
    change(&call, &id, true).await
}

async fn change(call: &Call, id: &str, removes: bool) -> Result<Value, Error> {
    let (database, table) = (database(call)?, table(call)?);
    let asked = Asked::of(&call.body)?;
    for _ in 0..TRIES {
        let row = existing(call, &table, id).await?;
        let before = plain(database, &row, &asked)?;
        let after = asked.onto(&before, removes);
        let checked = fields::check(call, &table, database, &asked, &before.params, &after)?;
        let sealed = fields::sealed(database, &after.params)?;
        let (version, by) = (row.state.version, call.by());
        let written = call.manage.store().update::<StoredModel>(id, "", call.now_ms, move |row| {
            // What was checked is a change of that version.
            if row.state.version != version {
                return Err(StoreError::conflict("version"));
            }
            row.model_name.clone_from(&after.group);
            row.params.clone_from(&sealed);
            row.model_info.clone_from(&after.info);
            row.updated_by.clone_from(&by);
            Ok(())
        });
        match written.await {
            Ok(row) => {
                call.manage.tell(Changed::Model(id.to_string()));
                bring_in(database).await;
                return Ok(fields::row(&row, &checked.deployment.origin.params, &checked.warnings));
            }
            Err(error) if matches!(error.kind, StoreErrorKind::Conflict(_)) => {}
            Err(error) if error.kind == StoreErrorKind::NotFound => return Err(delete::unknown(&table, id)),
            Err(error) => return Err(fail::store(error)),
        }
    }
    Err(Error::new(Kind::Conflict, "The model is being changed by others. Try again."))
}

async fn existing(call: &Call, table: &Table, id: &str) -> Result<StoredModel, Error> {
    let row = call.manage.store().get::<StoredModel>(id, "").await.map_err(fail::store)?;
    row.ok_or_else(|| delete::unknown(table, id))
}

/// The row in the clear. One that cannot be decrypted is written anew by a request that names its model.
fn plain(database: &Database, row: &StoredModel, asked: &Asked) -> Result<Plain, Error> {
    match database.opener.plain(row) {
        Ok(plain) => Ok(plain),
        Err(_) if asked.params.contains_key("model") => {
            let (id, group) = (row.model_id.clone(), row.model_name.clone());
            Ok(Plain { id, group, params: JsonMap::new(), info: row.model_info.clone() })
        }
        Err(why) => {
            let message =
                format!("The model cannot be changed: {why}. Send all of its litellm_params, or delete it.");
            Err(fail::invalid("litellm_params", message))
        }
    }
}

/// `/model/block`: the model serves nothing until it is unblocked.
///
/// # Errors
/// 400 when the model stands in the file, or models are not kept in the database; 404; 422; 503.
pub async fn block(call: Call) -> Result<Value, Error> {
    set_blocked(&call, true).await
}

/// `/model/unblock`.
///
/// # Errors
/// As [`block`].
pub async fn unblock(call: Call) -> Result<Value, Error> {
    set_blocked(&call, false).await
}

async fn set_blocked(call: &Call, blocked: bool) -> Result<Value, Error> {
    let (database, table) = (database(call)?, table(call)?);
    let id = match call.body.id("model_id")?.value() {
        Some(id) => id,
        None => call.body.id("id")?.value().ok_or_else(|| fail::missing("model_id"))?,
    };
    let by = call.by();
    let written = call.manage.store().update::<StoredModel>(&id, "", call.now_ms, move |row| {
        row.blocked = blocked;
        row.updated_by.clone_from(&by);
        Ok(())
    });
    let row = written.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => delete::unknown(&table, &id),
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::Model(id));
    bring_in(database).await;
    let read = database.opener.plain(&row).ok();
    let read = read.map(|plain| table.file.read_model(&plain, &*database.opener.environment).deployments);
    let params = read.and_then(|all| all.into_iter().next()).map(|one| one.origin.params).unwrap_or_default();
    Ok(fields::row(&row, &params, &[]))
}
