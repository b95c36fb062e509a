//! Application Load Balancer.
//!
//! Names are those of the Elastic Load Balancing v2, EC2 and ACM API references.

use super::words::{ANNOTATIONS, HOST_BY_EXPRESSION, NEARNESS, TLS_OPTIONS, Words};
use super::{Row, field, heeded, lacks, refused, roughly, uses};
use crate::feature::Feature as F;

const CLASS: &str = "GatewayClass";
const GATEWAY: &str = "Gateway";
const SET: &str = "ListenerSet";
const HTTP: &str = "HTTPRoute";
const GRPC: &str = "GRPCRoute";
const TLS_POLICY: &str = "BackendTLSPolicy";
const TRAFFIC: &str = "XBackendTrafficPolicy";
const BACKEND: &str = "XBackend";
const SERVICE: &str = "Service";

const FORWARD: &str = "`Actions[].ForwardConfig.TargetGroups[]` of CreateRule; CreateTargetGroup, one for each backend, protocol version and stickiness";
const TARGETS: &str = "`Targets[]` of RegisterTargets, from the EndpointSlices";
const STICKY: &str = "`stickiness.enabled`, `stickiness.type`, `stickiness.lb_cookie.duration_seconds` of ModifyTargetGroupAttributes; `TargetGroupStickinessConfig` where a rule has several";
const ATTACH: &str = "which listeners take in the route";
const NAME_OF_RULE: &str = "a name for people";
const DEFAULT_GATEWAYS: &str = "Gateways that say they are defaults take in the route";
const EXTENSION: &str = "of kind AwsRouteParameters: `Actions[].AuthenticateOidcConfig`, `AuthenticateCognitoConfig`, `JwtValidationConfig`, `FixedResponseConfig`, `RedirectConfig.Query`; `Conditions[].SourceIpConfig`; `Transforms`";
const GIVEN: &str = "of group gatewright.dev: `TargetGroupArn` of a group that exists, or `TargetType` `lambda` of CreateTargetGroup and `Targets[].Id` of RegisterTargets";
const GRANTS: &str = "which references to other namespaces are followed";

const BUCKET: Words = Words {
    why: "the targets of a target group are addresses, instances and functions, and a bucket is none of them",
    instead: "put CloudFront in front of the bucket, or its S3 interface endpoint into a target group of yours that an AwsBackend names",
};

/// The table.
#[rustfmt::skip] // One row a line.
pub(super) static ROWS: &[Row] = &[
    heeded(CLASS, "spec.controllerName", "`gatewright.dev/aws-alb`", &["features/gateway-frame"]),
    heeded(CLASS, "spec.description", "a text for people", &[]),
    heeded(CLASS, "spec.parametersRef", "AwsLoadBalancerParameters of all Gateways of the class", &[]),
    heeded(GATEWAY, "spec.gatewayClassName", "whose Gateway it is", &["features/gateway-frame"]),
    lacks(GATEWAY, "spec.addresses", &[F::StaticAddress], &["features/gateway-frame"]),
    field(GATEWAY, "spec.infrastructure.labels", "`Tags[]` of everything that is made", &["features/gateway-frame"]),
    refused(GATEWAY, "spec.infrastructure.annotations", ANNOTATIONS, &["features/gateway-unheeded"]),
    heeded(GATEWAY, "spec.infrastructure.parametersRef", "AwsLoadBalancerParameters of this Gateway", &[]),
    heeded(GATEWAY, "spec.allowedListeners", "which ListenerSets it takes in", &["translation/listener-set-merged"]),
    heeded(GATEWAY, "spec.defaultScope", DEFAULT_GATEWAYS, &[]),
    heeded(GATEWAY, "spec.listeners[].name", "names the listener for routes and statuses", &["features/listeners-apart-where-needed"]),
    field(GATEWAY, "spec.listeners[].port", "`Port` of CreateListener, one for all listeners of a port; `IpPermissions[]` of AuthorizeSecurityGroupIngress", &["features/listeners-on-two-ports"]),
    uses(GATEWAY, "spec.listeners[].protocol = HTTP", ("`Protocol` `HTTP`", &[F::HttpListener]), &["features/path-forms"]),
    uses(GATEWAY, "spec.listeners[].protocol = HTTPS", ("`Protocol` `HTTPS`, `SslPolicy`", &[F::HttpsListener]), &["features/tls-certificates"]),
    lacks(GATEWAY, "spec.listeners[].protocol = TLS", &[F::TlsTerminateListener, F::TlsPassthroughListener], &["features/listener-protocols"]),
    lacks(GATEWAY, "spec.listeners[].protocol = TCP", &[F::TcpListener], &["features/listener-protocols"]),
    lacks(GATEWAY, "spec.listeners[].protocol = UDP", &[F::UdpListener], &["features/listener-protocols"]),
    field(GATEWAY, "spec.listeners[].hostname", "`HostHeaderConfig` of the rules of its routes, and a rule that answers 404 where a less specific listener could take its hosts", &["features/listeners-apart", "features/host-forms"]),
    heeded(GATEWAY, "spec.listeners[].allowedRoutes", ATTACH, &["conformance/HTTPRouteDisallowedKind"]),
    field(GATEWAY, "spec.listeners[].tls.certificateRefs", "ImportCertificate of ACM; `Certificates[]` of CreateListener and AddListenerCertificates", &["features/tls-certificates", "translation/certificate-chain-and-kinds"]),
    heeded(GATEWAY, "spec.listeners[].tls.mode", "`Terminate` for HTTPS", &["features/tls-certificates"]),
    refused(GATEWAY, "spec.listeners[].tls.options", TLS_OPTIONS, &["features/gateway-unheeded"]),
    lacks(GATEWAY, "spec.listeners[].filters", &[F::ListenerFilters], &["features/listener-filters"]),
    uses(GATEWAY, "spec.tls.frontend", ("CreateTrustStore; `MutualAuthentication` of CreateListener", &[F::ClientValidation, F::ClientValidationFallback]), &["features/client-validation-trust-store", "features/client-validation-fallback"]),
    lacks(GATEWAY, "spec.tls.backend", &[F::BackendClientCertificate], &["features/gateway-wide"]),
    heeded(SET, "spec.parentRef", "the Gateway that takes it in", &["translation/listener-set-merged"]),
    field(SET, "spec.listeners", "as those of the Gateway: all are listeners of one load balancer", &["translation/listener-set-merged"]),
    lacks(SET, "spec.listeners[].filters", &[F::ListenerFilters], &["features/listener-filters"]),
    heeded("ReferenceGrant", "spec", GRANTS, &["translation/reference-granted", "translation/reference-not-permitted"]),
    // HTTPRoute.
    heeded(HTTP, "spec.parentRefs", ATTACH, &["translation/route-attachment-faults"]),
    heeded(HTTP, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    field(HTTP, "spec.hostnames", "`Conditions[].HostHeaderConfig.Values` of CreateRule", &["features/host-forms", "features/host-too-long"]),
    roughly(HTTP, "spec.hostnames = without a dot, or with other than letters behind the last one", ("`Conditions[].HostHeaderConfig.RegexValues`, anchored", HOST_BY_EXPRESSION), &["features/host-forms"]),
    heeded(HTTP, "spec.rules[].name", NAME_OF_RULE, &["conformance/HTTPRouteNamedRule"]),
    field(HTTP, "spec.rules", "`Rules[]` of a listener; their order is `Priority`", &["conformance/HTTPRouteRuleOrder"]),
    uses(HTTP, "spec.rules[].matches[].path = Exact", ("`PathPatternConfig.Values`, or `RegexValues` where it has `*`, `?` or a backslash", &[F::PathExact]), &["features/path-forms", "features/path-literal-wildcards"]),
    uses(HTTP, "spec.rules[].matches[].path = PathPrefix", ("`PathPatternConfig.Values` `/p` and `/p/*`, or one expression", &[F::PathPrefix]), &["features/path-forms", "features/path-too-long"]),
    uses(HTTP, "spec.rules[].matches[].path = RegularExpression", ("`PathPatternConfig.RegexValues`, anchored; without look-around and back-references", &[F::PathRegex]), &["features/path-forms", "features/path-expressions-refused"]),
    uses(HTTP, "spec.rules[].matches[].method", ("`HttpRequestMethodConfig.Values`", &[F::Method]), &["features/method"]),
    uses(HTTP, "spec.rules[].matches[].headers = Exact", ("`HttpHeaderConfig.Values`, one condition for each header", &[F::HeaderExact]), &["features/header-forms"]),
    uses(HTTP, "spec.rules[].matches[].headers = RegularExpression", ("`HttpHeaderConfig.RegexValues`, anchored", &[F::HeaderRegex]), &["features/header-forms", "features/header-refused"]),
    uses(HTTP, "spec.rules[].matches[].queryParams = Exact", ("`QueryStringConfig.Values`", &[F::QueryExact]), &["features/query-forms"]),
    lacks(HTTP, "spec.rules[].matches[].queryParams = RegularExpression", &[F::QueryRegex], &["features/query-refused"]),
    heeded(HTTP, "spec.rules[].filters[].type", "which filter it is", &["features/filters-refused"]),
    lacks(HTTP, "spec.rules[].filters[].requestHeaderModifier", &[F::RequestHeaders], &["features/filters-refused"]),
    lacks(HTTP, "spec.rules[].filters[].responseHeaderModifier", &[F::ResponseHeaders], &["features/filters-refused"]),
    uses(HTTP, "spec.rules[].filters[].requestRedirect", ("`Actions[].RedirectConfig`: `Protocol`, `Host`, `Port`, `Path`, `StatusCode`; not from HTTPS to HTTP", &[F::Redirect]), &["features/redirect-forms", "features/redirect-refused"]),
    uses(HTTP, "spec.rules[].filters[].requestRedirect.path.replacePrefixMatch", ("`RedirectConfig.Path` with `#{path}`", &[F::RedirectPrefix]), &["features/redirect-forms", "features/redirect-refused"]),
    uses(HTTP, "spec.rules[].filters[].requestRedirect.statusCode = 301, 302", ("`RedirectConfig.StatusCode`", &[F::Redirect]), &["features/redirect-forms"]),
    lacks(HTTP, "spec.rules[].filters[].requestRedirect.statusCode = 303, 307, 308", &[F::RedirectOtherStatus], &["features/redirect-refused"]),
    uses(HTTP, "spec.rules[].filters[].urlRewrite.hostname", ("`Transforms[].HostHeaderRewriteConfig`", &[F::RewriteHost]), &["features/rewrite-forms", "features/rewrite-refused"]),
    uses(HTTP, "spec.rules[].filters[].urlRewrite.path", ("`Transforms[].UrlRewriteConfig`", &[F::RewritePath]), &["features/rewrite-forms", "features/rewrite-refused"]),
    lacks(HTTP, "spec.rules[].filters[].requestMirror", &[F::Mirror, F::MirrorShare], &["features/filters-refused", "conformance/HTTPRouteRequestPercentageMirror"]),
    lacks(HTTP, "spec.rules[].filters[].cors", &[F::Cors], &["features/filters-refused"]),
    lacks(HTTP, "spec.rules[].filters[].externalAuth", &[F::ExternalAuth], &["translation/filter-external-auth"]),
    field(HTTP, "spec.rules[].filters[].extensionRef", EXTENSION, &["features/asked-before", "features/asked-before-on-http", "features/asked-before-of-all", "features/answers-fixed", "features/rewrite-by-parameters"]),
    field(HTTP, "spec.rules[].backendRefs", FORWARD, &["conformance/HTTPRouteSimpleSameNamespace", "features/backends-instances"]),
    field(HTTP, "spec.rules[].backendRefs[].kind = AwsBackend", GIVEN, &["features/backends-on-aws"]),
    refused(HTTP, "spec.rules[].backendRefs[].kind = a storage bucket", BUCKET, &["translation/reference-storage-bucket"]),
    uses(HTTP, "spec.rules[].backendRefs[].weight", ("`TargetGroups[].Weight`", &[F::Weights, F::InvalidShare]), &["features/weights", "features/backends-invalid"]),
    lacks(HTTP, "spec.rules[].backendRefs[].filters", &[F::BackendFilters], &["features/filters-refused"]),
    lacks(HTTP, "spec.rules[].timeouts", &[F::RequestTimeout, F::BackendTimeout], &["features/timeouts-and-retries"]),
    lacks(HTTP, "spec.rules[].retry", &[F::Retry], &["features/timeouts-and-retries"]),
    uses(HTTP, "spec.rules[].sessionPersistence = Cookie", (STICKY, &[F::SessionCookie]), &["features/session"]),
    lacks(HTTP, "spec.rules[].sessionPersistence = Header", &[F::SessionHeader], &["features/session"]),
    // GRPCRoute.
    heeded(GRPC, "spec.parentRefs", ATTACH, &["features/grpc"]),
    heeded(GRPC, "spec.useDefaultGateways", DEFAULT_GATEWAYS, &[]),
    field(GRPC, "spec.hostnames", "as of HTTPRoute", &["conformance/GRPCRouteListenerHostnameMatching"]),
    heeded(GRPC, "spec.rules[].name", NAME_OF_RULE, &["conformance/GRPCRouteNamedRule"]),
    uses(GRPC, "spec.rules", ("`Rules[]` of an HTTPS listener; `ProtocolVersion` `GRPC` of CreateTargetGroup", &[F::Grpc]), &["features/grpc", "features/grpc-and-http-on-one-host"]),
    field(GRPC, "spec.rules[].matches[].method", "`PathPatternConfig`: service and method are the path", &["features/grpc"]),
    uses(GRPC, "spec.rules[].matches[].headers", ("`HttpHeaderConfig`, as of HTTPRoute", &[F::HeaderExact, F::HeaderRegex]), &["features/grpc", "features/header-forms"]),
    heeded(GRPC, "spec.rules[].filters[].type", "which filter it is", &[]),
    lacks(GRPC, "spec.rules[].filters[].requestHeaderModifier", &[F::RequestHeaders], &["conformance/GRPCRouteRequestHeaderModifier"]),
    lacks(GRPC, "spec.rules[].filters[].responseHeaderModifier", &[F::ResponseHeaders], &["features/filters-refused"]),
    lacks(GRPC, "spec.rules[].filters[].requestMirror", &[F::Mirror], &["translation/grpc-matches"]),
    field(GRPC, "spec.rules[].filters[].extensionRef", EXTENSION, &["features/asked-before"]),
    field(GRPC, "spec.rules[].backendRefs", FORWARD, &["features/grpc"]),
    uses(GRPC, "spec.rules[].backendRefs[].weight", ("`TargetGroups[].Weight`", &[F::Weights, F::InvalidShare]), &["conformance/GRPCRouteWeight", "features/weights", "features/backends-invalid"]),
    lacks(GRPC, "spec.rules[].backendRefs[].filters", &[F::BackendFilters], &["features/filters-refused"]),
    uses(GRPC, "spec.rules[].sessionPersistence = Cookie", (STICKY, &[F::SessionCookie]), &["features/session"]),
    lacks(GRPC, "spec.rules[].sessionPersistence = Header", &[F::SessionHeader], &["features/session"]),
    // Routes of connections and datagrams.
    lacks("TLSRoute", "spec", &[F::SniRouting], &["translation/route-streams-oldest-wins", "features/listener-protocols"]),
    lacks("TCPRoute", "spec", &[F::TcpListener], &["translation/route-streams-oldest-wins", "features/listener-protocols"]),
    lacks("UDPRoute", "spec", &[F::UdpListener], &["translation/route-streams-oldest-wins", "features/listener-protocols"]),
    // Policies.
    lacks(TLS_POLICY, "spec", &[F::BackendTls], &["features/backend-tls", "translation/policy-tls-secret-and-system"]),
    heeded(TLS_POLICY, "spec.targetRefs", "which Services it is for", &["features/backend-tls"]),
    heeded(TRAFFIC, "spec.targetRefs", "which Services it is for", &["translation/policy-traffic"]),
    uses(TRAFFIC, "spec.retryConstraint", ("nothing is sent twice, which is within every budget", &[F::RetryBudget]), &["translation/policy-traffic"]),
    uses(TRAFFIC, "spec.sessionPersistence = Cookie", (STICKY, &[F::SessionCookie]), &["features/session"]),
    lacks(TRAFFIC, "spec.sessionPersistence = Header", &[F::SessionHeader], &["translation/policy-traffic"]),
    lacks("XTelemetryPolicy", "spec", &[F::Tracing], &["features/gateway-wide"]),
    // Backends.
    field(BACKEND, "spec.endpointSelector", TARGETS, &["translation/xbackend-endpoint-selector"]),
    lacks(BACKEND, "spec.externalHostname", &[F::ExternalBackend], &["features/backends-by-name"]),
    field(BACKEND, "spec.port", "`Targets[].Port`", &["translation/xbackend-endpoint-selector"]),
    uses(BACKEND, "spec.protocol", ("`ProtocolVersion` of CreateTargetGroup", &[F::Http2Backend]), &["features/backends-http2"]),
    uses(BACKEND, "spec.sessionPersistence", (STICKY, &[F::SessionCookie]), &["features/session"]),
    lacks(BACKEND, "spec.tls", &[F::BackendTls], &["translation/xbackend-client-certificate"]),
    heeded(BACKEND, "spec.type", "which of its fields counts", &["translation/xbackend-endpoint-selector"]),
    field(SERVICE, "spec.ports[].port", TARGETS, &["translation/backend-named-target-port", "features/backends-ipv6"]),
    field(SERVICE, "spec.ports[].nodePort", "`Targets[].Port`, with `TargetType` `instance`", &["features/backends-instances"]),
    uses(SERVICE, "spec.ports[].appProtocol = kubernetes.io/h2c", ("`ProtocolVersion` `HTTP2` of CreateTargetGroup", &[F::Http2Backend]), &["features/backends-http2"]),
    uses(SERVICE, "spec.ports[].appProtocol = kubernetes.io/ws", ("nothing: an ALB passes upgrades on", &[F::WebSocketBackend]), &["conformance/HTTPRouteBackendProtocolWebSocket"]),
    refused(SERVICE, "spec.trafficDistribution", NEARNESS, &["features/traffic-distribution"]),
    heeded(SERVICE, "spec.internalTrafficPolicy", "is about clients in the cluster: targets get requests from the load balancer", &[]),
    lacks(SERVICE, "spec.type = ExternalName", &[F::ExternalBackend], &["features/backends-by-name"]),
];
