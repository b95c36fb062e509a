//! Backends that say what they received, and a plain client.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, TcpStream};

/// What a backend speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// A backend on loopback. It answers 200 with a JSON description of the request and its own name;
/// `?status=NNN` chooses another status. Ends with the value.
pub struct Echo {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Echo {
    /// An HTTP/1.1 backend.
    pub async fn start(name: &str) -> Result<Self> {
        Self::start_as(name, Speaks::Http1).await
    }

    /// A backend with a chosen protocol.
    pub async fn start_as(name: &str, speaks: Speaks) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        let name: Arc<str> = name.into();
        let counter = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&name), Arc::clone(&counter), speaks));
            }
        });
        Ok(Self {
            address,
            requests,
            task,
        })
    }

    /// Requests seen so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, name: Arc<str>, requests: Arc<AtomicU64>, speaks: Speaks) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        requests.fetch_add(1, Ordering::SeqCst);
        describe(request, Arc::clone(&name))
    });
    let io = TokioIo::new(stream);
    // How a client ends its connection is the client's affair.
    match speaks {
        Speaks::Http1 => drop(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(io, service)
                .await,
        ),
        Speaks::Http2 => {
            drop(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(io, service)
                    .await,
            );
        }
    }
}

async fn describe(request: Request<Incoming>, name: Arc<str>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (header, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.entry(header.as_str().to_owned()).or_default().push(value);
    }
    let authority = parts.uri.authority().map(ToString::to_string);
    let host = headers
        .get("host")
        .and_then(|values| values.first().cloned())
        .or(authority);
    let status = parts.uri.query().and_then(|query| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("status=")?.parse::<u16>().ok())
    });
    let answer = json!({
        "name": &*name,
        "method": parts.method.as_str(),
        "host": host,
        "path": parts.uri.path_and_query().map(ToString::to_string),
        "version": format!("{:?}", parts.version),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    if let Some(status) = status.and_then(|status| http::StatusCode::from_u16(status).ok()) {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Trailers.
    pub trailers: HeaderMap,
}

impl Answer {
    /// All values of a header, joined; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        joined(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What an [`Echo`] said.
    pub fn echo(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {}, not an echo: {}", self.status, self.text()))
    }

    /// Name of the [`Echo`] that answered; empty when none did.
    pub fn backend(&self) -> String {
        let echo = self.echo().unwrap_or_default();
        echo.get("name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

/// All values of a field, joined.
pub(crate) fn joined(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    values.join(",")
}

/// One GET on a connection of its own.
pub async fn get(address: SocketAddr, host: &str, path: &str) -> Result<Answer> {
    let request = Request::get(path.parse::<Uri>()?)
        .header("host", host)
        .body(Full::new(Bytes::new()))?;
    send(address, request).await
}

/// One HTTP/1.1 request on a connection of its own.
pub async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer> {
    crate::client::send(address, Speaks::Http1, request).await
}
