//! New connections: name, TCP, TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::Fault;
use super::io::Io;
use super::target::Target;
use crate::base::reach::Reach;

/// How long making a connection (name, TCP) may take, and again its TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// Connects; each address of the host is tried in turn, those that are out of reach left out.
///
/// # Errors
/// [`Fault::Connect`], [`Fault::OutOfReach`]
pub async fn connect(target: &Target, reach: Reach, tls: &Arc<rustls::ClientConfig>) -> Result<Io, Fault> {
    let failed = |cause: &dyn std::fmt::Display| Fault::Connect(cause.to_string());
    let tcp =
        actix_rt::time::timeout(CONNECT, dial(target, reach)).await.map_err(|_| failed(&"timed out"))??;
    // A request that takes several writes must not wait for the provider's delayed acknowledgement.
    if let Err(cause) = tcp.set_nodelay(true) {
        tracing::debug!(%cause, "TCP_NODELAY was refused");
    }
    if !target.tls {
        return Ok(Io::Plain(tcp));
    }
    let name = ServerName::try_from(target.host.clone()).map_err(|cause| failed(&cause))?;
    let shaking = TlsConnector::from(Arc::clone(tls)).connect(name, tcp);
    let stream = actix_rt::time::timeout(CONNECT, shaking)
        .await
        .map_err(|_| failed(&"the TLS handshake timed out"))?
        .map_err(|cause| failed(&cause))?;
    Ok(Io::Tls(Box::new(stream)))
}

async fn dial(target: &Target, reach: Reach) -> Result<TcpStream, Fault> {
    let failed = |cause: std::io::Error| Fault::Connect(cause.to_string());
    let host = (target.host.as_str(), target.port);
    if reach == Reach::Anywhere {
        return TcpStream::connect(host).await.map_err(failed);
    }
    // What was judged is what is connected to: a second look-up could come to something else.
    let found: Vec<SocketAddr> = lookup_host(host).await.map_err(failed)?.collect();
    let within: Vec<SocketAddr> =
        found.iter().copied().filter(|address| reach.allows(address.ip())).collect();
    if within.is_empty() && !found.is_empty() {
        return Err(Fault::OutOfReach(reach));
    }
    TcpStream::connect(within.as_slice()).await.map_err(failed)
}
