//! Incremental and full computation give the same results.

use crate::snapshot::{Change, ObjectKey};
use crate::testing::{at, engine, objects, program};
use crate::{Engine, snapshot::Object};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

/// Objects that refer to one another in many ways, several versions each.
const PALETTE: &str = include_str!("palette.yaml");

/// Versions by object.
fn palette() -> &'static [(ObjectKey, Vec<Object>)] {
    static PALETTE: LazyLock<Vec<(ObjectKey, Vec<Object>)>> = LazyLock::new(read_palette);
    &PALETTE
}

fn read_palette() -> Vec<(ObjectKey, Vec<Object>)> {
    let mut found: BTreeMap<ObjectKey, Vec<Object>> = BTreeMap::new();
    for object in objects(PALETTE) {
        found.entry(object.key()).or_default().push(object);
    }
    found.into_iter().collect()
}

/// Everything an engine says, without times and orders that depend on history: conditions and entries
/// keep their place in a list once they are there.
fn result(engine: &Engine) -> Value {
    let balancers = engine
        .balancers()
        .map(|(name, balancer)| (name.to_string(), serde_json::to_value(&**balancer).unwrap()));
    let statuses = engine.statuses().map(|(key, status)| {
        let mut value = serde_json::to_value(&**status).unwrap();
        settle(&mut value);
        (key.to_string(), value)
    });
    // A status that says nothing is the same as none.
    let statuses = statuses.filter(|(_, value)| !matches!(value, Value::Object(map) if map.values().all(|list| list == &Value::Array(Vec::new()))));
    let mut all = Map::new();
    all.insert("balancers".into(), balancers.collect::<Map<_, _>>().into());
    all.insert("statuses".into(), statuses.collect::<Map<_, _>>().into());
    all.into()
}

fn settle(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("lastTransitionTime");
            map.values_mut().for_each(settle);
        }
        Value::Array(list) => {
            list.iter_mut().for_each(settle);
            list.sort_by_key(ToString::to_string);
        }
        _ => {}
    }
}

fn regenerated(object: &Object, generation: i64) -> Object {
    let mut value = object.to_value().unwrap();
    value["metadata"]["generation"] = generation.into();
    Object::read(object.kind(), value).unwrap()
}

/// The first difference, by path.
fn difference(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one
            .keys()
            .chain(other.keys())
            .find_map(|key| difference(&format!("{path}/{key}"), one.get(key)?, other.get(key)?))
            .or_else(|| {
                (one != other).then(|| {
                    let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
                    format!("{path}: {:?} and {:?}", keys(one), keys(other))
                })
            }),
        (one, other) => (one != other).then(|| format!("{path}: {one} and {other}")),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Upsert(Index, Index),
    Delete(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<Index>(), any::<Index>()).prop_map(|(object, version)| Step::Upsert(object, version)),
        1 => any::<Index>().prop_map(Step::Delete),
    ]
}

/// The palette is worth testing with: it serves something, and much of it goes wrong.
#[test]
fn the_palette_covers_many_outcomes() {
    let mut texts = String::new();
    let mut served = 0;
    let mut certificates = 0;
    for version in 0..3 {
        let mut engine = engine();
        let chosen = palette()
            .iter()
            .map(|(_, versions)| versions[version.min(versions.len() - 1)].clone());
        engine.update(chosen.map(|object| Change::Upsert(Arc::new(object))), at(0));
        program(&mut engine, at(1));
        for (_, balancer) in engine.balancers() {
            served += balancer.http_routes.len() + balancer.stream_routes.len();
            certificates += balancer.certificates.len();
        }
        texts.push_str(&result(&engine).to_string());
    }
    assert!(served >= 8 && certificates >= 1, "{served} {certificates}");
    for reason in [
        "Conflicted",
        "HostnameConflict",
        "ListenersNotValid",
        "BackendNotFound",
        "NotAllowed",
    ] {
        assert!(texts.contains(reason), "{reason} never occurs");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn incremental_equals_full(steps in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..14)) {
        let palette = palette();
        let mut incremental = engine();
        let mut present: BTreeMap<ObjectKey, Object> = BTreeMap::new();
        // Start from a full world, so that short sequences have something to break.
        for (key, versions) in palette {
            present.insert(key.clone(), versions[0].clone());
        }
        incremental.update(present.values().cloned().map(|object| Change::Upsert(Arc::new(object))), at(0));
        for (time, batch) in (0_i64..).zip(&steps) {
            let mut changes = Vec::new();
            for step in batch {
                match step {
                    Step::Upsert(object, version) => {
                        let (key, versions) = object.get(palette);
                        // As the API server does: every change is a new generation.
                        let object = regenerated(version.get(versions), time + 10);
                        present.insert(key.clone(), object.clone());
                        changes.push(Change::Upsert(Arc::new(object)));
                    }
                    Step::Delete(object) => {
                        let (key, _) = object.get(palette);
                        present.remove(key);
                        changes.push(Change::Delete(key.clone()));
                    }
                }
            }
            let now = at(time);
            incremental.update(changes, now);
            program(&mut incremental, now);
            let mut full = engine();
            full.update(present.values().cloned().map(|object| Change::Upsert(Arc::new(object))), now);
            program(&mut full, now);
            let mut stepwise = result(&incremental);
            // What is said of a set whose Gateway is gone has no counterpart in an engine that never knew it.
            for key in present.keys().filter(|key| full.status(key).is_none()) {
                if key.kind == crate::snapshot::Kind::ListenerSet
                    && let Some(statuses) = stepwise["statuses"].as_object_mut()
                    && let Some(left) = statuses.remove(&key.to_string())
                {
                    prop_assert_eq!(&left["conditions"][0]["reason"], "ParentNotAccepted");
                }
            }
            let differs = difference("", &stepwise, &result(&full));
            prop_assert!(differs.is_none(), "{}", differs.unwrap_or_default());
        }
        // Nothing is left behind when everything is gone.
        incremental.update(palette.iter().map(|(key, _)| Change::Delete(key.clone())), at(99));
        prop_assert!(incremental.balancers().next().is_none());
        prop_assert!(incremental.statuses().next().is_none());
        prop_assert!(incremental.gateways.is_empty() && incremental.routes.is_empty());
        prop_assert!(incremental.adopted.is_empty());
        prop_assert!(incremental.backends.is_empty() && incremental.listeners.is_empty());
        prop_assert!(incremental.classes.is_empty() && incremental.policies.is_empty());
    }
}
