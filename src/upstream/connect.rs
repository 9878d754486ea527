//! New connections: name, TCP, TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Fault;
use super::io::Io;
use super::target::Target;

/// How long making a connection (name, TCP) may take, and again its TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// Connects; each address of the host is tried in turn.
///
/// # Errors
/// [`Fault::Connect`]
pub async fn connect(target: &Target, tls: &Arc<rustls::ClientConfig>) -> Result<Io, Fault> {
    let failed = |cause: &dyn std::fmt::Display| Fault::Connect(cause.to_string());
    let connecting = TcpStream::connect((target.host.as_str(), target.port));
    let tcp = actix_rt::time::timeout(CONNECT, connecting)
        .await
        .map_err(|_| failed(&"timed out"))?
        .map_err(|cause| failed(&cause))?;
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
