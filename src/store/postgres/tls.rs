//! TLS for PostgreSQL by rustls, with libpq's meaning of `sslmode`.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StoreError;
use super::super::url::{PostgresTarget, SslMode};

/// What the driver makes its connections with.
pub(in crate::store) fn connector(target: &PostgresTarget) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|cause| StoreError::defect(format!("no TLS: {cause}")))?;
    let unchecked = match target.ssl_mode {
        SslMode::Disable | SslMode::Prefer => true,
        SslMode::Require => target.ssl_root.is_none(),
        SslMode::VerifyCa | SslMode::VerifyFull => false,
    };
    let inner = if unchecked { None } else { Some(verifier(target, &provider)?) };
    let hostname = target.ssl_mode == SslMode::VerifyFull;
    let config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { inner, hostname, provider }))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn verifier(
    target: &PostgresTarget,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, StoreError> {
    let mut roots = RootCertStore::empty();
    match &target.ssl_root {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let shown = path.display();
            let unreadable =
                |cause| StoreError::invalid(format!("sslrootcert {shown} cannot be read: {cause}"));
            let text = std::fs::read(path).map_err(unreadable)?;
            for root in rustls_pemfile::certs(&mut text.as_slice()) {
                let added = roots.add(root.map_err(unreadable)?);
                added.map_err(|cause| StoreError::invalid(format!("sslrootcert {shown}: {cause}")))?;
            }
            if roots.is_empty() {
                return Err(StoreError::invalid(format!("sslrootcert {shown} has no certificate")));
            }
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|cause| StoreError::invalid(format!("sslrootcert cannot be used: {cause}")))
}

/// Checks as much of a certificate as the mode asks for.
#[derive(Debug)]
struct Verifier {
    /// `None`: nothing is checked.
    inner: Option<Arc<WebPkiServerVerifier>>,
    hostname: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        let checked = inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match checked {
            // The chain is checked before the name.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.hostname => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
