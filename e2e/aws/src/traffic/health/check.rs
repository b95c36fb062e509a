//! Checks one target, again and again.
//!
//! Documented (target-group-health-checks): a request every `HealthCheckIntervalSeconds`, whatever the time that the
//! target takes; each check on a connection of its own, closed afterwards. gRPC targets are called, and the gRPC
//! status counts. Assumed: groups of version HTTP2 are checked by HTTP/2; the first check follows at once.

use super::progress::{Found, Progress};
use super::{Cell, Codes, read, write};
use crate::traffic::answer::{Body, body};
use crate::traffic::config::HealthCheck;
use crate::traffic::group::Version;
use crate::traffic::upstream::{Dialer, Security, SendError};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// The most of an answer that is read.
const ANSWER: usize = 256 * 1024;

/// Checks a target until the future is dropped.
pub(in crate::traffic) async fn watch(target: SocketAddr, version: Version, check: HealthCheck, cell: Cell) {
    let to = SocketAddr::new(target.ip(), check.port.unwrap_or(target.port()));
    let security = if check.protocol.eq_ignore_ascii_case("HTTPS") {
        Security::Tls
    } else {
        Security::Plain
    };
    let codes = match version {
        Version::Grpc => Codes::new(&check.grpc_codes, 12),
        Version::Http1 | Version::Http2 | Version::Function => Codes::new(&check.http_codes, 200),
    };
    let connects = check.protocol.eq_ignore_ascii_case("TCP");
    let dialer = Dialer::new(to, security, version);
    let mut progress = Progress::new(read(&cell).state);
    let mut ticks = interval(Duration::from_millis(check.interval_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let allowed = Duration::from_millis(check.timeout_ms.max(1));
    loop {
        ticks.tick().await;
        let began = Instant::now();
        let asked = async {
            if connects {
                // network/target-group-health-checks: "the health check attempts to open a TCP connection".
                return match TcpStream::connect(to).await {
                    Ok(_) => Ok(None),
                    Err(_) => Err(SendError::Broken),
                };
            }
            once(&dialer, to, version, &check).await.map(Some)
        };
        let found = match timeout(allowed, asked).await {
            Ok(Ok(None)) => Found::Success,
            Ok(Ok(Some(code))) if codes.contains(code) => Found::Success,
            Ok(Ok(Some(code))) => Found::Code(code),
            Ok(Err(SendError::Timeout)) | Err(_) => Found::Timeout,
            Ok(Err(SendError::Broken)) => Found::Error,
        };
        tracing::trace!(%to, ?found, took = ?began.elapsed(), "health check");
        if let Some(health) = progress.take(&found, &check) {
            write(&cell, health);
        }
    }
}

/// One check: the status, or the gRPC status.
async fn once(
    dialer: &Dialer,
    to: SocketAddr,
    version: Version,
    check: &HealthCheck,
) -> Result<u16, SendError> {
    let request = request(to, version, check).ok_or(SendError::Broken)?;
    let mut response = dialer.once(request).await?;
    match version {
        Version::Http1 | Version::Http2 | Version::Function => Ok(response.status().as_u16()),
        Version::Grpc => grpc_status(&mut response).await.ok_or(SendError::Broken),
    }
}

fn request(to: SocketAddr, version: Version, check: &HealthCheck) -> Option<Request<Body>> {
    let path = if check.path.is_empty() { "/" } else { &check.path };
    let mut request = Request::new(body(Bytes::new()));
    request
        .headers_mut()
        .insert(USER_AGENT, HeaderValue::from_static("ELB-HealthChecker/2.0"));
    match version {
        Version::Http1 | Version::Function => {
            *request.uri_mut() = path.parse::<Uri>().ok()?;
            request
                .headers_mut()
                .insert(HOST, HeaderValue::from_str(&to.to_string()).ok()?);
        }
        Version::Http2 | Version::Grpc => {
            *request.uri_mut() = format!("http://{to}{path}").parse::<Uri>().ok()?;
            *request.version_mut() = http::Version::HTTP_2;
        }
    }
    if version == Version::Grpc {
        *request.method_mut() = Method::POST;
        // An empty message: not compressed, of length 0.
        *request.body_mut() = body(Bytes::from_static(&[0; 5]));
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        request
            .headers_mut()
            .insert(TE, HeaderValue::from_static("trailers"));
    }
    Some(request)
}

/// The status stands in the trailers, or in the header of an answer without a message.
async fn grpc_status(response: &mut Response<Incoming>) -> Option<u16> {
    let status = |headers: &http::HeaderMap| headers.get("grpc-status")?.to_str().ok()?.parse().ok();
    if let Some(code) = status(response.headers()) {
        return Some(code);
    }
    let mut read = 0;
    while let Some(frame) = response.body_mut().frame().await {
        let frame = frame.ok()?;
        if let Some(trailers) = frame.trailers_ref() {
            return status(trailers);
        }
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > ANSWER {
            return None;
        }
    }
    None
}
