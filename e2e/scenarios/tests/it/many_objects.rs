//! Thousands of objects, one in a hundred of them broken: all are judged while they are written, and again at once by a
//! controller that meets them all, which finds everything as it is, writes nothing and tells no fault again.

use anyhow::{Context, Result, ensure};
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::world::{
    GATEWAY_API, Load, Told, World, http_listener, http_route, listener_of, route_is, until,
};
use http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// With `--full`, and else.
const OBJECTS: [usize; 2] = [10_000, 2_000];

/// Every hundredth is broken, in three ways that the API server lets pass.
fn object(index: usize) -> Value {
    let mut route = http_route(
        &format!("many-{index}"),
        "gw",
        &format!("h{index}.many.example"),
        "web",
    );
    match index % 300 {
        99 => {
            route["spec"]["rules"][0]["matches"] =
                json!([{"path": {"type": "RegularExpression", "value": "/([unclosed"}}]);
        }
        199 => route["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("absent"),
        299 => {
            route["spec"]["rules"][0]["filters"] = json!([{
                "type": "ExtensionRef", "extensionRef": {"group": "unknown.example", "kind": "Unknown", "name": "x"},
            }]);
        }
        _ => {}
    }
    route
}

/// Whether the status is that of the object as it is: a broken one says so, the others are whole.
fn judged(index: usize, route: &Value) -> bool {
    match index % 300 {
        99 => route_is(route, "Accepted", "False"),
        199 | 299 => route_is(route, "ResolvedRefs", "False"),
        _ => route_is(route, "Accepted", "True") && route_is(route, "ResolvedRefs", "True"),
    }
}

fn path(world: &World) -> String {
    format!("/apis/{GATEWAY_API}/namespaces/{}/httproutes", world.namespace)
}

/// Routes by number.
async fn read(world: &World) -> Result<BTreeMap<usize, Value>> {
    let (_, mut found) = world.api.ask(Method::GET, &path(world), JSON, Vec::new()).await?;
    let items = found["items"]
        .as_array_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    let numbered = items.into_iter().map(|route| {
        let number = route["metadata"]["name"].as_str()?.strip_prefix("many-")?;
        Some((number.parse().ok()?, route))
    });
    numbered.collect::<Option<_>>().context("a route of another name")
}

/// Waits until all are judged, and answers the version of each.
async fn all_judged(world: &World, count: usize) -> Result<BTreeMap<usize, Value>> {
    let look = async || {
        let routes = read(world).await?;
        let wrong = routes.iter().find(|(index, route)| !judged(**index, route));
        Ok(match wrong {
            None if routes.len() == count => Ok(routes),
            None => Err(format!("{} of {count}", routes.len())),
            Some((index, route)) => Err(format!("{index}: {}", route["status"])),
        })
    };
    let routes = until("every object to be judged", look).await?;
    Ok(routes
        .into_iter()
        .map(|(index, route)| (index, route["metadata"]["resourceVersion"].clone()))
        .collect())
}

/// Waits until so many routes have Events, and answers what these say.
async fn told_of(world: &World, routes: usize) -> Result<Told> {
    let look = async || {
        let told = world.told("HTTPRoute").await?;
        let names: BTreeSet<&String> = told.keys().map(|(name, ..)| name).collect();
        let count = names.len();
        Ok(if count == routes {
            Ok(told)
        } else {
            Err(format!("{count} of {routes}"))
        })
    };
    until("every broken object to have an Event, and no other", look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn thousands_of_objects_come_at_once() -> Result<()> {
    let [full, short] = OBJECTS;
    let count = if std::env::var_os("GATEWRIGHT_FULL").is_some() {
        full
    } else {
        short
    };
    let world = World::new("many-objects").await?;
    world.backend("web").await?;
    world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = world.proxy("gw").await?;
    let objects: Vec<Value> = (0..count).map(object).collect();
    let begun = Instant::now();
    world.apply_all(&objects).await?;
    let written = begun.elapsed();
    let last = format!("h{}.many.example", count - 2);
    world.answers(at, (&last, "/"), 200).await?;
    let versions = all_judged(&world, count).await?;
    println!(
        "{count} objects written in {} ms, all judged after {} ms",
        written.as_millis(),
        begun.elapsed().as_millis()
    );
    for (index, status) in [(0, 200), (99, 404), (199, 500), (299, 500)] {
        let host = format!("h{index}.many.example");
        world.answers(at, (&host, "/"), status).await?;
    }

    told_of(&world, count / 100).await?;

    // Another controller meets them all.
    let load = Load::kept(at, &last, "/");
    let before = world.controller_restarts().await?;
    let (former, _) = before.first().context("a controller")?;
    world.system().delete("v1", "Pod", former).await?;
    let alone = async || {
        let now = world.controller_restarts().await?;
        let alone = now.len() == 1 && now.iter().all(|(pod, _)| pod != former);
        Ok(if alone { Ok(now) } else { Err(format!("{now:?}")) })
    };
    let now = until("another controller alone", alone).await?;
    let begun = Instant::now();
    world
        .patch(
            (GATEWAY_API, "HTTPRoute", "many-0"),
            &json!({"spec": {"hostnames": ["changed.many.example"]}}),
        )
        .await?;
    world.answers(at, ("changed.many.example", "/"), 200).await?;
    println!(
        "a change after the other controller had come was served {} ms later",
        begun.elapsed().as_millis()
    );
    let mut after = all_judged(&world, count).await?;
    after.remove(&0);
    let written: Vec<usize> = after
        .iter()
        .filter(|(index, version)| versions.get(*index) != Some(version))
        .map(|(index, _)| *index)
        .collect();
    ensure!(
        written.is_empty(),
        "{} objects were written again, such as {:?}",
        written.len(),
        written.first()
    );
    // What it tells of one that comes is told after all else it has to tell: of the others nothing.
    world.apply(&object(count + 99)).await?;
    let told = told_of(&world, count / 100 + 1).await?;
    let again: Vec<_> = told.iter().filter(|(_, events)| events.len() > 1).collect();
    ensure!(
        again.is_empty(),
        "{} faults were told again, such as {:?}",
        again.len(),
        again.first()
    );
    println!("{} requests meanwhile, none failed", load.end().await?);

    // They all go at once.
    let begun = Instant::now();
    world
        .api
        .ask(Method::DELETE, &path(&world), JSON, Vec::new())
        .await?;
    world.answers(at, (&last, "/"), 404).await?;
    world
        .wait((GATEWAY_API, "Gateway", "gw"), "to have no routes", |found| {
            listener_of(found, "http").is_some_and(|listener| listener["attachedRoutes"] == 0)
        })
        .await?;
    println!("all gone after {} ms", begun.elapsed().as_millis());
    let restarts = world.controller_restarts().await?;
    ensure!(restarts == now, "the controller did not stay: {restarts:?}");
    world.leave().await
}
