//! A router that was changed step by step answers like one that was built at once, and earlier
//! versions stay what they were.

use crate::config;
use crate::generate::{http_route, listener_key, model_route, request};
use crate::oracle::{self, Request, Route, Winner};
use crate::routing::answer;
use gatewright_model::key::{ObjectName, RouteKey, RouteKind};
use gatewright_model::router::{ListenerRouter, RoutePayload};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Upsert(Route),
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        3 => http_route().prop_map(Step::Upsert),
        2 => any::<prop::sample::Index>().prop_map(|index| Step::Remove(index.index(12))),
    ];
    vec(vec(step, 1..4), 1..12)
}

const LISTENER: &str = "*.example.com";
type Key = (String, String);
type Router = ListenerRouter<(usize, usize)>;

fn key(route: &Route) -> Key {
    (route.namespace.clone(), route.name.clone())
}

fn answers(router: &Router, requests: &[Request]) -> Vec<Option<Winner>> {
    requests.iter().map(|request| answer(router, request)).collect()
}

/// The payload names a route by its place in the alphabet of names, so that it survives changes.
fn payload(route: &Route) -> Option<RoutePayload<(usize, usize)>> {
    let place = NAMES
        .iter()
        .position(|(ns, name)| *ns == route.namespace && *name == route.name)?;
    let model = model_route(LISTENER, RouteKind::Http, route)?;
    Some(RoutePayload::new(model, |rule| (place, rule.index as usize)))
}

const NAMES: [(&str, &str); 12] = [
    ("a", "x"),
    ("a", "y"),
    ("a", "x-y"),
    ("a", "z"),
    ("a-b", "x"),
    ("a-b", "y"),
    ("a-b", "x-y"),
    ("a-b", "z"),
    ("b", "x"),
    ("b", "y"),
    ("b", "x-y"),
    ("b", "z"),
];

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn step_by_step_equals_at_once(batches in steps(), requests in vec(request(), 12)) {
        let requests: Vec<Request> = requests
            .into_iter()
            .filter(|request| oracle::host_matches(LISTENER, &request.host))
            .collect();
        let mut router: Router = ListenerRouter::new(listener_key());
        let mut routes: BTreeMap<Key, Route> = BTreeMap::new();
        let mut history: Vec<(Router, Vec<Option<Winner>>)> = Vec::new();
        for batch in batches {
            let (mut upserts, mut removals) = (BTreeMap::new(), Vec::new());
            for step in batch {
                match step {
                    Step::Upsert(route) => {
                        upserts.insert(key(&route), route);
                    }
                    Step::Remove(place) => {
                        let (namespace, name) = NAMES[place];
                        removals.push(RouteKey { kind: RouteKind::Http, object: ObjectName::new(namespace, name) });
                        routes.remove(&(namespace.to_owned(), name.to_owned()));
                    }
                }
            }
            // A route that no longer attaches to the listener is told of as a removal, too.
            for route in upserts.values() {
                routes.remove(&key(route));
                match payload(route) {
                    Some(_) => { routes.insert(key(route), route.clone()); }
                    None => removals.push(RouteKey {
                        kind: RouteKind::Http,
                        object: ObjectName::new(&route.namespace, &route.name),
                    }),
                }
            }
            router = router.with_changes(upserts.values().filter_map(payload), removals);
            let rebuilt = ListenerRouter::new(listener_key()).with_changes(routes.values().filter_map(payload), []);
            prop_assert_eq!(router.len(), routes.len());
            let now = answers(&router, &requests);
            prop_assert_eq!(&now, &answers(&rebuilt, &requests));
            // And both answer like the oracle.
            let list: Vec<Route> = routes.values().cloned().collect();
            for (request, found) in requests.iter().zip(&now) {
                let expected = oracle::winner(LISTENER, &list, request).map(|(route, rule, index)| {
                    let place = NAMES.iter().position(|(ns, name)| *ns == list[route].namespace && *name == list[route].name);
                    (place.unwrap(), rule, index)
                });
                prop_assert_eq!(*found, expected);
            }
            history.push((router.clone(), now));
        }
        for (router, then) in history {
            prop_assert_eq!(answers(&router, &requests), then);
        }
    }
}
