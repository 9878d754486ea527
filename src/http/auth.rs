//! Proof that the caller's key was accepted, as extractors.

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use futures_core::future::LocalBoxFuture;

use super::{inbound, reply};
use crate::base::error::{Error, Kind};
use crate::gateway::caller::Caller;
use crate::gateway::pipeline::Gateway;

/// A caller whose key was accepted; a handler that takes it cannot be reached without.
pub struct Known(pub Caller);

/// The same for what only the master key and administrators may see.
pub struct Admin(pub Caller);

/// A refusal on its way out of an extractor.
#[derive(Debug)]
pub struct Refused(Error);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Refused {
    fn error_response(&self) -> HttpResponse {
        reply::error_reply(&self.0, None)
    }
}

type Extracted<T> = LocalBoxFuture<'static, Result<T, Refused>>;

impl FromRequest for Known {
    type Error = Refused;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { caller(&request).await.map(Known) })
    }
}

impl FromRequest for Admin {
    type Error = Refused;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let caller = caller(&request).await?;
            if caller.is_admin() {
                return Ok(Admin(caller));
            }
            let message = format!("Only proxy admins may call {}.", request.path());
            Err(Refused(Error::new(Kind::Forbidden, message).with_type("auth_error")))
        })
    }
}

async fn caller(request: &HttpRequest) -> Result<Caller, Refused> {
    let gateway = request
        .app_data::<Data<Rc<Gateway>>>()
        .ok_or_else(|| Refused(Error::new(Kind::Internal, "The gateway is not ready.")))?;
    let caller =
        gateway.check_key(request.headers(), inbound::peer(request.head())).await.map_err(Refused)?;
    caller.may_call(request.path()).map_err(Refused)?;
    Ok(caller)
}
