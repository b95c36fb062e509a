//! Which names an admin server answers to.
//!
//! A page in a browser may resolve a name of its own to this machine ("DNS rebinding") and would then read the
//! configuration, or change the log filter, as if it were a page of ours. Its requests carry that name in Host: only
//! names that no stranger can give an address are answered. Addresses are fine whichever they are, since a page that
//! was loaded from an address cannot make it mean another machine: probes of the kubelet, Prometheus, the proxy of
//! the API server and port forwarding use those, or `localhost`.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv6Addr};

/// Refuses requests for other names with 421 (RFC 9110 section 15.5.20): a middleware.
pub async fn guard(request: Request, next: Next) -> Response {
    if is_known(&request) {
        return next.run(request).await;
    }
    (
        StatusCode::MISDIRECTED_REQUEST,
        "this server answers to its addresses and to localhost only\n",
    )
        .into_response()
}

fn is_known(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return false;
    }
    // The target's authority counts where there is one (RFC 9112 section 3.2.2), but browsers send none: both must do.
    let target = request.uri().authority();
    let named = host.is_none_or(|value| {
        let authority = Authority::try_from(value.as_bytes());
        authority.is_ok_and(|authority| is_ours(&authority))
    });
    named && target.is_none_or(is_ours) && (host.is_some() || target.is_some() || !is_http_11(request))
}

/// HTTP/1.0, which no browser speaks, may come without a host; HTTP/1.1 may not (RFC 9112 section 3.2).
fn is_http_11(request: &Request) -> bool {
    request.version() >= axum::http::Version::HTTP_11
}

fn is_ours(authority: &Authority) -> bool {
    let host = authority.host();
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        // Never resolved by the network (RFC 6761 section 6.3).
        return true;
    }
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.map_or_else(
        || name.parse::<IpAddr>().is_ok(),
        |inner| inner.parse::<Ipv6Addr>().is_ok(),
    )
}

#[cfg(test)]
mod tests {
    use super::is_known;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::Version;

    fn known(target: &str, hosts: &[&str], version: Version) -> bool {
        let mut request = Request::builder().uri(target).version(version);
        for host in hosts {
            request = request.header("host", *host);
        }
        is_known(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn addresses_and_localhost_are_known_and_names_that_anybody_can_point_here_are_not() {
        for (hosts, expected) in [
            (&["localhost:9901"][..], true),
            (&["LocalHost."], true),
            (&["gatewright.localhost"], true),
            (&["127.0.0.1:9901"], true),
            (&["10.1.2.3:9090"], true),
            (&["[::1]:9901"], true),
            (&["[fd00::1]"], true),
            (&["evil.example.com:9901"], false),
            (&["127.0.0.1.example.com"], false),
            (&["localhost.example.com"], false),
            (&["gatewright-controller.gatewright-system.svc:9090"], false),
            (&["127.0.0.1@evil.example.com"], false),
            (&[""], false),
            (&["2130706433.example"], false),
            (&["127.0.0.1", "evil.example.com"], false),
            (&[], false),
        ] {
            assert_eq!(known("/config", hosts, Version::HTTP_11), expected, "{hosts:?}");
        }
        assert!(known("/config", &[], Version::HTTP_10));
        assert!(!known(
            "http://evil.example.com/config",
            &["localhost"],
            Version::HTTP_11
        ));
        assert!(known("http://127.0.0.1/config", &["localhost"], Version::HTTP_11));
    }
}
