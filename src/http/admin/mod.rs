//! The management API over HTTP. Each area is a table of routes ([`Route`]); one handler serves them all, so that
//! none can forget to look who calls and whether the caller may.

mod cache;
#[cfg(test)]
mod gain;
mod keys;
mod models;
mod money;
mod organizations;
mod serve;
mod spend;
mod teams;
mod told;
mod users;

use std::future::Future;
use std::pin::Pin;

use actix_web::web::{self, ServiceConfig};
use actix_web::{Route as WebRoute, guard};
use serde_json::Value;

use crate::base::error::Error;
use crate::manage::Call;
use crate::manage::authority::Verb;

/// What an operation answers.
pub type Answer = Pin<Box<dyn Future<Output = Result<Value, Error>>>>;

/// A route of the management API.
#[derive(Clone, Copy)]
pub struct Route {
    /// Its method.
    pub verb: Verb,
    /// Its path.
    pub path: &'static str,
    /// What it does.
    pub run: fn(Call) -> Answer,
}

/// A row of a table of routes: method, path, operation.
macro_rules! route {
    ($verb:ident $path:literal $run:path) => {
        $crate::http::admin::Route {
            verb: $crate::manage::authority::Verb::$verb,
            path: $path,
            run: |call| Box::pin($run(call)),
        }
    };
}
use route;

/// All areas. Routes are tried in this order, so fixed paths stand before those with names in them.
const AREAS: &[&[Route]] = &[
    keys::ROUTES,
    users::ROUTES,
    teams::ROUTES,
    money::ROUTES,
    spend::ROUTES,
    organizations::ROUTES,
    models::ROUTES,
    cache::ROUTES,
];

/// Every route, in the order in which they are tried.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    AREAS.iter().flat_map(|area| area.iter())
}

/// Registers them; `otherwise` answers other methods on the same paths.
pub fn configure(config: &mut ServiceConfig, otherwise: fn() -> WebRoute) {
    let mut paths: Vec<&'static str> = Vec::new();
    for route in routes() {
        if !paths.contains(&route.path) {
            paths.push(route.path);
        }
    }
    for path in paths {
        let mut resource = web::resource(path);
        for route in routes().filter(|route| route.path == path) {
            let route = *route;
            resource = resource.route(method(route.verb).to(
                move |request: actix_web::HttpRequest, payload: web::Payload| {
                    serve::serve(route, request, payload)
                },
            ));
        }
        config.service(resource.default_service(otherwise()));
    }
}

fn method(verb: Verb) -> WebRoute {
    match verb {
        Verb::Get => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        Verb::Post => web::post(),
        Verb::Put => web::put(),
        Verb::Patch => web::patch(),
        Verb::Delete => web::delete(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manage::authority;

    #[test]
    fn every_route_has_a_row_in_the_table_of_rights() {
        let missing: Vec<&str> =
            routes().filter(|r| authority::rule(r.verb, r.path).is_none()).map(|r| r.path).collect();
        assert!(missing.is_empty(), "src/manage/authority/routes.rs has no row for {missing:?}");
    }

    #[test]
    fn no_fixed_path_is_hidden_by_an_earlier_one_with_names() {
        let all: Vec<&Route> = routes().collect();
        for (place, route) in all.iter().enumerate().filter(|(_, route)| !route.path.contains('{')) {
            for earlier in all.iter().take(place) {
                let (early, late): (Vec<_>, Vec<_>) =
                    (earlier.path.split('/').collect(), route.path.split('/').collect());
                let covers = early.len() == late.len()
                    && early.iter().zip(&late).all(|(one, other)| one.starts_with('{') || one == other);
                assert!(!covers || earlier.path == route.path, "{} hides {}", earlier.path, route.path);
            }
        }
    }
}
