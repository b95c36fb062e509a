//! The webhook as an API server uses it, and its registration.

use super::{Registration, serve};
use crate::cluster::gates::Book;
use crate::cluster::testing::{FakeApi, until};
use axum::http::Method;
use gatewright_core::snapshot::{Kind, Object};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Backend, BackendProtocol, Endpoints, TrafficDistribution};
use gatewright_model::key::{BackendKey, BackendKind, ObjectName};
use gatewright_stream::tls;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ServerConfig};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/gatewright-controller-pods";

/// A book in which Gateway `default/edge` uses Service `default/web`.
fn book() -> Book {
    let book = Book::default();
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    });
    book.note(&Object::read(Kind::Service, service).unwrap());
    let key = BackendKey {
        kind: BackendKind::Service,
        object: ObjectName::new("default", "web"),
        port: 80,
    };
    let backend = Backend {
        key: key.clone(),
        protocol: BackendProtocol::Auto,
        tls: None,
        endpoints: Endpoints::Static(Vec::new()),
        node_port: None,
        distribution: TrafficDistribution::Any,
        session_persistence: None,
        retry_budget: None,
        fault: None,
    };
    let mut balancer = LoadBalancer::bare(ObjectName::new("default", "edge"), "c", "gatewright.dev/aws-alb");
    balancer.backends.insert(key, Arc::new(backend));
    book.note_gateway(&balancer);
    book
}

fn review(namespace: &str, app: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "namespace": namespace, "operation": "CREATE",
            "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"app": app}}, "spec": {}},
        },
    })
}

const HOST: &str = "gatewright-controller.gatewright-system.svc";

/// TLS of the configuration server, and of an API server, which offers HTTP/2 first.
fn pki() -> (Arc<ServerConfig>, ClientConfig) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let server = tls::server_config(leaf.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let mut client = (*tls::client_config(ca.pem().as_bytes()).unwrap()).clone();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (server, client)
}

/// Sends requests over one connection; answers status and body of each.
async fn ask(
    client: ClientConfig,
    address: SocketAddr,
    requests: Vec<(Method, &str, Vec<u8>)>,
) -> Vec<(u16, Value)> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = HOST.try_into().unwrap();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = tls.connect(name, tcp).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for (method, path, body) in requests {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST)
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        answers.push((status, serde_json::from_slice(&body).unwrap_or(Value::Null)));
    }
    answers
}

#[tokio::test]
async fn the_api_server_gets_its_answers_over_tls() {
    let (server, client) = pki();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_keep, config) = watch::channel(server);
    tokio::spawn(serve(listener, config, book()));
    let body = |namespace, app| review(namespace, app).to_string().into_bytes();
    let requests = vec![
        (Method::POST, "/pods", body("default", "web")),
        (Method::POST, "/pods", body("default", "job")),
        (Method::POST, "/pods", body("other", "web")),
        (Method::POST, "/pods", b"nonsense".to_vec()),
        (Method::GET, "/pods", Vec::new()),
        (Method::POST, "/nodes", body("default", "web")),
    ];
    let answers = ask(client, address, requests).await;
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 200, 400, 405, 404]);
    let patched: Vec<bool> = answers
        .iter()
        .take(3)
        .map(|(_, answer)| answer["response"]["patch"].is_string())
        .collect();
    assert_eq!(patched, [true, false, false]);
    assert_eq!(answers[1].1["response"]["allowed"], true);
}

fn configuration() -> Value {
    let webhook = json!({
        "name": "pods.gatewright.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"service": {"name": "gatewright-controller", "namespace": "gatewright-system", "path": "/pods"}},
    });
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "gatewright-controller-pods"}, "webhooks": [webhook],
    })
}

/// Base64 of `bundle`.
const BUNDLE: &str = "YnVuZGxl";

fn bundle(api: &FakeApi) -> Option<String> {
    let found = api.get(CONFIGURATION)?;
    found["webhooks"][0]["clientConfig"]["caBundle"]
        .as_str()
        .map(ToOwned::to_owned)
}

#[tokio::test(start_paused = true)]
async fn the_ca_bundle_is_kept_and_written_only_when_another_one_is_there() {
    let api = FakeApi::default();
    api.put(CONFIGURATION, configuration());
    let (authority, bundles) = watch::channel("bundle".to_owned());
    let (leads, is_leading) = watch::channel(false);
    let registration = Registration::new(api.client(), "gatewright-controller-pods");
    tokio::spawn(registration.keep(bundles, is_leading));
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert_eq!(bundle(&api), None, "who does not lead writes nothing");
    leads.send_replace(true);
    let writes = || {
        api.asked()
            .iter()
            .filter(|asked| asked.method == Method::PUT)
            .count()
    };
    until("the bundle is written", || {
        (bundle(&api)? == BUNDLE).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    assert_eq!(writes(), 1);
    // Somebody applies it anew, and another authority takes over.
    api.put(CONFIGURATION, configuration());
    until("it is written again", || (bundle(&api)? == BUNDLE).then_some(())).await;
    authority.send_replace("other".to_owned());
    until("the other one is written", || {
        (bundle(&api)? == "b3RoZXI=").then_some(())
    })
    .await;
    assert_eq!(writes(), 3);
    let found = api.get(CONFIGURATION).unwrap();
    assert_eq!(
        found["webhooks"][0]["name"], "pods.gatewright.dev",
        "the rest stays"
    );
    // One that is not there is not made.
    api.delete(CONFIGURATION);
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    assert_eq!(bundle(&api), None);
    assert_eq!(writes(), 3);
}
