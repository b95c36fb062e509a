//! Process-wide options of the proxy, with defaults safe at the edge of a network.

use ipnet::IpNet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that is decided when the proxy starts.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Worker threads; each accepts on every port.
    pub workers: NonZeroUsize,
    /// Sizes and counts that bound what a peer may make the proxy hold.
    pub limits: Limits,
    /// Times that bound how long a peer may make the proxy wait.
    pub timeouts: Timeouts,
    /// Whose forwarding headers are believed, and what is told to backends.
    pub forwarding: ForwardingOptions,
    /// How request paths are normalised before they are matched and forwarded.
    pub path: gatewright_model::path::Policy,
    /// Zone of this proxy, for endpoints that prefer their zone.
    pub zone: Option<String>,
    /// Node of this proxy, for endpoints that prefer their node.
    pub node: Option<String>,
    /// Access log; `None` writes none.
    pub access_log: Option<AccessLogOptions>,
    /// Default OTLP collector (`http://host:port`), used when tracing names none.
    pub otlp_endpoint: Option<String>,
    /// Peers from which a PROXY protocol header is required; empty disables the protocol.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Key of session tokens. Random by default; replicas that share a session need the same one.
    pub session_key: crate::policy::SessionKey,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            forwarding: ForwardingOptions::default(),
            path: gatewright_model::path::Policy::default(),
            zone: None,
            node: None,
            access_log: None,
            otlp_endpoint: None,
            proxy_protocol_from: Vec::new(),
            session_key: crate::policy::SessionKey::default(),
        }
    }
}

/// Bounds on size and number. Bytes unless said otherwise.
#[derive(Clone, Debug)]
pub struct Limits {
    /// HTTP/1 request or response head, request line included (431, upstream: 502).
    pub head_bytes: usize,
    /// Header fields in one head (431).
    pub head_fields: usize,
    /// Request target (414).
    pub target_bytes: usize,
    /// Request body; `None` for no bound (413).
    pub body_bytes: Option<u64>,
    /// Slowest request body, in bytes per second; 0 for no bound. A client may pause for
    /// [`Timeouts::body`], and a slower one uses up that time for good (408). Bodies of gRPC calls and
    /// tunnels are exempt, and so is what a client sends after its response has begun.
    pub body_rate: u32,
    /// HTTP/2 header list, both directions (RFC 9113 section 6.5.2).
    pub h2_header_list_bytes: u32,
    /// HTTP/2 streams a client may have open at once (RFC 9113 section 5.1.2).
    pub h2_concurrent_streams: u32,
    /// HTTP/2 receive window per stream.
    pub h2_stream_window: u32,
    /// HTTP/2 receive window per connection.
    pub h2_connection_window: u32,
    /// Requests served on one downstream connection before it is closed.
    pub requests_per_connection: u64,
    /// Downstream connections per port and worker.
    pub connections_per_port: usize,
    /// Downstream connections from one client address, per port and worker; `None` for no bound.
    pub connections_per_client: Option<usize>,
    /// UDP sessions per port and worker; datagrams that would start another are dropped.
    pub udp_sessions: usize,
    /// TLS handshakes in progress per worker.
    pub concurrent_handshakes: usize,
    /// Idle upstream connections kept per endpoint and worker.
    pub upstream_idle_per_endpoint: usize,
    /// Upstream connections per endpoint and worker, in use or idle (503 beyond it).
    pub upstream_per_endpoint: usize,
    /// Request body kept for a retry or a mirror; a longer body is sent once only.
    pub replay_bytes: usize,
    /// Mirrored requests in flight per worker; further copies are dropped.
    pub mirrors_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            head_fields: 100,
            target_bytes: 16 * 1024,
            body_bytes: None,
            body_rate: 100,
            h2_header_list_bytes: 32 * 1024,
            h2_concurrent_streams: 100,
            h2_stream_window: 64 * 1024,
            h2_connection_window: 1024 * 1024,
            requests_per_connection: u64::MAX,
            connections_per_port: 50_000,
            connections_per_client: None,
            udp_sessions: 16_384,
            concurrent_handshakes: 512,
            upstream_idle_per_endpoint: 256,
            upstream_per_endpoint: 4096,
            replay_bytes: 64 * 1024,
            mirrors_in_flight: 256,
        }
    }
}

/// Bounds on time.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// First byte of a request to the end of its head (408), and a client's TLS handshake.
    pub head: Duration,
    /// Client's TLS handshake, PROXY header and first bytes of a stream included.
    pub handshake: Duration,
    /// Keep-alive connection without a request.
    pub idle: Duration,
    /// Between two reads of a request body (408), or two writes of a response. A gRPC call may pause
    /// for [`Timeouts::upstream_read`]: its messages come when there is something to say.
    pub body: Duration,
    /// Connection to a backend, TLS included (503, or the next endpoint).
    pub connect: Duration,
    /// Answer of an external authorization server, connection included (503).
    pub external_auth: Duration,
    /// Default of `rules[].timeouts.request`; `None` sets no limit.
    pub request: Option<Duration>,
    /// Silence of a backend in the middle of a response, and of a tunnel.
    pub upstream_read: Duration,
    /// Unused upstream connection.
    pub upstream_idle: Duration,
    /// TCP session without traffic.
    pub tcp_idle: Duration,
    /// UDP session without traffic.
    pub udp_idle: Duration,
    /// How long listeners go on accepting after a drain was asked for: until everybody who sends
    /// connections here knows better. Kept HTTP/1 connections may send their last request as long.
    pub drain_accept: Duration,
    /// Time for connections of a removed listener to finish.
    pub listener_grace: Duration,
    /// Interval of HTTP/2 keep-alive pings on a quiet connection.
    pub h2_ping_interval: Duration,
    /// Wait for the answer to such a ping.
    pub h2_ping_timeout: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(60),
            connect: Duration::from_secs(5),
            external_auth: Duration::from_secs(5),
            request: None,
            upstream_read: Duration::from_secs(300),
            upstream_idle: Duration::from_secs(55),
            tcp_idle: Duration::from_secs(3600),
            udp_idle: Duration::from_secs(60),
            drain_accept: Duration::ZERO,
            listener_grace: Duration::from_secs(30),
            h2_ping_interval: Duration::from_secs(30),
            h2_ping_timeout: Duration::from_secs(15),
        }
    }
}

/// What is believed of and told about the way a request came.
#[derive(Clone, Debug, Default)]
pub struct ForwardingOptions {
    /// Number of proxies in front of this one whose entries in `X-Forwarded-For` are believed.
    pub trusted_hops: u32,
    /// Peers whose `X-Forwarded-*` and `Forwarded` are believed; others' are overwritten.
    pub trusted_peers: Vec<IpNet>,
    /// Whether `Forwarded` (RFC 7239) is sent beside `X-Forwarded-*`.
    pub send_forwarded: bool,
    /// Whether a client's `X-Request-Id` is kept (always kept from a trusted peer).
    pub keep_request_id: bool,
}

/// Access log settings.
#[derive(Clone, Debug)]
pub struct AccessLogOptions {
    /// Format of a line.
    pub format: AccessLogFormat,
    /// File to append to; `None` writes to standard output.
    pub path: Option<PathBuf>,
    /// Names of the fields, in order; empty selects the default set.
    pub fields: Vec<String>,
}

/// Format of access log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// One JSON object per line.
    Json,
    /// `key=value` text.
    Text,
}
