//! Which conditions and reasons the goldens show.

use super::outcomes;
use std::collections::BTreeSet;

/// Condition, status and reason of each finding that the specification names and that this
/// implementation can come to, by kind of object. Reasons of other implementations' limits are left
/// out: what the software provider supports can not be unsupported.
const REQUIRED: &[(&str, &str)] = &[
    (
        "GatewayClass",
        "Accepted=True/Accepted Accepted=False/InvalidParameters SupportedVersion=True/SupportedVersion",
    ),
    (
        "Gateway",
        "Accepted=True/Accepted Accepted=True/ListenersNotValid Accepted=False/ListenersNotValid \
         Accepted=False/InvalidParameters Accepted=False/UnsupportedAddress \
         Programmed=True/Programmed Programmed=False/Invalid Programmed=False/AddressNotUsable \
         ResolvedRefs=True/ResolvedRefs ResolvedRefs=False/InvalidClientCertificateRef ResolvedRefs=False/RefNotPermitted \
         InsecureFrontendValidationMode=True/ConfigurationChanged",
    ),
    (
        "Listener",
        "Accepted=True/Accepted Accepted=False/UnsupportedProtocol Accepted=False/UnsupportedValue \
         Accepted=False/HostnameConflict Accepted=False/ProtocolConflict Accepted=False/NoValidCACertificate \
         Conflicted=True/HostnameConflict Conflicted=True/ProtocolConflict \
         Programmed=True/Programmed Programmed=False/Invalid \
         ResolvedRefs=True/ResolvedRefs ResolvedRefs=False/InvalidCertificateRef ResolvedRefs=False/RefNotPermitted \
         ResolvedRefs=False/InvalidRouteKinds ResolvedRefs=False/InvalidCACertificateRef \
         ResolvedRefs=False/InvalidCACertificateKind ResolvedRefs=False/InvalidListenerFilterRef \
         OverlappingTLSConfig=True/OverlappingHostnames OverlappingTLSConfig=True/OverlappingCertificates",
    ),
    (
        "ListenerSet",
        "Accepted=True/Accepted Accepted=False/NotAllowed Accepted=False/ListenersNotValid \
         Accepted=False/ParentNotAccepted Programmed=True/Programmed Programmed=False/NotAllowed \
         Programmed=False/ListenersNotValid",
    ),
    (
        "Route",
        "Accepted=True/Accepted Accepted=False/NotAllowedByListeners Accepted=False/NoMatchingListenerHostname \
         Accepted=False/NoMatchingParent Accepted=False/UnsupportedValue Accepted=False/IncompatibleFilters \
         ResolvedRefs=True/ResolvedRefs ResolvedRefs=False/BackendNotFound ResolvedRefs=False/InvalidKind \
         ResolvedRefs=False/RefNotPermitted ResolvedRefs=False/UnsupportedProtocol \
         PartiallyInvalid=True/UnsupportedValue",
    ),
    (
        "BackendTLSPolicy",
        "Accepted=True/Accepted Accepted=False/Conflicted Accepted=False/TargetNotFound Accepted=False/Invalid \
         Accepted=False/NoValidCACertificate ResolvedRefs=True/ResolvedRefs ResolvedRefs=False/InvalidCACertificateRef \
         ResolvedRefs=False/InvalidKind",
    ),
    (
        "XBackendTrafficPolicy",
        "Accepted=True/Accepted Accepted=False/Conflicted",
    ),
    (
        "XTelemetryPolicy",
        "Accepted=True/Accepted Accepted=False/Conflicted ResolvedRefs=True/ResolvedRefs \
         ResolvedRefs=False/BackendNotFound ResolvedRefs=False/InvalidKind ResolvedRefs=False/RefNotPermitted",
    ),
    ("XBackend", "Accepted=True/Accepted Accepted=False/Invalid"),
];

#[test]
fn the_goldens_show_every_condition_and_reason() {
    let mut shown: BTreeSet<(String, String)> = BTreeSet::new();
    for (_, _, world) in outcomes() {
        for (kind, condition) in world.conditions() {
            shown.insert((kind, condition));
        }
    }
    let mut missing = Vec::new();
    for (kind, conditions) in REQUIRED {
        for condition in conditions.split_whitespace() {
            if !shown.contains(&((*kind).to_owned(), condition.to_owned())) {
                missing.push(format!("{kind} {condition}"));
            }
        }
    }
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "no golden shows these; shown are {shown:#?}"
    );
}
