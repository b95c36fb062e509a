//! `appProtocol` of a Service port (GEP-1911).

use gatewright_model::backend::BackendProtocol;
use gatewright_model::key::RouteKind;

/// What a Service port says it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppProtocol {
    /// Nothing said, or plain HTTP: the route decides.
    Http,
    /// HTTP over TLS: only reachable with a BackendTLSPolicy.
    Https,
    /// HTTP/2 (`kubernetes.io/h2c`, and the names `h2c`, `http2`, `grpc` that meshes made common).
    Http2,
    /// WebSocket in cleartext (`kubernetes.io/ws`).
    WebSocket,
    /// WebSocket over TLS (`kubernetes.io/wss`): HTTPRoutes need a BackendTLSPolicy for it.
    WebSocketTls,
    /// Anything else: usable as an opaque stream only.
    Opaque(String),
}

impl AppProtocol {
    /// Reads the field. Names without prefix are IANA service names, which ignore case
    /// (RFC 6335 section 5.1).
    pub fn parse(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Http };
        match text.to_ascii_lowercase().as_str() {
            "" | "http" | "http/1.1" | "grpc-web" => Self::Http,
            "https" => Self::Https,
            "kubernetes.io/h2c" | "h2c" | "http2" | "grpc" => Self::Http2,
            "kubernetes.io/ws" | "ws" => Self::WebSocket,
            "kubernetes.io/wss" | "wss" => Self::WebSocketTls,
            _ => Self::Opaque(text.to_owned()),
        }
    }

    /// What the model says about it.
    pub fn protocol(&self) -> BackendProtocol {
        match self {
            Self::Http | Self::Https => BackendProtocol::Auto,
            Self::Http2 => BackendProtocol::Http2,
            Self::WebSocket | Self::WebSocketTls => BackendProtocol::WebSocket,
            Self::Opaque(_) => BackendProtocol::Stream,
        }
    }

    /// Whether routes of a kind can send traffic to such a port; `with_tls` says that a
    /// BackendTLSPolicy applies. Streams carry anything.
    ///
    /// # Errors
    /// Words for the message of `ResolvedRefs=False/UnsupportedProtocol` ("If a Route is not able to
    /// send traffic to the backend using the specified protocol then the backend is considered
    /// invalid", GEP-1911).
    pub fn supports(&self, route: RouteKind, with_tls: bool) -> Result<(), String> {
        let accepted = match route {
            RouteKind::Tls | RouteKind::Tcp | RouteKind::Udp => return Ok(()),
            RouteKind::Http => {
                "http, https, kubernetes.io/h2c, kubernetes.io/ws, kubernetes.io/wss, grpc or none"
            }
            RouteKind::Grpc => "http, https, kubernetes.io/h2c, grpc or none",
        };
        let found = match self {
            Self::Https | Self::WebSocketTls if !with_tls => {
                let name = if *self == Self::Https {
                    "https"
                } else {
                    "kubernetes.io/wss"
                };
                return Err(format!(
                    "appProtocol \"{name}\" needs a BackendTLSPolicy that targets the Service"
                ));
            }
            Self::WebSocket if route == RouteKind::Grpc => "kubernetes.io/ws",
            Self::WebSocketTls if route == RouteKind::Grpc => "kubernetes.io/wss",
            Self::Opaque(name) => name,
            _ => return Ok(()),
        };
        Err(format!(
            "appProtocol \"{found}\" cannot be served by {}; accepted are {accepted}",
            route.as_str()
        ))
    }
}
