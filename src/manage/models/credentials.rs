//! `/credentials`: connections that models of the database name (`litellm_credential_name`), so that a provider's key
//! is written down once. Their values are encrypted like those of models and never shown.

use serde_json::{Value, json};

use super::{Database, bring_in, database, table, trust};
use crate::actors::topology::Table;
use crate::base::error::{Error, Kind};
use crate::base::seal::SealError;
use crate::domain::keys::{JsonMap, StoredCredential, StoredModel};
use crate::manage::{Call, Changed, fail};
use crate::store::{Find, StoreErrorKind};

/// What is shown in place of a value.
const MASK: &str = "*****";
/// The fields of a model's own that a credential could hold.
const OF_MODEL: [&str; 8] = [
    "api_key",
    "api_base",
    "base_url",
    "api_version",
    "organization",
    "azure_ad_token",
    "region_name",
    "custom_llm_provider",
];

/// `POST /credentials`.
///
/// # Errors
/// 400 for values that make no sense, and when models are not kept in the database; 403 for what only the master key
/// may write; 409 when the name is taken; 422; 503.
pub async fn new(call: Call) -> Result<Value, Error> {
    let (database, table) = (database(&call)?, table(&call)?);
    let name = call.body.must("credential_name")?;
    if table.file.has_file_credential(&name) {
        return Err(taken(&name));
    }
    let values: JsonMap = values(&call)?.into_iter().filter(|(_, value)| !value.is_null()).collect();
    if values.is_empty() {
        return Err(fail::missing("credential_values"));
    }
    let row = StoredCredential {
        name: name.clone(),
        values: sealed(database, &values)?,
        info: call.body.object("credential_info")?.value().unwrap_or_default(),
        created_by: call.by(),
        updated_by: call.by(),
        ..StoredCredential::default()
    };
    call.manage.store().create(row, 0, call.now_ms).await.map_err(|error| match error.kind {
        StoreErrorKind::Conflict(_) => taken(&name),
        _ => fail::store(error),
    })?;
    changed(&call, database, name).await;
    Ok(done("Credential created successfully"))
}

/// `PATCH /credentials/{credential_name}`: changes the values that the request names; null takes one away.
///
/// # Errors
/// 400 when the credential stands in the file; 404; as [`new`].
pub async fn update(call: Call) -> Result<Value, Error> {
    let (database, table) = (database(&call)?, table(&call)?);
    let name = call.in_path("credential_name").to_string();
    if call.body.id("credential_name")?.value().is_some_and(|other| other != name) {
        let message = "A credential cannot be renamed: models name it. Make a new one.";
        return Err(fail::invalid("credential_name", message));
    }
    let (given, info) = (values(&call)?, call.body.object("credential_info")?.value());
    let removed: Vec<String> =
        given.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()).collect();
    let put = sealed(database, &given.into_iter().filter(|(_, value)| !value.is_null()).collect())?;
    let by = call.by();
    let written = call.manage.store().update::<StoredCredential>(&name, "", call.now_ms, move |row| {
        row.values.retain(|name, _| !removed.contains(name));
        row.values.extend(put.clone());
        row.info.extend(info.clone().unwrap_or_default());
        row.updated_by.clone_from(&by);
        Ok(())
    });
    written.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => unknown(&table, &name),
        _ => fail::store(error),
    })?;
    changed(&call, database, name).await;
    Ok(done("Credential updated successfully"))
}

/// `DELETE /credentials/{credential_name}`.
///
/// # Errors
/// 400 when it stands in the file; 404; 409 while models name it: without it they would go on with the gateway's own
/// key of the provider, if it has one.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let (database, table) = (database(&call)?, table(&call)?);
    let name = call.in_path("credential_name").to_string();
    if table.file.has_file_credential(&name) {
        return Err(unknown(&table, &name));
    }
    let users = users(&call, database, &name).await?;
    if !users.is_empty() {
        let message = format!("Credential {name} is used by the models {}.", users.join(", "));
        return Err(fail::conflict("credential_name", message));
    }
    let gone = call.manage.store().delete::<StoredCredential>(vec![(name.clone(), String::new())]).await;
    if gone.map_err(fail::store)?.is_empty() {
        return Err(unknown(&table, &name));
    }
    changed(&call, database, name).await;
    Ok(done("Credential deleted successfully"))
}

/// `GET /credentials`: the file's, and then those of the database by name.
///
/// # Errors
/// 503.
pub async fn list(call: Call) -> Result<Value, Error> {
    let table = table(&call)?;
    let mut all: Vec<Value> = table
        .file
        .file_credentials()
        .into_iter()
        .map(|(name, values, info)| shown(&name, values.iter(), &info))
        .collect();
    all.extend(rows(&call).await?.iter().map(row));
    Ok(json!({"success": true, "credentials": all}))
}

/// `GET /credentials/by_name/{credential_name}`.
///
/// # Errors
/// 404; 503.
pub async fn by_name(call: Call) -> Result<Value, Error> {
    let (name, table) = (call.in_path("credential_name"), table(&call)?);
    let of_file = table.file.file_credentials().into_iter().find(|(known, ..)| known == name);
    if let Some((name, values, info)) = of_file {
        return Ok(shown(&name, values.iter(), &info));
    }
    let found = call.manage.store().get::<StoredCredential>(name, "").await.map_err(fail::store)?;
    found.as_ref().map(row).ok_or_else(|| unknown(&table, name))
}

/// `GET /credentials/by_model/{model_id}`: what a model of the database has of its own.
///
/// # Errors
/// 404; 503.
pub async fn by_model(call: Call) -> Result<Value, Error> {
    let id = call.in_path("model_id");
    let found = call.manage.store().get::<StoredModel>(id, "").await.map_err(fail::store)?;
    let Some(model) = found else {
        return Err(fail::not_found("model_id", format!("Model id = {id} not found in the database.")));
    };
    let own = OF_MODEL.into_iter().filter(|name| model.params.contains_key(*name)).map(str::to_string);
    let own: Vec<String> = own.collect();
    Ok(shown(&format!("{}-credential-{id}", model.model_name), own.iter(), &JsonMap::new()))
}

/// `credential_values`, judged by who writes them.
fn values(call: &Call) -> Result<JsonMap, Error> {
    let values = call.body.object("credential_values")?.value().unwrap_or_default();
    trust::judge_credential(call.caller.key.is_none(), &values)?;
    Ok(values)
}

fn sealed(database: &Database, values: &JsonMap) -> Result<JsonMap, Error> {
    let failed = || Error::new(Kind::Internal, "The credential could not be encrypted.");
    let sealed = database.opener.seal.seal_all(&Value::Object(values.clone()));
    match sealed.map_err(|cause: SealError| failed().with_cause(cause))? {
        Value::Object(sealed) => Ok(sealed),
        _ => Err(failed()),
    }
}

async fn rows(call: &Call) -> Result<Vec<StoredCredential>, Error> {
    let find = Find { sort_by: "id", descending: false, ..Find::default() };
    Ok(call.manage.store().find::<StoredCredential>(find).await.map_err(fail::store)?.rows)
}

/// The models of the database that name a credential, by id.
async fn users(call: &Call, database: &Database, name: &str) -> Result<Vec<String>, Error> {
    let models = call.manage.store().find::<StoredModel>(Find::default()).await.map_err(fail::store)?.rows;
    let names = |model: &StoredModel| {
        let plain = database.opener.plain(model).ok()?;
        Some(plain.params.get("litellm_credential_name")?.as_str()? == name)
    };
    Ok(models.iter().filter(|model| names(model) == Some(true)).map(|model| model.model_id.clone()).collect())
}

async fn changed(call: &Call, database: &Database, name: String) {
    call.manage.tell(Changed::Credential(name));
    bring_in(database).await;
}

fn row(row: &StoredCredential) -> Value {
    shown(&row.name, row.values.keys(), &row.info)
}

fn shown<'a>(name: &str, values: impl Iterator<Item = &'a String>, info: &JsonMap) -> Value {
    let values: JsonMap = values.map(|name| (name.clone(), MASK.into())).collect();
    json!({"credential_name": name, "credential_values": values, "credential_info": info})
}

fn done(message: &str) -> Value {
    json!({"success": true, "message": message})
}

fn taken(name: &str) -> Error {
    fail::conflict("credential_name", format!("There is a credential {name} already."))
}

/// 400 for one of the file, else 404.
fn unknown(table: &Table, name: &str) -> Error {
    if table.file.has_file_credential(name) {
        let message = "The credential stands in the config file: change it there, it is reloaded by itself.";
        return fail::invalid("credential_name", message);
    }
    fail::not_found("credential_name", format!("Credential {name} not found."))
}
