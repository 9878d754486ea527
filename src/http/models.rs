//! `GET /v1/models` and `GET /v1/models/{id}`.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::auth::Known;
use super::reply;
use crate::actors::topology::Table;
use crate::gateway::access;
use crate::gateway::admit::model_not_found;
use crate::gateway::caller::Caller;
use crate::gateway::pipeline::Gateway;

/// LiteLLM shows this constant for every model; clients only need some number.
const CREATED: u64 = 1_677_610_602;

/// Every model the caller may use: groups, aliases that are not hidden, wildcards as themselves.
pub async fn list(Known(caller): Known, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let table = gateway.table();
    let names = table.groups.public_names().filter(|name| may_use(&caller, &table, name));
    let data: Vec<Value> = names.map(|name| model(&table, name)).collect();
    HttpResponse::Ok().json(json!({"data": data, "object": "list"}))
}

/// One model.
pub async fn one(Known(caller): Known, id: Path<String>, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let table = gateway.table();
    let id = id.into_inner();
    if table.groups.resolve(&id).is_none() || !may_use(&caller, &table, &id) {
        let nearest = table.groups.nearest(&id);
        return reply::error_reply(&model_not_found(&id, &nearest), None);
    }
    HttpResponse::Ok().json(model(&table, &id))
}

fn may_use(caller: &Caller, table: &Table, name: &str) -> bool {
    table.groups.resolve(name).is_some_and(|resolved| access::forbidden(caller, &[name], &resolved).is_none())
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
