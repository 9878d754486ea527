//! The ledger row of a finished request, packed as the spool keeps it, without building a
//! [`LedgerRow`](crate::domain::ledger::LedgerRow).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::bill::Bill;
use super::governance::Taken;
use super::record::Finished;
use crate::base::error::Error;
use crate::domain::deployment::Deployment;
use crate::domain::ledger::{Number, Packer, RowId, Text};
use crate::domain::pricing::Cost;
use crate::store::Grant;

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

/// Writes the row of a request behind what is in `out`.
///
/// # Errors
/// When it cannot be serialised, which would be a defect.
pub fn write(finished: &Finished, taken: &Taken, bill: &Bill, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let spend_nanos = bill.cost.map_or(0, |cost| cost.total.get());
    let charge = taken.charge.as_ref().filter(|_| spend_nanos != 0);
    let accounts = charge.into_iter().flat_map(|charge| charge.accounts());
    // The call's own id serves if it tells the same moment: an index less to write, and that of call ids is the dearest.
    let of_call = finished.own_id.filter(|id| id.ms() == taken.charged_ms);
    let id = of_call.unwrap_or_else(|| RowId::new(taken.charged_ms));
    let mut row = Packer::begin(out, id, taken.charged_ms, spend_nanos, accounts);
    numbers(finished, taken, bill, &mut row);
    row.text(Text::CallId, if of_call.is_some() { "" } else { &finished.call_id });
    row.text(Text::CallType, finished.endpoint.call_type());
    row.text(Text::ModelGroup, finished.group.as_deref().unwrap_or_default());
    row.text(Text::ResponseId, finished.answer_id.as_deref().unwrap_or_default());
    if let Some(cache) = &finished.cache {
        row.maybe(Number::CacheHit, Some(i64::from(cache.hit)));
        row.text(Text::CacheKey, &cache.question.shown());
    }
    if let Some(deployment) = finished.deployment.as_deref() {
        row.text(Text::Model, &model_of(finished, deployment));
        row.text(Text::ModelId, &deployment.id);
        row.text(Text::Provider, deployment.provider.name);
        row.text(Text::ApiBase, &deployment.shown_base());
    }
    owners(taken, &mut row)?;
    if let Some(error) = &finished.error {
        row.text(Text::ErrorClass, error.behaviour().class);
        row.text(Text::ErrorCode, itoa::Buffer::new().format(finished.status));
        row.text(Text::ErrorMessage, &told(error, finished));
    }
    if let Some(cost) = &bill.cost {
        row.numbers(Text::CostBreakdown, &breakdown(cost));
    }
    if let Some(requester) = finished.requester {
        row.text(Text::RequesterIp, &requester.to_string());
    }
    let Some(metadata) = Metadata::of(finished, taken) else { return Ok(()) };
    row.text(Text::AskedModel, metadata.asked_model.unwrap_or_default());
    row.json(Text::Metadata, &metadata)
}

fn numbers(finished: &Finished, taken: &Taken, bill: &Bill, row: &mut Packer<'_>) {
    let after = |duration| taken.admitted_ms.saturating_add(millis(duration));
    row.maybe(Number::FirstTokenMs, finished.first_token.map(after));
    let usage = finished.usage.unwrap_or_default();
    let count = |tokens| i64::try_from(tokens).unwrap_or(i64::MAX);
    let numbers = [
        (Number::EndedMs, after(finished.duration)),
        (Number::PromptTokens, count(usage.prompt_tokens)),
        (Number::CompletionTokens, count(usage.completion_tokens)),
        (Number::CachedTokens, count(usage.cached_tokens)),
        (Number::CacheWriteTokens, count(usage.cache_creation_tokens)),
        (Number::ReasoningTokens, count(usage.reasoning_tokens)),
        (Number::Estimated, i64::from(bill.estimated)),
        (Number::Unpriced, i64::from(bill.unpriced)),
        (Number::Failed, i64::from(finished.error.is_some())),
    ];
    numbers.into_iter().for_each(|(number, value)| row.number(number, value));
}

/// Whose request it was, and by which tags it is found.
fn owners(taken: &Taken, row: &mut Packer<'_>) -> serde_json::Result<()> {
    let grant = taken.caller.identity().grant.as_deref();
    let of_key = |name: fn(&Grant) -> Option<&str>| grant.and_then(name).filter(|name| !name.is_empty());
    row.text(Text::KeyHash, taken.caller.hashed_key());
    row.text(Text::CountedAs, of_key(|grant| grant.key.first_hash.as_deref()).unwrap_or_default());
    row.text(Text::KeyAlias, of_key(|grant| grant.key.key_alias.as_deref()).unwrap_or_default());
    let user = of_key(|grant| grant.key.user_id.as_deref());
    row.text(Text::UserId, user.or(taken.user.as_deref()).unwrap_or_default());
    row.text(Text::TeamId, of_key(|grant| grant.key.team_id.as_deref()).unwrap_or_default());
    let organization = of_key(|grant| Some(grant.organization.as_ref()?.organization_id.as_str()));
    row.text(Text::OrganizationId, organization.unwrap_or_default());
    row.text(Text::EndUser, taken.end_user.as_deref().unwrap_or_default());
    row.text(Text::SessionId, taken.session.as_deref().unwrap_or_default());
    let own_tags = grant.into_iter().flat_map(|grant| grant.key.tags());
    let mut tags: Vec<&str> = taken.tags.iter().map(String::as_str).chain(own_tags).collect();
    tags.sort_unstable();
    tags.dedup();
    row.tags(&tags)
}

/// A provider's own words may quote the prompt, so they are kept only where prompts are.
fn told<'a>(error: &'a Error, finished: &Finished) -> Cow<'a, str> {
    match finished.content.as_ref().and_then(|content| content.kept(error.message())) {
        Some(kept) => kept.into(),
        None => error.kept().into(),
    }
}

impl<'a> Metadata<'a> {
    fn of(finished: &Finished, taken: &'a Taken) -> Option<Self> {
        let usage = finished.usage.unwrap_or_default();
        let content = finished.content.as_ref().and_then(|content| content.shown());
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

/// What it cost and what for, in nano-dollars.
fn breakdown(cost: &Cost) -> [(&'static str, i64); 7] {
    [
        ("input_cost", cost.input.get()),
        ("output_cost", cost.output.get()),
        ("cache_read_cost", cost.cache_read.get()),
        ("cache_write_cost", cost.cache_write.get()),
        ("reasoning_cost", cost.reasoning.get()),
        ("tool_usage_cost", cost.tools.get()),
        ("total_cost", cost.total.get()),
    ]
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
