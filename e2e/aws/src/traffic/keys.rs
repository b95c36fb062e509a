//! Keys that tokens are signed with, fetched from their endpoints.
//!
//! Documented (listener-verify-jwt): an answer of more than 150 KB is not used, and the request not forwarded. Only
//! endpoints on this machine are asked, whose certificates are not verified: the simulator knows no authorities, and
//! talks to nobody else.
//!
//! Assumed: keys are asked for again after a minute; a request that cannot be decided is answered with 500.

use super::answer::body;
use super::group::Version;
use super::matching::Key;
use super::upstream::{Dialer, Security};
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// "Maximum response size: 150 KB" (listener-verify-jwt, "JWT validation limits").
const LARGEST: usize = 150 * 1024;
/// How long keys are used.
const FRESH: Duration = Duration::from_secs(60);
/// How long an endpoint may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Endpoints whose keys are remembered.
const REMEMBERED: usize = 64;

/// The keys of an endpoint could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unavailable;

type Known = HashMap<String, (Instant, Arc<Vec<Key>>)>;

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

/// The keys of an endpoint.
pub(super) async fn of(endpoint: &str) -> Result<Arc<Vec<Key>>, Unavailable> {
    if let Some((at, keys)) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(endpoint)
        && at.elapsed() < FRESH
    {
        return Ok(keys.clone());
    }
    let fetched = timeout(PATIENCE, fetch(endpoint)).await;
    let keys = Arc::new(fetched.ok().flatten().ok_or(Unavailable)?);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(endpoint.to_owned(), (Instant::now(), keys.clone()));
    Ok(keys)
}

async fn fetch(endpoint: &str) -> Option<Vec<Key>> {
    let uri: Uri = endpoint.parse().ok()?;
    let at = address(&uri)?;
    let request = Request::get(uri.path_and_query().map_or("/", PathAndQuery::as_str))
        .header(HOST, uri.authority()?.as_str())
        .body(body(""))
        .ok()?;
    let dialer = Dialer::new(at, Security::Tls, Version::Http1);
    let response = dialer.once(request).await.ok()?;
    if response.status() != StatusCode::OK {
        return None;
    }
    let text = Limited::new(response.into_body(), LARGEST).collect().await.ok()?;
    Key::set(&text.to_bytes())
}

/// Where an endpoint on this machine is.
fn address(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?;
    let ip = match host {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        other => other.trim_matches(['[', ']']).parse().ok()?,
    };
    let is_https = uri.scheme_str() == Some("https");
    (is_https && ip.is_loopback()).then(|| SocketAddr::new(ip, uri.port_u16().unwrap_or(443)))
}
