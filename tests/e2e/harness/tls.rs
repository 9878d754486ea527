//! A certificate of the test's own, and a client that trusts nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A self-signed certificate for `localhost`.
pub struct Certificate(rcgen::CertifiedKey<rcgen::KeyPair>);

impl Certificate {
    pub fn new() -> Self {
        Self(rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap())
    }

    /// Writes key and certificate as PEM files.
    pub fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (key, chain) = (folder.join("key.pem"), folder.join("cert.pem"));
        std::fs::write(&key, self.0.signing_key.serialize_pem()).unwrap();
        std::fs::write(&chain, self.0.cert.pem()).unwrap();
        (key, chain)
    }

    /// Shakes hands as a client.
    pub async fn connect(&self, tcp: TcpStream) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.cert.der().clone()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }
}
