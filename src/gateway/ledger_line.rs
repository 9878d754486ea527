//! The ledger row of a finished request, written without building one: its serde form is
//! [`LedgerRow`](crate::domain::ledger::LedgerRow)'s, fields that say nothing left out.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;

use super::bill::Bill;
use super::governance::Taken;
use super::record::Finished;
use crate::actors::confirmed;
use crate::base::error::Error;
use crate::domain::deployment::Deployment;
use crate::domain::ledger::new_id;
use crate::domain::pricing::Cost;

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    started_ms: i64,
    first_token_ms: Option<i64>,
    ended_ms: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    response_id: &'a str,
    call_id: &'a str,
    call_type: &'static str,
    key_hash: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    key_alias: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    team_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    organization_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    end_user: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    session_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_ip: Option<IpAddr>,
    model: &'a str,
    model_id: &'a str,
    model_group: &'a str,
    provider: &'a str,
    api_base: &'a str,
    spend_nanos: i64,
    prompt_tokens: u64,
    completion_tokens: u64,
    cached_tokens: u64,
    cache_write_tokens: u64,
    reasoning_tokens: u64,
    estimated: bool,
    unpriced: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error_class: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error_code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_breakdown: Option<Breakdown>,
    /// For the writer of this process, not for the ledger.
    #[serde(skip_serializing_if = "str::is_empty")]
    counted_in: &'a str,
    /// The same: where the key's accounts are, if not under its hash.
    #[serde(skip_serializing_if = "str::is_empty")]
    counted_as: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
}

/// What the columns have no place for.
#[derive(Serialize)]
struct Metadata<'a> {
    /// [`ASKED_MODEL`](crate::domain::ledger::ASKED_MODEL).
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<Counted>,
    /// What was asked and answered, where the ledger is to keep it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
}

/// What was billed by something else than tokens.
#[derive(Serialize)]
struct Counted {
    #[serde(skip_serializing_if = "is_0")]
    milliseconds: u64,
    #[serde(skip_serializing_if = "is_0")]
    characters: u64,
    #[serde(skip_serializing_if = "is_0")]
    queries: u64,
    #[serde(skip_serializing_if = "is_0")]
    input_images: u64,
    #[serde(skip_serializing_if = "is_0")]
    output_images: u64,
    #[serde(skip_serializing_if = "is_0")]
    web_searches: u64,
}

fn is_0(count: &u64) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct Breakdown {
    input_cost: i64,
    output_cost: i64,
    cache_read_cost: i64,
    cache_write_cost: i64,
    reasoning_cost: i64,
    tool_usage_cost: i64,
    total_cost: i64,
}

/// Writes the row of a request into `out`.
///
/// # Errors
/// When it cannot be serialised, which would be a defect.
pub fn write(finished: &Finished, taken: &Taken, bill: &Bill, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let grant = taken.caller.identity().grant.as_deref();
    let text = |value: Option<&'_ Option<String>>| -> String {
        value.and_then(|value| value.clone()).unwrap_or_default()
    };
    let (alias, user) = (text(grant.map(|g| &g.key.key_alias)), text(grant.map(|g| &g.key.user_id)));
    let team = text(grant.map(|g| &g.key.team_id));
    let organization = grant
        .and_then(|grant| grant.organization.as_ref())
        .map_or("", |organization| organization.organization_id.as_str());
    let own_tags = grant.into_iter().flat_map(|grant| grant.key.tags());
    let mut tags: Vec<&str> = taken.tags.iter().map(String::as_str).chain(own_tags).collect();
    tags.sort_unstable();
    tags.dedup();
    let deployment = finished.deployment.as_deref();
    let (model, api_base) = deployment.map_or_else(Default::default, |deployment| {
        (model_of(finished, deployment), deployment.shown_base())
    });
    let ended_ms = taken.admitted_ms.saturating_add(millis(finished.duration));
    let usage = finished.usage.unwrap_or_default();
    let error = finished.error.as_ref();
    let status = finished.status.to_string();
    let spend_nanos = bill.cost.map_or(0, |cost| cost.total.get());
    let charge = taken.charge.as_ref().filter(|_| spend_nanos != 0);
    let counted_in = charge.map(|charge| confirmed::written(charge.accounts())).unwrap_or_default();
    let line = Line {
        id: &new_id(taken.charged_ms),
        started_ms: taken.charged_ms,
        first_token_ms: finished.first_token.map(|after| taken.admitted_ms.saturating_add(millis(after))),
        ended_ms,
        response_id: finished.answer_id.as_deref().unwrap_or_default(),
        call_id: &finished.call_id,
        call_type: finished.endpoint.call_type(),
        key_hash: taken.caller.hashed_key(),
        key_alias: &alias,
        user_id: if user.is_empty() { taken.user.as_deref().unwrap_or_default() } else { &user },
        team_id: &team,
        organization_id: organization,
        end_user: taken.end_user.as_deref().unwrap_or_default(),
        session_id: taken.session.as_deref().unwrap_or_default(),
        tags: &tags,
        requester_ip: finished.requester,
        model: &model,
        model_id: deployment.map_or("", |deployment| &deployment.id),
        model_group: finished.group.as_deref().unwrap_or_default(),
        provider: deployment.map_or("", |deployment| deployment.provider.name),
        api_base: &api_base,
        spend_nanos,
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        cached_tokens: usage.cached_tokens,
        cache_write_tokens: usage.cache_creation_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        estimated: bill.estimated,
        unpriced: bill.unpriced,
        status: if error.is_none() { "success" } else { "failure" },
        error_class: error.map_or("", |error| error.behaviour().class),
        error_code: if error.is_some() { &status } else { "" },
        error_message: error.map_or("", |error| told(error, finished)),
        cost_breakdown: bill.cost.as_ref().map(Breakdown::of),
        counted_in: &counted_in,
        counted_as: grant.and_then(|grant| grant.key.first_hash.as_deref()).unwrap_or_default(),
        metadata: Metadata::of(finished, taken),
    };
    serde_json::to_writer(out, &line)
}

/// A provider's own words may quote the prompt, so they are kept only where prompts are.
fn told<'a>(error: &'a Error, finished: &Finished) -> &'a str {
    if finished.content.is_some() { error.message() } else { error.kept() }
}

impl<'a> Metadata<'a> {
    fn of(finished: &Finished, taken: &'a Taken) -> Option<Self> {
        let usage = finished.usage.unwrap_or_default();
        let content = finished.content.as_ref().map(|content| content.shown());
        let group = finished.group.as_deref().unwrap_or_default();
        // Where no money is held, no budget counts.
        let asked_model = taken.charge.as_ref().and(taken.budgeted_model(group));
        let units = &usage.units;
        let units = Counted {
            milliseconds: units.milliseconds,
            characters: units.characters,
            queries: u64::from(units.queries),
            input_images: u64::from(units.input_images),
            output_images: u64::from(units.output_images),
            web_searches: u64::from(usage.web_searches),
        };
        let units = (usage.web_searches > 0 || !usage.units.is_empty()).then_some(units);
        let some = units.is_some() || content.is_some() || asked_model.is_some();
        some.then_some(Metadata { asked_model, units, content })
    }
}

impl Breakdown {
    fn of(cost: &Cost) -> Self {
        Breakdown {
            input_cost: cost.input.get(),
            output_cost: cost.output.get(),
            cache_read_cost: cost.cache_read.get(),
            cache_write_cost: cost.cache_write.get(),
            reasoning_cost: cost.reasoning.get(),
            tool_usage_cost: cost.tools.get(),
            total_cost: cost.total.get(),
        }
    }
}

/// The model's name as the provider has it, a wildcard filled in.
fn model_of(finished: &Finished, deployment: &Deployment) -> String {
    match &finished.wild {
        Some(wild) => format!("{}/{}", deployment.provider.name, wild.model),
        None => deployment.full_model(),
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
