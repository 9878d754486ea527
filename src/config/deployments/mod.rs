//! `model_list`: each entry becomes a deployment, or one per organization.

mod capacity;
mod connection;
mod identity;
mod info;
mod owner;
mod request;
mod shown;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::Context;
use super::keys;
use super::model::Prices;
use super::problem::At;
use super::scope::{Field, Scope, nearest};
use super::yaml::{Entry, Node, Yaml};
use crate::domain::deployment::Deployment;
use crate::domain::limits::Limits;
use crate::domain::providers::{Provider, table};
use identity::Ids;

/// A deployment and where it stands.
pub struct Placed {
    /// The deployment.
    pub deployment: Deployment,
    /// Where its entry stands.
    pub at: At,
    /// The path of its entry.
    pub path: String,
    /// What each key gets of its group (`default_api_key_rpm_limit`, `default_api_key_tpm_limit`).
    pub key_limits: Limits,
}

/// Reads the list.
pub fn read(context: &Context<'_>, root: &Scope<'_>, prices: &Prices) -> Vec<Placed> {
    let Some(field) = root.get("model_list") else {
        let text = "there is no model_list: nothing can be served until models are added";
        context.problems.warn(root.at, "model_list", text);
        return Vec::new();
    };
    let Some(items) = field.list() else { return Vec::new() };
    if items.is_empty() {
        field.warn("is empty: nothing can be served until models are added");
    }
    let mut ids = Ids::default();
    let mut placed = Vec::new();
    for item in &items {
        entry(context, prices, item, &mut ids, &mut placed);
    }
    placed
}

/// What each key gets of each group: the first deployment of a group that says it decides.
pub fn key_limits(context: &Context<'_>, placed: &[Placed]) -> BTreeMap<Arc<str>, Limits> {
    let mut limits: BTreeMap<Arc<str>, Limits> = BTreeMap::new();
    for one in placed.iter().filter(|one| !one.key_limits.is_empty()) {
        let known = limits.entry(Arc::clone(&one.deployment.group)).or_insert(one.key_limits);
        if *known != one.key_limits {
            let text = format!(
                "default_api_key limits differ between deployments of \"{}\"; the first deployment's count",
                one.deployment.group
            );
            context.problems.warn(one.at, &one.path, text);
        }
    }
    limits
}

/// The parts of one entry.
struct Parts<'a> {
    context: &'a Context<'a>,
    prices: &'a Prices,
    entry: Scope<'a>,
    params: Scope<'a>,
    info: Scope<'a>,
}

fn entry(context: &Context<'_>, prices: &Prices, item: &Field<'_>, ids: &mut Ids, placed: &mut Vec<Placed>) {
    let entry = item.scope();
    let node = with_credential(context, &entry);
    let params = Scope::new(
        Some(&node),
        &entry.path_of("litellm_params"),
        entry.at_of("litellm_params"),
        entry.problems,
    );
    let info = entry.scope("model_info");
    warn_of_unknown(&entry, &params, &info);
    context.keep_later(&params, keys::PARAMS, "litellm_params");
    context.keep_later(&info, keys::INFO, "model_info");
    let group = required(&entry, "model_name", "a model_list entry needs a model_name");
    let model = required(&params, "model", "there is no model; it looks like \"openai/gpt-4o\"");
    let parts = Parts { context, prices, entry: entry.clone(), params, info };
    let (Some(group), Some(model)) = (group, model) else {
        // There is no deployment, but the entry's other mistakes are worth knowing now.
        let _ = (request::read(&parts.params), capacity::capacity(&parts), capacity::patience(&parts));
        capacity::key_limits(&parts.params);
        return;
    };
    let key_limits = capacity::key_limits(&parts.params);
    for model in catch_all(&parts, &model) {
        let deployment = deployment(&parts, &group, &model);
        for organization in organizations(&parts) {
            let mut deployment = deployment.clone();
            if organization.is_some() {
                deployment.connection.organization = organization;
            }
            deployment.id = ids.give(&parts, &deployment);
            let (at, path) = (entry.at, entry.path.clone());
            placed.push(Placed { deployment, at, path, key_limits });
        }
    }
}

/// `model: "*"` stands for every provider whose key is in the environment: each becomes a deployment of
/// its own, and a request goes to the one that its model belongs to. Any other model stands for itself.
fn catch_all(parts: &Parts<'_>, model: &str) -> Vec<String> {
    let own = ["custom_llm_provider", "api_base", "base_url", "api_key", "mock_response"];
    let plain = model == "*" && own.iter().all(|key| parts.params.get(key).is_none());
    let has_key = |provider: &&Provider| parts.context.environment.first(provider.key_env).is_some();
    let with_key = table::TABLE.iter().filter(|_| plain).filter(has_key);
    let models: Vec<String> = with_key.map(|provider| format!("{}/*", provider.name)).collect();
    if models.is_empty() { vec![model.to_owned()] } else { models }
}

/// A text without which there is no deployment.
fn required(scope: &Scope<'_>, key: &str, message: &str) -> Option<String> {
    if let Some(name) = scope.unset_variable(key) {
        scope.problems.explain(scope.path_of(key));
        let text = format!("the environment variable {name} is not set, and this must not be empty");
        scope.problems.error(scope.at_of(key), &scope.path_of(key), text);
        return None;
    }
    match scope.get(key) {
        Some(field) => field.text().filter(|text| {
            let empty = text.trim().is_empty();
            if empty {
                field.error("must not be empty");
            }
            !empty
        }),
        None => {
            scope.problems.error(scope.at, &scope.path, message);
            None
        }
    }
}

fn deployment(parts: &Parts<'_>, group: &str, model: &str) -> Deployment {
    let request = request::read(&parts.params);
    let mock = request.mock_response.is_some();
    let owner = owner::find(&parts.params, model, mock);
    let found = connection::read(parts, &owner.provider, mock);
    let problem = owner.problem.or(found.problem);
    if let Some(problem) = &problem {
        let text = format!("this deployment of \"{group}\" cannot work: {problem}");
        parts.context.problems.warn(parts.entry.at, &parts.entry.path, text);
    }
    Deployment {
        id: Arc::from(""),
        group: Arc::from(group),
        // Given once all entries are there.
        position: 0,
        provider: owner.provider,
        info: info::read(parts, owner.provider.name, &owner.model),
        model: owner.model,
        connection: found.connection,
        request,
        capacity: capacity::capacity(parts),
        patience: capacity::patience(parts),
        origin: shown::origin(parts),
        problem,
    }
}

/// `litellm_params` with the values of `litellm_credential_name` where the entry has none of its own.
fn with_credential(context: &Context<'_>, entry: &Scope<'_>) -> Node {
    let own = entry.get("litellm_params");
    let Some(field) = own else { return Node::new(Yaml::Null, entry.at) };
    let mut node = field.node.clone();
    let scope = field.scope();
    let (Some(name), Yaml::Map(entries)) = (scope.text("litellm_credential_name"), &mut node.value) else {
        return node;
    };
    let Some(values) = context.credentials.get(&name) else {
        let near = nearest(&name, context.credentials.keys().map(String::as_str));
        let message = match near {
            Some(near) => format!("there is no such credential, did you mean \"{near}\"?"),
            None => "there is no such credential in credential_list".to_owned(),
        };
        let path = scope.path_of("litellm_credential_name");
        context.problems.warn(scope.at_of("litellm_credential_name"), &path, message);
        return node;
    };
    let missing: Vec<Entry> = values
        .entries()
        .iter()
        .filter(|value| !entries.iter().any(|own| own.key == value.key && !own.node.is_null()))
        .cloned()
        .collect();
    entries.retain(|own| !missing.iter().any(|value| value.key == own.key));
    entries.extend(missing);
    node
}

fn warn_of_unknown(entry: &Scope<'_>, params: &Scope<'_>, info: &Scope<'_>) {
    entry.warn_of_unknown(keys::ENTRY, &[("litellm_params", keys::PARAMS), ("model_info", keys::INFO)]);
    // Other keys of model_info are the user's own; only typing errors are worth a word.
    for key in info.entries().iter().map(|entry| entry.key.as_str()) {
        if keys::INFO.knows(key) || keys::is_price(key) || key.starts_with("supports_") {
            continue;
        }
        if let Some(near) = nearest(key, keys::INFO.all()) {
            let message = format!("unknown key, did you mean \"{near}\"?");
            info.problems.warn(info.at_of(key), &info.path_of(key), message);
        }
    }
    request::warn_of_unknown(params);
}

/// One deployment per organization of a list; otherwise one, with the organization left as it is.
fn organizations(parts: &Parts<'_>) -> Vec<Option<String>> {
    let listed = parts.params.get("organization").filter(|field| matches!(field.node.value, Yaml::List(_)));
    match listed.and_then(|field| field.texts()) {
        Some(names) if !names.is_empty() => names.into_iter().map(Some).collect(),
        _ => vec![None],
    }
}
