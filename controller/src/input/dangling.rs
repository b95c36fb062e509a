//! References that attach one object to another and lead nowhere.
//!
//! Such an object has no effect at all, and the Gateway API gives it no status that could say so: a
//! route that names no Gateway is nobody's. In files, where everything that is meant to be there is
//! there, this is nearly always a slip of the pen, and is told as a warning.

use crate::input::world::{Problem, World};
use gatewright_core::graph::attach::Parent;
use gatewright_core::graph::route::Common;
use gatewright_core::snapshot::{Kind, Object, ObjectKey, Snapshot};
use gatewright_model::key::{ListenerParent, ObjectName};
use gatewright_provider_api::Provider;
use std::collections::{BTreeMap, BTreeSet};

/// Names that are listed as what there is instead.
const LISTED: usize = 5;

/// Where all controller names of ours begin.
const OURS: &str = "gatewright.dev/";

/// A field and what is wrong with it.
type Finding = (String, String);

/// What is known to lead nowhere, by object.
#[derive(Debug, Default)]
pub struct Dangling {
    found: BTreeMap<ObjectKey, Vec<Finding>>,
}

impl Dangling {
    /// Looks again at what `changed` may concern, and answers what was not found before.
    pub fn follow(
        &mut self,
        snapshot: &Snapshot,
        world: &World,
        changed: &BTreeSet<ObjectKey>,
    ) -> Vec<Problem> {
        let before = std::mem::take(&mut self.found);
        // Routes and policies are nobody's target: as long as only they change, the others stay as they are.
        if changed.iter().all(|key| is_leaf(key.kind)) {
            self.found = before.clone();
            for key in changed {
                self.found.remove(key);
                self.check(snapshot, key);
            }
        } else {
            for kind in Kind::ALL
                .iter()
                .filter(|kind| is_leaf(**kind) || is_joint(**kind))
            {
                for (name, _) in snapshot.all(*kind) {
                    let name = name.clone();
                    self.check(snapshot, &ObjectKey { kind: *kind, name });
                }
            }
        }
        let new: BTreeMap<&ObjectKey, &Vec<Finding>> = self
            .found
            .iter()
            .filter(|(key, findings)| before.get(*key) != Some(findings))
            .collect();
        if new.is_empty() {
            return Vec::new();
        }
        let places = world.places(&new.keys().map(|key| (*key).clone()).collect());
        new.into_iter()
            .flat_map(|(key, findings)| findings.iter().map(move |finding| (key, finding)))
            .map(|(key, (field, why))| Problem::Dangling {
                object: key.clone(),
                place: places.get(key).cloned().unwrap_or_default(),
                field: field.clone(),
                why: why.clone(),
            })
            .collect()
    }

    fn check(&mut self, snapshot: &Snapshot, key: &ObjectKey) {
        let Some(object) = snapshot.get(key.kind, &key.name) else {
            return;
        };
        let findings = findings(snapshot, &key.name, object);
        if !findings.is_empty() {
            self.found.insert(key.clone(), findings);
        }
    }
}

/// Kinds that refer and are not referred to.
const fn is_leaf(kind: Kind) -> bool {
    kind.route().is_some()
        || matches!(
            kind,
            Kind::BackendTlsPolicy | Kind::XBackendTrafficPolicy | Kind::XTelemetryPolicy
        )
}

/// Kinds that refer and are referred to.
const fn is_joint(kind: Kind) -> bool {
    matches!(kind, Kind::GatewayClass | Kind::Gateway | Kind::ListenerSet)
}

fn findings(snapshot: &Snapshot, name: &ObjectName, object: &Object) -> Vec<Finding> {
    let namespace = &*name.namespace;
    let target = |kind: &str, name: &str| {
        let known = [Kind::Gateway, Kind::Service, Kind::XBackend]
            .into_iter()
            .find(|known| known.as_str() == kind)?;
        missing(snapshot, known, &ObjectName::new(namespace, name))
    };
    let targets = |each: Vec<(&str, &str)>| {
        each.into_iter()
            .enumerate()
            .filter_map(|(at, (kind, name))| Some((format!("spec.targetRefs[{at}]"), target(kind, name)?)))
            .collect()
    };
    match object {
        Object::GatewayClass(class) => {
            let controller = &class.spec.controller_name;
            if !controller.starts_with(OURS) || Provider::from_controller_name(controller).is_some() {
                return Vec::new();
            }
            let known: Vec<&str> = Provider::ALL
                .iter()
                .map(|provider| provider.controller_name())
                .collect();
            let why = format!("found {controller}, accepted are {}", known.join(", "));
            vec![("spec.controllerName".to_owned(), why)]
        }
        Object::Gateway(gateway) => {
            let class = ObjectName::new("", &gateway.spec.gateway_class_name);
            let why = missing(snapshot, Kind::GatewayClass, &class);
            why.map(|why| ("spec.gatewayClassName".to_owned(), why))
                .into_iter()
                .collect()
        }
        Object::ListenerSet(set) => {
            let parent = &set.spec.parent_ref;
            let parent = ObjectName::new(parent.namespace.as_deref().unwrap_or(namespace), &parent.name);
            let why = missing(snapshot, Kind::Gateway, &parent);
            why.map(|why| ("spec.parentRef".to_owned(), why))
                .into_iter()
                .collect()
        }
        Object::BackendTlsPolicy(policy) => targets(
            policy
                .spec
                .target_refs
                .iter()
                .map(|target| (&*target.kind, &*target.name))
                .collect(),
        ),
        Object::XBackendTrafficPolicy(policy) => targets(
            policy
                .spec
                .target_refs
                .iter()
                .map(|target| (&*target.kind, &*target.name))
                .collect(),
        ),
        Object::XTelemetryPolicy(policy) => targets(
            policy
                .spec
                .target_refs
                .iter()
                .map(|target| (&*target.kind, &*target.name))
                .collect(),
        ),
        route => Common::of(route)
            .map(|common| parents(snapshot, namespace, &common))
            .unwrap_or_default(),
    }
}

fn parents(snapshot: &Snapshot, namespace: &str, route: &Common<'_>) -> Vec<Finding> {
    if route.parents.is_empty() && route.defaults.is_none() {
        let why = "none is given, so the route attaches to nothing".to_owned();
        return vec![("spec.parentRefs".to_owned(), why)];
    }
    let each = route.parents.iter().enumerate().filter_map(|(at, reference)| {
        let why = match Parent::read(reference, namespace) {
            Some(parent) => match &parent.object {
                ListenerParent::Gateway(name) => missing(snapshot, Kind::Gateway, name)?,
                ListenerParent::ListenerSet(name) => missing(snapshot, Kind::ListenerSet, name)?,
            },
            None => format!(
                "found kind {}, accepted are Gateway and ListenerSet (meshes are not served)",
                reference.kind.as_deref().unwrap_or_default()
            ),
        };
        Some((format!("spec.parentRefs[{at}]"), why))
    });
    each.collect()
}

/// Why a name leads nowhere, with what there is.
fn missing(snapshot: &Snapshot, kind: Kind, name: &ObjectName) -> Option<String> {
    if snapshot.get(kind, name).is_some() {
        return None;
    }
    let all: Vec<String> = snapshot
        .all(kind)
        .take(LISTED + 1)
        .map(|(name, _)| shown(name))
        .collect();
    let there = match all.get(..LISTED) {
        _ if all.is_empty() => "there is none at all".to_owned(),
        Some(first) if all.len() > LISTED => format!("there are {} and others", first.join(", ")),
        _ if all.len() == 1 => format!("there is {}", all.join(", ")),
        _ => format!("there are {}", all.join(", ")),
    };
    Some(format!(
        "found {kind} {}, which does not exist; {there}",
        shown(name)
    ))
}

fn shown(name: &ObjectName) -> String {
    if name.namespace.is_empty() {
        name.name.to_string()
    } else {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::external_names;
    use crate::features;
    use crate::input::read::Bounds;
    use gatewright_core::Engine;
    use gatewright_validation::{Bundle, Channel, Mode, Validator};

    /// What is told of the objects in `text`, without the place.
    fn told(text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), text).unwrap();
        let validator = Validator::new(Bundle::V1_7_0, Channel::Experimental, Mode::Lenient);
        let mut world = World::new(vec![dir.path().to_path_buf()], validator, Bounds::mib(1, 1));
        let look = world.look();
        let mut engine = Engine::new(features::standalone(
            Bundle::V1_7_0,
            Channel::Experimental,
            external_names(false),
        ));
        let changed = look.changes.iter().map(super::super::key_of).collect();
        engine.update(look.changes, jiff::Timestamp::UNIX_EPOCH);
        let mut dangling = Dangling::default();
        let problems = dangling.follow(engine.snapshot(), &world, &changed);
        let again = dangling.follow(engine.snapshot(), &world, &changed);
        assert!(again.is_empty(), "told once: {again:?}");
        problems
            .iter()
            .map(|problem| {
                let text = problem.to_string();
                assert!(text.contains("a.yaml:"), "{text}");
                text.split_once("a.yaml:").unwrap().1.to_owned()
            })
            .collect()
    }

    const CLASS: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gw}
spec: {controllerName: CONTROLLER}
---
";

    fn gateway(class: &str) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: main}}
spec:
  gatewayClassName: {class}
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
"
        )
    }

    fn route(spec: &str) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec: {spec}
---
"
        )
    }

    #[test]
    fn what_leads_somewhere_is_not_told() {
        let class = CLASS.replace("CONTROLLER", "gatewright.dev/software");
        assert_eq!(
            told(&(class + &gateway("gw") + &route("{parentRefs: [{name: main}]}"))),
            Vec::<String>::new()
        );
        // Classes of other controllers are none of our business.
        assert_eq!(
            told(&CLASS.replace("CONTROLLER", "example.com/other")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_slip_is_told_with_its_place_and_what_there_is() {
        let class = CLASS.replace("CONTROLLER", "gatewright.dev/software");
        let found = told(&(class + &gateway("gwx") + &route("{parentRefs: [{name: mian}]}")));
        assert_eq!(
            found,
            [
                "6: Gateway default/main: spec.gatewayClassName: found GatewayClass gwx, which does not exist; there is gw \
                 [dangling-reference]",
                "13: HTTPRoute default/r: spec.parentRefs[0]: found Gateway default/mian, which does not exist; there is \
                 default/main [dangling-reference]",
            ]
        );
    }

    #[test]
    fn a_route_without_parents_and_an_unknown_controller_are_told() {
        let class = CLASS.replace("CONTROLLER", "gatewright.dev/sofware");
        let found = told(&(class + &route("{}")));
        assert!(found[0].contains(
            "spec.controllerName: found gatewright.dev/sofware, accepted are gatewright.dev/software"
        ));
        assert!(found[1].contains("spec.parentRefs: none is given"), "{found:?}");
    }

    #[test]
    fn policies_without_target_and_sets_without_gateway_are_told() {
        let found = told(
            "apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls}
spec:
  targetRefs: [{group: '', kind: Service, name: nope}]
  validation: {hostname: a.b, wellKnownCACertificates: System}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set}
spec:
  parentRef: {name: nope}
  listeners: [{name: a, port: 80, protocol: HTTP}]
",
        );
        assert!(
            found[0].contains("ListenerSet default/set: spec.parentRef: found Gateway default/nope"),
            "{found:?}"
        );
        assert!(
            found[1].contains("spec.targetRefs[0]: found Service default/nope"),
            "{found:?}"
        );
        assert!(found[1].contains("there is none at all"), "{found:?}");
    }
}
