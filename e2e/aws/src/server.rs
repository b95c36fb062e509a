//! The server: HTTP/1.1 over plaintext, as `AWS_ENDPOINT_URL=http://...` has it.

use crate::admin;
use crate::dispatch::{Answer, Outcome, Request, Simulator};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Largest body of a call.
const LARGEST_BODY: usize = 4 << 20;
/// Most connections at a time.
const MOST_CONNECTIONS: usize = 4096;
/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(60);
/// How long a client may take to send a body.
const BODY: Duration = Duration::from_secs(60);

/// What a port serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// AWS's APIs.
    Services,
    /// What there is no API for: faults, clock, inventory.
    Admin,
}

/// Serves a port until the future is dropped.
///
/// # Errors
///
/// When connections cannot be accepted any more.
pub async fn serve(listener: TcpListener, simulator: Arc<Simulator>, side: Side) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return Ok(());
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // The peer gave up, or the process is out of files for a moment.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let simulator = Arc::clone(&simulator);
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(Arc::clone(&simulator), side, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service);
            // A silent outcome ends a connection with an error: that is its purpose.
            let _ = connection.await;
            drop(permit);
        });
    }
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer is meant to be given")]
struct Silent;

async fn respond(
    simulator: Arc<Simulator>,
    side: Side,
    request: http::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Silent> {
    let (head, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            return Ok(plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body cannot be read or is too large",
            ));
        }
        Err(_) => return Ok(plain(StatusCode::REQUEST_TIMEOUT, "the body did not come")),
    };
    if side == Side::Admin {
        return Ok(admin::answer(&simulator, &head.method, head.uri.path(), &body));
    }
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    match simulator.call(&request).await {
        Outcome::Answer(answer) => Ok(response(answer)),
        Outcome::Silence(wait) => {
            tokio::time::sleep(wait).await;
            Err(Silent)
        }
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if answer.content_type == "application/cbor" {
        headers.insert(
            HeaderName::from_static("smithy-protocol"),
            HeaderValue::from_static("rpc-v2-cbor"),
        );
    }
    if let Ok(value) = HeaderValue::from_str(&answer.content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    if let Some(code) = answer.error_type
        && let Ok(value) = HeaderValue::from_str(&code)
    {
        headers.insert(HeaderName::from_static("x-amzn-errortype"), value);
    }
    if let Ok(value) = HeaderValue::from_str(&answer.request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    response
}

/// A short text.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
