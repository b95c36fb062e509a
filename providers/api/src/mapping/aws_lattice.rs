//! VPC Lattice.
//!
//! Names are those of the VPC Lattice and ACM API references.

use super::words::{ANNOTATIONS, NEARNESS_OF_LATTICE, TLS_OPTIONS_OF_LATTICE, Words};
use super::{Row, field, heeded, lacks, refused, uses};
use crate::feature::Feature as F;

const CLASS: &str = "GatewayClass";
const GATEWAY: &str = "Gateway";
const SET: &str = "ListenerSet";
const HTTP: &str = "HTTPRoute";
const GRPC: &str = "GRPCRoute";
const TLS: &str = "TLSRoute";
const TLS_POLICY: &str = "BackendTLSPolicy";
const TRAFFIC: &str = "XBackendTrafficPolicy";
const BACKEND: &str = "XBackend";
const SERVICE: &str = "Service";

const FORWARD: &str = "`action.forward.targetGroups[]` of CreateRule; CreateTargetGroup, one for each service, backend and protocol version";
const TARGETS: &str = "`targets[]` of RegisterTargets, from the EndpointSlices";
const ATTACH: &str = "which listeners take in the route";
const NAME_OF_RULE: &str = "a name for people";
const DEFAULT_GATEWAYS: &str = "Gateways that say they are defaults take in the route";
const GRANTS: &str = "which references to other namespaces are followed";

const EXTENSION: Words = Words {
    why: "no kind of extension is known for this class",
    instead: "",
};

/// The table.
#[rustfmt::skip] // One row a line.
pub(super) static ROWS: &[Row] = &[
    heeded(CLASS, "spec.controllerName", "`gatewright.dev/aws-lattice`", &["lattice-features/gateway-frame"]),
    heeded(CLASS, "spec.description", "a text for people", &[]),
    heeded(CLASS, "spec.parametersRef", "AwsLatticeParameters of all Gateways of the class", &[]),
    heeded(GATEWAY, "spec.gatewayClassName", "whose Gateway it is", &["lattice-features/gateway-frame"]),
    lacks(GATEWAY, "spec.addresses", &[F::StaticAddress], &["lattice-features/gateway-frame"]),
    field(GATEWAY, "spec.infrastructure.labels", "`tags` of everything that is made", &["lattice-features/gateway-frame"]),
    refused(GATEWAY, "spec.infrastructure.annotations", ANNOTATIONS, &["lattice-features/gateway-unheeded"]),
    heeded(GATEWAY, "spec.infrastructure.parametersRef", "AwsLatticeParameters of this Gateway", &[]),
    heeded(GATEWAY, "spec.allowedListeners", "which ListenerSets it takes in", &["lattice-translation/listener-set-merged"]),
    heeded(GATEWAY, "spec.defaultScope", DEFAULT_GATEWAYS, &[]),
    heeded(GATEWAY, "spec.listeners[].name", "names the listener for routes and statuses", &[]),
    field(GATEWAY, "spec.listeners[].port", "`port` of CreateListener, for each service that the listener serves; at most two", &["lattice-features/listeners-on-two-ports"]),
    uses(GATEWAY, "spec.listeners[].protocol = HTTP", ("`protocol` `HTTP`", &[F::HttpListener]), &["lattice-features/path-forms"]),
    uses(GATEWAY, "spec.listeners[].protocol = HTTPS", ("`protocol` `HTTPS`", &[F::HttpsListener]), &["lattice-features/tls-certificates"]),
    uses(GATEWAY, "spec.listeners[].protocol = TLS, passed through", ("`protocol` `TLS_PASSTHROUGH`", &[F::TlsPassthroughListener]), &["lattice/TLSRouteSimpleSameNamespace"]),
    lacks(GATEWAY, "spec.listeners[].protocol = TLS, terminated", &[F::TlsTerminateListener], &["lattice/TLSRouteTerminateSimpleSameNamespace"]),
    lacks(GATEWAY, "spec.listeners[].protocol = TCP", &[F::TcpListener], &["lattice-features/listener-protocols"]),
    lacks(GATEWAY, "spec.listeners[].protocol = UDP", &[F::UdpListener], &["lattice-features/listener-protocols"]),
    field(GATEWAY, "spec.listeners[].hostname", "a service for each exact hostname; a wildcard takes part in the exact ones below it", &["lattice-features/listeners-apart", "lattice-features/host-forms"]),
    heeded(GATEWAY, "spec.listeners[].allowedRoutes", ATTACH, &["lattice/HTTPRouteDisallowedKind"]),
    field(GATEWAY, "spec.listeners[].tls.certificateRefs", "ImportCertificate of ACM; `certificateArn` of CreateService, one for each hostname", &["lattice-features/tls-certificates", "lattice-translation/certificate-chain-and-kinds"]),
    heeded(GATEWAY, "spec.listeners[].tls.mode", "`Terminate` for HTTPS, `Passthrough` for TLS", &["lattice-features/tls-certificates"]),
    refused(GATEWAY, "spec.listeners[].tls.options", TLS_OPTIONS_OF_LATTICE, &["lattice-features/gateway-unheeded"]),
    lacks(GATEWAY, "spec.listeners[].filters", &[F::ListenerFilters], &["lattice-features/listener-filters"]),
    lacks(GATEWAY, "spec.tls.frontend", &[F::ClientValidation, F::ClientValidationFallback], &["lattice-features/client-validation-fallback"]),
    lacks(GATEWAY, "spec.tls.backend", &[F::BackendClientCertificate], &["lattice-features/gateway-wide"]),
    heeded(SET, "spec.parentRef", "the Gateway that takes it in", &["lattice-translation/listener-set-merged"]),
    field(SET, "spec.listeners", "as those of the Gateway", &["lattice-translation/listener-set-merged"]),
    lacks(SET, "spec.listeners[].filters", &[F::ListenerFilters], &["lattice-features/listener-filters"]),
    heeded("ReferenceGrant", "spec", GRANTS, &["lattice-translation/reference-granted", "lattice-translation/reference-not-permitted"]),
    // HTTPRoute.
    heeded(HTTP, "spec.parentRefs", ATTACH, &["lattice-translation/route-attachment-faults"]),
    heeded(HTTP, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    field(HTTP, "spec.hostnames", "`customDomainName` of CreateService, one service for each; routes that share one share its service", &["lattice-features/host-forms"]),
    heeded(HTTP, "spec.rules[].name", NAME_OF_RULE, &["lattice/HTTPRouteNamedRule"]),
    field(HTTP, "spec.rules", "CreateRule; their order is `priority`", &["lattice/HTTPRouteRuleOrder"]),
    uses(HTTP, "spec.rules[].matches[].path = Exact", ("`pathMatch.match.exact`", &[F::PathExact]), &["lattice-features/path-forms"]),
    uses(HTTP, "spec.rules[].matches[].path = PathPrefix", ("two rules: `pathMatch.match.exact` `/p` and `.prefix` `/p/`; none for `/`, which is the default action", &[F::PathPrefix]), &["lattice-features/path-forms"]),
    lacks(HTTP, "spec.rules[].matches[].path = RegularExpression", &[F::PathRegex], &["lattice-features/path-forms"]),
    uses(HTTP, "spec.rules[].matches[].method", ("`method`", &[F::Method]), &["lattice-features/method"]),
    uses(HTTP, "spec.rules[].matches[].headers = Exact", ("`headerMatches[].match.exact`", &[F::HeaderExact]), &["lattice-features/header-forms"]),
    lacks(HTTP, "spec.rules[].matches[].headers = RegularExpression", &[F::HeaderRegex], &["lattice-features/header-forms"]),
    lacks(HTTP, "spec.rules[].matches[].queryParams", &[F::QueryExact, F::QueryRegex], &["lattice-features/query-forms", "lattice-features/query-refused"]),
    heeded(HTTP, "spec.rules[].filters[].type", "which filter it is", &["lattice-features/filters-refused"]),
    lacks(HTTP, "spec.rules[].filters[].requestHeaderModifier", &[F::RequestHeaders], &["lattice-features/filters-refused"]),
    lacks(HTTP, "spec.rules[].filters[].responseHeaderModifier", &[F::ResponseHeaders], &["lattice-features/filters-refused"]),
    lacks(HTTP, "spec.rules[].filters[].requestRedirect", &[F::Redirect, F::RedirectPrefix, F::RedirectOtherStatus], &["lattice-features/redirect-forms", "lattice-features/redirect-refused"]),
    lacks(HTTP, "spec.rules[].filters[].urlRewrite", &[F::RewriteHost, F::RewritePath], &["lattice-features/rewrite-forms"]),
    lacks(HTTP, "spec.rules[].filters[].requestMirror", &[F::Mirror, F::MirrorShare], &["lattice-features/filters-refused", "lattice/HTTPRouteRequestPercentageMirror"]),
    lacks(HTTP, "spec.rules[].filters[].cors", &[F::Cors], &["lattice-features/filters-refused"]),
    lacks(HTTP, "spec.rules[].filters[].externalAuth", &[F::ExternalAuth], &["lattice-translation/filter-external-auth"]),
    refused(HTTP, "spec.rules[].filters[].extensionRef", EXTENSION, &["lattice-translation/filter-unknown-extension"]),
    field(HTTP, "spec.rules[].backendRefs", FORWARD, &["lattice/HTTPRouteSimpleSameNamespace"]),
    uses(HTTP, "spec.rules[].backendRefs[].weight", ("`targetGroups[].weight`", &[F::Weights, F::InvalidShare]), &["lattice-features/weights", "lattice-features/backends-invalid"]),
    lacks(HTTP, "spec.rules[].backendRefs[].filters", &[F::BackendFilters], &["lattice-features/filters-refused"]),
    lacks(HTTP, "spec.rules[].timeouts", &[F::RequestTimeout, F::BackendTimeout], &["lattice-features/timeouts-and-retries"]),
    lacks(HTTP, "spec.rules[].retry", &[F::Retry], &["lattice-features/timeouts-and-retries"]),
    lacks(HTTP, "spec.rules[].sessionPersistence", &[F::SessionCookie, F::SessionHeader], &["lattice-features/session"]),
    // GRPCRoute.
    heeded(GRPC, "spec.parentRefs", ATTACH, &["lattice-features/grpc"]),
    heeded(GRPC, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    field(GRPC, "spec.hostnames", "as of HTTPRoute", &["lattice/GRPCRouteListenerHostnameMatching"]),
    heeded(GRPC, "spec.rules[].name", NAME_OF_RULE, &["lattice/GRPCRouteNamedRule"]),
    uses(GRPC, "spec.rules", ("CreateRule of an HTTPS listener; `protocolVersion` `GRPC` of CreateTargetGroup", &[F::Grpc]), &["lattice-features/grpc", "lattice-features/grpc-and-http-on-one-host"]),
    field(GRPC, "spec.rules[].matches[].method", "`pathMatch`: service and method are the path", &["lattice-features/grpc"]),
    uses(GRPC, "spec.rules[].matches[].headers = Exact", ("`headerMatches[].match.exact`", &[F::HeaderExact]), &["lattice-features/grpc", "lattice-features/header-forms"]),
    lacks(GRPC, "spec.rules[].matches[].headers = RegularExpression", &[F::HeaderRegex], &["lattice-features/header-forms"]),
    heeded(GRPC, "spec.rules[].filters[].type", "which filter it is", &[]),
    lacks(GRPC, "spec.rules[].filters[].requestHeaderModifier", &[F::RequestHeaders], &["lattice/GRPCRouteRequestHeaderModifier"]),
    lacks(GRPC, "spec.rules[].filters[].responseHeaderModifier", &[F::ResponseHeaders], &["lattice-features/filters-refused"]),
    lacks(GRPC, "spec.rules[].filters[].requestMirror", &[F::Mirror], &["lattice-features/filters-refused"]),
    refused(GRPC, "spec.rules[].filters[].extensionRef", EXTENSION, &["lattice-translation/filter-unknown-extension"]),
    field(GRPC, "spec.rules[].backendRefs", FORWARD, &["lattice-features/grpc"]),
    uses(GRPC, "spec.rules[].backendRefs[].weight", ("`targetGroups[].weight`", &[F::Weights, F::InvalidShare]), &["lattice/GRPCRouteWeight", "lattice-features/weights", "lattice-features/backends-invalid"]),
    lacks(GRPC, "spec.rules[].backendRefs[].filters", &[F::BackendFilters], &["lattice-features/filters-refused"]),
    lacks(GRPC, "spec.rules[].sessionPersistence", &[F::SessionCookie, F::SessionHeader], &["lattice-features/session"]),
    // Routes of connections and datagrams.
    uses(TLS, "spec", ("a service for each hostname, with a listener `TLS_PASSTHROUGH`; its `defaultAction` forwards to groups of `TCP`", &[F::SniRouting]), &["lattice/TLSRouteSimpleSameNamespace", "lattice/TLSRouteMultipleRoutesAttachmentSameHostnameIntersection", "lattice-translation/route-streams-oldest-wins"]),
    heeded(TLS, "spec.parentRefs", ATTACH, &[]),
    heeded(TLS, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    lacks("TCPRoute", "spec", &[F::TcpListener], &["lattice-features/listener-protocols"]),
    lacks("UDPRoute", "spec", &[F::UdpListener], &["lattice-features/listener-protocols"]),
    // Policies.
    lacks(TLS_POLICY, "spec", &[F::BackendTls], &["lattice-features/backend-tls", "lattice-translation/policy-tls-secret-and-system"]),
    heeded(TLS_POLICY, "spec.targetRefs", "which Services it is for", &["lattice-features/backend-tls"]),
    heeded(TRAFFIC, "spec.targetRefs", "which Services it is for", &["lattice-translation/policy-traffic"]),
    uses(TRAFFIC, "spec.retryConstraint", ("nothing is sent twice, which is within every budget", &[F::RetryBudget]), &["lattice-translation/policy-traffic"]),
    lacks(TRAFFIC, "spec.sessionPersistence", &[F::SessionCookie, F::SessionHeader], &["lattice-features/session"]),
    lacks("XTelemetryPolicy", "spec", &[F::Tracing], &["lattice-features/gateway-wide"]),
    // Backends.
    field(BACKEND, "spec.endpointSelector", TARGETS, &["lattice-translation/xbackend-endpoint-selector"]),
    lacks(BACKEND, "spec.externalHostname", &[F::ExternalBackend], &["lattice-features/backends-by-name"]),
    field(BACKEND, "spec.port", "`targets[].port`", &["lattice-translation/xbackend-endpoint-selector"]),
    uses(BACKEND, "spec.protocol", ("`protocolVersion` of CreateTargetGroup", &[F::Http2Backend]), &["lattice-features/backends-http2"]),
    lacks(BACKEND, "spec.sessionPersistence", &[F::SessionCookie, F::SessionHeader], &["lattice-features/session"]),
    lacks(BACKEND, "spec.tls", &[F::BackendTls], &["lattice-translation/xbackend-client-certificate"]),
    heeded(BACKEND, "spec.type", "which of its fields counts", &["lattice-translation/xbackend-endpoint-selector"]),
    field(SERVICE, "spec.ports[].port", TARGETS, &["lattice-translation/backend-named-target-port", "lattice-features/backends-ipv6"]),
    uses(SERVICE, "spec.ports[].appProtocol = kubernetes.io/h2c", ("`protocolVersion` `HTTP2` of CreateTargetGroup", &[F::Http2Backend]), &["lattice-features/backends-http2"]),
    lacks(SERVICE, "spec.ports[].appProtocol = kubernetes.io/ws", &[F::WebSocketBackend], &["lattice/HTTPRouteBackendProtocolWebSocket"]),
    refused(SERVICE, "spec.trafficDistribution", NEARNESS_OF_LATTICE, &["lattice-features/traffic-distribution"]),
    heeded(SERVICE, "spec.internalTrafficPolicy", "is about clients in the cluster: targets get requests from VPC Lattice", &[]),
    lacks(SERVICE, "spec.type = ExternalName", &[F::ExternalBackend], &["lattice-features/backends-by-name"]),
];
