use super::{WORLD, resolver};
use crate::lookup::testing::World;
use crate::translate::stream_backends;
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::RouteKind;

#[test]
fn backends_keep_weights_and_invalid_ones_their_share() {
    let world = World::new(WORLD);
    let rules: Vec<_> = serde_yaml_ng::from_str(
        "[{backendRefs: [{name: web, port: 80, weight: 3}, {name: nobody, port: 80}]}]",
    )
    .unwrap();
    let (backends, findings) = stream_backends(&rules, &resolver(&world, RouteKind::Tcp));
    assert_eq!(
        backends.iter().map(|backend| backend.weight).collect::<Vec<_>>(),
        [3, 1]
    );
    assert!(
        matches!(&backends[0].target, BackendTarget::Backend(key) if key.to_string() == "Service/shop/web:80")
    );
    assert!(matches!(backends[1].target, BackendTarget::Invalid(_)));
    let refusal = findings
        .unresolved_refs(crate::translate::Extensions::Served)
        .unwrap();
    assert_eq!(refusal.reason, "BackendNotFound");
    assert_eq!(findings.refused(), None);
}

#[test]
fn udp_routes_reach_udp_ports() {
    let world = World::new(WORLD);
    let rules: Vec<_> = serde_yaml_ng::from_str("[{backendRefs: [{name: web, port: 53}]}]").unwrap();
    let (_, findings) = stream_backends(&rules, &resolver(&world, RouteKind::Udp));
    assert_eq!(
        findings
            .backends
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["Service/shop/web:53/UDP"]
    );
    let (_, findings) = stream_backends(&rules, &resolver(&world, RouteKind::Tcp));
    assert_eq!(
        findings
            .unresolved_refs(crate::translate::Extensions::Served)
            .unwrap()
            .reason,
        "UnsupportedProtocol"
    );
}
