//! The worker's HTTP client.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_tls::connect::{Connector as TcpConnector, Resolver};
use actix_web::dev::Service;
use actix_web::rt::net::TcpStream;
use awc::{Client, Connector, FrozenClientRequest};
use bytes::Bytes;
use futures_core::future::LocalBoxFuture;
use futures_util::FutureExt;

use super::{Fault, Reply, Route, Upstream};
use crate::base::secret::Secret;

/// How long making a connection (name, TCP) may take, and again its TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: a little under the 60 s after which common servers close.
const IDLE: Duration = Duration::from_secs(55);
const LIFETIME: Duration = Duration::from_secs(3600);

/// An `awc` client whose own limits are off: deadlines are the request's, concurrency is the router's.
pub struct HttpUpstream {
    client: Client,
}

impl HttpUpstream {
    /// A client for this thread.
    pub fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        let tcp = NoDelay(TcpConnector::new(Resolver::default()).service());
        let connector = Connector::new()
            .connector(tcp)
            .rustls_0_23(tls)
            .timeout(CONNECT)
            .handshake_timeout(CONNECT)
            .conn_keep_alive(IDLE)
            .conn_lifetime(LIFETIME)
            .limit(0);
        let client = Client::builder()
            .connector(connector)
            .disable_timeout()
            .disable_redirects()
            .no_default_headers()
            .finish();
        HttpUpstream { client }
    }

    fn freeze(&self, route: &Route) -> Result<FrozenClientRequest, Fault> {
        let unsendable = |cause: &dyn std::fmt::Display| Fault::Unsendable(cause.to_string());
        let mut request = self.client.post(&route.url);
        let uri = request.get_uri().clone();
        let authority = uri.authority().ok_or_else(|| unsendable(&"the URL has no host"))?;
        let host = match authority.port_u16() {
            None | Some(80 | 443) => authority.host().to_string(),
            Some(port) => format!("{}:{port}", authority.host()),
        };
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_str(&host).map_err(|e| unsendable(&e))?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        // Answers are looked into and passed on as they are.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("stagedoor/", env!("CARGO_PKG_VERSION"))),
        );
        insert_all(headers, &route.headers)?;
        request.freeze().map_err(|e| unsendable(&e))
    }
}

/// Adds headers; a value that cannot be a header value is not repeated in the fault, it may be a key.
fn insert_all(headers: &mut HeaderMap, pairs: &[(String, Secret)]) -> Result<(), Fault> {
    for (name, value) in pairs {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Fault::Unsendable(format!("`{name}` is no header name")))?;
        let value = HeaderValue::from_str(value.expose()).map_err(|_| {
            Fault::Unsendable(format!("the value of header `{name}` has forbidden characters"))
        })?;
        headers.insert(key, value);
    }
    Ok(())
}

impl Upstream for HttpUpstream {
    fn send(
        &self,
        route: &Rc<Route>,
        extra: &[(String, Secret)],
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Reply, Fault>> {
        let frozen = match route.frozen.get() {
            Some(frozen) => frozen,
            None => match self.freeze(route) {
                Ok(frozen) => route.frozen.get_or_init(|| frozen),
                Err(fault) => return std::future::ready(Err(fault)).boxed_local(),
            },
        };
        let sending = if extra.is_empty() {
            frozen.send_body(body)
        } else {
            let mut headers = HeaderMap::new();
            if let Err(fault) = insert_all(&mut headers, extra) {
                return std::future::ready(Err(fault)).boxed_local();
            }
            frozen.extra_headers(headers).send_body(body)
        };
        sending.map(|sent| sent.map(Reply::from).map_err(Fault::from)).boxed_local()
    }
}

/// Sets TCP_NODELAY on each new connection: a request that takes several writes must not wait for the
/// provider's delayed acknowledgement.
#[derive(Clone)]
struct NoDelay<S>(S);

impl<S, Req, R> Service<Req> for NoDelay<S>
where
    S: Service<Req, Response = actix_tls::connect::Connection<R, TcpStream>>,
    S::Future: 'static,
    R: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&self, request: Req) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            if let Err(cause) = connection.io_ref().set_nodelay(true) {
                tracing::debug!(%cause, "TCP_NODELAY was refused");
            }
            Ok(connection)
        })
    }
}
