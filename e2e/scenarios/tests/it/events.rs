//! Events: what is wrong is told on the object that is guilty of it, once, and counted when it comes again.

use anyhow::Result;
use gatewright_scenarios::world::{
    CLASS, GATEWAY_API, PARAMETERS, World, condition, http_listener, http_route, parent, route_is, says,
};
use serde_json::{Value, json};

const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");
const SETTINGS: (&str, &str, &str) = (GATEWAY_API, "Gateway", "settings");
const BROKEN: (&str, &str, &str) = (GATEWAY_API, "HTTPRoute", "broken");
const SOUND: (&str, &str, &str) = (GATEWAY_API, "HTTPRoute", "sound");

/// What is wrong: the object, reason, a text of the note, how it begins, and the condition that says the same.
type Fault = ((&'static str, &'static str, &'static str), [&'static str; 4]);

const FAULTS: [Fault; 5] = [
    (
        BROKEN,
        [
            "BackendNotFound",
            "Service events/late does not exist",
            "parent gw: spec.rules[0].backendRefs[0]",
            "ResolvedRefs",
        ],
    ),
    (
        BROKEN,
        [
            "UnsupportedValue",
            "Dropped Rule 1",
            "parent gw: ",
            "PartiallyInvalid",
        ],
    ),
    (
        SETTINGS,
        ["InvalidParameters", "events/late does not exist", "", "Accepted"],
    ),
    (
        GATEWAY,
        [
            "ProtocolConflict",
            "protocol HTTP: in conflict",
            "listener one: ",
            "Conflicted",
        ],
    ),
    (
        GATEWAY,
        [
            "ProtocolConflict",
            "protocol TCP: in conflict",
            "listener two: ",
            "Conflicted",
        ],
    ),
];

/// Rules of which the first leads to nothing and the second means nothing.
fn broken(name: &str) -> Value {
    let mut route = http_route(name, "gw", &format!("{name}.example"), "late");
    let meaningless = json!({
        "matches": [{"path": {"type": "RegularExpression", "value": "/([unclosed"}}],
        "backendRefs": [{"name": "web", "port": 80}],
    });
    let first = route["spec"]["rules"][0].take();
    route["spec"]["rules"] = json!([first, meaningless]);
    route
}

/// A Gateway whose parameters do not exist.
fn without_parameters(name: &str) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": name},
        "spec": {
            "gatewayClassName": CLASS, "listeners": [http_listener("http", 80)],
            "infrastructure": {"parametersRef": {"group": "gatewright.dev", "kind": PARAMETERS.1, "name": "late"}},
        },
    })
}

/// The Events that tell a fault: name, and how often they count it.
async fn telling(world: &World, (object, [reason, text, ..]): Fault) -> Result<Vec<(String, u64)>> {
    let events = world.events(object).await?;
    let telling = events.iter().filter(|event| says(event, (reason, text)));
    let each = telling.map(|event| {
        let name = event["metadata"]["name"].as_str().unwrap_or_default();
        (name.to_owned(), event["series"]["count"].as_u64().unwrap_or(1))
    });
    Ok(each.collect())
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn what_is_wrong_is_told_once_on_the_guilty_object() -> Result<()> {
    let world = World::new("events").await?;
    // No pod is needed: a Service is enough for a reference.
    world
        .apply(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"ports": [{"port": 80, "targetPort": 3000}]},
        }))
        .await?;
    let two = json!({"name": "two", "port": 8080, "protocol": "TCP"});
    let listeners = json!([http_listener("http", 80), http_listener("one", 8080), two]);
    world.gateway("gw", listeners).await?;
    world.apply(&without_parameters("settings")).await?;
    world.apply(&broken("broken")).await?;
    world
        .apply(&http_route("sound", "gw", "sound.example", "web"))
        .await?;

    for (object, [reason, text, start, action]) in FAULTS {
        let event = world.event(object, (reason, text)).await?;
        let field = |name: &str| event[name].as_str().unwrap_or_default();
        assert_eq!(field("type"), "Warning", "{event}");
        assert_eq!(field("action"), action, "{event}");
        assert!(field("note").starts_with(start), "{event}");
        assert_eq!(field("reportingController"), "gatewright-controller", "{event}");
        assert!(!field("reportingInstance").is_empty(), "{event}");
    }
    let served = world
        .event(GATEWAY, ("Programmed", "the Gateway accepts traffic"))
        .await?;
    assert_eq!(served["type"], "Normal", "{served}");

    // Each status is at the API server, and each Event is one.
    for (route, kind, status) in [
        (BROKEN, "ResolvedRefs", "False"),
        (BROKEN, "PartiallyInvalid", "True"),
        (SOUND, "ResolvedRefs", "True"),
    ] {
        world
            .wait(route, "to be judged", |found| route_is(found, kind, status))
            .await?;
    }
    world
        .wait(SETTINGS, "to be refused", |found| {
            condition(found.get("status"), "Accepted").is_some_and(|found| found["status"] == "False")
        })
        .await?;
    let mut before = Vec::new();
    for fault in FAULTS {
        let found = telling(&world, fault).await?;
        assert_eq!(found.len(), 1, "{fault:?}: {found:?}");
        before.extend(found);
    }

    // The objects are told anew and say the same: no Event, and none is counted. Events are written one after the other,
    // and objects of a kind told in their order: what the changes lead to is there before what comes last.
    for object in [BROKEN, SOUND, SETTINGS, GATEWAY] {
        let touched = json!({"metadata": {"annotations": {"touched": "true"}}});
        world.patch(object, &touched).await?;
    }
    world.apply(&broken("last")).await?;
    world.apply(&without_parameters("last")).await?;
    for (kind, reason) in [("HTTPRoute", "BackendNotFound"), ("Gateway", "InvalidParameters")] {
        world
            .event((GATEWAY_API, kind, "last"), (reason, "late does not exist"))
            .await?;
    }
    let mut after = Vec::new();
    for fault in FAULTS {
        after.extend(telling(&world, fault).await?);
    }
    assert_eq!(after, before, "told again");
    let innocent = world.events(SOUND).await?;
    assert!(innocent.is_empty(), "{innocent:?}");

    // Mended and broken again, it is told by the same Event.
    let backend = |name: &str| json!({"spec": {"rules": [{"backendRefs": [{"name": name, "port": 80}]}]}});
    for (name, status) in [("web", "True"), ("late", "False")] {
        world.patch(BROKEN, &backend(name)).await?;
        world
            .wait(BROKEN, "to be judged again", |found| {
                route_is(found, "ResolvedRefs", status)
            })
            .await?;
    }
    let (name, _) = telling(&world, FAULTS[0]).await?.swap_remove(0);
    let event = ("events.k8s.io/v1", "Event", name.as_str());
    let counted = world
        .wait(event, "to be counted", |found| found["series"]["count"] == 2)
        .await?;
    assert!(counted["series"]["lastObservedTime"].is_string(), "{counted}");
    assert_eq!(telling(&world, FAULTS[0]).await?, [(name, 2)]);
    let resolved = world.read(BROKEN.0, BROKEN.1, BROKEN.2).await?;
    assert_eq!(
        condition(parent(&resolved), "ResolvedRefs").map(|found| &found["message"]),
        counted["note"]
            .as_str()
            .and_then(|note| note.strip_prefix("parent gw: "))
            .map(|note| json!(note))
            .as_ref(),
        "the Event says what the condition says"
    );
    world.leave().await
}
