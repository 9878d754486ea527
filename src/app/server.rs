//! The HTTP server: workers, each with its own client, router and gateway.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::{HttpServiceBuilder, Request, Response};
use actix_rt::Arbiter;
use actix_server::{Server, ServerHandle};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, map_config};
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::web::Data;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use tokio::net::{TcpSocket, TcpStream};

use super::accounts::Ledger;
use super::boot::{StartError, process_env};
use super::cli::Cli;
use crate::actors::alerter::Alerter;
use crate::actors::bulletin::Bulletin;
use crate::actors::export::Intake;
use crate::actors::keeper::Kept;
use crate::actors::router::Router;
use crate::gateway::books::Books;
use crate::gateway::pipeline::{Gateway, Shared};
use crate::gateway::settle::Telemetry;
use crate::http::{docs, front, routes};
use crate::manage::Manage;
use crate::spool::Spool;
use crate::telemetry::names;
use crate::upstream::client::HttpUpstream;

/// A server that listens.
pub struct Running {
    /// The server's future.
    pub server: Server,
    /// To stop it.
    pub handle: ServerHandle,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it speaks HTTPS.
    pub https: bool,
    /// Worker threads.
    pub workers: usize,
}

/// Who tells others of what happened here.
#[derive(Clone)]
pub struct Tellers {
    /// Operators, of budgets.
    pub alerts: Kept<Alerter>,
    /// Sinks, of finished requests.
    pub exports: Option<Arc<Intake>>,
    /// Operators, of slow and failed requests.
    pub bulletin: Arc<Bulletin>,
}

/// How long a client may take to send a request's headers.
const HEADERS: Duration = Duration::from_secs(30);
/// How often a worker's books look after the spool.
const TICK: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Binds and starts the workers. HTTP/1.1 only, also over TLS: there a client that hangs up ends its
/// handler at once, and with it the call to the provider, which actix's HTTP/2 does not do.
///
/// # Errors
/// When the address or the certificates cannot be used.
pub fn start(
    cli: &Cli,
    shared: &Shared,
    manage: &Manage,
    ledger: &Ledger,
    tellers: Tellers,
    tls: Arc<rustls::ClientConfig>,
) -> Result<Running, StartError> {
    let workers = cli.num_workers.filter(|workers| *workers > 0).map_or_else(cores, usize::from);
    let certificates = match (&cli.ssl_certfile_path, &cli.ssl_keyfile_path) {
        (Some(certificate), Some(key)) => Some(server_tls(certificate, key)?),
        _ => None,
    };
    let https = certificates.is_some();
    let address = SocketAddr::new(cli.host, cli.port);
    let failed = |cause| StartError::Listen { address, cause };
    let listener = listen(address).map_err(failed)?;
    let address = listener.local_addr().unwrap_or(address);
    let keep_alive = Duration::from_secs(cli.keepalive_timeout);
    let (shared, manage) = (shared.clone(), manage.clone());
    let keeping = Keeping {
        spool: ledger.spool.clone(),
        keeps_master: ledger.keeps_master,
        tellers,
        next: Arc::default(),
    };
    let page = documentation(&process_env);
    let app = move || {
        let gateway = worker(&shared, &tls, keeping.books(&shared));
        let app = App::new().app_data(Data::new(Rc::clone(&gateway))).app_data(Data::new(manage.clone()));
        let app = app.configure(|config| routes::configure(config, page.as_deref()));
        let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
        front::before(map_config(app, |()| AppConfig::default()), gateway)
    };
    let builder = actix_server::Server::build().workers(workers).disable_signals();
    let builder = match certificates {
        Some(tls) => builder.listen("stagedoor", listener, move || {
            http1(keep_alive, |io: &TlsStream<TcpStream>| io.get_ref().0).h1(app()).rustls_0_23(tls.clone())
        }),
        None => builder
            .listen("stagedoor", listener, move || http1(keep_alive, |io: &TcpStream| io).h1(app()).tcp()),
    };
    let server = builder.map_err(failed)?.run();
    Ok(Running { handle: server.handle(), server, address, https, workers })
}

/// The protocol's settings, for connections of any kind; `tcp` finds the socket in one.
fn http1<T, S>(keep_alive: Duration, tcp: fn(&T) -> &TcpStream) -> HttpServiceBuilder<T, S>
where
    T: 'static,
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: Debug,
    <S::Service as Service<Request>>::Future: 'static,
{
    HttpServiceBuilder::default()
        .keep_alive(keep_alive)
        .client_request_timeout(HEADERS)
        .h1_allow_half_closed(false)
        // The builder's own `tcp_nodelay` reaches HTTP/2 only. Without it a second small write waits up to
        // 40 ms for the client's delayed acknowledgement of the first.
        .on_connect_ext(move |io, _| {
            if let Err(cause) = tcp(io).set_nodelay(true) {
                tracing::debug!(%cause, "TCP_NODELAY was refused");
            }
        })
}

/// Where the documentation's page is: `DOCS_URL`, or `/docs`; nowhere with `NO_DOCS`.
fn documentation(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if env("NO_DOCS").is_some_and(|off| off.eq_ignore_ascii_case("true")) {
        return None;
    }
    let said = env("DOCS_URL").filter(|path| path.starts_with('/') && !path.contains(['{', '}']));
    Some(said.unwrap_or_else(|| docs::PATH.to_string()))
}

fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// One worker's gateway; called on the worker's own thread.
fn worker(shared: &Shared, tls: &Arc<rustls::ClientConfig>, books: Rc<Books>) -> Rc<Gateway> {
    let restarts = shared.metrics.counter(names::ACTOR_RESTARTS, &[("actor", "router")]);
    let router =
        Kept::start("router", Arbiter::current(), restarts, |notice| Router::new(Router::standard(), notice));
    let upstream = Rc::new(HttpUpstream::new(Arc::clone(tls)));
    Gateway::new(shared.clone(), upstream, router, books)
}

/// What the workers' books are made of.
#[derive(Clone)]
struct Keeping {
    spool: Option<Arc<Spool>>,
    keeps_master: bool,
    tellers: Tellers,
    /// The number of the next worker's end of the spool.
    next: Arc<AtomicUsize>,
}

impl Keeping {
    /// One worker's books, with an end of the spool of their own.
    fn books(&self, shared: &Shared) -> Rc<Books> {
        let next = || self.next.fetch_add(1, Ordering::Relaxed);
        let appender = self.spool.as_ref().map(|spool| spool.appender(next()));
        let telemetry = Telemetry::new(shared.metrics.clone());
        let books = Books::new(telemetry, appender, self.keeps_master, shared.governance.rules.tokens);
        let books = Rc::new(
            books
                .with_alerts(self.tellers.alerts.clone(), Arc::clone(&self.tellers.bulletin))
                .with_exports(self.tellers.exports.clone()),
        );
        let own = Rc::downgrade(&books);
        actix_rt::spawn(async move {
            while let Some(books) = own.upgrade() {
                books.tick();
                drop(books);
                actix_rt::time::sleep(TICK).await;
            }
        });
        books
    }
}

fn server_tls(certificate: &Path, key: &Path) -> Result<rustls::ServerConfig, StartError> {
    let unusable = |file: &Path, cause: &dyn std::fmt::Display| {
        StartError::Certificate(format!("{}: {cause}", file.display()))
    };
    let read = |file: &Path| std::fs::read(file).map_err(|cause| unusable(file, &cause));
    let chain: Vec<CertificateDer<'static>> = rustls_pemfile::certs(&mut read(certificate)?.as_slice())
        .collect::<Result<_, _>>()
        .map_err(|cause| unusable(certificate, &cause))?;
    let private: PrivateKeyDer<'static> = rustls_pemfile::private_key(&mut read(key)?.as_slice())
        .map_err(|cause| unusable(key, &cause))?
        .ok_or_else(|| unusable(key, &"holds no private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| unusable(certificate, &cause))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|cause| unusable(certificate, &cause))
}
