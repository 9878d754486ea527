//! From a request as it came to one that may be sent: admit, access, reserve; and once more for the models that a key
//! falls back to when its budget is gone.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::access;
use super::admit::{self, Raw};
use super::call::Call;
use super::caller::Caller;
use super::content::Content;
use super::governance::Governance;
use super::record::Record;
use super::reserve::{self, Reserved};
use crate::actors::topology::Table;
use crate::base::error::{Error, Kind};

/// Takes what the request needs, for the model that it asks for, or for the first of its key's `budget_fallbacks` that
/// there is money for.
///
/// # Errors
/// What is in the way of the model that was asked for. Nothing was taken.
pub async fn reserved(
    governance: &Governance,
    raw: Raw<'_>,
    table: &Arc<Table>,
    caller: Caller,
    record: &mut Record,
) -> Result<Reserved, Error> {
    let again = has_fallbacks(&caller).then(|| (raw.clone(), caller.clone()));
    let call = admitted(raw, table, &caller, record)?;
    let (name, group) = (Arc::clone(&call.resolved.name), Arc::clone(&call.resolved.group));
    let error = match reserve::reserve(governance, call, caller, record).await {
        Ok(reserved) => return Ok(keeping(reserved, table, record)),
        Err(error) => error,
    };
    let Some((raw, caller)) = again.filter(|_| error.kind() == Kind::BudgetExceeded) else {
        return Err(error);
    };
    for model in fallbacks(&caller, &name, &group) {
        let raw = Raw { path_model: Some(model), ..raw.clone() };
        let Ok(call) = admitted(raw, table, &caller, record) else { continue };
        if let Ok(reserved) = Box::pin(reserve::reserve(governance, call, caller.clone(), record)).await {
            tracing::debug!(from = &*group, to = model, "a key's budget for a model is gone");
            return Ok(keeping(reserved, table, record));
        }
    }
    record.note(|facts| {
        facts.requested_model = Some(Arc::clone(&group));
        facts.group = Some(group);
    });
    Err(error)
}

fn has_fallbacks(caller: &Caller) -> bool {
    caller.identity().key().is_some_and(|key| !key.budget_fallbacks.is_empty())
}

/// Notes what is asked, where the ledger is to keep it or somebody is told of it.
fn keeping(reserved: Reserved, table: &Table, record: &mut Record) -> Reserved {
    let longest = table.config.governance.store.keeps_content;
    if longest.is_some() || table.config.export.wants_content() {
        let redactor = table.config.governance.store.redactor.clone();
        let content = Content::new(reserved.call().body.clone(), longest, redactor);
        record.note(|facts| facts.content = Some(Box::new(content)));
    }
    reserved
}

fn admitted(
    raw: Raw<'_>,
    table: &Arc<Table>,
    caller: &Caller,
    record: &mut Record,
) -> Result<Rc<Call>, Error> {
    let call = admit::admit(raw, table)?;
    record.note(|facts| {
        facts.requested_model = Some(Arc::clone(&call.resolved.group));
        facts.group = Some(Arc::clone(&call.resolved.group));
        facts.stream = call.stream;
    });
    access::check(caller, &call)?;
    Ok(call)
}

/// What the key says to use instead of what was asked for, or else instead of its group.
fn fallbacks<'a>(caller: &'a Caller, name: &str, group: &str) -> impl Iterator<Item = &'a str> {
    let key = caller.identity().key();
    let listed = [name, group].into_iter().find_map(|name| key?.budget_fallbacks.get(name));
    let names = match listed {
        Some(Value::String(_)) => listed.map(std::slice::from_ref),
        Some(Value::Array(names)) => Some(names.as_slice()),
        _ => None,
    };
    names.unwrap_or_default().iter().filter_map(Value::as_str)
}
