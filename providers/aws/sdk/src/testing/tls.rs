//! TLS to AWS.

use super::{Setup, account};
use gatewright_aws::cloud::Balancers;
use gatewright_provider_api::contract::ErrorKind;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{AlertDescription, Error, ServerConfig};

/// A server whose certificate nobody signed is refused before anything is said to it, by our client and the SDK's.
#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_request() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The client answers the certificate with an alert, at the handshake or with its first record.
            let ended = match acceptor.accept(stream).await {
                Ok(mut stream) => stream.read(&mut [0; 64]).await.map(drop),
                Err(error) => Err(error),
            };
            let _ = tell.send(ended.map_err(|error| error.to_string()));
        }
    });
    let (account, _) = account(&url, Setup::default());
    let unknown = Error::AlertReceived(AlertDescription::UnknownCA).to_string();
    for error in [
        account.ec2().vpcs(&[]).await.unwrap_err(),
        account.balancer_named("x").await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_eq!(told.recv().await.unwrap(), Err(unknown.clone()));
    }
}
