//! An engine that was changed step by step holds what a fresh engine makes of the same objects.

use crate::goldens::world::{World, engine, load, now, settle};
use crate::goldens::{Golden, all};
use gatewright_core::Engine;
use gatewright_core::snapshot::{Change, Kind, Object, ObjectKey};
use gatewright_model::key::ObjectName;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Drops what rightly differs: when a condition last changed depends on what was there before, and an
/// object that nobody is responsible for any more keeps the status it had, where a fresh start finds the
/// one that the API server gives to new objects ("Waiting for controller").
fn timeless(mut world: World, engine: &Engine) -> World {
    fn strip(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Object(fields) => {
                fields.remove("lastTransitionTime");
                if let Some(Value::Array(conditions)) = fields.get_mut("conditions") {
                    // A condition stays where it was first written: where that is tells of the past.
                    conditions.sort_by_key(|condition| condition["type"].to_string());
                }
                fields.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    world.statuses.values_mut().for_each(strip);
    let snapshot = engine.snapshot();
    let ours = |gateway: &ObjectName| {
        let Some(Object::Gateway(gateway)) = snapshot.get(Kind::Gateway, gateway).map(|object| &**object)
        else {
            return false;
        };
        let class = ObjectName::new("", &gateway.spec.gateway_class_name);
        match snapshot.get(Kind::GatewayClass, &class).map(|object| &**object) {
            Some(Object::GatewayClass(class)) => class.spec.controller_name.starts_with("gatewright.dev/"),
            _ => false,
        }
    };
    for (name, object) in snapshot.all(Kind::ListenerSet) {
        let Object::ListenerSet(set) = &**object else {
            continue;
        };
        let reference = &set.spec.parent_ref;
        let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
        if !ours(&ObjectName::new(namespace, &reference.name)) {
            world.statuses.remove(&object.key().to_string());
        }
    }
    for (name, object) in snapshot.all(Kind::Gateway) {
        if !ours(name) {
            world.statuses.remove(&object.key().to_string());
        }
    }
    // Entries that were taken back leave an empty list; one that never was is absent.
    world.statuses.retain(|_, status| {
        !["parents", "ancestors"]
            .iter()
            .any(|name| status[name].as_array().is_some_and(Vec::is_empty))
    });
    world
}

fn fresh(objects: &BTreeMap<ObjectKey, Object>) -> World {
    let mut engine = engine();
    engine.update(
        objects
            .values()
            .map(|object| Change::Upsert(Arc::new(object.clone()))),
        now(),
    );
    let world = settle(&mut engine);
    timeless(world, &engine)
}

/// The object at a generation: an API server never counts backwards.
fn at_generation(object: &Object, generation: usize) -> Object {
    let mut value = object.to_value().unwrap();
    value["metadata"]["generation"] = generation.into();
    Object::read(object.kind(), value).unwrap()
}

/// Another valid state of an object: newer, younger, or with a part of its specification taken away.
fn altered(object: &Object, rng: &mut fastrand::Rng) -> Object {
    let mut value = object.to_value().unwrap();
    match rng.u8(0..4) {
        0 | 1 if object.kind() == Kind::GatewayClass => {
            value["spec"]["controllerName"] = "example.net/other".into();
        }
        0 => value["metadata"]["labels"] = serde_json::json!({"altered": "yes"}),
        1 => value["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into(),
        _ => {
            // Takes one element out of a list of the specification: a listener, rule, port or target.
            let spec = if value["spec"].is_object() {
                &mut value["spec"]
            } else {
                &mut value
            };
            let lists: Vec<String> = spec
                .as_object()
                .unwrap()
                .iter()
                .filter(|(_, field)| field.as_array().is_some_and(|list| !list.is_empty()))
                .map(|(name, _)| name.clone())
                .collect();
            if !lists.is_empty() {
                let list = spec[&lists[rng.usize(0..lists.len())]].as_array_mut().unwrap();
                let at = rng.usize(0..list.len());
                list.remove(at);
            }
        }
    }
    Object::read(object.kind(), value).unwrap()
}

fn walk(goldens: &[&Golden], seed: u64, steps: usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut texts: Vec<&str> = vec![&goldens[0].defaults];
    texts.extend(goldens.iter().map(|golden| golden.manifests.as_str()));
    let (pool, _) = load(&texts);
    let mut present: BTreeMap<ObjectKey, Object> = BTreeMap::new();
    let mut engine = engine();
    for step in 0..steps {
        let mut changes = Vec::new();
        // Several changes at once, as a reload brings them; the first brings everything.
        let count = if step == 0 { pool.len() } else { rng.usize(1..4) };
        for at in 0..count {
            let object = if step == 0 {
                &pool[at]
            } else {
                &pool[rng.usize(0..pool.len())]
            };
            let key = object.key();
            if step > 0 && present.contains_key(&key) && rng.bool() {
                present.remove(&key);
                changes.push(Change::Delete(key));
            } else {
                let object = if step > 0 && rng.bool() {
                    altered(object, &mut rng)
                } else {
                    object.clone()
                };
                let object = at_generation(&object, step + 1);
                present.insert(key, object.clone());
                changes.push(Change::Upsert(Arc::new(object)));
            }
        }
        let what: Vec<String> = changes
            .iter()
            .map(|change| match change {
                Change::Upsert(object) => format!("upsert {}", object.key()),
                Change::Delete(key) => format!("delete {key}"),
            })
            .collect();
        engine.update(changes, now());
        let world = settle(&mut engine);
        let stepwise = timeless(world, &engine);
        let whole = fresh(&present);
        if stepwise == whole {
            continue;
        }
        let names: Vec<&str> = goldens.iter().map(|golden| golden.name.as_str()).collect();
        let place = format!("seed {seed}, step {step} of {names:?}: {what:?}");
        for (object, status) in &whole.statuses {
            assert_eq!(
                stepwise.statuses.get(object),
                Some(status),
                "{object} after {place}"
            );
        }
        for (gateway, balancer) in &whole.balancers {
            assert_eq!(
                stepwise.balancers.get(gateway),
                Some(balancer),
                "{gateway} after {place}"
            );
        }
        for object in stepwise.statuses.keys() {
            assert!(
                whole.statuses.contains_key(object),
                "{object} is left over after {place}: {}",
                stepwise.statuses[object]
            );
        }
        assert_eq!(stepwise, whole, "after {place}");
    }
}

#[test]
fn stepwise_changes_end_where_a_fresh_start_does() {
    let goldens = all();
    let mut folders: BTreeMap<&str, Vec<&Golden>> = BTreeMap::new();
    for golden in &goldens {
        folders
            .entry(golden.name.split('/').next().unwrap())
            .or_default()
            .push(golden);
    }
    let mut rng = fastrand::Rng::with_seed(1);
    for seed in 0..40 {
        let folder = if seed % 4 == 0 { "conformance" } else { "features" };
        let pool = &folders[folder];
        let chosen: Vec<&Golden> = (0..4).map(|_| pool[rng.usize(0..pool.len())]).collect();
        walk(&chosen, seed, 12);
    }
}
