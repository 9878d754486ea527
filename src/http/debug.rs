//! `GET /debug/router`: how the router sees each deployment, what it decided last, and what it would decide.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::auth::Admin;
use super::reply;
use crate::actors::router::{Pick, dry_run};
use crate::actors::topology::{Member, Table};
use crate::base::clock;
use crate::base::error::{Error, Kind};
use crate::domain::routing::series::Series;
use crate::domain::routing::{Tried, View};
use crate::gateway::decisions::Decided;
use crate::gateway::explain;
use crate::gateway::pipeline::Gateway;

/// The most deployments that one answer shows; `?model=` narrows it.
const MOST: usize = 1_000;
/// Tokens of a request that a dry run knows nothing of.
const SMALL: u64 = 10;

/// The router of this process. Nothing is sent to a provider and no place is taken.
pub async fn router(_: Admin, request: HttpRequest, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let asked = Asked::of(request.query_string());
    let table = Arc::clone(&gateway.table());
    let router = &table.config.router;
    let mut body = json!({
        "generation": table.generation,
        "strategy": router.strategy.as_str(),
        "pre_call_checks": router.pre_call_checks,
        "tag_filtering": router.tag_filtering,
        "disable_cooldowns": router.disable_cooldowns,
    });
    let mut wanted = None;
    if let Some(model) = &asked.model {
        let Some(resolved) = table.groups.resolve(model) else {
            let message = format!("There is no model `{model}`.");
            return reply::error_reply(&Error::new(Kind::ModelNotFound, message), None);
        };
        wanted = Some(resolved.members.iter().map(|member| member.deployment.position).collect::<Vec<_>>());
        body["dry_run"] = dry_run(&asked.pick(&table, resolved)).as_deref().map(explain::full).into();
    }
    let shown = |member: &&Member| {
        wanted.as_ref().is_none_or(|wanted| wanted.contains(&member.cell().deployment().position))
    };
    body["groups"] = groups(table.members().iter().filter(shown).take(MOST));
    let decisions = gateway.decisions().latest();
    let about = |one: &&Decided| {
        let same = |member: &Member| member.cell().deployment().group == one.group;
        wanted.is_none() || table.members().iter().filter(shown).any(same)
    };
    body["decisions"] = decisions.iter().filter(about).map(decided).collect();
    HttpResponse::Ok().json(body)
}

/// What is asked about.
#[derive(Default)]
struct Asked {
    model: Option<String>,
    tags: Vec<String>,
    input_tokens: Option<u64>,
    stream: bool,
}

impl Asked {
    fn of(query: &str) -> Self {
        let mut asked = Asked::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            match name {
                "model" => asked.model = Some(value.into_owned()).filter(|model| !model.is_empty()),
                "tags" => asked.tags = value.split(',').map(|tag| tag.trim().to_string()).collect(),
                "input_tokens" => asked.input_tokens = value.parse().ok(),
                "stream" => asked.stream = matches!(&*value, "true" | "True" | "1"),
                _ => {}
            }
        }
        asked
    }

    fn pick(&self, table: &Arc<Table>, resolved: crate::domain::routing::Resolved) -> Pick {
        let input_tokens = self.input_tokens.unwrap_or(SMALL);
        Pick {
            table: Arc::clone(table),
            resolved,
            tried: Tried::new(),
            tags: self.tags.clone().into(),
            input_tokens,
            estimated_tokens: input_tokens,
            stream: self.stream,
            despite_cooling: true,
            explain: true,
        }
    }
}

/// In the order of the configuration.
fn groups<'a>(members: impl Iterator<Item = &'a Member>) -> Value {
    let mut groups: Vec<(Arc<str>, Vec<Value>)> = Vec::new();
    for member in members {
        let group = &member.cell().deployment().group;
        match groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, known)) => known.push(deployment(member)),
            None => groups.push((Arc::clone(group), vec![deployment(member)])),
        }
    }
    groups
        .into_iter()
        .map(|(name, deployments)| json!({"name": &*name, "deployments": deployments}))
        .collect()
}

fn deployment(member: &Member) -> Value {
    let (now, cell) = (clock::now(), member.cell());
    let (deployment, view, others) = (cell.deployment(), cell.view(), cell.others());
    let capacity = &deployment.capacity;
    let (requests, tokens) = cell.used(now);
    json!({
        "id": &*deployment.id,
        "model": deployment.full_model(),
        "healthy": deployment.problem.is_none() && view.healthy(now),
        "problem": deployment.problem,
        "in_flight": {
            "own": cell.in_flight(),
            "elsewhere": others.in_flight,
            "limit": capacity.max_parallel_requests,
        },
        "requests_per_minute": {"own": requests, "elsewhere": others.requests, "limit": capacity.rpm},
        "tokens_per_minute": {"own": tokens, "elsewhere": others.tokens, "limit": capacity.tpm},
        "weight": capacity.weight,
        "order": capacity.order,
        "tags": capacity.tags,
        "max_input_tokens": deployment.info.max_input_tokens,
        "latency_seconds": {
            "whole": latency(&view.whole),
            "first_token": latency(&view.first_token),
            "per_output_token": latency(&view.per_token),
        },
        "last_minute": {"successes": view.successes, "failures": view.failures},
        "failures_in_row": view.failures_in_row,
        "cooldown": cooldown(&view, now),
        "last_error": last_error(&view, now),
        "actor_restarts": member.actor().restarts(),
    })
}

fn latency(series: &Series) -> Option<f64> {
    series.value().map(|seconds| (seconds * 1e6).round() / 1e6)
}

fn cooldown(view: &View, now: Instant) -> Option<Value> {
    let until = view.cooling(now)?;
    Some(json!({
        "seconds_left": until.saturating_duration_since(now).as_secs_f64(),
        "cause": view.cooldown_cause.map(|kind| kind.behaviour().label),
        "begun_by": if view.own_cooling_until == Some(until) { "this replica" } else { "another replica" },
    }))
}

fn last_error(view: &View, now: Instant) -> Option<Value> {
    let last = view.last_error.as_ref()?;
    let ago: Duration = now.saturating_duration_since(last.at);
    Some(json!({
        "kind": last.kind.behaviour().label,
        "message": &*last.message,
        "seconds_ago": ago.as_secs(),
    }))
}

fn decided(one: &Decided) -> Value {
    let mut shown = Map::new();
    let at = Timestamp::from_millisecond(one.at_ms).ok().map(|at| at.to_string());
    shown.insert("at".into(), at.into());
    shown.insert("call_id".into(), (&*one.call_id).into());
    shown.insert("attempts_before".into(), one.attempts.into());
    shown.insert("group".into(), (&*one.group).into());
    if let Some(Value::Object(decision)) = one.decision.as_deref().map(explain::full) {
        shown.extend(decision);
    }
    if let Some((id, kind)) = &one.failed {
        shown.insert("chosen".into(), (&**id).into());
        explain::failed(*kind, &mut shown);
    }
    shown.into()
}
