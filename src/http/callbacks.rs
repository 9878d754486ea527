//! `GET /callbacks/list`: where finished requests are told of, for admins.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use super::auth::Admin;
use crate::domain::export::Sink;
use crate::gateway::pipeline::Gateway;

/// The names of the sinks, by what they are told of. After a reload it is those of the file, which take effect with the
/// next start.
pub async fn list(_: Admin, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    let table = gateway.table();
    let of = |successes: bool, failures: bool| -> Vec<&str> {
        let told = |sink: &&Sink| (sink.successes, sink.failures) == (successes, failures);
        table.config.export.sinks.iter().filter(told).map(|sink| sink.name.as_str()).collect()
    };
    HttpResponse::Ok().json(json!({
        "success": of(true, false),
        "failure": of(false, true),
        "success_and_failure": of(true, true),
    }))
}
