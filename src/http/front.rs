//! The short way to the data plane.
//!
//! actix-web's application looks through its routes, makes a request object and looks up what handlers ask for. For
//! the requests that a gateway is made for, whose paths are known word for word, all of that is known beforehand:
//! they go straight to their handler. Everything else goes through the application.

use std::future::Future;
use std::rc::Rc;

use actix_http::{Method, Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, apply_fn_factory};
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use futures_util::future::Either;

use super::data::{self, Asked};
use crate::base::clock::Turns;
use crate::gateway::pipeline::Gateway;
use crate::wire::endpoint::Endpoint;

/// What the short way's handler comes to; it does not fail.
type Served = Turns<dyn Future<Output = Result<Response<BoxBody>, HttpResponse>>>;

/// `app` with the short way before it.
pub fn before<F, A>(
    app: A,
    gateway: Rc<Gateway>,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = Response<BoxBody>,
    Error = HttpResponse,
    InitError = F::InitError,
>
where
    A: IntoServiceFactory<F, Request>,
    F: ServiceFactory<Request, Config = (), Response = ServiceResponse<BoxBody>, Error = HttpResponse>,
{
    apply_fn_factory(app, move |request: Request, app: &F::Service| match known(&request) {
        Some(endpoint) => Either::Left(served(Rc::clone(&gateway), endpoint, request)),
        None => {
            let answering = app.call(request);
            Either::Right(async move { answering.await.map(Response::from) })
        }
    })
}

fn served(gateway: Rc<Gateway>, endpoint: Endpoint, request: Request) -> Served {
    // Only what is needed goes into the future: what is as large as a request would make all of it be copied.
    let (head, payload) = request.into_parts();
    Turns::of(Box::pin(async move {
        let asked = Asked { endpoint, head: &head, path: head.uri.path(), model: None };
        Ok(data::serve(&gateway, asked, payload).await)
    }))
}

/// The endpoint, if this is a request to one under its plain path.
fn known(request: &Request) -> Option<Endpoint> {
    if request.method() != Method::POST {
        return None;
    }
    let path = request.path();
    let name = path
        .strip_prefix("/v1/")
        .or_else(|| path.strip_prefix("/openai/v1/"))
        .or_else(|| path.strip_prefix('/'))?;
    Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == name)
}
