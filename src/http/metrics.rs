//! `GET /metrics`, for Prometheus.

use std::rc::Rc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{inbound, reply};
use crate::base::error::{Error, Kind};
use crate::gateway::pipeline::Gateway;

/// All metrics as text; with `require_auth_for_metrics_endpoint` only for admins: they show every key and team.
pub async fn metrics(request: HttpRequest, gateway: Data<Rc<Gateway>>) -> HttpResponse {
    if gateway.table().config.settings.metrics_need_key {
        match gateway.check_key(request.headers(), inbound::peer(request.head())).await {
            Ok(caller) if caller.is_admin() => {}
            Ok(_) => {
                let message = "Only proxy admins may call /metrics.";
                let error = Error::new(Kind::Forbidden, message).with_type("auth_error");
                return reply::error_reply(&error, None);
            }
            Err(error) => return reply::error_reply(&error, None),
        }
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(gateway.render_metrics())
}
