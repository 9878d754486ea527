//! `GET /metrics`, for Prometheus.

use std::rc::Rc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{inbound, reply};
use crate::gateway::pipeline::Gateway;
use crate::telemetry::series::DeploymentSeries;

/// All metrics as text; with `require_auth_for_metrics_endpoint` only for a valid key.
pub async fn metrics(request: HttpRequest, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    if gateway.table().config.settings.metrics_need_key
        && let Err(error) = gateway.check_key(request.headers(), inbound::peer(request.head())).await
    {
        return reply::error_reply(&error, None);
    }
    for member in gateway.table().members() {
        let deployment = member.cell().deployment();
        let count = member.cell().in_flight();
        DeploymentSeries::show_in_flight(gateway.metrics(), &deployment.group, &deployment.id, count);
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(gateway.render_metrics())
}
