//! Rules of routes, from YAML as users write it.

mod filters;
mod grpc;
mod http;
mod references;
mod stream;

use super::{Resolver, RouteFindings, grpc_rules, http_rules};
use crate::backend::BackendOptions;
use crate::lookup::Referrer;
use crate::lookup::testing::World;
use gatewright_model::key::RouteKind;
use gatewright_model::route::HttpRule;
use std::sync::Arc;

/// What most tests refer to.
pub(super) const WORLD: &str = r"
kind: Service
metadata: {namespace: shop, name: web}
spec: {ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}, {name: sql, port: 3306, appProtocol: mysql}]}
---
kind: Service
metadata: {namespace: shop, name: tls}
spec: {ports: [{name: https, port: 443, appProtocol: https}]}
---
kind: Service
metadata: {namespace: other, name: web}
spec: {ports: [{port: 80}]}
---
kind: Service
metadata: {namespace: shop, name: outside}
spec: {type: ExternalName, externalName: api.example.com}
---
kind: XBackend
metadata: {namespace: shop, name: ext}
spec: {type: ExternalHostname, port: {number: 443}, externalHostname: {hostname: api.example.com}}
---
kind: XBackend
metadata: {namespace: shop, name: raw}
spec: {type: ExternalHostname, protocol: TCP, port: {number: 9000}, externalHostname: {hostname: raw.example.com}}
---
kind: XBackend
metadata: {namespace: other, name: ext}
spec: {type: ExternalHostname, port: {number: 443}, externalHostname: {hostname: api.example.com}}
";

pub(super) fn resolver(world: &World, traffic: RouteKind) -> Resolver<'_, World> {
    Resolver {
        lookup: world,
        referrer: Referrer::gateway_api(traffic.as_str(), "shop"),
        traffic,
        options: BackendOptions::default(),
    }
}

pub(super) fn http(rules: &str) -> (Vec<Arc<HttpRule>>, RouteFindings) {
    let world = World::new(WORLD);
    http_rules(
        &serde_yaml_ng::from_str::<Vec<_>>(rules).unwrap(),
        &resolver(&world, RouteKind::Http),
    )
}

pub(super) fn grpc(rules: &str) -> (Vec<Arc<HttpRule>>, RouteFindings) {
    let world = World::new(WORLD);
    grpc_rules(
        &serde_yaml_ng::from_str::<Vec<_>>(rules).unwrap(),
        &resolver(&world, RouteKind::Grpc),
    )
}

/// The one rule that is expected to be served.
pub(super) fn one(rules: &str) -> HttpRule {
    let (found, findings) = http(rules);
    assert_eq!(findings.dropped, []);
    assert_eq!(found.len(), 1);
    (*found[0]).clone()
}

/// Reason and message of the route that no rule of is served.
pub(super) fn refused(rules: &str) -> (&'static str, String) {
    let (found, findings) = http(rules);
    assert_eq!(found, []);
    let refusal = findings.refused().unwrap();
    (refusal.reason, refusal.message)
}
