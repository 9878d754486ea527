//! Every path Stagedoor serves, in one table.

use std::rc::Rc;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};

use super::data::{self, Asked};
use super::{admin, health, inbound, limits, metrics, models, reply};
use crate::base::clock::Turns;
use crate::base::error::{Error, Kind};
use crate::gateway::pipeline::Gateway;
use crate::wire::endpoint::Endpoint;

/// Prefixes under which each data-plane endpoint is served.
const PREFIXES: [&str; 5] =
    ["/v1", "", "/openai/v1", "/openai/deployments/{model:.+}", "/engines/{model:.+}"];

/// Registers all routes. Most requests to the data plane go a shorter way: [`super::front`].
pub fn configure(config: &mut ServiceConfig) {
    for endpoint in Endpoint::ALL {
        for prefix in PREFIXES {
            data_route(config, &format!("{prefix}/{}", endpoint.path()), endpoint);
        }
    }
    data_route(config, "/v2/rerank", Endpoint::Rerank);
    for prefix in ["/v1", ""] {
        get(config, &format!("{prefix}/models"), || read().to(models::list));
        get(config, &format!("{prefix}/models/{{id:.+}}"), || read().to(models::one));
    }
    for path in ["/v1/limits", "/limits"] {
        get(config, path, || read().to(limits::limits));
    }
    get(config, "/health", || read().to(health::health));
    for path in ["/health/liveliness", "/health/liveness"] {
        get(config, path, || read().to(health::liveness));
    }
    get(config, "/health/readiness", || read().to(health::readiness));
    get(config, "/health/readiness/details", || read().to(health::readiness_details));
    for path in ["/metrics", "/metrics/"] {
        get(config, path, || read().to(metrics::metrics));
    }
    admin::configure(config, || web::to(wrong_method));
    get(config, "/", || read().to(health::hello));
    config.default_service(web::to(unknown));
}

fn data_route(config: &mut ServiceConfig, path: &str, endpoint: Endpoint) {
    let handler = move |request: HttpRequest, payload: Payload, gateway: Data<Rc<Gateway>>| {
        Turns::of(Box::pin(async move {
            let model = inbound::path_model(&request);
            let asked = Asked { endpoint, head: request.head(), path: request.path(), model };
            HttpResponse::from(data::serve(&gateway, asked, payload.into_inner()).await)
        }))
    };
    config.service(web::resource(path).route(web::post().to(handler)).default_service(web::to(wrong_method)));
}

/// GET, and HEAD with the same status: load balancers probe with either.
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn get(config: &mut ServiceConfig, path: &str, route: impl FnOnce() -> Route) {
    config.service(web::resource(path).route(route()).default_service(web::to(wrong_method)));
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let message = format!("{} is not allowed on {}.", request.method(), request.path());
    reply::error_reply(&Error::new(Kind::MethodNotAllowed, message), None)
}

async fn unknown(request: HttpRequest) -> HttpResponse {
    let message = format!("Unknown request URL: {} {}.", request.method(), request.path());
    reply::error_reply(&Error::new(Kind::RouteNotFound, message), None)
}
