//! What statuses say of the data plane: programmed listeners, addresses.

use super::gateway;
use crate::snapshot::{Change, Kind};
use crate::status::{AssignedAddress, ListenerOutcome, Programming};
use crate::testing::{GATEWAY, at, engine, engine_with, key, program, short, status, upserts};
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checklist item 6: before the data plane had a word, nobody knows.
#[test]
fn programmed_is_unknown_before_and_follows_the_outcome() {
    let mut engine = engine_with(GATEWAY);
    let name = ObjectName::new("default", "gw");
    let programmed = |engine: &crate::Engine| {
        let found = status(engine, Kind::Gateway, "gw");
        (
            short(&found["conditions"])[1].clone(),
            short(&found["listeners"][0]["conditions"])[..2].to_vec(),
        )
    };
    assert_eq!(programmed(&engine).0, "Programmed=Unknown/Pending");
    let key = engine
        .balancer(&name)
        .unwrap()
        .listeners
        .keys()
        .next()
        .unwrap()
        .clone();
    let address = |value: &str| AssignedAddress {
        kind: "IPAddress".into(),
        value: value.into(),
        routability: "".into(),
    };
    let outcome = |outcome, addresses| {
        BTreeMap::from([(
            name.clone(),
            Programming {
                listeners: BTreeMap::from([(key.clone(), outcome)]),
                addresses,
                ..Programming::default()
            },
        )])
    };
    engine.set_programming(outcome(ListenerOutcome::Programmed, Vec::new()), at(1));
    assert_eq!(programmed(&engine).0, "Programmed=False/AddressNotAssigned");
    let failed = ListenerOutcome::Failed {
        reason: "PortUnavailable".into(),
        message: "port 80 is taken".into(),
    };
    engine.set_programming(outcome(failed, vec![address("192.0.2.1")]), at(2));
    let (whole, one) = programmed(&engine);
    assert_eq!(whole, "Programmed=False/Invalid");
    assert_eq!(
        one,
        [
            "Accepted=False/PortUnavailable",
            "Programmed=False/PortUnavailable"
        ]
    );
    let delta = engine.set_programming(
        outcome(ListenerOutcome::Programmed, vec![address("192.0.2.1")]),
        at(3),
    );
    assert_eq!(delta.statuses.len(), 1);
    assert_eq!(programmed(&engine).0, "Programmed=True/Programmed");
}

/// A controller that starts or takes over finds proxies that serve: addresses in the status make DNS records
/// (external-dns), so what was said stands until the data plane has a word, for the generation it was said of.
#[test]
fn what_was_programmed_stands_until_the_data_plane_has_a_word() {
    let set = "{apiVersion: gateway.networking.k8s.io/v1, kind: ListenerSet, metadata: {name: set, generation: 1}, spec: {parentRef: {name: gw}, listeners: [{name: more, port: 81, protocol: HTTP}]}}\n---\n";
    let spec = "  allowedListeners: {namespaces: {from: Same}}\n  listeners: [{name: http, port: 80, protocol: HTTP}]";
    let yaml = gateway(spec) + set;
    let mut before = engine_with(&yaml);
    program(&mut before, at(1));
    let told = |engine: &crate::Engine, kind, name: &str| {
        let found = status(engine, kind, name);
        let listener = short(&found["listeners"][0]["conditions"])[1].clone();
        (
            short(&found["conditions"])[1].clone(),
            listener,
            found["addresses"].clone(),
        )
    };
    let yes = "Programmed=True/Programmed".to_owned();
    let whole = told(&before, Kind::Gateway, "gw");
    assert_eq!((&whole.0, &whole.1), (&yes, &yes));

    // Another process reads the objects with their statuses.
    let written = |generation: i64| {
        let keys = [key(Kind::Gateway, "gw"), key(Kind::ListenerSet, "set")];
        let objects = upserts(&yaml).into_iter().map(|change| {
            let Change::Upsert(object) = change else {
                unreachable!()
            };
            let mut value = object.to_value().unwrap();
            if let Some(key) = keys.iter().find(|key| key.kind == object.kind()) {
                value["status"] = status(&before, key.kind, &key.name.name);
                if key.kind == Kind::Gateway {
                    value["metadata"]["generation"] = generation.into();
                }
            }
            Change::Upsert(Arc::new(
                crate::snapshot::Object::read(object.kind(), value).unwrap(),
            ))
        });
        objects.collect::<Vec<_>>()
    };
    let mut engine = engine();
    let delta = engine.update(written(3), at(5));
    assert!(
        delta
            .statuses
            .iter()
            .all(|change| change.key.kind == Kind::GatewayClass),
        "nothing to write: {:?}",
        delta.statuses
    );
    assert_eq!(told(&engine, Kind::Gateway, "gw"), whole);
    assert_eq!(told(&engine, Kind::ListenerSet, "set").0, yes);
    assert!(engine.is_programmed(&ObjectName::new("default", "gw")));

    // Nobody knows yet whether the proxies have another generation; where they are is known.
    let mut newer = crate::testing::engine();
    newer.update(written(4), at(5));
    let (condition, listener, addresses) = told(&newer, Kind::Gateway, "gw");
    let pending = "Programmed=Unknown/Pending".to_owned();
    assert_eq!((condition, listener), (pending.clone(), pending.clone()));
    assert_eq!(addresses, whole.2);

    // The data plane's word counts, and is forgotten when somebody else hears it.
    let gone = Programming {
        fault: Some(crate::status::ProgrammingFault {
            reason: "Pending".into(),
            message: "none".to_owned(),
        }),
        ..Programming::default()
    };
    engine.set_programming(BTreeMap::from([(ObjectName::new("default", "gw"), gone)]), at(6));
    assert_eq!(told(&engine, Kind::Gateway, "gw").0, "Programmed=False/Pending");
    engine.forget_programming(at(7));
    assert_eq!(told(&engine, Kind::Gateway, "gw").0, pending);
}

/// Checklist item 9 and GEP-5093 (test GatewayStaticAddresses).
#[test]
fn addresses_are_matched_with_what_was_asked_for() {
    let spec = |addresses: &str| {
        gateway(&format!(
            "  addresses: {addresses}\n  listeners: [{{name: http, port: 80, protocol: HTTP}}]"
        ))
    };
    let conditions = |engine: &crate::Engine| short(&status(engine, Kind::Gateway, "gw")["conditions"]);
    let mut engine = engine_with(&spec("[{type: example.net/Odd, value: x}]"));
    assert_eq!(
        conditions(&engine)[..2],
        ["Accepted=False/UnsupportedAddress", "Programmed=False/Invalid"]
    );
    assert!(
        engine.balancers().next().is_none(),
        "what is not accepted is not served"
    );

    engine.update(
        upserts(&spec(
            "[{type: IPAddress, value: 198.51.100.9}, {type: IPAddress, value: 192.0.2.1}]",
        )),
        at(1),
    );
    program(&mut engine, at(2));
    assert_eq!(
        conditions(&engine),
        [
            "Accepted=True/Accepted",
            "Programmed=False/AddressNotUsable",
            "AddressesAssigned=False/PartiallyAssigned"
        ]
    );
    assert_eq!(
        status(&engine, Kind::Gateway, "gw")["addresses"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    engine.update(upserts(&spec("[{type: IPAddress, value: 192.0.2.1}]")), at(3));
    program(&mut engine, at(3));
    assert_eq!(
        conditions(&engine)[1..],
        [
            "Programmed=True/Programmed",
            "AddressesAssigned=True/AddressesAssigned"
        ]
    );

    engine.update(upserts(&spec("[{type: IPAddress, routability: Cluster}]")), at(4));
    program(&mut engine, at(4));
    assert_eq!(
        conditions(&engine)[1..],
        [
            "Programmed=False/AddressNotAssigned",
            "AddressesAssigned=False/NotAssigned"
        ]
    );
}
