//! The worker's HTTP client: actix's codec over pooled connections.
//!
//! The requests of one route differ in body and a few headers only, so their head is written once; the
//! connection's bytes are read straight into what the codec decodes. awc, actix's own client, makes a timer
//! task and two buffers for each request, which costs as much again as all the rest of a call.

use std::rc::Rc;
use std::sync::Arc;

use actix_http::ServiceConfig;
use bytes::Bytes;
use futures_core::future::LocalBoxFuture;

use super::connect::connect;
use super::exchange::{exchange, room_behind_head};
use super::pool::{Connection, Lane, Pool};
use super::target::Target;
use super::{Fault, Reply, Route, Upstream};
use crate::base::secret::Secret;

/// A client for one thread. It has no limits of its own but those on making a connection: deadlines are the
/// request's, concurrency is the router's.
pub struct HttpUpstream {
    pool: Rc<Pool>,
    tls: Arc<rustls::ClientConfig>,
    /// Shared by all codecs, because each one of it keeps a clock of its own.
    config: ServiceConfig,
}

/// A route, ready for requests.
pub struct Ready {
    target: Target,
    lane: Rc<Lane>,
}

impl HttpUpstream {
    /// A client for this thread.
    pub fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        HttpUpstream { pool: Pool::start(), tls, config: ServiceConfig::default() }
    }

    fn ready(&self, route: &Route) -> Result<Rc<Ready>, Fault> {
        if let Some(ready) = route.ready.get() {
            return Ok(Rc::clone(ready));
        }
        let target = Target::new(route.method, &route.url, &route.headers)?;
        let lane = self.pool.lane(target.origin(), route.reach);
        Ok(Rc::clone(route.ready.get_or_init(|| Rc::new(Ready { target, lane }))))
    }
}

impl Upstream for HttpUpstream {
    fn send(
        &self,
        route: &Rc<Route>,
        extra: &[(String, Secret)],
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Reply, Fault>> {
        let prepared = self.ready(route).and_then(|ready| {
            let head = ready.target.head(extra, body.len(), room_behind_head(&body))?;
            Ok((ready, head))
        });
        let (ready, head) = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return Box::pin(std::future::ready(Err(fault))),
        };
        let (tls, config, reach) = (Arc::clone(&self.tls), self.config.clone(), route.reach);
        Box::pin(async move {
            let connection = match ready.lane.take().await {
                Some(idle) => idle,
                None => Connection::new(connect(&ready.target, reach, &tls).await?),
            };
            exchange(connection, Rc::clone(&ready.lane), &config, head, body).await.map(Reply::from)
        })
    }
}
