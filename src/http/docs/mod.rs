//! The HTTP API told to people and programs: `/openapi.json` (OpenAPI 3.1) and a page to read.
//!
//! Which routes there are stands in the tables that serve them ([`admin::routes`](super::admin::routes),
//! [`Endpoint`](crate::wire::endpoint::Endpoint), [`routes`](super::routes)); what they take and answer stands here,
//! in one table for each area (`areas`). A test holds that each route has its entry: one
//! `op(Post, "/path", "what it does", &[FIELDS], reply)`.

mod areas;
mod data;
mod document;
mod page;
mod shapes;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use super::health;

pub use shapes::{Area, Field, Kind, Operation, Reply, Shape};

/// Where the page is when nothing else is said.
pub const PATH: &str = "/docs";

/// The document, written once.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| document::document().to_string());

/// The page, written once.
static PAGE: LazyLock<String> = LazyLock::new(page::page);

/// All areas, as the page shows them.
fn areas() -> impl Iterator<Item = &'static Area> {
    areas::ALL.iter()
}

/// `GET /openapi.json`.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT.as_str())
}

/// `GET /docs`, or wherever `DOCS_URL` says.
pub async fn docs() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        // Nothing of it comes from elsewhere, and nothing of it may.
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(PAGE.as_str())
}

/// `GET /`: the page for browsers, a few words of JSON for everybody else.
pub async fn root(request: HttpRequest) -> HttpResponse {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepts.is_some_and(|kinds| kinds.contains("text/html")) {
        docs().await
    } else {
        health::hello().await
    }
}
