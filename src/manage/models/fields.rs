//! Model requests: what they say, what the row becomes, and what the reader of the configuration thinks of it.

use serde_json::{Value, json};

use super::{Database, trust};
use crate::actors::topology::Table;
use crate::base::error::{Error, Kind};
use crate::base::seal::SealError;
use crate::config::problem::{Problem, Severity};
use crate::config::stored::{Plain, without_secrets};
use crate::domain::deployment::Deployment;
use crate::domain::keys::{JsonMap, StoredModel};
use crate::manage::body::{Body, Given};
use crate::manage::show::zulu;
use crate::manage::{Call, fail};

/// Entries of `model_info` that answers show and rows do not keep.
const SHOWN_ONLY: [&str; 10] = [
    "id",
    "db_model",
    "key",
    "health_status",
    "problem",
    "pricing_overrides",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
];

/// What a request says of a model.
pub struct Asked {
    /// `model_name`.
    pub group: Option<String>,
    /// `litellm_params`; empty when it names none.
    pub params: JsonMap,
    /// `model_info` as it came.
    pub info: JsonMap,
}

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// 422; 400 for a model of one team, which this gateway cannot keep to that team.
    pub fn of(body: &Body) -> Result<Self, Error> {
        let group = match body.text("model_name")? {
            Given::Is(name) if name.trim().is_empty() => {
                return Err(fail::invalid("model_name", "`model_name` must not be empty."));
            }
            given => given.value(),
        };
        let params = body.object("litellm_params")?.value().unwrap_or_default();
        let info = body.object("model_info")?.value().unwrap_or_default();
        // Taken and not obeyed it would be open to everybody.
        if let Some(name) = ["team_id", "team_public_model_name"].iter().find(|name| is_set(info.get(**name)))
        {
            let message =
                "Models of a single team are not supported: give the team the model's name in `models`.";
            return Err(fail::invalid(&format!("model_info.{name}"), message));
        }
        Ok(Asked { group, params, info })
    }

    /// `model_info.id`.
    ///
    /// # Errors
    /// 422.
    pub fn id(&self) -> Result<Option<String>, Error> {
        match Body(self.info.clone()).id("id") {
            Ok(given) => Ok(given.value()),
            Err(_) => Err(fail::wrong_type("model_info.id", "`model_info.id` must be a text.")),
        }
    }

    /// The entry with what the request names. `removes`: whether null takes a field away; otherwise it says nothing.
    pub fn onto(&self, before: &Plain, removes: bool) -> Plain {
        let mut after = before.clone();
        if let Some(group) = &self.group {
            after.group.clone_from(group);
        }
        put(&mut after.params, &self.params, removes);
        put(&mut after.info, &self.info, removes);
        after.info.retain(|name, _| !SHOWN_ONLY.contains(&name.as_str()));
        after
    }
}

fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null() && value != "")
}

fn put(map: &mut JsonMap, asked: &JsonMap, removes: bool) {
    for (name, value) in asked {
        if !value.is_null() {
            map.insert(name.clone(), value.clone());
        } else if removes {
            map.shift_remove(name);
        }
    }
}

/// An entry that may be saved.
pub struct Checked {
    /// Its deployment; the first, if the entry stands for several.
    pub deployment: Deployment,
    /// What has no effect in it, and what else its author should know.
    pub warnings: Vec<String>,
}

/// Whether an entry may be saved: by whom it is written, and whether it can work.
///
/// # Errors
/// 400 with the path of the field; 403; 422 when there is no model.
pub fn check(
    call: &Call,
    table: &Table,
    database: &Database,
    asked: &Asked,
    before: &JsonMap,
    after: &Plain,
) -> Result<Checked, Error> {
    let model = after.params.get("model").and_then(Value::as_str).unwrap_or_default();
    if model.trim().is_empty() {
        return Err(fail::wrong_type(
            "litellm_params.model",
            "`litellm_params.model` is required; it looks like \"openai/gpt-4o\".",
        ));
    }
    let master = call.caller.key.is_none();
    trust::judge(&trust::Change { master, asked: &asked.params, before, after: &after.params })?;
    let read = table.file.read_model(after, &*database.opener.environment);
    if let Some(error) = read.error() {
        return Err(refusal(error));
    }
    let warnings = read.problems.iter().map(told).collect();
    let Some(deployment) = read.deployments.into_iter().next() else {
        return Err(Error::new(Kind::Internal, "The model could not be read."));
    };
    match &deployment.problem {
        Some(problem) => Err(fail::invalid("litellm_params", format!("This model cannot work: {problem}."))),
        None => Ok(Checked { deployment, warnings }),
    }
}

fn refusal(problem: &Problem) -> Error {
    let message = format!("`{}` {}.", problem.path, problem.message);
    fail::invalid(&problem.path, message)
}

fn told(problem: &Problem) -> String {
    let word = if problem.severity == Severity::Warning { "" } else { "note: " };
    match problem.path.as_str() {
        "" => format!("{word}{}", problem.message),
        path => format!("{word}{path}: {}", problem.message),
    }
}

/// The parameters as the row keeps them.
///
/// # Errors
/// 500 when the machine has no random bytes.
pub fn sealed(database: &Database, params: &JsonMap) -> Result<JsonMap, Error> {
    let failed =
        |cause: SealError| Error::new(Kind::Internal, "The model could not be encrypted.").with_cause(cause);
    match database.opener.seal.seal_all(&Value::Object(params.clone())).map_err(failed)? {
        Value::Object(sealed) => Ok(sealed),
        _ => Err(Error::new(Kind::Internal, "The model could not be encrypted.")),
    }
}

/// The row as LiteLLM answers it. Its secrets are left out instead of being shown encrypted: nobody could use them.
pub fn row(row: &StoredModel, params: &JsonMap, warnings: &[String]) -> Value {
    let mut info = row.model_info.clone();
    info.insert("id".into(), row.model_id.clone().into());
    info.insert("db_model".into(), true.into());
    let mut shown = json!({
        "model_id": row.model_id,
        "model_name": row.model_name,
        "litellm_params": params,
        "model_info": without_secrets(Value::Object(info)),
        "blocked": row.blocked,
        "created_at": zulu(row.created_at_ms),
        "created_by": row.created_by,
        "updated_at": zulu(row.updated_at_ms),
        "updated_by": row.updated_by,
    });
    if !warnings.is_empty() {
        shown["warnings"] = warnings.into();
    }
    shown
}
