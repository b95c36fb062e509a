//! What generated types and modules are called.
//!
//! The table maps kopium's name of one member of a merged type to its name. A type without an entry
//! keeps kopium's name; a merged type of several kinds must have one.

use std::collections::BTreeMap;

/// kopium's name, our name.
const NAMES: &[(&str, &str)] = &[
    ("HttpRouteParentRefs", "ParentReference"),
    ("HttpRouteStatusParents", "RouteParentStatus"),
    ("HttpRouteStatus", "RouteStatus"),
    ("HttpRouteUseDefaultGateways", "DefaultScope"),
    ("HttpRouteRules", "HttpRouteRule"),
    ("HttpRouteRulesBackendRefs", "HttpBackendRef"),
    ("HttpRouteRulesFilters", "HttpRouteFilter"),
    ("HttpRouteRulesFiltersType", "HttpRouteFilterType"),
    ("HttpRouteRulesFiltersCors", "Cors"),
    ("HttpRouteRulesFiltersExtensionRef", "LocalObjectReference"),
    ("HttpRouteRulesFiltersExternalAuth", "ExternalAuth"),
    (
        "HttpRouteRulesFiltersExternalAuthForwardBody",
        "ExternalAuthForwardBody",
    ),
    ("HttpRouteRulesFiltersExternalAuthGrpc", "ExternalAuthGrpc"),
    ("HttpRouteRulesFiltersExternalAuthHttp", "ExternalAuthHttp"),
    (
        "HttpRouteRulesFiltersExternalAuthProtocol",
        "ExternalAuthProtocol",
    ),
    ("HttpRouteRulesFiltersRequestHeaderModifier", "HttpHeaderFilter"),
    ("HttpRouteRulesFiltersRequestHeaderModifierAdd", "HttpHeader"),
    ("HttpRouteRulesFiltersRequestMirror", "RequestMirror"),
    (
        "HttpRouteRulesFiltersRequestMirrorBackendRef",
        "BackendObjectReference",
    ),
    ("HttpRouteRulesFiltersRequestMirrorFraction", "Fraction"),
    ("HttpRouteRulesFiltersRequestRedirect", "RequestRedirect"),
    ("HttpRouteRulesFiltersRequestRedirectPath", "PathModifier"),
    ("HttpRouteRulesFiltersRequestRedirectPathType", "PathModifierType"),
    ("HttpRouteRulesFiltersRequestRedirectScheme", "RedirectScheme"),
    ("HttpRouteRulesFiltersUrlRewrite", "UrlRewrite"),
    ("HttpRouteRulesMatches", "HttpRouteMatch"),
    ("HttpRouteRulesMatchesHeaders", "NameValueMatch"),
    ("HttpRouteRulesMatchesHeadersType", "NameValueMatchType"),
    ("HttpRouteRulesMatchesMethod", "HttpMethod"),
    ("HttpRouteRulesMatchesPath", "HttpPathMatch"),
    ("HttpRouteRulesMatchesPathType", "HttpPathMatchType"),
    ("HttpRouteRulesRetry", "HttpRouteRetry"),
    ("HttpRouteRulesTimeouts", "HttpRouteTimeouts"),
    ("HttpRouteRulesSessionPersistence", "SessionPersistence"),
    ("HttpRouteRulesSessionPersistenceCookie", "SessionCookie"),
    (
        "HttpRouteRulesSessionPersistenceCookieLifetimeType",
        "CookieLifetimeType",
    ),
    ("HttpRouteRulesSessionPersistenceHeader", "SessionHeader"),
    ("HttpRouteRulesSessionPersistenceType", "SessionPersistenceType"),
    ("GrpcRouteRules", "GrpcRouteRule"),
    ("GrpcRouteRulesBackendRefs", "GrpcBackendRef"),
    ("GrpcRouteRulesFilters", "GrpcRouteFilter"),
    ("GrpcRouteRulesFiltersType", "GrpcRouteFilterType"),
    ("GrpcRouteRulesMatches", "GrpcRouteMatch"),
    ("GrpcRouteRulesMatchesMethod", "GrpcMethodMatch"),
    ("TlsRouteRules", "L4RouteRule"),
    ("TlsRouteRulesBackendRefs", "BackendRef"),
    ("GatewayAddresses", "GatewaySpecAddress"),
    ("GatewayStatusAddresses", "GatewayStatusAddress"),
    ("GatewayAllowedListeners", "AllowedListeners"),
    ("GatewayAllowedListenersNamespaces", "ListenerNamespaces"),
    ("GatewayAllowedListenersNamespacesFrom", "ListenerNamespacesFrom"),
    ("GatewayListeners", "Listener"),
    ("GatewayListenersAllowedRoutes", "AllowedRoutes"),
    ("GatewayListenersAllowedRoutesKinds", "RouteGroupKind"),
    ("GatewayListenersAllowedRoutesNamespaces", "RouteNamespaces"),
    (
        "GatewayListenersAllowedRoutesNamespacesFrom",
        "RouteNamespacesFrom",
    ),
    ("GatewayListenersAllowedRoutesNamespacesSelector", "LabelSelector"),
    (
        "GatewayListenersAllowedRoutesNamespacesSelectorMatchExpressions",
        "LabelSelectorRequirement",
    ),
    ("GatewayListenersFilters", "ListenerFilters"),
    ("GatewayListenersFiltersRequests", "ListenerFilter"),
    ("GatewayListenersFiltersRequestsType", "ListenerFilterType"),
    ("GatewayListenersTls", "ListenerTlsConfig"),
    ("GatewayListenersTlsCertificateRefs", "SecretObjectReference"),
    ("GatewayListenersTlsMode", "TlsMode"),
    ("GatewayTls", "GatewayTlsConfig"),
    ("GatewayTlsBackend", "GatewayBackendTls"),
    ("GatewayTlsFrontend", "FrontendTlsConfig"),
    ("GatewayTlsFrontendDefault", "FrontendTls"),
    ("GatewayTlsFrontendDefaultValidation", "FrontendTlsValidation"),
    (
        "GatewayTlsFrontendDefaultValidationCaCertificateRefs",
        "ObjectReference",
    ),
    (
        "GatewayTlsFrontendDefaultValidationMode",
        "FrontendValidationMode",
    ),
    ("GatewayTlsFrontendPerPort", "PortFrontendTls"),
    ("GatewayStatusListeners", "ListenerStatus"),
    ("GatewayClassParametersRef", "ParametersReference"),
    ("GatewayClassStatusSupportedFeatures", "SupportedFeature"),
    ("ListenerSetParentRef", "ParentGatewayReference"),
    (
        "BackendTlsPolicyTargetRefs",
        "PolicyTargetReferenceWithSectionName",
    ),
    ("BackendTlsPolicyValidation", "BackendTlsValidation"),
    ("BackendTlsPolicyValidationSubjectAltNames", "SubjectAltName"),
    (
        "BackendTlsPolicyValidationSubjectAltNamesType",
        "SubjectAltNameType",
    ),
    ("BackendTlsPolicyStatus", "PolicyStatus"),
    ("BackendTlsPolicyStatusAncestors", "PolicyAncestorStatus"),
    ("XTelemetryPolicyTargetRefs", "PolicyTargetReference"),
    ("XTelemetryPolicyTracing", "Tracing"),
    ("XTelemetryPolicyTracingAttributes", "TracingAttribute"),
    (
        "XTelemetryPolicyTracingAttributesSourceType",
        "TracingAttributeSource",
    ),
    ("XTelemetryPolicyTracingMode", "TracingMode"),
    (
        "XTelemetryPolicyTracingParentBasedSampling",
        "ParentBasedSampling",
    ),
    ("XTelemetryPolicyTracingProvider", "TracingProvider"),
    ("XBackendTrafficPolicyRetryConstraint", "RetryConstraint"),
    (
        "XBackendTrafficPolicyRetryConstraintBudget",
        "RetryConstraintBudget",
    ),
    ("XBackendTrafficPolicyRetryConstraintMinRetryRate", "RetryRate"),
];

/// Types whose shape is another's by accident: they merge only with those of the same tag.
const DISTINCT: &[(&str, &str)] = &[
    ("GatewayClassParametersRef", "parameters"),
    ("XMeshParametersRef", "parameters"),
    ("GatewayClassStatusSupportedFeatures", "feature"),
    ("XMeshStatusSupportedFeatures", "feature"),
    ("GatewayClassStatus", "class"),
    ("ListenerSetParentRef", "parent"),
    ("XBackendTrafficPolicyTargetRefs", "target"),
    ("XTelemetryPolicyTargetRefs", "target"),
];

/// The tag that keeps a type apart, or an empty string.
pub fn tag(raw: &str) -> &'static str {
    DISTINCT
        .iter()
        .find(|(from, _)| *from == raw)
        .map_or("", |(_, tag)| *tag)
}

/// The chosen name of a type that kopium calls `raw`.
pub fn chosen(raw: &str) -> Option<&'static str> {
    NAMES.iter().find(|(from, _)| *from == raw).map(|(_, to)| *to)
}

/// Entries of the table that no type has any more.
pub fn stale(known: &dyn Fn(&str) -> bool) -> Vec<&'static str> {
    NAMES
        .iter()
        .chain(DISTINCT)
        .map(|(from, _)| *from)
        .filter(|from| !known(from))
        .collect()
}

/// `HTTPRoute` becomes `HttpRoute`: the root type's name.
pub fn pascal_kind(kind: &str) -> String {
    ["HTTP", "GRPC", "TLS", "TCP", "UDP"]
        .iter()
        .fold(kind.to_owned(), |name, upper| {
            let mut lower = upper.to_ascii_lowercase();
            if let Some(first) = lower.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            name.replace(upper, &lower)
        })
}

/// `HTTPRoute` becomes `http_route`, `XBackendTrafficPolicy` `xbackend_traffic_policy`.
pub fn module(kind: &str) -> String {
    let mut out = String::new();
    let name = pascal_kind(kind);
    let mut previous_upper = true;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !previous_upper {
            out.push('_');
        }
        previous_upper = letter.is_ascii_uppercase();
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Whether a type at `places` is the status of the root spec at `root`.
pub fn status_of(places: &BTreeMap<String, Vec<String>>, root: &BTreeMap<String, Vec<String>>) -> bool {
    root.keys().all(|kind| {
        places
            .get(kind)
            .is_some_and(|paths| paths.iter().any(|path| path == "status"))
    })
}
