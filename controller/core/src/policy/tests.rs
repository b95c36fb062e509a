use super::{PolicyVerdict, backend_tls, certificate_ref, telemetry, traffic};
use crate::backend::BackendOptions;
use crate::certificate::samples::{issued, secret, self_signed};
use crate::lookup::testing::World;
use crate::lookup::{Lookup, Referrer};
use gatewright_crds::api::{SecretObjectReference, XTelemetryPolicy};
use gatewright_model::backend::{BackendTarget, RetryBudget, SubjectAltName};
use gatewright_model::certificate::TrustAnchors;
use gatewright_model::key::ObjectName;
use gatewright_model::telemetry::AttributeSource;

const SERVICE: &str = "
kind: Service
metadata: {namespace: ns, name: web}
spec: {ports: [{name: one, port: 443}, {name: two, port: 8443}]}
";

/// A policy of a name and age, for `web` or one of its ports, with validation fields.
fn policy(name: &str, day: u8, section: &str, validation: &str) -> String {
    let section = if section.is_empty() {
        String::new()
    } else {
        format!(", sectionName: {section}")
    };
    format!(
        "
---
kind: BackendTLSPolicy
metadata: {{namespace: ns, name: {name}, creationTimestamp: '2026-01-0{day}T00:00:00Z'}}
spec:
  targetRefs: [{{group: '', kind: Service, name: web{section}}}]
  validation: {{hostname: {name}.example.com, {validation}}}
"
    )
}

const SYSTEM: &str = "wellKnownCACertificates: System";

fn web() -> ObjectName {
    ObjectName::new("ns", "web")
}

fn world(policies: &[String]) -> World {
    World::new(&format!("{SERVICE}{}", policies.concat()))
}

fn tls_verdict(world: &World, name: &str) -> PolicyVerdict {
    backend_tls::verdict(world, &world.tls_policies[&ObjectName::new("ns", name)])
}

fn reasons(verdict: &PolicyVerdict) -> (Option<&'static str>, Option<&'static str>) {
    (
        verdict.refused.as_ref().map(|found| found.reason),
        verdict.unresolved.as_ref().map(|found| found.reason),
    )
}

fn hostname(world: &World, port_name: &str) -> Option<String> {
    let effective = backend_tls::effective(world, &web(), port_name)?;
    effective.findings.tls.map(|tls| tls.hostname.to_string())
}

#[test]
fn the_oldest_of_two_policies_wins_and_the_other_conflicts() {
    // BackendTLSPolicyConflictResolution, without and with sectionName.
    for section in ["", "one"] {
        let world = world(&[
            policy("b-old", 1, section, SYSTEM),
            policy("a-new", 2, section, SYSTEM),
        ]);
        assert_eq!(hostname(&world, "one").as_deref(), Some("b-old.example.com"));
        assert_eq!(reasons(&tls_verdict(&world, "b-old")), (None, None));
        let lost = tls_verdict(&world, "a-new");
        assert_eq!(reasons(&lost), (Some("Conflicted"), None));
        assert!(
            lost.refused
                .unwrap()
                .message
                .contains("BackendTLSPolicy ns/b-old")
        );
    }
    // Of the same age the first by name.
    let world = world(&[policy("b", 1, "", SYSTEM), policy("a", 1, "", SYSTEM)]);
    assert_eq!(hostname(&world, "two").as_deref(), Some("a.example.com"));
    assert_eq!(reasons(&tls_verdict(&world, "b")).0, Some("Conflicted"));
}

#[test]
fn a_policy_for_a_port_and_one_for_the_service_do_not_conflict() {
    let world = world(&[policy("whole", 1, "", SYSTEM), policy("port", 2, "one", SYSTEM)]);
    assert_eq!(hostname(&world, "one").as_deref(), Some("port.example.com"));
    assert_eq!(hostname(&world, "two").as_deref(), Some("whole.example.com"));
    assert_eq!(
        (
            reasons(&tls_verdict(&world, "whole")),
            reasons(&tls_verdict(&world, "port"))
        ),
        ((None, None), (None, None))
    );
    assert!(backend_tls::applies(&world, &web(), "two"));
    assert!(!backend_tls::applies(
        &world,
        &ObjectName::new("ns", "other"),
        "two"
    ));
}

#[test]
fn faults_of_authorities_have_the_documented_reasons() {
    let (_, ca, _) = issued("a.example.com");
    let reference =
        |group: &str, kind: &str, name: &str| format!("{{group: '{group}', kind: {kind}, name: '{name}'}}");
    let missing = reference("", "ConfigMap", "missing");
    let empty = reference("", "ConfigMap", "empty");
    let good = reference("", "ConfigMap", "good");
    let kind = reference("invalid.io", "InvalidKind", "x");
    let bundle = reference(
        "certificates.k8s.io",
        "ClusterTrustBundle",
        "example.com:signer:v1",
    );
    let invalid = (Some("NoValidCACertificate"), Some("InvalidCACertificateRef"));
    let cases = [
        // BackendTLSPolicyInvalidCACertificateRef: absent and malformed.
        (format!("caCertificateRefs: [{missing}]"), invalid),
        (format!("caCertificateRefs: [{empty}]"), invalid),
        // BackendTLSPolicyInvalidKind.
        (
            format!("caCertificateRefs: [{kind}]"),
            (Some("NoValidCACertificate"), Some("InvalidKind")),
        ),
        // One valid source left: accepted, but not all references resolve.
        (
            format!("caCertificateRefs: [{good}, {missing}]"),
            (None, Some("InvalidCACertificateRef")),
        ),
        (format!("caCertificateRefs: [{good}]"), (None, None)),
        // GEP-5075: the API is absent.
        (
            format!("caCertificateRefs: [{bundle}]"),
            (Some("NoValidCACertificate"), Some("InvalidKind")),
        ),
        (SYSTEM.to_owned(), (None, None)),
        (
            "wellKnownCACertificates: example.com/mine".to_owned(),
            (Some("Invalid"), None),
        ),
        (
            format!("caCertificateRefs: [{good}], {SYSTEM}"),
            (Some("Invalid"), None),
        ),
        ("subjectAltNames: []".to_owned(), (Some("Invalid"), None)),
    ];
    for (validation, expected) in cases {
        let world = world(&[policy("p", 1, "", &validation)])
            .ca("ns", "good", &ca)
            .ca("ns", "empty", "");
        assert_eq!(reasons(&tls_verdict(&world, "p")), expected, "{validation}");
        // Without a valid source connections fail; they never fall back to cleartext.
        let effective = backend_tls::effective(&world, &web(), "one").unwrap();
        assert_eq!(
            effective.findings.tls.is_none(),
            expected.0.is_some(),
            "{validation}"
        );
    }
}

#[test]
fn cluster_trust_bundles_follow_the_gep() {
    let (_, ca, _) = issued("a.example.com");
    let text = "caCertificateRefs: [{group: certificates.k8s.io, kind: ClusterTrustBundle, name: 'example.com:signer:v1'}]";
    let with = |bundles: &[(&str, &str)]| {
        reasons(&tls_verdict(
            &world(&[policy("p", 1, "", text)]).bundles(bundles),
            "p",
        ))
    };
    let invalid = (Some("NoValidCACertificate"), Some("InvalidCACertificateRef"));
    assert_eq!(with(&[]), invalid, "nonexistent");
    assert_eq!(with(&[("example.com:signer:v1", "")]), invalid, "empty");
    assert_eq!(
        with(&[("example.com:signer:v1", "nonsense")]),
        invalid,
        "unparsable"
    );
    assert_eq!(with(&[("example.com:signer:v1", &ca)]), (None, None));
}

#[test]
fn names_and_authorities_reach_the_model() {
    let (_, ca, _) = issued("a.example.com");
    let validation = "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}], subjectAltNames: [{type: Hostname, hostname: A.example.com}, {type: URI, uri: 'spiffe://x/y'}]";
    let world = world(&[policy("p", 1, "", validation)]).ca("ns", "ca", &ca);
    let tls = backend_tls::effective(&world, &web(), "one")
        .unwrap()
        .findings
        .tls
        .unwrap();
    assert!(matches!(&tls.trust, Some(TrustAnchors::Certificates(list)) if list.len() == 1));
    assert_eq!(
        tls.subject_alt_names,
        [
            SubjectAltName::Hostname("a.example.com".into()),
            SubjectAltName::Uri("spiffe://x/y".into())
        ]
    );
}

#[test]
fn a_policy_without_its_target_says_so() {
    // LocalPolicyTargetReferenceWithSectionName.sectionName.
    let verdict = tls_verdict(&world(&[policy("p", 1, "three", SYSTEM)]), "p");
    let refused = verdict.refused.unwrap();
    assert_eq!(refused.reason, "TargetNotFound");
    assert!(
        refused
            .message
            .contains("no port named \"three\" (its ports: one, two)"),
        "{}",
        refused.message
    );
    let alone = World::new(policy("p", 1, "", SYSTEM).trim_start_matches("\n---"));
    assert_eq!(reasons(&tls_verdict(&alone, "p")).0, Some("TargetNotFound"));
}

#[test]
fn options_are_not_ignored_silently() {
    let text =
        policy("p", 1, "", SYSTEM).replace("  validation:", "  options: {example.com/x: y}\n  validation:");
    let verdict = tls_verdict(&world(&[text]), "p");
    assert_eq!(
        verdict.notes,
        ["spec.options[\"example.com/x\"] is not known here and has no effect"]
    );
    assert_eq!(reasons(&verdict), (None, None));
}

#[test]
fn references_to_certificates_check_permission_before_existence() {
    let (certificate, key) = self_signed(&["a.example.com"], &rcgen::PKCS_ED25519);
    let world = World::default().secret_object(secret(&certificate, &key));
    let reference = |yaml: &str| serde_yaml_ng::from_str::<SecretObjectReference>(yaml).unwrap();
    let resolve = |world: &World, from: &str, yaml: &str| {
        certificate_ref::resolve(world, Referrer::gateway_api("Gateway", from), &reference(yaml))
            .map(|found| found.certificate.key.to_string())
            .map_err(|fault| fault.into_refusal("InvalidCertificateRef").reason)
    };
    assert_eq!(
        resolve(&world, "ns", "{name: tls}"),
        Ok("Secret/ns/tls".to_owned())
    );
    assert_eq!(
        resolve(&world, "ns", "{name: nobody}"),
        Err("InvalidCertificateRef")
    );
    assert_eq!(
        resolve(&world, "ns", "{kind: ConfigMap, name: tls}"),
        Err("InvalidCertificateRef")
    );
    assert_eq!(
        resolve(&world, "gw", "{name: tls, namespace: ns}"),
        Err("RefNotPermitted")
    );
    // GatewaySecretMissingReferenceGrant (1.7): also for a Secret that does not exist.
    assert_eq!(
        resolve(&world, "gw", "{name: nobody, namespace: ns}"),
        Err("RefNotPermitted")
    );
    let granted = world.grant("Gateway", "gw", "ns");
    assert_eq!(
        resolve(&granted, "gw", "{name: tls, namespace: ns}"),
        Ok("Secret/ns/tls".to_owned())
    );
    let refusal =
        certificate_ref::gateway_client_certificate(&granted, "gw", &reference("{name: x}")).unwrap_err();
    assert_eq!(refusal.reason, "InvalidClientCertificateRef");
    assert!(
        refusal
            .message
            .starts_with("spec.tls.backend.clientCertificateRef: Secret gw/x"),
        "{}",
        refusal.message
    );
}

fn traffic_policy(name: &str, day: u8, spec: &str) -> String {
    format!(
        "
---
kind: XBackendTrafficPolicy
metadata: {{namespace: ns, name: {name}, creationTimestamp: '2026-01-0{day}T00:00:00Z'}}
spec: {{targetRefs: [{{group: '', kind: Service, name: web}}], {spec}}}
"
    )
}

#[test]
fn retry_budgets_have_the_defaults_of_the_crd_and_the_oldest_wins() {
    let world = world(&[
        traffic_policy("new", 2, "retryConstraint: {budget: {percent: 1, interval: 1s}}"),
        traffic_policy("old", 1, "retryConstraint: {}"),
    ]);
    let settings = traffic::effective(&world, "Service", &web());
    let defaults = RetryBudget {
        percent: 20,
        interval_ms: 10_000,
        min_count: 10,
        min_interval_ms: 1000,
    };
    assert_eq!(settings.retry_budget, Some(defaults));
    let verdict =
        |name: &str| traffic::verdict(&world, &world.traffic_policies[&ObjectName::new("ns", name)]);
    assert_eq!(
        (reasons(&verdict("new")).0, reasons(&verdict("old")).0),
        (Some("Conflicted"), None)
    );
    assert_eq!(traffic::effective(&world, "XBackend", &web()).retry_budget, None);
}

#[test]
fn traffic_policies_that_mean_nothing_are_invalid() {
    for (spec, words) in [
        ("retryConstraint: {budget: {percent: 101}}", "budget.percent"),
        (
            "retryConstraint: {budget: {interval: 0s}}",
            "budget.interval: must be longer",
        ),
        (
            "retryConstraint: {minRetryRate: {count: 1, interval: x}}",
            "minRetryRate.interval",
        ),
        (
            "sessionPersistence: {type: Header}",
            "sessionPersistence.header.name",
        ),
    ] {
        let world = world(&[traffic_policy("p", 1, spec)]);
        let refused = traffic::verdict(&world, &world.traffic_policies[&ObjectName::new("ns", "p")])
            .refused
            .unwrap();
        assert_eq!(refused.reason, "Invalid");
        assert!(refused.message.contains(words), "{}", refused.message);
        assert_eq!(
            traffic::effective(&world, "Service", &web()),
            traffic::TrafficSettings::default()
        );
    }
}

#[test]
fn session_persistence_of_a_traffic_policy_works_and_is_deprecated() {
    let world = world(&[traffic_policy(
        "p",
        1,
        "sessionPersistence: {cookie: {name: sid}}",
    )]);
    let settings = traffic::effective(&world, "Service", &web());
    assert_eq!(settings.session_persistence.unwrap().name.as_deref(), Some("sid"));
    let verdict = traffic::verdict(&world, &world.traffic_policies[&ObjectName::new("ns", "p")]);
    assert!(verdict.notes[0].contains("deprecated"));
}

fn telemetry_policy(name: &str, day: u8, tracing: &str) -> XTelemetryPolicy {
    serde_yaml_ng::from_str(&format!(
        "
metadata: {{namespace: ns, name: {name}, creationTimestamp: '2026-01-0{day}T00:00:00Z'}}
spec: {{targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: gw}}], tracing: {tracing}}}
"
    ))
    .unwrap()
}

fn evaluate(tracing: &str) -> (Option<gatewright_model::telemetry::Tracing>, PolicyVerdict) {
    let policy = telemetry_policy("p", 1, tracing);
    let gateway = ObjectName::new("ns", "gw");
    let (tracing, verdict) = telemetry::evaluate(
        &world(&[]),
        &policy,
        &gateway,
        &[&policy],
        BackendOptions::default(),
    );
    (tracing.map(|tracing| (*tracing).clone()), verdict)
}

#[test]
fn one_telemetry_policy_applies_to_a_gateway() {
    let (old, new) = (
        telemetry_policy("b", 1, "{mode: Disabled}"),
        telemetry_policy("a", 2, "{mode: Disabled}"),
    );
    let gateway = ObjectName::new("ns", "gw");
    let all = [&new, &old];
    assert_eq!(
        telemetry::winner(&all, &gateway)
            .unwrap()
            .metadata
            .name
            .as_deref(),
        Some("b")
    );
    assert_eq!(telemetry::winner(&all, &ObjectName::new("ns", "other")), None);
    let lookup = world(&[]);
    let verdict = |policy| telemetry::evaluate(&lookup, policy, &gateway, &all, BackendOptions::default()).1;
    assert_eq!(reasons(&verdict(&new)).0, Some("Conflicted"));
    assert_eq!(reasons(&verdict(&old)).0, None);
}

#[test]
fn tracing_settings_reach_the_model() {
    let (tracing, verdict) = evaluate(
        "{mode: Enabled, provider: {backendRef: {name: web, port: 443}, headers: [{name: X-Key, value: v}]},
          samplingRate: {numerator: 5}, parentBasedSampling: {mode: Disabled}, serviceName: s, spanName: n,
          attributes: [{name: a, sourceType: Header, headerName: X-A}, {name: b, sourceType: Literal, literalValue: l},
                       {name: c, sourceType: Attribute, attributeKey: http.request.method}]}",
    );
    let tracing = tracing.unwrap();
    assert_eq!(reasons(&verdict), (None, None));
    assert!(
        matches!(tracing.collector, Some(BackendTarget::Backend(key)) if key.to_string() == "Service/ns/web:443")
    );
    assert_eq!(tracing.headers, [("x-key".into(), "v".into())]);
    assert_eq!(
        (
            tracing.enabled,
            tracing.sampling,
            tracing.parent_based,
            tracing.parent_sampling
        ),
        (true, (5, 100), false, (1, 1))
    );
    let sources: Vec<_> = tracing.attributes.into_iter().map(|(_, source)| source).collect();
    assert_eq!(
        sources,
        [
            AttributeSource::Header("x-a".into()),
            AttributeSource::Literal("l".into()),
            AttributeSource::Attribute("http.request.method".into())
        ]
    );
}

#[test]
fn telemetry_faults_are_invalid_or_unresolved() {
    let invalid = [
        ("{mode: Enabled}", "spec.tracing.provider: is needed"),
        (
            "{mode: Disabled, provider: {backendRef: {name: web, port: 443}}}",
            "must not be set for mode Disabled",
        ),
        ("{samplingRate: {numerator: 3, denominator: 2}}", "samplingRate"),
        (
            "{attributes: [{name: a, sourceType: Header}]}",
            "attributes[0].headerName: is needed",
        ),
    ];
    for (tracing, words) in invalid {
        let (found, verdict) = evaluate(tracing);
        assert_eq!(found, None, "{tracing}");
        let refused = verdict.refused.unwrap();
        assert_eq!(refused.reason, "Invalid");
        assert!(refused.message.contains(words), "{}", refused.message);
    }
    for (reference, reason) in [
        ("{name: nobody, port: 1}", "BackendNotFound"),
        ("{kind: Pod, name: web, port: 1}", "InvalidKind"),
        ("{name: web, namespace: other, port: 443}", "RefNotPermitted"),
    ] {
        let (found, verdict) = evaluate(&format!(
            "{{mode: Enabled, provider: {{backendRef: {reference}}}}}"
        ));
        assert_eq!(reasons(&verdict), (None, Some(reason)));
        assert!(matches!(
            found.unwrap().collector,
            Some(BackendTarget::Invalid(_))
        ));
    }
}

#[test]
fn the_implementation_default_leaves_the_collector_to_the_process() {
    let tracing = evaluate("{serviceName: s}").0.unwrap();
    assert_eq!(
        (
            tracing.enabled,
            tracing.collector,
            tracing.parent_based,
            tracing.sampling
        ),
        (true, None, true, (1, 1))
    );
    assert!(!evaluate("{mode: Disabled}").0.unwrap().enabled);
}

#[test]
fn the_default_certificate_answer_is_the_checked_secret() {
    let world = World::default().secret_object(secret("x", "y"));
    assert!(world.certificate(&ObjectName::new("ns", "tls")).unwrap().is_err());
    assert!(world.certificate(&ObjectName::new("ns", "nobody")).is_none());
}
