//! A request that ends with an error before anything was sent to the client.

use std::rc::Rc;

use actix_http::header::HeaderMap;

use super::explain::{self, Audience};
use super::headers;
use super::record::Record;
use crate::base::error::Error;

/// A request that ended with an error before anything was sent to the client.
pub struct Failure {
    /// What went wrong.
    pub error: Error,
    /// Headers of the reply beside those of the error itself.
    pub headers: HeaderMap,
    /// The call id, if the error body shall name it.
    pub call_id_in_body: Option<Rc<str>>,
}

impl Failure {
    /// Says why to whom it may be said.
    #[must_use]
    pub fn explained(mut self, audience: Audience) -> Self {
        if audience != Audience::Nobody {
            explain::refused(&self.error, &mut self.headers);
        }
        self
    }
}

/// Ends a request that was refused before anything was tried.
pub fn refuse(record: Record, error: Error, call_id: &Rc<str>, in_body: bool) -> Failure {
    record.finish(error.status(), Some(error.clone()));
    let headers = headers::minimal(call_id);
    Failure { error, headers, call_id_in_body: in_body.then(|| Rc::clone(call_id)) }
}
