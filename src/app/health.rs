//! `stagedoor health`: asks a running gateway whether it is ready, for containers that have no shell and no curl.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::boot::StartError;
use super::cli::Cli;
use crate::upstream::tls;

/// How long connecting, asking and the answer's first line may take together.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is asked; the answer ends with the connection.
const QUESTION: &[u8] = b"GET /health/readiness HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// How many bytes of an answer are looked at; its first line is far shorter.
const LONGEST_HEAD: u64 = 256;

/// Asks the gateway on this machine at the port that the command line names. The code is 0 when it is ready.
///
/// # Errors
/// When it cannot be reached, says that it is not ready, or does not answer in time.
pub async fn run(cli: &Cli) -> Result<ExitCode, StartError> {
    // The certificate names the public host, and what is asked is no secret.
    let tls = match cli.ssl_certfile_path {
        Some(_) => Some(tls::client_config(false, None)?),
        None => None,
    };
    let failed = |cause: &dyn std::fmt::Display| StartError::System(format!("port {}: {cause}", cli.port));
    let answer = tokio::time::timeout(PATIENCE, ask(cli, tls))
        .await
        .map_err(|_| failed(&format!("no answer within {} s", PATIENCE.as_secs())))?
        .map_err(|cause| failed(&cause))?;
    match status(&answer) {
        Some(200) => Ok(ExitCode::SUCCESS),
        Some(status) => Err(failed(&format!("not ready, status {status}"))),
        None => Err(failed(&"what answers speaks no HTTP")),
    }
}

/// The beginning of the answer.
async fn ask(cli: &Cli, tls: Option<Arc<ClientConfig>>) -> std::io::Result<Vec<u8>> {
    // An address that stands for all of them cannot be called everywhere.
    let host = match cli.host {
        all if all.is_unspecified() && all.is_ipv6() => std::net::Ipv6Addr::LOCALHOST.into(),
        all if all.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        one => one,
    };
    let tcp = TcpStream::connect((host, cli.port)).await?;
    match tls {
        None => exchange(tcp).await,
        Some(config) => {
            exchange(TlsConnector::from(config).connect(ServerName::from(host), tcp).await?).await
        }
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<Vec<u8>> {
    stream.write_all(QUESTION).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    let read = stream.take(LONGEST_HEAD).read_to_end(&mut head).await;
    // A TLS connection that is just dropped is an error; what came before it is the answer all the same.
    if head.is_empty() { read.map(|_| head) } else { Ok(head) }
}

/// The status of an HTTP/1 answer.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|word| word.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_the_status() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n{}"), Some(200));
        assert_eq!(status(b"HTTP/1.1 503 Service Unavailable\r\n"), Some(503));
        assert_eq!(status(b"SSH-2.0-OpenSSH\r\n"), None);
        assert_eq!(status(b""), None);
    }
}
