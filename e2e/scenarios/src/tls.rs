//! A TLS client that takes any certificate and says which one it got.

use anyhow::{Context, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A handshake may take so long.
const LIMIT: Duration = Duration::from_secs(5);

/// Connects with this SNI, offering these protocols (ALPN).
///
/// # Errors
/// When there is no connection, or the handshake fails.
pub async fn connect(address: SocketAddr, name: &str, alpn: &[&str]) -> Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.context("connecting")?;
    let name = ServerName::try_from(name.to_owned())?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.context("handshake")
}

/// The certificate that a server shows for a name, DER.
///
/// # Errors
/// As [`connect`], and when the handshake takes more than five seconds.
pub async fn served(address: SocketAddr, name: &str) -> Result<Vec<u8>> {
    let stream = timeout(LIMIT, connect(address, name, &["http/1.1"]))
        .await
        .context("no handshake in five seconds")??;
    certificate(&stream)
}

/// A certificate for one name, signed by itself: chain and key (PEM), and the certificate (DER).
///
/// # Errors
/// When the name is none.
pub fn certificate_for(name: &str) -> Result<Identity> {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()])?;
    Ok(Identity {
        chain: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
        der: made.cert.der().to_vec(),
    })
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

impl Identity {
    /// As a Secret of type `kubernetes.io/tls`.
    pub fn secret(&self, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": self.chain, "tls.key": self.key},
        })
    }
}

/// The certificate that the server showed, DER.
///
/// # Errors
/// When it showed none.
pub fn certificate(stream: &TlsStream<TcpStream>) -> Result<Vec<u8>> {
    let (_, session) = stream.get_ref();
    let first = session
        .peer_certificates()
        .and_then(<[_]>::first)
        .context("no certificate")?;
    Ok(first.as_ref().to_vec())
}

/// Accepts every certificate; signatures are still checked, so its key must be the server's.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
