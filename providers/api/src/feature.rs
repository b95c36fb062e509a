//! The features of the model, at the grain at which providers differ.

use serde::Serialize;

macro_rules! features {
    ($($(#[doc = $doc:literal])+ $name:ident: $title:literal, $group:literal;)+) => {
        /// Something that a Gateway or route may ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum Feature {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Feature {
            /// All features, in the order of the documentation.
            pub const ALL: [Self; [$(stringify!($name)),+].len()] = [$(Self::$name),+];

            /// Name in tables.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// Heading in tables.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$name => $group,)+ }
            }
        }
    };
}

features! {
    /// `protocol: HTTP`.
    HttpListener: "HTTP listener", "Listeners";
    /// `protocol: HTTPS`.
    HttpsListener: "HTTPS listener", "Listeners";
    /// `protocol: TLS` with `mode: Terminate`.
    TlsTerminateListener: "TLS listener, terminated", "Listeners";
    /// `protocol: TLS` with `mode: Passthrough`.
    TlsPassthroughListener: "TLS listener, passthrough", "Listeners";
    /// `protocol: TCP`.
    TcpListener: "TCP listener", "Listeners";
    /// `protocol: UDP`.
    UdpListener: "UDP listener", "Listeners";
    /// `tls.frontend` validation.
    ClientValidation: "Client certificate validation", "Listeners";
    /// `mode: AllowInsecureFallback`.
    ClientValidationFallback: "Client certificates, insecure fallback", "Listeners";
    /// `listeners[].filters`.
    ListenerFilters: "Filters before routing", "Listeners";
    /// `spec.addresses` with a value.
    StaticAddress: "Static address", "Listeners";
    /// XTelemetryPolicy.
    Tracing: "Data plane traces", "Listeners";
    /// Several SNI hosts routed on one TLS listener.
    SniRouting: "Routing by SNI (TLSRoute)", "Matching";
    /// `path.type: Exact`.
    PathExact: "Path, exact", "Matching";
    /// `path.type: PathPrefix`.
    PathPrefix: "Path, prefix", "Matching";
    /// `path.type: RegularExpression`.
    PathRegex: "Path, regular expression", "Matching";
    /// `method`.
    Method: "Method", "Matching";
    /// Exact header value.
    HeaderExact: "Header, exact", "Matching";
    /// Regular expression on a header value.
    HeaderRegex: "Header, regular expression", "Matching";
    /// Exact query value.
    QueryExact: "Query parameter, exact", "Matching";
    /// Regular expression on a query value.
    QueryRegex: "Query parameter, regular expression", "Matching";
    /// GRPCRoute.
    Grpc: "GRPCRoute", "Matching";
    /// `RequestHeaderModifier`.
    RequestHeaders: "Request header modification", "Filters";
    /// `ResponseHeaderModifier`.
    ResponseHeaders: "Response header modification", "Filters";
    /// `RequestRedirect` with 301 or 302.
    Redirect: "Redirect", "Filters";
    /// `RequestRedirect` with 303, 307 or 308.
    RedirectOtherStatus: "Redirect with 303, 307, 308", "Filters";
    /// `RequestRedirect` with `ReplacePrefixMatch`.
    RedirectPrefix: "Redirect, prefix replaced", "Filters";
    /// `URLRewrite.hostname`.
    RewriteHost: "Host rewrite", "Filters";
    /// `URLRewrite.path`.
    RewritePath: "Path rewrite", "Filters";
    /// `RequestMirror`.
    Mirror: "Request mirror", "Filters";
    /// `RequestMirror` with percent or fraction.
    MirrorShare: "Request mirror, share", "Filters";
    /// `CORS`.
    Cors: "CORS", "Filters";
    /// `ExternalAuth`.
    ExternalAuth: "External authorization", "Filters";
    /// Filters of a backendRef.
    BackendFilters: "Filters of a backend", "Filters";
    /// Several backends with weights.
    Weights: "Weighted backends", "Backends";
    /// An invalid backend's share answers 500.
    InvalidShare: "Invalid backend answers 500 in its share", "Backends";
    /// `timeouts.request`.
    RequestTimeout: "Request timeout", "Backends";
    /// `timeouts.backendRequest`.
    BackendTimeout: "Backend request timeout", "Backends";
    /// `retry`.
    Retry: "Retries", "Backends";
    /// XBackendTrafficPolicy `retryConstraint`.
    RetryBudget: "Retry budget", "Backends";
    /// Session persistence by cookie.
    SessionCookie: "Session persistence, cookie", "Backends";
    /// Session persistence by header.
    SessionHeader: "Session persistence, header", "Backends";
    /// `kubernetes.io/h2c`.
    Http2Backend: "HTTP/2 cleartext backend", "Backends";
    /// `kubernetes.io/ws`, `kubernetes.io/wss`.
    WebSocketBackend: "WebSocket backend", "Backends";
    /// BackendTLSPolicy.
    BackendTls: "TLS to backends, verified", "Backends";
    /// Client certificate towards backends.
    BackendClientCertificate: "Client certificate to backends", "Backends";
    /// XBackend `ExternalHostname`, ExternalName Services.
    ExternalBackend: "Backend outside of the cluster, by name", "Backends";
}
