//! Header fields of what is sent to targets and to clients.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>,
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/http-targets.html>

use super::attributes::{BalancerAttributes, ForwardedFor, ListenerAttributes};
use super::config::{Arn, LatticeService};
use super::matching::Rewritten;
use super::mutual;
use super::trace::trace_id;
use http::header::{CONNECTION, COOKIE, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Addresses that `X-Forwarded-For` may hold (load-balancer-troubleshooting, "HTTP 463").
const FORWARDED: usize = 30;

/// How a request came.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// The client.
    pub(super) peer: SocketAddr,
    /// Port of the listener.
    pub(super) port: u16,
    /// How TLS was agreed on; none without TLS.
    pub(super) tls: Option<Agreed>,
    /// What targets are told of the client's certificate; none where clients are not asked for any.
    pub(super) certificate: Option<Vec<(HeaderName, HeaderValue)>>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug)]
pub(super) struct Agreed {
    /// For example `TLSv1.3`.
    pub(super) version: String,
    /// For example `TLS_AES_128_GCM_SHA256`.
    pub(super) cipher: String,
}

impl Arrival {
    /// `http` or `https`.
    pub(super) const fn protocol(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    const fn default_port(&self) -> u16 {
        if self.tls.is_some() { 443 } else { 80 }
    }

    fn client(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }
}

/// Whether there are more forwarded addresses than are allowed.
pub(super) fn too_many_forwarded(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    lines
        .map(|line| line.as_bytes().split(|byte| *byte == b',').count())
        .sum::<usize>()
        > FORWARDED
}

/// What a request's time and chance add to it.
pub(super) struct Mark {
    /// Seconds since the epoch.
    pub(super) now: u64,
    /// Random.
    pub(super) id: u128,
}

/// Makes a client's header fields those that a target gets, all but the host.
pub(super) fn to_target(
    headers: &mut HeaderMap,
    arrival: &Arrival,
    balancer: &BalancerAttributes,
    listener: &ListenerAttributes,
    mark: &Mark,
) {
    if balancer.drop_invalid {
        drop_invalid(headers);
    }
    hop_by_hop(headers);
    headers.remove(EXPECT);
    one_cookie_line(headers);
    forwarded_for(headers, arrival, balancer);
    set(headers, FORWARDED_PROTO, arrival.protocol());
    set(headers, FORWARDED_PORT, &arrival.port.to_string());
    let came = headers.get(TRACE).and_then(|value| value.to_str().ok());
    let trace = trace_id(came, mark.now, mark.id);
    set(headers, TRACE, &trace);
    if let Some(fields) = &arrival.certificate {
        mutual::set(headers, &listener.clients, fields);
    }
    if balancer.tls_headers
        && let Some(agreed) = &arrival.tls
    {
        set(headers, listener.tls_version.clone(), &agreed.version);
        set(headers, listener.tls_cipher.clone(), &agreed.cipher);
    }
}

/// Fields of VPC Lattice on who calls, in place of any that a client sends: "The caller identity headers can't be spoofed."
const IDENTITY: [HeaderName; 4] = [
    HeaderName::from_static("x-amzn-lattice-identity"),
    HeaderName::from_static("x-amzn-lattice-identity-tags"),
    HeaderName::from_static("x-amzn-lattice-network"),
    HeaderName::from_static("x-amzn-lattice-target"),
];

/// Makes a client's header fields those that a target of a service of VPC Lattice gets, all but the host (http-targets.html).
/// Assumed: `x-forwarded-for` keeps what came, as that of load balancers.
pub(super) fn to_target_of(
    service: &LatticeService,
    headers: &mut HeaderMap,
    arrival: &Arrival,
    group: &Arn,
) {
    hop_by_hop(headers);
    headers.remove(EXPECT);
    one_cookie_line(headers);
    let came = headers.get_all(FORWARDED_FOR).iter();
    let mut all: Vec<String> = came
        .filter_map(|line| line.to_str().ok())
        .map(str::to_owned)
        .collect();
    all.push(arrival.client().to_string());
    set(headers, FORWARDED_FOR, &all.join(", "));
    let port = arrival.port.to_string();
    set(headers, HeaderName::from_static("x-forwarded-for-port"), &port);
    let protocol = HeaderName::from_static("x-forwarded-for-proto");
    set(headers, protocol, arrival.protocol());
    for name in &IDENTITY {
        headers.remove(name);
    }
    let [_, _, network, target] = IDENTITY;
    if let Some(vpc) = &service.vpc {
        set(headers, network, &format!("SourceVpcArn={vpc}"));
    }
    let told = format!(
        "ServiceArn={};ServiceNetworkArn={};TargetGroupArn={group}",
        service.service, service.network
    );
    set(headers, target, &told);
}

/// The host that a target gets.
///
/// Documented (edit-load-balancer-attributes, "Host header preservation"): with preservation as it came; without, on
/// a default port (80, 443) a port that came with it is removed, on another one the listener's port is appended when
/// none came. Assumed: what a transform made of it is sent as it is.
pub(super) fn host_for_target(
    came: &str,
    arrival: &Arrival,
    balancer: &BalancerAttributes,
    rewritten: &Rewritten,
) -> String {
    if let Some(host) = &rewritten.host {
        return host.clone();
    }
    if balancer.preserve_host || came.is_empty() {
        return came.to_owned();
    }
    let bare = super::matching::without_port(came);
    if arrival.port == arrival.default_port() {
        bare.to_owned()
    } else if bare.len() == came.len() {
        format!("{came}:{}", arrival.port)
    } else {
        came.to_owned()
    }
}

/// Puts the host into an HTTP/1.1 request.
pub(super) fn set_host(headers: &mut HeaderMap, host: &str) {
    set(headers, HOST, host);
}

/// Makes a target's header fields those that a client gets.
pub(super) fn to_client(headers: &mut HeaderMap, listener: &ListenerAttributes) {
    for (name, value) in &listener.responses {
        headers.insert(name, value.clone());
    }
}

/// Removes what is for one connection alone (RFC 9110, section 7.6.1). `TE: trailers` stays: gRPC needs it.
pub(super) fn hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let trailers = headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"));
    let known = [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    for name in named.into_iter().chain(known) {
        headers.remove(name);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

fn forwarded_for(headers: &mut HeaderMap, arrival: &Arrival, balancer: &BalancerAttributes) {
    match balancer.forwarded_for {
        ForwardedFor::Preserve => {}
        ForwardedFor::Remove => {
            headers.remove(FORWARDED_FOR);
        }
        ForwardedFor::Append => {
            let client = match (balancer.client_port, arrival.client()) {
                (false, client) => client.to_string(),
                (true, client) => SocketAddr::new(client, arrival.peer.port()).to_string(),
            };
            let lines = headers.get_all(FORWARDED_FOR).iter();
            let mut all: Vec<String> = lines
                .filter_map(|line| line.to_str().ok())
                .map(str::to_owned)
                .collect();
            all.push(client);
            set(headers, FORWARDED_FOR, &all.join(", "));
        }
    }
}

/// Several lines of HTTP/2 are one of HTTP/1.1 (RFC 9113, section 8.2.3).
fn one_cookie_line(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if lines.len() > 1
        && let Ok(line) = HeaderValue::from_bytes(&lines.join(b"; ".as_slice()))
    {
        headers.insert(COOKIE, line);
    }
}

/// `routing.http.drop_invalid_header_fields.enabled`: names that do not fit `[-A-Za-z0-9]+` are removed.
fn drop_invalid(headers: &mut HeaderMap) {
    let fits = |name: &HeaderName| {
        name.as_str()
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_alphanumeric())
    };
    let invalid: Vec<HeaderName> = headers.keys().filter(|name| !fits(name)).cloned().collect();
    for name in invalid {
        headers.remove(name);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
