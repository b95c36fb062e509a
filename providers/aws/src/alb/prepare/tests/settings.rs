//! Which settings count where several say something.

use super::*;

/// The order of precedence that the reference of the parameters promises.
#[test]
fn settings_of_a_service_win_over_those_of_the_load_balancer() {
    let spec = serde_json::from_value(json!({
        "scheme": "InternetFacing",
        "sourceRanges": ["10.0.0.0/8"],
        "listeners": [{"port": 443, "sslPolicy": "ELBSecurityPolicy-X", "mutualTls": "Passthrough"}],
        "targetGroups": {"healthCheck": {"path": "/all", "codes": "200"}, "attributes": {"a": "1", "b": "1"}},
        "strict": true,
    }))
    .unwrap();
    let service: AwsTargetGroupParametersSpec = serde_json::from_value(json!({
        "targetRefs": [{"name": "cart"}],
        "settings": {"healthCheck": {"path": "/cart"}, "attributes": {"b": "2"}},
    }))
    .unwrap();
    let cart = ObjectName::new("shop", "cart");
    let parameters = AwsAlb {
        balancer: spec,
        target_groups: BTreeMap::from([(cart.clone(), Arc::new(service))]),
        ..AwsAlb::default()
    };
    let found = settings("blue", &balancer(), &parameters).unwrap();
    assert_eq!((found.scheme, &*found.cluster), (Scheme::InternetFacing, "blue"));
    assert_eq!(found.approximations, Approximations::Refuse);
    assert_eq!(found.sources.len(), 1);
    assert_eq!(found.targets.health.path.as_deref(), Some("/all"));
    let own = &found.services[&cart];
    assert_eq!(own.health.path.as_deref(), Some("/cart"));
    assert_eq!(
        own.health.codes.as_deref(),
        Some("200"),
        "what it does not set is the Gateway's"
    );
    let attributes: Vec<(&str, &str)> = own
        .attributes
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    assert_eq!(attributes, [("a", "1"), ("b", "2")]);
    assert_eq!(
        found.ports[&443].ssl_policy.as_deref(),
        Some("ELBSecurityPolicy-X")
    );
}

/// A policy for all listeners is one of those on which TLS ends: on others it is not there, so that nobody is told of it.
#[test]
fn a_policy_for_all_listeners_is_for_those_on_which_tls_ends() {
    let mut balancer = balancer();
    for (port, protocol) in [
        (80, Protocol::Http),
        (443, Protocol::Https),
        (8443, Protocol::Tls),
    ] {
        let key = ListenerKey {
            parent: ListenerParent::Gateway(balancer.gateway.clone()),
            name: port.to_string().into(),
        };
        let tls = match protocol {
            Protocol::Https => Some(ListenerTls::Terminate(TlsTermination {
                certificates: Vec::new(),
                client_validation: None,
                options: BTreeMap::new(),
            })),
            Protocol::Tls => Some(ListenerTls::Passthrough),
            _ => None,
        };
        let listener = Listener {
            key: key.clone(),
            port,
            protocol,
            hostname: HostPattern::Any,
            tls,
            filters: Vec::new(),
        };
        balancer.listeners.insert(key, Arc::new(listener));
    }
    let attributes = json!({"a": "b"});
    let spec = serde_json::from_value(json!({
        "sslPolicy": "ELBSecurityPolicy-X",
        "listeners": [
            {"port": 80, "attributes": attributes},
            {"port": 443, "attributes": attributes},
            {"port": 8443, "sslPolicy": "ELBSecurityPolicy-Y"},
        ],
    }))
    .unwrap();
    let parameters = AwsAlb {
        balancer: spec,
        strays: [9443].into(),
        ..AwsAlb::default()
    };
    let found = settings("blue", &balancer, &parameters).unwrap();
    let policy = |port: u16| found.ports[&port].ssl_policy.as_deref();
    assert_eq!(
        (policy(80), policy(443), policy(8443)),
        (None, Some("ELBSecurityPolicy-X"), Some("ELBSecurityPolicy-Y"))
    );
    assert_eq!(found.strays, [9443].into());
}

#[test]
fn ipv6_is_by_subnets() {
    let mut parameters = AwsAlb::default();
    let mut ipv6 = |value: serde_json::Value| {
        parameters.balancer.ipv6 = serde_json::from_value(value).unwrap();
        settings("blue", &balancer(), &parameters).map(|found| found.ipv6)
    };
    let found = ipv6(json!([
        {"subnet": "subnet-a", "address": "2001:db8::10"},
        {"subnet": "subnet-b", "sourceNatPrefix": "2001:db8:0:1:1::1/80"},
    ]))
    .unwrap();
    assert_eq!(found["subnet-a"].address, "2001:db8::10".parse().ok());
    assert_eq!(found["subnet-a"].source_nat, None);
    assert_eq!(
        found["subnet-b"].source_nat,
        "2001:db8:0:1:1::/80".parse().ok(),
        "as AWS tells it"
    );
    for (field, value) in [
        ("address", "192.0.2.1"),
        ("sourceNatPrefix", "2001:db8::/64"),
        ("sourceNatPrefix", "auto"),
    ] {
        let error = ipv6(json!([{"subnet": "subnet-a", field: value}])).unwrap_err();
        assert!(
            error.contains(&format!("ipv6[subnet=subnet-a].{field}")) && error.contains(value),
            "{error}"
        );
    }
}

#[test]
fn a_value_that_the_crd_would_refuse_is_named() {
    let mut parameters = AwsAlb::default();
    parameters.balancer.source_ranges = Some(vec!["everybody".to_owned()]);
    let error = settings("blue", &balancer(), &parameters).unwrap_err();
    assert!(
        error.contains("everybody") && error.contains("10.0.0.0/8"),
        "{error}"
    );
}
