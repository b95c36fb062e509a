//! Which conditions and reasons the goldens show.

use super::outcomes;
use std::collections::BTreeSet;

/// Condition, status and reason of each finding that the specification names and that this
/// implementation can come to, by kind of object. Reasons of other implementations' limits are left
/// out: what the software provider supports can not be unsupported.
const REQUIRED: &[(&str, &str)] = &[
    (
        "GatewayClass",
        "Accepted=True/Accepted Accepted=False/InvalidParameters SupportedVersion=True/SupportedVersion \
         SupportedVersion=False/UnsupportedVersion",
    ),
    (
        "Gateway",
        "Accepted=True/Accepted Accepted=True/ListenersNotValid Accepted=False/ListenersNotValid \
         Accepted=False/InvalidParameters Accepted=False/UnsupportedAddress \
         Programmed=True/Programmed Programmed=False/Invalid Programmed=False/AddressNotUsable \
         Programmed=False/AddressNotAssigned Programmed=False/NoResources Programmed=Unknown/Pending \
         AddressesAssigned=True/AddressesAssigned AddressesAssigned=False/PartiallyAssigned \
         AddressesAssigned=False/NotAssigned ResolvedRefs=False/ListenersNotResolved \
         ResolvedRefs=True/ResolvedRefs ResolvedRefs=False/InvalidClientCertificateRef ResolvedRefs=False/RefNotPermitted \
         InsecureFrontendValidationMode=True/ConfigurationChanged",
    ),
    (
        "Listener",
        "Accepted=True/Accepted Accepted=False/UnsupportedProtocol Accepted=False/UnsupportedValue \
         Accepted=False/HostnameConflict Accepted=False/ProtocolConflict Accepted=False/NoValidCACertificate \
         Accepted=False/PortUnavailable Programmed=False/PortUnavailable Programmed=Unknown/Pending \
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
         Programmed=False/ListenersNotValid Programmed=False/Invalid Programmed=Unknown/Pending",
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

/// Reasons of the specification that no golden shows, by kind of object, each with why: this program never comes to it.
const NEVER: &[(&str, &str, &str)] = &[
    (
        "GatewayClass",
        "Pending",
        "the API server's default; a class is judged at once",
    ),
    ("GatewayClass", "Waiting", "deprecated in favour of Pending"),
    (
        "GatewayClass",
        "Unsupported",
        "a class asks for nothing but parameters, whose reason is InvalidParameters",
    ),
    (
        "Gateway",
        "ListenersNotReady",
        "of the condition Ready, which is reserved",
    ),
    ("Gateway", "Ready", "the condition is reserved for future use"),
    ("Gateway", "Scheduled", "deprecated in favour of Accepted"),
    ("Gateway", "NotReconciled", "deprecated in favour of Pending"),
    (
        "Listener",
        "Attached",
        "of the condition Detached, which is deprecated",
    ),
    ("Listener", "Ready", "the condition is reserved for future use"),
    (
        "Listener",
        "NoConflicts",
        "of Conflicted=False; the condition is absent when there is no conflict",
    ),
    (
        "Listener",
        "ListenerConflict",
        "HostnameConflict and ProtocolConflict say which",
    ),
    (
        "Listener",
        "TooManyListeners",
        "there is no bound below that of the schema",
    ),
    (
        "Route",
        "Pending",
        "the API server's default; a route is judged at once",
    ),
    (
        "XMesh",
        "Accepted",
        "meshes are not served, which is said with a reason of our own",
    ),
    (
        "XMesh",
        "InvalidParameters",
        "meshes are not served, which is said with a reason of our own",
    ),
    (
        "XMesh",
        "Pending",
        "meshes are not served, which is said with a reason of our own",
    ),
];

/// The specification's own list, as generated from its sources.
const CONSTANTS: &str = include_str!("../../../../../crds/src/constants/conditions.rs");

/// Kind of object and reason of every constant; goldens show a module's objects under these kinds.
fn constants() -> Vec<(&'static [&'static str], &'static str)> {
    let mut found = Vec::new();
    let mut kinds: &[&str] = &[];
    let mut reasons = false;
    for line in CONSTANTS.lines() {
        let text = line.trim();
        if let Some(module) = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(" {"))
        {
            kinds = match module {
                "gateway_class" => &["GatewayClass"],
                "gateway" => &["Gateway"],
                "listener" | "listener_entry" => &["Listener"],
                "listener_set" => &["ListenerSet"],
                "route" => &["Route"],
                "policy" => &["BackendTLSPolicy", "XBackendTrafficPolicy", "XTelemetryPolicy"],
                "xbackend" => &["XBackend"],
                "xmesh" => &["XMesh"],
                // Found missing below.
                _ => &[],
            };
        } else if text.starts_with("pub mod ") {
            reasons = text == "pub mod reason {";
        } else if reasons && let Some((_, value)) = text.split_once(": &str = \"") {
            found.push((kinds, value.trim_end_matches("\";")));
        }
    }
    found
}

fn shown() -> BTreeSet<(String, String)> {
    let worlds = outcomes().iter().flat_map(|(_, _, world)| world.conditions());
    worlds.collect()
}

/// Every reason that the specification names is shown by a golden, or there is a reason why it cannot be.
#[test]
fn every_reason_of_the_specification_has_its_golden() {
    let shown = shown();
    let is_shown = |kind: &str, reason: &str| {
        shown.iter().any(|(object, condition)| {
            object == kind
                && condition
                    .rsplit_once('/')
                    .is_some_and(|(_, found)| found == reason)
        })
    };
    let constants = constants();
    assert!(constants.len() > 80, "{}", constants.len());
    let mut missing = BTreeSet::new();
    for (kinds, reason) in &constants {
        let excused = |kind: &str| {
            NEVER
                .iter()
                .any(|(object, never, _)| *object == kind && never == reason)
        };
        if !kinds.iter().any(|kind| is_shown(kind, reason)) && !kinds.iter().any(|kind| excused(kind)) {
            missing.insert(format!("{} {reason}", kinds.join(" or ")));
        }
    }
    assert_eq!(missing, BTreeSet::new(), "no golden shows these");
    for (kind, reason, why) in NEVER {
        assert!(
            !is_shown(kind, reason),
            "{kind} {reason} is shown: it needs no excuse ({why})"
        );
        let known = constants
            .iter()
            .any(|(kinds, found)| kinds.contains(kind) && found == reason);
        assert!(known, "{kind} {reason} is not of the specification");
    }
}

#[test]
fn the_goldens_show_every_condition_and_reason() {
    let shown = shown();
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
