//! Every path Stagedoor serves, in one table.

use std::rc::Rc;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};

use super::data::{self, Asked};
use super::{admin, callbacks, debug, docs, health, inbound, limits, metrics, models, reply};
use crate::base::clock::Turns;
use crate::base::error::{Error, Kind};
use crate::gateway::pipeline::Gateway;
use crate::wire::endpoint::Endpoint;

/// Prefixes under which each data-plane endpoint is served.
const PREFIXES: [&str; 5] =
    ["/v1", "", "/openai/v1", "/openai/deployments/{model:.+}", "/engines/{model:.+}"];

/// A path that is read with GET (and HEAD), and what answers.
pub struct ReadRoute {
    /// The path.
    pub path: &'static str,
    make: fn() -> Route,
}

const fn one(path: &'static str, make: fn() -> Route) -> ReadRoute {
    ReadRoute { path, make }
}

/// Every path that is only read and is no management route. Each has its entry in `src/http/docs/areas/service.rs`.
pub const READS: &[ReadRoute] = &[
    one("/v1/models", || read().to(models::list)),
    one("/v1/models/", || read().to(models::list)),
    one("/v1/models/{id:.+}", || read().to(models::one)),
    one("/models", || read().to(models::list)),
    one("/models/", || read().to(models::list)),
    one("/models/{id:.+}", || read().to(models::one)),
    one("/v1/limits", || read().to(limits::limits)),
    one("/limits", || read().to(limits::limits)),
    one("/health", || read().to(health::health)),
    one("/health/liveliness", || read().to(health::liveness)),
    one("/health/liveness", || read().to(health::liveness)),
    one("/health/readiness", || read().to(health::readiness)),
    one("/health/readiness/details", || read().to(health::readiness_details)),
    one("/callbacks/list", || read().to(callbacks::list)),
    one("/debug/router", || read().to(debug::router)),
    one("/metrics", || read().to(metrics::metrics)),
    one("/metrics/", || read().to(metrics::metrics)),
    one("/openapi.json", || read().to(docs::openapi)),
];

/// The paths of an endpoint of the data plane.
pub fn data_paths(endpoint: Endpoint) -> Vec<String> {
    let mut paths: Vec<String> =
        PREFIXES.iter().map(|prefix| format!("{prefix}/{}", endpoint.path())).collect();
    if endpoint == Endpoint::Rerank {
        paths.push("/v2/rerank".to_string());
    }
    paths
}

/// Registers all routes; `page` is where the documentation's page is, if it is to be there. Most requests to the data
/// plane go a shorter way: [`super::front`].
pub fn configure(config: &mut ServiceConfig, page: Option<&str>) {
    for endpoint in Endpoint::ALL {
        for path in data_paths(endpoint) {
            data_route(config, &path, endpoint);
        }
    }
    for route in READS {
        get(config, route.path, route.make);
    }
    if let Some(path) = page {
        get(config, path, || read().to(docs::docs));
    }
    admin::configure(config, || web::to(wrong_method));
    if page != Some("/") {
        let root: fn() -> Route =
            if page.is_some() { || read().to(docs::root) } else { || read().to(health::hello) };
        get(config, "/", root);
    }
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
