//! Health: cheap answers from what is known anyway, and active checks only when asked for.

use std::rc::Rc;
use std::time::Instant;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::auth::Admin;
use super::{inbound, reply};
use crate::actors::topology::{Member, Table};
use crate::base::error::{Error, Kind};
use crate::gateway::caller::Caller;
use crate::gateway::pipeline::Gateway;
use crate::gateway::probe;
use crate::manage::Manage;
use crate::redis_link::State;

/// `GET /`: something answers here.
pub async fn hello() -> HttpResponse {
    HttpResponse::Ok().json(json!({"name": "stagedoor", "version": env!("CARGO_PKG_VERSION")}))
}

/// `GET /health/liveliness`: the process runs. Asks nobody.
pub async fn liveness() -> HttpResponse {
    HttpResponse::Ok().json("I'm alive!")
}

/// `GET /health/readiness`: send traffic here, or not.
///
/// A database that is away is told and is no reason to send traffic elsewhere: known keys are served, and every other
/// replica has the same database.
pub async fn readiness(gateway: Data<Rc<Gateway>>, manage: Data<Manage>) -> HttpResponse {
    if gateway.is_draining() {
        return HttpResponse::ServiceUnavailable().json(json!({"status": "shutting_down"}));
    }
    HttpResponse::Ok().json(json!({"status": "healthy", "db": database(&manage), "redis": redis(&gateway)}))
}

/// The database in LiteLLM's words, and one more for trouble. `Not connected` is one that nobody has configured.
fn database(manage: &Manage) -> &'static str {
    match manage.store().is_up() {
        _ if manage.store().forgets() => "Not connected",
        Some(true) => "connected",
        Some(false) => "unavailable",
        None => "connecting",
    }
}

/// The shared Redis in the same words. It is no reason to send traffic elsewhere either.
fn redis(gateway: &Gateway) -> &'static str {
    match gateway.redis() {
        None => "Not connected",
        Some(State::Up(_)) => "connected",
        Some(State::Down) => "unavailable",
        Some(State::Connecting) => "connecting",
    }
}

/// `GET /health/readiness/details`: the same, and which deployments cannot work.
pub async fn readiness_details(_: Admin, gateway: Data<Rc<Gateway>>, manage: Data<Manage>) -> HttpResponse {
    let table = gateway.table();
    let broken: Vec<Value> = table
        .members()
        .iter()
        .filter_map(|member| {
            let deployment = member.cell().deployment();
            let problem = deployment.problem.as_ref()?;
            Some(json!({"model_name": &*deployment.group, "model_id": &*deployment.id, "problem": problem}))
        })
        .collect();
    let callbacks: Vec<&str> = table.config.export.sinks.iter().map(|sink| sink.name.as_str()).collect();
    HttpResponse::Ok().json(json!({
        "status": if gateway.is_draining() { "shutting_down" } else { "healthy" },
        "db": database(&manage),
        "redis": redis(&gateway),
        "version": env!("CARGO_PKG_VERSION"),
        "success_callbacks": callbacks,
        "config_generation": table.generation,
        "deployments": table.members().len(),
        "unusable_deployments": broken,
    }))
}

/// `GET /health`: 200 while something can serve, 503 when nothing can. With a key also which deployments,
/// and with `?active=true` after a real call to each.
pub async fn health(request: HttpRequest, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let query = Query::of(request.query_string());
    let with_key = gateway.check_key(request.headers(), inbound::peer(request.head())).await;
    let admin = with_key.as_ref().is_ok_and(Caller::is_admin);
    if query.active {
        // Active checks cost money.
        match &with_key {
            Err(error) => return reply::error_reply(error, None),
            Ok(_) if !admin => {
                let error = Error::new(Kind::Forbidden, "Only proxy admins may start active checks.");
                return reply::error_reply(&error, None);
            }
            Ok(_) => {}
        }
        probe::all(&gateway, |member| query.selects(member)).await;
    }
    let table = gateway.table();
    let (healthy, unhealthy) = split(&table, &query);
    let serves = !healthy.is_empty() || (unhealthy.is_empty() && table.members().is_empty());
    let mut body = json!({"healthy_count": healthy.len(), "unhealthy_count": unhealthy.len()});
    if admin {
        body["healthy_endpoints"] = healthy.into();
        body["unhealthy_endpoints"] = unhealthy.into();
    }
    if serves && !gateway.is_draining() {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// What `GET /health` is asked about.
#[derive(Default)]
struct Query {
    active: bool,
    model: Option<String>,
    model_id: Option<String>,
}

impl Query {
    fn of(text: &str) -> Self {
        let mut query = Query::default();
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "active" => query.active = matches!(value.as_str(), "true" | "1" | "True"),
                "model" => query.model = Some(value),
                "model_id" => query.model_id = Some(value),
                _ => {}
            }
        }
        query
    }

    fn selects(&self, member: &Member) -> bool {
        let deployment = member.cell().deployment();
        self.model.as_ref().is_none_or(|model| *model == *deployment.group)
            && self.model_id.as_ref().is_none_or(|id| *id == *deployment.id)
    }
}

fn split(table: &Table, query: &Query) -> (Vec<Value>, Vec<Value>) {
    let now = Instant::now();
    let (mut healthy, mut unhealthy) = (Vec::new(), Vec::new());
    for member in table.members().iter().filter(|member| query.selects(member)) {
        let cell = member.cell();
        let (deployment, view) = (cell.deployment(), cell.view());
        let mut entry = json!({
            "model": deployment.full_model(),
            "model_name": &*deployment.group,
            "model_id": &*deployment.id,
            "api_base": deployment.shown_base(),
            "in_flight": cell.in_flight(),
            "in_flight_elsewhere": cell.others().in_flight,
        });
        if deployment.problem.is_none() && view.healthy(now) {
            healthy.push(entry);
            continue;
        }
        let cooling = view.cooling(now).map(|until| until.saturating_duration_since(now).as_secs_f64());
        entry["cooling_seconds"] = cooling.into();
        let last = view.last_error.as_ref().map(|last| last.message.to_string());
        entry["error"] = deployment.problem.clone().or(last).into();
        unhealthy.push(entry);
    }
    (healthy, unhealthy)
}
