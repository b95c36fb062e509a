//! Network Load Balancer.
//!
//! Names are those of the Elastic Load Balancing v2, EC2 and ACM API references.

use super::words::{ANNOTATIONS, NEARNESS, NEARNESS_BY_ZONE, TLS_OPTIONS};
use super::{Row, field, heeded, lacks, refused, roughly, uses};
use crate::feature::Feature as F;

const CLASS: &str = "GatewayClass";
const GATEWAY: &str = "Gateway";
const SET: &str = "ListenerSet";
const TLS: &str = "TLSRoute";
const TCP: &str = "TCPRoute";
const UDP: &str = "UDPRoute";
const TLS_POLICY: &str = "BackendTLSPolicy";
const TRAFFIC: &str = "XBackendTrafficPolicy";
const BACKEND: &str = "XBackend";
const SERVICE: &str = "Service";

const FORWARD: &str = "`DefaultActions[].ForwardConfig.TargetGroups[]` of CreateListener; CreateTargetGroup, one for each backend and protocol";
const WEIGHT: &str = "`TargetGroups[].Weight`";
const TARGETS: &str = "`Targets[]` of RegisterTargets, from the EndpointSlices";
const ATTACH: &str = "which listeners take in the route";
const NAME_OF_RULE: &str = "a name for people";
const DEFAULT_GATEWAYS: &str = "Gateways that say they are defaults take in the route";
const GRANTS: &str = "which references to other namespaces are followed";
const HTTP_IS_REFUSED: &[&str] = &["network/http-listener"];

/// The table.
#[rustfmt::skip] // One row a line.
pub(super) static ROWS: &[Row] = &[
    heeded(CLASS, "spec.controllerName", "`gatewright.dev/aws-nlb`", &["network/tcp"]),
    heeded(CLASS, "spec.description", "a text for people", &[]),
    heeded(CLASS, "spec.parametersRef", "AwsLoadBalancerParameters of all Gateways of the class", &[]),
    heeded(GATEWAY, "spec.gatewayClassName", "whose Gateway it is", &["network/gateway-wide"]),
    uses(GATEWAY, "spec.addresses", ("`SubnetMappings[]` of CreateLoadBalancer and SetSubnets: `AllocationId`, of internal load balancers `PrivateIPv4Address`", &[F::StaticAddress]), &["network/address-two", "network/address-private", "network/address-unknown"]),
    field(GATEWAY, "spec.infrastructure.labels", "`Tags[]` of everything that is made", &["network/labels"]),
    refused(GATEWAY, "spec.infrastructure.annotations", ANNOTATIONS, &["network/gateway-unheeded"]),
    heeded(GATEWAY, "spec.infrastructure.parametersRef", "AwsLoadBalancerParameters of this Gateway", &["network/settings"]),
    heeded(GATEWAY, "spec.allowedListeners", "which ListenerSets it takes in", &["network/listener-set"]),
    heeded(GATEWAY, "spec.defaultScope", DEFAULT_GATEWAYS, &[]),
    heeded(GATEWAY, "spec.listeners[].name", "names the listener for routes and statuses", &[]),
    field(GATEWAY, "spec.listeners[].port", "`Port` of CreateListener; `IpPermissions[]` of AuthorizeSecurityGroupIngress", &["network/tcp"]),
    lacks(GATEWAY, "spec.listeners[].protocol = HTTP, HTTPS", &[F::HttpListener, F::HttpsListener], HTTP_IS_REFUSED),
    uses(GATEWAY, "spec.listeners[].protocol = TLS", ("`Protocol` `TLS` with `SslPolicy`, or `TCP` where the mode is `Passthrough`", &[F::TlsTerminateListener, F::TlsPassthroughListener]), &["network/tls-terminate", "network/tls-passthrough"]),
    uses(GATEWAY, "spec.listeners[].protocol = TCP", ("`Protocol` `TCP`, `TCP_UDP` with a UDP listener on the port", &[F::TcpListener]), &["network/tcp", "network/tcp-udp"]),
    uses(GATEWAY, "spec.listeners[].protocol = UDP", ("`Protocol` `UDP`; `QUIC` or `TCP_QUIC` where the parameters say so", &[F::UdpListener]), &["network/udp", "network/quic", "network/tcp-quic", "network/udp-dualstack-ipv6"]),
    lacks(GATEWAY, "spec.listeners[].hostname", &[F::SniRouting], &["network/tls-two-listeners"]),
    heeded(GATEWAY, "spec.listeners[].allowedRoutes", ATTACH, &["network-conformance/UDPRouteNotAllowedByListeners"]),
    field(GATEWAY, "spec.listeners[].tls.certificateRefs", "ImportCertificate of ACM; `Certificates[]` of CreateListener and AddListenerCertificates", &["network/tls-terminate"]),
    heeded(GATEWAY, "spec.listeners[].tls.mode", "which `Protocol` the listener has", &["network/tls-terminate", "network/tls-passthrough"]),
    refused(GATEWAY, "spec.listeners[].tls.options", TLS_OPTIONS, &["network/gateway-unheeded"]),
    lacks(GATEWAY, "spec.listeners[].filters", &[F::ListenerFilters], HTTP_IS_REFUSED),
    lacks(GATEWAY, "spec.tls.frontend", &[F::ClientValidation, F::ClientValidationFallback], HTTP_IS_REFUSED),
    lacks(GATEWAY, "spec.tls.backend", &[F::BackendClientCertificate], &["network/gateway-wide"]),
    heeded(SET, "spec.parentRef", "the Gateway that takes it in", &["network/listener-set"]),
    field(SET, "spec.listeners", "as those of the Gateway: all are listeners of one load balancer", &["network/listener-set"]),
    lacks(SET, "spec.listeners[].filters", &[F::ListenerFilters], HTTP_IS_REFUSED),
    heeded("ReferenceGrant", "spec", GRANTS, &["network-conformance/TCPRouteReferenceGrant", "network-conformance/UDPRouteReferenceGrant"]),
    // Connections and datagrams.
    heeded(TCP, "spec.parentRefs", ATTACH, &["network-conformance/TCPRouteParentRefPortAndSectionName"]),
    heeded(TCP, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    heeded(TCP, "spec.rules[].name", NAME_OF_RULE, &[]),
    field(TCP, "spec.rules", "`DefaultActions[]` of CreateListener, by the oldest route of the listener", &["network/tcp", "network/tcp-oldest-wins"]),
    field(TCP, "spec.rules[].backendRefs", FORWARD, &["network/tcp"]),
    uses(TCP, "spec.rules[].backendRefs[].weight", (WEIGHT, &[F::Weights, F::InvalidShare]), &["network/tcp-weights", "network/tcp-weights-scaled", "network/tcp-invalid-share"]),
    heeded(UDP, "spec.parentRefs", ATTACH, &["network-conformance/UDPRouteParentRefPortAndSectionName"]),
    heeded(UDP, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    heeded(UDP, "spec.rules[].name", NAME_OF_RULE, &[]),
    field(UDP, "spec.rules", "`DefaultActions[]` of CreateListener, by the oldest route of the listener", &["network/udp", "network/tcp-udp", "network/tcp-udp-apart"]),
    field(UDP, "spec.rules[].backendRefs", FORWARD, &["network/udp"]),
    uses(UDP, "spec.rules[].backendRefs[].weight", (WEIGHT, &[F::Weights, F::InvalidShare]), &["network/udp-weights", "network/tcp-weights-scaled", "network/tcp-invalid-share"]),
    heeded(TLS, "spec.parentRefs", ATTACH, &["network/tls-passthrough"]),
    heeded(TLS, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    lacks(TLS, "spec.hostnames", &[F::SniRouting], &["network/tls-two-routes"]),
    heeded(TLS, "spec.rules[].name", NAME_OF_RULE, &[]),
    field(TLS, "spec.rules", "`DefaultActions[]` of CreateListener, by the oldest route of the port", &["network/tls-terminate", "network/tls-two-routes"]),
    field(TLS, "spec.rules[].backendRefs", FORWARD, &["network/tls-passthrough"]),
    uses(TLS, "spec.rules[].backendRefs[].weight", (WEIGHT, &[F::Weights, F::InvalidShare]), &["network/tcp-weights-scaled", "network/tcp-invalid-share"]),
    // HTTP.
    lacks("HTTPRoute", "spec", &[
        F::PathExact, F::PathPrefix, F::PathRegex, F::Method, F::HeaderExact, F::HeaderRegex, F::QueryExact, F::QueryRegex,
        F::RequestHeaders, F::ResponseHeaders, F::Redirect, F::RedirectOtherStatus, F::RedirectPrefix, F::RewriteHost, F::RewritePath,
        F::Mirror, F::MirrorShare, F::Cors, F::ExternalAuth, F::BackendFilters, F::RequestTimeout, F::BackendTimeout, F::Retry,
        F::SessionCookie, F::SessionHeader, F::Http2Backend, F::WebSocketBackend,
    ], HTTP_IS_REFUSED),
    lacks("GRPCRoute", "spec", &[F::Grpc], HTTP_IS_REFUSED),
    // Policies.
    lacks(TLS_POLICY, "spec", &[F::BackendTls], &["network-conformance/BackendTLSPolicyTLSRouteTerminate"]),
    heeded(TLS_POLICY, "spec.targetRefs", "which Services it is for", &["network-conformance/BackendTLSPolicyTLSRouteTerminate"]),
    heeded(TRAFFIC, "spec.targetRefs", "which Services it is for", &[]),
    lacks(TRAFFIC, "spec.retryConstraint", &[F::RetryBudget], HTTP_IS_REFUSED),
    lacks(TRAFFIC, "spec.sessionPersistence", &[F::SessionCookie, F::SessionHeader], HTTP_IS_REFUSED),
    lacks("XTelemetryPolicy", "spec", &[F::Tracing], &["network/gateway-wide"]),
    // Backends.
    field(BACKEND, "spec.endpointSelector", TARGETS, &["network/backend-selected"]),
    lacks(BACKEND, "spec.externalHostname", &[F::ExternalBackend], &["network/backend-by-name"]),
    field(BACKEND, "spec.port", "`Targets[].Port`", &["network/backend-selected"]),
    heeded(BACKEND, "spec.protocol", "bytes are passed on as they are", &[]),
    lacks(BACKEND, "spec.sessionPersistence", &[F::SessionCookie, F::SessionHeader], HTTP_IS_REFUSED),
    lacks(BACKEND, "spec.tls", &[F::BackendTls], &["network-conformance/BackendTLSPolicyTLSRouteTerminate"]),
    heeded(BACKEND, "spec.type", "which of its fields counts", &["network/backend-selected"]),
    field(SERVICE, "spec.ports[].port", TARGETS, &["network/tcp"]),
    heeded(SERVICE, "spec.ports[].appProtocol", "bytes are passed on as they are", &[]),
    roughly(SERVICE, "spec.trafficDistribution", ("nothing: `load_balancing.cross_zone.enabled` is off by default", NEARNESS_BY_ZONE), &["network/traffic-distribution"]),
    refused(SERVICE, "spec.trafficDistribution = with crossZone: true", NEARNESS, &["network/traffic-distribution-all-zones"]),
    heeded(SERVICE, "spec.internalTrafficPolicy", "is about clients in the cluster: targets get connections from the load balancer", &[]),
    lacks(SERVICE, "spec.type = ExternalName", &[F::ExternalBackend], &["network/backend-by-name"]),
];
