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

/// A request that makes sense here and that its caller may make. It has taken nothing yet.
pub struct Admitted<'r> {
    call: Rc<Call>,
    caller: Caller,
    /// What it takes to ask for another model, where its key has `budget_fallbacks`.
    again: Option<(Raw<'r>, Caller)>,
}

/// Admits a request.
///
/// # Errors
/// What is wrong with it, or that its caller may not make it.
pub fn admit<'r>(
    raw: Raw<'r>,
    table: &Arc<Table>,
    caller: Caller,
    record: &mut Record,
) -> Result<Admitted<'r>, Error> {
    let again = has_fallbacks(&caller).then(|| (raw.clone(), caller.clone()));
    let call = admitted(raw, table, &caller, record)?;
    keeping(&call, table, record);
    Ok(Admitted { call, caller, again })
}

impl Admitted<'_> {
    /// The request.
    pub fn call(&self) -> &Rc<Call> {
        &self.call
    }

    /// Less is to be asked: the rest is known.
    pub fn narrow(&mut self, rest: Option<Rc<Call>>) {
        self.call = rest.unwrap_or_else(|| Rc::clone(&self.call));
    }

    /// Whose it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Takes what it needs, for the model that it asks for, or for the first of its key's `budget_fallbacks` that there
    /// is money for.
    ///
    /// # Errors
    /// What is in the way of the model that was asked for. Nothing was taken.
    pub async fn reserve(
        self,
        governance: &Governance,
        table: &Arc<Table>,
        record: &mut Record,
    ) -> Result<Reserved, Error> {
        let Admitted { call, caller, again } = self;
        let (name, group) = (Arc::clone(&call.resolved.name), Arc::clone(&call.resolved.group));
        let error = match reserve::reserve(governance, call, caller, record).await {
            Ok(reserved) => return Ok(reserved),
            Err(error) => error,
        };
        let Some(again) = again.filter(|_| error.kind() == Kind::BudgetExceeded) else {
            return Err(error);
        };
        Box::pin(elsewhere(governance, again, (name, group), table, record, error)).await
    }
}

/// Takes what the request needs for another model.
async fn elsewhere(
    governance: &Governance,
    (raw, caller): (Raw<'_>, Caller),
    (name, group): (Arc<str>, Arc<str>),
    table: &Arc<Table>,
    record: &mut Record,
    error: Error,
) -> Result<Reserved, Error> {
    // What another model answers is kept for nobody who asks for this one.
    record.note(|facts| facts.cache = None);
    for model in fallbacks(&caller, &name, &group) {
        let raw = Raw { path_model: Some(model), ..raw.clone() };
        let Ok(call) = admitted(raw, table, &caller, record) else { continue };
        if let Ok(reserved) = Box::pin(reserve::reserve(governance, call, caller.clone(), record)).await {
            tracing::debug!(from = &*group, to = model, "a key's budget for a model is gone");
            keeping(reserved.call(), table, record);
            return Ok(reserved);
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
fn keeping(call: &Call, table: &Table, record: &mut Record) {
    let longest = table.config.governance.store.keeps_content;
    if longest.is_some() || table.config.export.wants_content() {
        let redactor = table.config.governance.store.redactor.clone();
        let content = Content::new(call.body.clone(), longest, redactor);
        record.note(|facts| facts.content = Some(Box::new(content)));
    }
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
