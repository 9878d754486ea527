//! `GET /v1/limits`: what applies to the caller right now.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::web::Data;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::Known;
use crate::gateway::governance::Held;
use crate::gateway::pipeline::Gateway;

/// Limits and budgets of the key and of everybody it belongs to; looking at them takes nothing. Limits of single
/// models, end users and tags depend on the request and are not among them.
pub async fn limits(Known(caller): Known, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let (rates, money) = gateway.governance().standing(&caller).await;
    let rates: Vec<Value> = rates
        .iter()
        .flat_map(|(scope, standing)| {
            standing.rooms().map(move |room| {
                json!({
                    "scope": scope.kind().as_str(),
                    "id": scope.shown(),
                    "type": room.kind.as_str(),
                    "limit": room.limit,
                    "used": room.used,
                    "remaining": room.remaining(),
                    "resets_in_seconds": room.resets_in.map(|wait| wait.as_secs_f64()),
                })
            })
        })
        .collect();
    let money: Vec<Value> = money.iter().map(budget).collect();
    HttpResponse::Ok().json(json!({"limits": rates, "budgets": money}))
}

fn budget(held: &Held) -> Value {
    let resets_at = held.resets_at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    json!({
        "scope": held.scope.kind().as_str(),
        "id": held.scope.shown(),
        "max_budget": held.max.map(|max| max.to_usd_f64()),
        "soft_budget": held.soft.map(|soft| soft.to_usd_f64()),
        "spend": held.spent.map(|spent| spent.to_usd_f64()),
        "reserved": held.reserved.map(|reserved| reserved.to_usd_f64()),
        "resets_at": resets_at.map(|at| at.to_string()),
    })
}
