//! `/model/delete`.

use serde_json::{Value, json};

use super::{bring_in, database, table};
use crate::actors::topology::Table;
use crate::base::error::Error;
use crate::domain::keys::StoredModel;
use crate::manage::{Call, Changed, fail};

/// `/model/delete`: the model of `id` is gone; requests under way are answered.
///
/// # Errors
/// 400 when the model stands in the file, or models are not kept in the database; 404; 422; 503.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let (database, table) = (database(&call)?, table(&call)?);
    let id = call.body.must("id")?;
    let gone = call.manage.store().delete::<StoredModel>(vec![(id.clone(), String::new())]).await;
    if gone.map_err(fail::store)?.is_empty() {
        return Err(unknown(&table, &id));
    }
    call.manage.tell(Changed::Model(id.clone()));
    bring_in(database).await;
    Ok(json!({"message": format!("Model: {id} deleted successfully")}))
}

/// Whether a deployment of the file has this id.
pub fn in_file(table: &Table, id: &str) -> bool {
    table.file.deployments.iter().any(|one| *one.id == *id)
}

/// There is no such row: 400 when the model stands in the file, else 404.
pub fn unknown(table: &Table, id: &str) -> Error {
    if in_file(table, id) {
        let message = "Can't edit model. Model in config: change the config file, it is reloaded by itself.";
        return fail::invalid("id", message);
    }
    fail::not_found("id", format!("Model id = {id} not found in the database."))
}
