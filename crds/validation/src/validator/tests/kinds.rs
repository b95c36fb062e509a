//! Kinds, versions and releases.

use super::*;

#[test]
fn kinds_of_others_are_counted_and_ours_are_known() {
    let loaded = load(
        "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Deployment\n---\napiVersion: v1\nkind: Pod\n",
    );
    assert_eq!(shown(&loaded), Vec::<String>::new());
    assert_eq!(
        loaded.skipped,
        BTreeMap::from([("Deployment.apps".to_owned(), 2), ("Pod".to_owned(), 1)])
    );
    let loaded = load("apiVersion: gateway.networking.k8s.io/v1\nkind: HttpRoute\nmetadata: {name: a}\n");
    assert_eq!(loaded.diagnostics[0].code, Code::UnknownKind);
    assert!(
        shown(&loaded)[0].contains("it is gateway.networking.k8s.io/v1 HTTPRoute now")
            && shown(&loaded)[0].contains("known kinds: BackendTLSPolicy, GRPCRoute, Gateway,"),
        "{:?}",
        shown(&loaded)
    );
    let loaded = load("apiVersion: gateway.networking.k8s.io/v1\nkind: XBackend\nmetadata: {name: a}\n");
    assert!(
        shown(&loaded)[0].contains("it is gateway.networking.x-k8s.io/v1alpha1 XBackend now"),
        "{:?}",
        shown(&loaded)
    );
    let loaded = load("apiVersion: gateway.network.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\n");
    assert_eq!(
        (loaded.diagnostics[0].code, loaded.has_errors()),
        (Code::SuspiciousGroup, false)
    );
    let loaded = load("apiVersion: gatewright.dev/v1\nkind: Unheard\nmetadata: {name: a}\n");
    assert_eq!(loaded.diagnostics[0].code, Code::UnknownKind);
}

#[test]
fn versions_and_bundles_decide_what_is_served() {
    let text = "apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: TCPRoute\nmetadata: {name: a}\nspec: {rules: [{backendRefs: [{name: b, port: 1}]}]}\n";
    let loaded = load(text);
    assert_eq!(
        loaded
            .diagnostics
            .iter()
            .map(|d| (d.code, d.severity))
            .collect::<Vec<_>>(),
        [(Code::DeprecatedVersion, Severity::Warning)]
    );
    assert_eq!(loaded.objects.len(), 1);
    let standard = Validator::new(Bundle::V1_7_0, Channel::Standard, Mode::Strict);
    let loaded = standard.load("m.yaml", text.as_bytes());
    assert_eq!(
        shown(&loaded),
        [
            "error: m.yaml:1:13: TCPRoute a: apiVersion: gateway.networking.k8s.io/v1alpha2 of TCPRoute is not served by Gateway API v1.7.0 (standard channel); served: gateway.networking.k8s.io/v1; it is served by v1.6.3 (experimental channel), v1.7.0 (experimental channel) [version-not-served]"
        ]
    );
    let text =
        "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XTelemetryPolicy\nmetadata: {name: a}\n";
    let old = Validator::new(Bundle::V1_6_3, Channel::Experimental, Mode::Strict);
    assert_eq!(
        shown(&old.load("m.yaml", text.as_bytes())),
        [
            "error: m.yaml:2:7: XTelemetryPolicy a: kind: kind XTelemetryPolicy of group gateway.networking.x-k8s.io is not part of Gateway API v1.6.3 (experimental channel); it is part of v1.7.0 (experimental channel) [not-in-bundle]"
        ]
    );
    let text = "apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\nmetadata: {name: a}\n";
    assert!(shown(&load(text))[0].contains("is not known by Gateway API v1.7.0 (experimental channel); served: gateway.networking.k8s.io/v1, gateway.networking.k8s.io/v1beta1"), "{:?}", shown(&load(text)));
}

/// Rules of the CRDs of AWS, as the API server runs them.
#[test]
fn contradictions_in_parameters_of_aws_are_refused() {
    let refused = |kind: &str, spec: &str| {
        let text = format!(
            "apiVersion: gatewright.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n"
        );
        shown(&load(&text)).join("; ")
    };
    for (spec, part) in [
        (
            "{securityGroups: [sg-0123456789abcdef0], sourceRanges: [10.0.0.0/8]}",
            "exclude each other",
        ),
        ("{sourceRanges: [everybody]}", "IP networks"),
        ("{subnets: {}}", "exactly one of ids and tags"),
        ("{subnets: {ids: []}}", "spec.subnets.ids"),
        ("{subnets: {ids: [subnet]}}", "spec.subnets.ids[0]"),
        ("{tags: {\"aws:team\": a}}", "not yours to set"),
        ("{vpc: vpc}", "spec.vpc"),
        ("{listeners: [{port: 0}]}", "spec.listeners[0].port"),
        ("{scheme: Public}", "spec.scheme"),
        ("{adopt: not_a_name}", "spec.adopt"),
        (
            "{access: {prefixLists: [cloudfront]}}",
            "spec.access.prefixLists[0]",
        ),
        (
            "{securityGroups: [sg-0123456789abcdef0], access: {pathMtuDiscovery: true}}",
            "whom your own groups let in",
        ),
        (
            "{sourceRanges: [10.0.0.0/8], access: {withoutSecurityGroups: true}}",
            "exclude each other",
        ),
        (
            "{access: {withoutSecurityGroups: true, manageBackendRules: true}}",
            "there are no groups",
        ),
        (
            "{access: {manageBackendRules: true, backendSecurityGroups: [sg-0123456789abcdef0]}}",
            "rules that name your own groups are yours",
        ),
    ] {
        let found = refused("AwsLoadBalancerParameters", spec);
        assert!(found.contains(part), "{spec}: {found}");
    }
    for (spec, part) in [
        ("{targetRefs: []}", "spec.targetRefs"),
        (
            "{targetRefs: [{kind: Gateway, name: a}]}",
            "kind Service of the core group",
        ),
        (
            "{targetRefs: [{name: a}], settings: {healthCheck: {timeoutSeconds: 30}}}",
            "less than intervalSeconds",
        ),
        (
            "{targetRefs: [{name: a}], settings: {healthCheck: {enabled: false, path: /}}}",
            "leave all else out",
        ),
        (
            "{targetRefs: [{name: a}], settings: {healthCheck: {protocolVersion: GRPC}}}",
            "spec.settings.healthCheck.protocolVersion",
        ),
    ] {
        let found = refused("AwsTargetGroupParameters", spec);
        assert!(found.contains(part), "{spec}: {found}");
    }
    for (spec, part) in [
        (
            "{services: [{hostname: a.example, name: svc-a}]}",
            "svc- is reserved by AWS",
        ),
        ("{services: [{hostname: a.example, name: gw-a}]}", "gw- for names"),
        (
            "{services: [{hostname: a.example, name: a--b}]}",
            "spec.services[0].name",
        ),
        (
            "{services: [{hostname: a.example, name: ab}]}",
            "spec.services[0].name",
        ),
        (
            "{services: [{hostname: a.example, name: abc}, {hostname: b.example, name: abc}]}",
            "names are unique",
        ),
        (
            "{services: [{hostname: a.example, tags: {gatewright.dev/gateway: a}}]}",
            "not yours to set",
        ),
        (
            "{services: [{hostname: a.example, adopt: shop}]}",
            "spec.services[0].adopt",
        ),
        (
            "{services: [{hostname: a.example, name: abc, adopt: \"arn:aws:vpc-lattice:eu-central-1:123456789012:service/svc-0123456789abcdef0\"}]}",
            "a service that exists keeps its name",
        ),
        (
            "{services: [{hostname: a.example, adopt: \"arn:aws:vpc-lattice:eu-central-1:123456789012:service/svc-0123456789abcdef0\"}, {hostname: b.example, adopt: \"arn:aws:vpc-lattice:eu-central-1:123456789012:service/svc-0123456789abcdef0\"}]}",
            "a service that exists serves one hostname",
        ),
        (
            "{standalone: true, serviceNetwork: sn-0123456789abcdef0}",
            "there is no service network",
        ),
        (
            "{standalone: true, vpcAssociation: Vpc}",
            "there is no service network",
        ),
    ] {
        let found = refused("AwsLatticeParameters", spec);
        assert!(found.contains(part), "{spec}: {found}");
    }
    for spec in [
        "{standalone: true, vpcAssociation: None, services: [{hostname: a.example, name: a-b1, tags: {team: a}}]}",
        "{standalone: false, serviceNetwork: sn-0123456789abcdef0}",
        "{targetGroups: {healthCheck: {enabled: true, protocolVersion: HTTP2, path: /}}}",
    ] {
        assert_eq!(refused("AwsLatticeParameters", spec), "", "{spec}");
    }
    for (spec, part) in [
        (
            "{}",
            "one of sourceRanges, oidc, cognito, jwt, fixedResponse, rewriteUrl, rewriteHost and redirectQuery is needed",
        ),
        ("{sourceRanges: [everybody]}", "IP networks"),
        (
            "{jwt: {issuer: a, jwksEndpoint: \"http://a.example/keys\"}}",
            "spec.jwt.jwksEndpoint",
        ),
        (
            "{jwt: {issuer: a, jwksEndpoint: \"https://a.example/keys\"}, login: {scope: openid}}",
            "login belongs to oidc and cognito",
        ),
        (
            "{jwt: {issuer: a, jwksEndpoint: \"https://a.example/keys\", claims: [{name: exp, values: [a]}]}}",
            "are checked anyway",
        ),
        (
            "{jwt: {issuer: a, jwksEndpoint: \"https://a.example/keys\", claims: [{name: aud, values: [a, b]}]}}",
            "has one value",
        ),
        (
            "{jwt: {issuer: a, jwksEndpoint: \"https://a.example/keys\"}, cognito: {userPoolArn: \"arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a\", userPoolClientId: a, userPoolDomain: a}}",
            "exclude each other",
        ),
        (
            "{cognito: {userPoolArn: pool, userPoolClientId: a, userPoolDomain: a}}",
            "spec.cognito.userPoolArn",
        ),
    ] {
        let found = refused("AwsRouteParameters", spec);
        assert!(found.contains(part), "{spec}: {found}");
    }
    for (spec, part) in [
        ("{}", "exactly one of targetGroup and lambda"),
        ("{targetGroup: {}}", "exactly one of arn and name"),
        ("{targetGroup: {arn: a}}", "spec.targetGroup.arn"),
        ("{lambda: {functionArn: f}}", "spec.lambda.functionArn"),
    ] {
        let found = refused("AwsBackend", spec);
        assert!(found.contains(part), "{spec}: {found}");
    }
    for (spec, part) in [
        (
            "{targetGroup: {}, service: {name: a, port: 80}}",
            "one of arn and name is needed",
        ),
        (
            "{targetGroup: {arn: a}, service: {name: a, port: 80}}",
            "spec.targetGroup.arn",
        ),
        (
            "{targetGroup: {name: a-}, service: {name: a, port: 80}}",
            "spec.targetGroup.name",
        ),
        (
            "{targetGroup: {name: a}, service: {name: a, port: 0}}",
            "spec.service.port",
        ),
        ("{targetGroup: {name: a}}", "service"),
    ] {
        let found = refused("AwsTargetGroupBinding", spec);
        assert!(found.contains(part), "{spec}: {found}");
    }
}

#[test]
fn own_kinds_and_former_groups_are_known() {
    for kind in gatewright_crds::own::KINDS {
        let loaded = load(gatewright_crds::own::document::example(kind.kind));
        assert_eq!(shown(&loaded), Vec::<String>::new());
        assert!(
            loaded
                .objects
                .iter()
                .any(|object| object.gvk.group == "gatewright.dev" && object.gvk.kind == kind.kind)
        );
    }
    let loaded = load("apiVersion: networking.x-k8s.io/v1alpha1\nkind: HTTPRoute\nmetadata: {name: a}\n");
    assert_eq!(loaded.diagnostics[0].code, Code::UnknownKind);
    assert!(
        shown(&loaded)[0].contains("it is gateway.networking.k8s.io/v1 HTTPRoute now"),
        "{:?}",
        shown(&loaded)
    );
}

/// What is read to be served may have the shape of the release before; a verdict may not.
#[test]
fn lenient_mode_takes_objects_of_the_release_before() {
    let text = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: old}
spec: {rules: [{sessionPersistence: {sessionName: cart, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}}]}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: old}
spec: {type: ExternalHostname, externalHostname: {hostname: a.example}, port: {port: 443}}
";
    assert_eq!(load(text).objects.len(), 0);
    let loaded = lenient(text);
    assert_eq!(
        loaded
            .diagnostics
            .iter()
            .map(|d| (d.code, d.severity))
            .collect::<Vec<_>>(),
        [(Code::OlderRelease, Severity::Warning); 2]
    );
    assert_eq!(
        loaded.objects[0]
            .value
            .pointer("/spec/rules/0/sessionPersistence/cookie/name"),
        Some(&json!("cart"))
    );
    assert_eq!(
        loaded.objects[1].value.pointer("/spec/port"),
        Some(&json!({"number": 443}))
    );
    // What neither release accepts gets the present one's findings.
    let loaded = lenient(&text.replace("443", "0"));
    assert_eq!(loaded.objects.len(), 1);
    assert!(
        shown(&loaded)
            .iter()
            .any(|text| text.contains("it is spec.port.number now")),
        "{:?}",
        shown(&loaded)
    );
    // And the present shape is not taken for an old one.
    let present = text.replace("port: {port: 443}", "port: {number: 443}");
    assert_eq!(lenient(&present).diagnostics.len(), 1);
}

/// Fields and values of older releases are named with what replaced them.
#[test]
fn what_older_releases_called_otherwise_is_explained() {
    let text = "apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: old}
spec: {type: ExternalHostname, externalHostname: {hostname: a.example}, port: {port: 443}}
";
    let loaded = load(text);
    assert_eq!(
        shown(&loaded)[0],
        "error: m.yaml:4:80: XBackend default/old: spec.port.port: unknown field \"spec.port.port\"; it is spec.port.number now [unknown-field]"
    );
    let old = Validator::new(Bundle::V1_6_3, Channel::Experimental, Mode::Strict);
    let loaded = old.load("m.yaml", text.as_bytes());
    assert_eq!(shown(&loaded), Vec::<String>::new());
    assert_eq!(
        loaded.objects[0].value.pointer("/spec/port"),
        Some(&json!({"number": 443}))
    );
    let text = "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: HTTPRoute\nmetadata: {name: old}\nspec: {rules: [{forwardTo: []}]}\n";
    assert!(
        shown(&load(text))[0].contains("it is backendRefs now"),
        "{:?}",
        shown(&load(text))
    );
    let loaded = load(&text.replace("forwardTo", "backendRefs"));
    assert_eq!(
        (
            loaded.objects[0].gvk.version.as_str(),
            loaded.objects[0].written_version.as_str()
        ),
        ("v1", "v1beta1")
    );
    assert_eq!(
        loaded.objects[0].value.get("apiVersion"),
        Some(&json!("gateway.networking.k8s.io/v1"))
    );
}
