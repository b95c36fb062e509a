//! Which conformance features of the Gateway API a provider claims (`GatewayClass.status.supportedFeatures`).
//!
//! A feature is claimed when everything that it takes is served as the Gateway API says: what is served roughly is
//! told, and not claimed. The features of kinds themselves (`HTTPRoute`) stand for what most of their routes ask for;
//! what is missing is told route by route.

use crate::feature::Feature;
use crate::provider::Provider;
use crate::support::Support;

/// What a conformance feature takes.
enum Takes {
    /// All of these, fully.
    Full(&'static [Feature]),
    /// All of these, at least roughly.
    Roughly(&'static [Feature]),
    /// All of these, fully, for all hosts and ports of a Gateway at its own address.
    AtOneAddress(&'static [Feature]),
    /// More than the tables have a word for: everything.
    Everything,
}

/// Whether a provider claims a conformance feature, by its name.
pub fn claims(provider: Provider, name: &str) -> bool {
    let full = |feature: &Feature| provider.support(*feature) == Support::Full;
    let roughly = |feature: &Feature| !matches!(provider.support(*feature), Support::None { .. });
    match takes(name) {
        Takes::Full(features) => features.iter().all(full),
        Takes::Roughly(features) => features.iter().all(roughly),
        Takes::AtOneAddress(features) => provider.has_one_address() && features.iter().all(full),
        Takes::Everything => provider.serves_everything(),
    }
}

fn takes(name: &str) -> Takes {
    use Feature as F;
    match name {
        "Gateway" | "ReferenceGrant" => Takes::Roughly(&[]),
        "HTTPRoute" => Takes::Roughly(&[F::HttpListener, F::PathExact, F::PathPrefix, F::HeaderExact]),
        // Answered by the core: which listener a route belongs to.
        "GatewayPort8080" | "HTTPRouteDestinationPortMatching" | "HTTPRouteNamedRouteRule" => {
            Takes::Full(&[F::HttpListener])
        }
        // And which one a request belongs to, by its host and port.
        "GatewayHTTPListenerIsolation"
        | "GatewayRouteHostnameIntersectionPrecedence"
        | "HTTPRouteParentRefPort"
        | "ListenerSet" => Takes::AtOneAddress(&[F::HttpListener]),
        "GRPCRoute" | "GRPCRouteNamedRouteRule" => Takes::Full(&[F::Grpc]),
        "GRPCRouteRequestHeaderModifier" => Takes::Full(&[F::Grpc, F::RequestHeaders]),
        "TLSRoute" => Takes::Full(&[F::TlsPassthroughListener, F::SniRouting]),
        "TLSRouteModeTerminate" => Takes::Full(&[F::TlsTerminateListener, F::SniRouting]),
        "TCPRoute" => Takes::Full(&[F::TcpListener]),
        "UDPRoute" => Takes::Full(&[F::UdpListener]),
        "BackendTLSPolicy" | "BackendTLSPolicySANValidation" | "ClusterTrustBundle" => {
            Takes::Full(&[F::BackendTls])
        }
        "GatewayAddressEmpty" | "GatewayStaticAddresses" => Takes::Full(&[F::StaticAddress]),
        "GatewayBackendClientCertificate" => Takes::Full(&[F::BackendTls, F::BackendClientCertificate]),
        "GatewayFrontendClientCertificateValidation" => Takes::Full(&[F::HttpsListener, F::ClientValidation]),
        "GatewayFrontendClientCertificateValidationInsecureFallback" => {
            Takes::Full(&[F::HttpsListener, F::ClientValidation, F::ClientValidationFallback])
        }
        "GatewayListenerFilters" => Takes::Full(&[F::ListenerFilters]),
        "HTTPRoute303RedirectStatusCode"
        | "HTTPRoute307RedirectStatusCode"
        | "HTTPRoute308RedirectStatusCode" => Takes::Full(&[F::Redirect, F::RedirectOtherStatus]),
        "HTTPRouteBackendProtocolH2C" => Takes::Full(&[F::Http2Backend]),
        "HTTPRouteBackendProtocolWebSocket" => Takes::Full(&[F::WebSocketBackend]),
        "HTTPRouteBackendRequestHeaderModification" => Takes::Full(&[F::BackendFilters, F::RequestHeaders]),
        "HTTPRouteBackendURLRewrite" => Takes::Full(&[F::BackendFilters, F::RewriteHost, F::RewritePath]),
        "HTTPRouteBackendTimeout" => Takes::Full(&[F::BackendTimeout]),
        "HTTPRouteRequestTimeout" => Takes::Full(&[F::RequestTimeout]),
        "HTTPRouteCORS" => Takes::Full(&[F::Cors]),
        "HTTPRouteHostRewrite" => Takes::Full(&[F::RewriteHost]),
        "HTTPRoutePathRewrite" => Takes::Full(&[F::RewritePath]),
        "HTTPRouteMethodMatching" => Takes::Full(&[F::Method]),
        // As exact headers, which are core: values without regard to case are told route by route.
        "HTTPRouteQueryParamMatching" => Takes::Roughly(&[F::QueryExact]),
        "HTTPRoutePathRedirect" => Takes::Full(&[F::Redirect, F::RedirectPrefix]),
        "HTTPRoutePortRedirect" | "HTTPRouteSchemeRedirect" => Takes::Full(&[F::Redirect]),
        "HTTPRouteRequestMirror" | "HTTPRouteRequestMultipleMirrors" => Takes::Full(&[F::Mirror]),
        "HTTPRouteRequestPercentageMirror" => Takes::Full(&[F::MirrorShare]),
        "HTTPRouteResponseHeaderModification" => Takes::Full(&[F::ResponseHeaders]),
        "HTTPRouteRetry" | "HTTPRouteRetryCodes" | "HTTPRouteRetryConnectionError" => {
            Takes::Full(&[F::Retry])
        }
        "HTTPRouteRetryBackendTimeout" => Takes::Full(&[F::Retry, F::BackendTimeout]),
        // GatewayInfrastructure (labels of objects in the cluster), misdirected requests (421), routability, mixed TLS
        // modes, and whatever a later release brings.
        _ => Takes::Everything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_served_as_written_is_claimed() {
        let alb = |name| claims(Provider::AwsAlb, name);
        for name in [
            "Gateway",
            "HTTPRoute",
            "ReferenceGrant",
            "ListenerSet",
            "HTTPRouteMethodMatching",
            "HTTPRouteHostRewrite",
            "HTTPRouteSchemeRedirect",
            "HTTPRouteBackendProtocolWebSocket",
            "HTTPRoutePortRedirect",
            "GatewayFrontendClientCertificateValidation",
            // Approximated as exact headers are: values without regard to case.
            "HTTPRouteQueryParamMatching",
        ] {
            assert!(alb(name), "{name}");
        }
        for name in [
            // Approximated: gRPC on HTTPS listeners alone.
            "GRPCRoute",
            "HTTPRouteRequestMirror",
            "HTTPRoute308RedirectStatusCode",
            "TCPRoute",
            "TLSRoute",
            "UDPRoute",
            "GatewayStaticAddresses",
            // Roughly: nothing is checked.
            "GatewayFrontendClientCertificateValidationInsecureFallback",
            "GatewayHTTPSListenerDetectMisdirectedRequests",
            "AFeatureOfNextYear",
        ] {
            assert!(!alb(name), "{name}");
        }
        assert!(claims(
            Provider::Software,
            "GatewayHTTPSListenerDetectMisdirectedRequests"
        ));
        // Each host of a Gateway is at a name of its own there, and a wildcard at none.
        let lattice = |name| claims(Provider::AwsLattice, name);
        for name in [
            "GatewayHTTPListenerIsolation",
            "ListenerSet",
            "HTTPRouteParentRefPort",
        ] {
            assert!(!lattice(name), "{name}");
        }
        assert!(lattice("HTTPRouteNamedRouteRule") && lattice("HTTPRouteMethodMatching"));
    }
}
