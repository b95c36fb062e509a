//! A private key appears in one place: the request of `ImportCertificate`.

use super::{Reply, Server, Setup, account};
use gatewright_aws::cloud::{Answer, Arn, Certificates};
use gatewright_aws_core::Secret;
use gatewright_aws_core::alb::listener::Import;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::Level;
use tracing::instrument::WithSubscriber;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQSECRETKEYMATERIAL\n-----END PRIVATE KEY-----\n";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn import() -> Import {
    Import {
        certificate: "-----BEGIN CERTIFICATE-----\n".into(),
        chain: "".into(),
        key: Secret::new(KEY.into()),
        fingerprint: "abc".into(),
    }
}

/// Imports a certificate; gives what was logged, what became of it, and the request.
async fn logged(level: Level, server: &Server) -> (String, Answer<Arn>, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(move || writer.clone())
        .finish();
    let (account, _) = account(&server.url, Setup::default());
    let import = import();
    // The first call makes every place that logs known. Another test's thread may have made one known at the very moment
    // when this subscriber came, and have cached that nobody listens: asked again, all of them know.
    let answer = async {
        let first = account.import_certificate(&import, &BTreeMap::new()).await;
        tracing::callsite::rebuild_interest_cache();
        let again = account.import_certificate(&import, &BTreeMap::new()).await;
        first.and(again)
    };
    let answer = answer.with_subscriber(subscriber).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (log, answer, server.received()[0].body.clone())
}

/// The key as it is, as it is in the request, and the secret that the request is signed with.
fn assert_silent(text: &str, request: &str) {
    let body: serde_json::Value = serde_json::from_str(request).unwrap();
    let encoded = body["PrivateKey"].as_str().unwrap();
    for secret in ["SECRETKEYMATERIAL", &encoded[40..70], "wJalrXUtnFEMI/SECRET"] {
        assert!(!text.contains(secret), "{secret} is in it");
    }
}

/// Everything that the SDK, its HTTP client and we log at the finest level.
#[tokio::test]
async fn a_private_key_is_in_no_log() {
    let arn = r#"{"CertificateArn":"arn:aws:acm:eu-central-1:123456789012:certificate/1"}"#;
    let server = Server::start(move |_, _| Reply::ok(arn)).await;
    let (log, answer, request) = logged(Level::TRACE, &server).await;
    answer.unwrap();
    assert!(log.contains("transmitting request"), "{log}");
    assert_silent(&log, &request);
    assert_silent(&format!("{:?}", import()), &request);
}

/// AWS does not repeat keys. Something in between might: the answer of a call with a key is not passed on.
#[tokio::test]
async fn a_private_key_that_is_echoed_is_in_no_error() {
    let server = Server::start(|_, request| {
        let said = serde_json::json!({"__type": "ValidationException", "message": request.body});
        Reply::Answer(400, said.to_string().into())
    });
    let server = server.await;
    let (log, answer, request) = logged(Level::DEBUG, &server).await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_silent(&log, &request);
    assert_silent(&format!("{error} {error:?}"), &request);
}
