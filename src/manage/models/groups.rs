//! `/model_group/info`: what can be asked for, and what the deployments behind it can do together.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::visible::Sight;
use super::{facts, table};
use crate::actors::topology::Table;
use crate::base::error::Error;
use crate::domain::deployment::Deployment;
use crate::domain::keys::JsonMap;
use crate::manage::Call;

/// Numbers of which the largest counts.
const LARGEST: [&str; 5] = [
    "max_input_tokens",
    "max_output_tokens",
    "input_cost_per_token",
    "output_cost_per_token",
    "input_cost_per_pixel",
];
/// What the group can do if one of its deployments can.
const ABILITIES: [&str; 10] = [
    "supports_parallel_function_calling",
    "supports_vision",
    "supports_web_search",
    "supports_url_context",
    "supports_reasoning",
    "supports_function_calling",
    "supports_response_schema",
    "supports_prompt_caching",
    "supports_audio_input",
    "supports_audio_output",
];

/// The groups that the caller may use, or the one of `model_group`; empty when it may not.
///
/// # Errors
/// 503.
pub async fn groups(call: Call) -> Result<Value, Error> {
    let table = table(&call)?;
    let sight = Sight::of(&call).await?;
    let wanted = call.query.id("model_group")?.value();
    let names = table.groups.public_names();
    let data: Vec<Value> = names
        .filter(|name| wanted.as_deref().is_none_or(|wanted| wanted == *name))
        .filter(|name| sight.has_group(&table, name))
        .map(|name| shown(&table, name))
        .collect();
    Ok(json!({"data": data}))
}

/// The deployments that a public name stands for.
fn members(table: &Table, name: &str) -> Vec<Arc<Deployment>> {
    let own = table.groups.deployments(name);
    if !own.is_empty() {
        return own;
    }
    let resolved = table.groups.resolve(name);
    resolved
        .map(|found| found.members.iter().map(|one| Arc::clone(&one.deployment)).collect())
        .unwrap_or_default()
}

fn shown(table: &Table, name: &str) -> Value {
    let members = members(table, name);
    let book = table.config.governance.money.prices.book();
    let known: Vec<(&Deployment, Option<JsonMap>)> =
        members.iter().map(|one| (&**one, facts::listed(book, one).map(|(_, facts)| facts))).collect();
    let mut providers: Vec<&str> = members.iter().map(|one| one.provider.name).collect();
    providers.sort_unstable();
    providers.dedup();
    let mut group = JsonMap::new();
    group.insert("model_group".into(), name.into());
    group.insert("providers".into(), json!(providers));
    for field in LARGEST {
        group.insert(field.into(), largest(&known, field));
    }
    let mode = members.iter().find_map(|one| one.info.mode.clone());
    group.insert("mode".into(), json!(mode.as_deref().unwrap_or("chat")));
    group.insert("tpm".into(), json!(total(&members, |one| one.capacity.tpm)));
    group.insert("rpm".into(), json!(total(&members, |one| one.capacity.rpm)));
    for field in ABILITIES {
        let can = known
            .iter()
            .any(|(one, listed)| facts::said(one, listed.as_ref(), field) == Some(Value::Bool(true)));
        group.insert(field.into(), can.into());
    }
    let chats = matches!(mode.as_deref(), None | Some("chat"));
    let params = members.first().filter(|_| chats).map(|one| facts::chat_params(one));
    group.insert("supported_openai_params".into(), json!(params.unwrap_or_default()));
    let client_side = members.iter().find(|one| !one.request.client_side_params.is_empty());
    let client_side = client_side.map(|one| one.request.client_side_params.clone());
    group.insert("configurable_clientside_auth_params".into(), json!(client_side));
    group.insert("is_public_model_group".into(), false.into());
    group.insert("health_status".into(), health(table, &members).into());
    Value::Object(group)
}

fn largest(known: &[(&Deployment, Option<JsonMap>)], field: &str) -> Value {
    let values = known.iter().filter_map(|(one, listed)| facts::said(one, listed.as_ref(), field));
    let number = |value: &Value| value.as_f64();
    values
        .filter(|value| number(value).is_some())
        .max_by(|one, other| number(one).unwrap_or(0.0).total_cmp(&number(other).unwrap_or(0.0)))
        .unwrap_or_default()
}

fn total(members: &[Arc<Deployment>], of: impl Fn(&Deployment) -> Option<u64>) -> Option<u64> {
    let all: Vec<u64> = members.iter().filter_map(|one| of(one)).collect();
    (!all.is_empty()).then(|| all.into_iter().fold(0, u64::saturating_add))
}

/// Whether somebody can serve, from what past requests have shown.
fn health(table: &Table, members: &[Arc<Deployment>]) -> &'static str {
    let now = Instant::now();
    let healthy = members.iter().any(|one| {
        let view = table.member(one).map(|member| member.cell().view());
        one.problem.is_none() && view.is_some_and(|view| view.healthy(now))
    });
    if healthy { "healthy" } else { "unhealthy" }
}
