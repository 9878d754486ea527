//! `GET /v1/models` and `GET /v1/models/{id}`.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::auth::Admin;
use super::reply;
use crate::actors::topology::Table;
use crate::gateway::admit::model_not_found;
use crate::gateway::pipeline::Gateway;

/// LiteLLM shows this constant for every model; clients only need some number.
const CREATED: u64 = 1_677_610_602;

/// Every model the caller may use: groups, aliases that are not hidden, wildcards as themselves.
pub async fn list(_: Admin, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let table = gateway.table();
    let data: Vec<Value> = table.groups.public_names().map(|name| model(&table, name)).collect();
    HttpResponse::Ok().json(json!({"data": data, "object": "list"}))
}

/// One model.
pub async fn one(_: Admin, id: Path<String>, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let table = gateway.table();
    let id = id.into_inner();
    if table.groups.resolve(&id).is_none() {
        let nearest = table.groups.nearest(&id);
        return reply::error_reply(&model_not_found(&id, &nearest), None);
    }
    HttpResponse::Ok().json(model(&table, &id))
}

fn model(table: &Table, name: &str) -> Value {
    let mut model = json!({"id": name, "object": "model", "created": CREATED, "owned_by": "openai"});
    let deployment = table.groups.resolve(name).and_then(|resolved| {
        resolved.members.first().map(|member| std::sync::Arc::clone(&member.deployment))
    });
    if let Some(deployment) = deployment {
        let info = &deployment.info;
        let facts = [
            ("mode", info.mode.clone().map(Value::from)),
            ("max_input_tokens", info.max_input_tokens.map(Value::from)),
            ("max_output_tokens", info.max_output_tokens.map(Value::from)),
        ];
        for (key, value) in facts {
            if let Some(value) = value {
                model[key] = value;
            }
        }
    }
    model
}
