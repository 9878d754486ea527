//! Calls to providers: one client per worker, faults told apart, bodies as streams.
//!
//! [`Upstream`] is the seam: the real one is [`client::HttpUpstream`], tests of the pipeline bring a
//! scripted one.

pub mod client;
mod connect;
mod exchange;
pub mod fault;
mod io;
mod pool;
mod target;
#[cfg(test)]
mod tests;
pub mod tls;

use std::cell::OnceCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::header::HeaderMap;
use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::LocalBoxFuture;

use crate::base::reach::Reach;
use crate::base::secret::Secret;
use exchange::NetReply;
pub use fault::Fault;

/// The chunks of a reply as they arrive.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, Fault>>>>;

/// A place to send requests to, with the headers that never change; made once, used for every call.
pub struct Route {
    /// Absolute URL.
    pub url: String,
    /// Constant headers, keys included.
    pub headers: Vec<(String, Secret)>,
    /// Where the URL's host may be.
    pub reach: Reach,
    method: &'static str,
    ready: OnceCell<Rc<client::Ready>>,
}

impl Route {
    /// A route for `POST` that has not been used yet.
    pub fn new(url: String, headers: Vec<(String, Secret)>, reach: Reach) -> Rc<Self> {
        Rc::new(Route { url, headers, reach, method: "POST", ready: OnceCell::new() })
    }

    /// The same for `PUT`.
    pub fn put(url: String, headers: Vec<(String, Secret)>, reach: Reach) -> Rc<Self> {
        Rc::new(Route { url, headers, reach, method: "PUT", ready: OnceCell::new() })
    }
}

/// What a provider answered, its body still under way as a stream of chunks. Dropping it before the
/// body's end closes the connection.
///
/// It may be polled again after its end or a fault; then it is over.
pub struct Reply {
    inner: Inner,
    over: bool,
}

enum Inner {
    Net(Box<NetReply>),
    Made { status: u16, headers: HeaderMap, body: BodyStream },
}

impl Reply {
    /// A reply that comes from elsewhere than the network.
    pub fn made(status: u16, headers: HeaderMap, body: BodyStream) -> Self {
        Reply { inner: Inner::Made { status, headers, body }, over: false }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match &self.inner {
            Inner::Net(reply) => reply.status(),
            Inner::Made { status, .. } => *status,
        }
    }

    /// HTTP headers.
    pub fn headers(&self) -> &HeaderMap {
        match &self.inner {
            Inner::Net(reply) => reply.headers(),
            Inner::Made { headers, .. } => headers,
        }
    }
}

impl From<NetReply> for Reply {
    fn from(reply: NetReply) -> Self {
        Reply { inner: Inner::Net(Box::new(reply)), over: false }
    }
}

impl Stream for Reply {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let chunk = match &mut self.inner {
            Inner::Net(reply) => ready!(reply.poll_chunk(cx)),
            Inner::Made { body, .. } => ready!(body.as_mut().poll_next(cx)),
        };
        self.over = !matches!(chunk, Some(Ok(_)));
        Poll::Ready(chunk)
    }
}

/// Something that can carry a request to a provider.
pub trait Upstream {
    /// Sends a request. `extra` headers replace the route's of the same name. The future owns all it
    /// needs; dropping it, or the reply, abandons the call and closes its connection.
    fn send(
        &self,
        route: &Rc<Route>,
        extra: &[(String, Secret)],
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Reply, Fault>>;
}
