//! Requests to the API server, as client-go shows them (`tools/metrics`): a layer of the client.

use super::register;
use http::{Method, Request, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::{Layer, Service};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    code: String,
    method: &'static str,
    host: Host,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    verb: &'static str,
    host: Host,
}

/// Host and port of the API server.
pub type Host = Arc<String>;

/// Requests, by answer and by time.
#[derive(Clone)]
pub struct Requests {
    answered: Family<Answered, Counter>,
    took: Family<Asked, Histogram, fn() -> Histogram>,
}

/// controller-runtime's buckets: 5 ms to a minute.
fn histogram() -> Histogram {
    Histogram::new([0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0])
}

impl Requests {
    /// None yet.
    pub fn new(registry: &mut Registry) -> Self {
        let took = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register(
            "rest_client_request_duration_seconds",
            "Time until the API server begins to answer",
            took.clone(),
        );
        Self {
            answered: register(
                registry,
                "rest_client_requests",
                "Requests to the API server, by the code of the answer",
            ),
            took,
        }
    }

    /// The layer for a client of the API server with this address.
    pub fn layer(&self, server: &http::Uri) -> RequestLayer {
        let host = server.authority().map_or("", |authority| authority.as_str());
        RequestLayer {
            requests: self.clone(),
            host: Arc::new(host.to_owned()),
        }
    }

    /// A request has ended; without a code it was not answered.
    pub fn ended(&self, method: &'static str, host: &Host, code: Option<u16>, took: Duration) {
        let code = match code {
            Some(code @ 100..=599) => code.to_string(),
            // Whoever answers like this is no API server.
            Some(_) => "other".to_owned(),
            None => "<error>".to_owned(),
        };
        let answered = Answered {
            code,
            method,
            host: Arc::clone(host),
        };
        self.answered.get_or_create(&answered).inc();
        let asked = Asked {
            verb: method,
            host: Arc::clone(host),
        };
        self.took.get_or_create(&asked).observe(took.as_secs_f64());
    }
}

/// The label of a method: one of a few.
fn label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "PATCH", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("other")
}

/// Counts what goes through a client.
#[derive(Clone)]
pub struct RequestLayer {
    requests: Requests,
    host: Host,
}

impl<S> Layer<S> for RequestLayer {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            layer: self.clone(),
        }
    }
}

/// A client whose requests are counted.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    layer: RequestLayer,
}

impl<S, B, A> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = label(request.method());
        let layer = self.layer.clone();
        let begun = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            layer.requests.ended(method, &layer.host, code, begun.elapsed());
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::FakeApi;
    use k8s_openapi::api::core::v1::Service as Known;
    use kube::api::PostParams;
    use kube::{Api, Client};
    use prometheus_client::encoding::text::encode;
    use serde_json::json;

    fn shown(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    }

    #[tokio::test]
    async fn requests_are_counted_by_method_and_code() {
        let mut registry = Registry::default();
        let requests = Requests::new(&mut registry);
        let layer = requests.layer(&"https://10.96.0.1:443/".parse().unwrap());
        let api = FakeApi::default();
        let client = Client::new(layer.layer(api.service()), "default");
        let services: Api<Known> = Api::namespaced(client, "default");
        assert!(services.get_opt("a").await.unwrap().is_none());
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}});
        let service: Known = serde_json::from_value(service).unwrap();
        let params = PostParams::default();
        services.create(&params, &service).await.unwrap();
        services.create(&params, &service).await.unwrap_err();
        services.get("a").await.unwrap();
        let text = shown(&registry);
        for line in [
            r#"rest_client_requests_total{code="404",method="GET",host="10.96.0.1:443"} 1"#,
            r#"rest_client_requests_total{code="200",method="GET",host="10.96.0.1:443"} 1"#,
            r#"rest_client_requests_total{code="200",method="POST",host="10.96.0.1:443"} 1"#,
            r#"rest_client_requests_total{code="409",method="POST",host="10.96.0.1:443"} 1"#,
            r#"rest_client_request_duration_seconds_count{verb="GET",host="10.96.0.1:443"} 2"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    /// What a server can make up does not become labels.
    #[test]
    fn labels_are_bounded() {
        let mut registry = Registry::default();
        let requests = Requests::new(&mut registry);
        let host: Host = Arc::new("h".to_owned());
        for code in 600..1000 {
            requests.ended("GET", &host, Some(code), Duration::ZERO);
        }
        requests.ended("GET", &host, None, Duration::ZERO);
        for method in ["BREW", "PROPFIND"] {
            assert_eq!(label(&Method::from_bytes(method.as_bytes()).unwrap()), "other");
        }
        let text = shown(&registry);
        assert!(
            text.contains(r#"code="other",method="GET",host="h"} 400"#),
            "{text}"
        );
        assert!(
            text.contains(r#"code="<error>",method="GET",host="h"} 1"#),
            "{text}"
        );
        assert_eq!(text.matches("rest_client_requests_total{").count(), 2);
    }
}
