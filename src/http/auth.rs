//! Proof that the caller holds the master key, as an extractor.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};

use super::reply;
use crate::base::error::{Error, Kind};
use crate::gateway::caller::Caller;
use crate::gateway::pipeline::Gateway;

/// A caller whose key was accepted; a handler that takes it cannot be reached without.
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

impl FromRequest for Admin {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(gateway) = request.app_data::<Data<Rc<Gateway>>>() else {
            return ready(Err(Refused(Error::new(Kind::Internal, "The gateway is not ready."))));
        };
        ready(gateway.check_key(request.headers()).map(Admin).map_err(Refused))
    }
}
