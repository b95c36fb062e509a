use crate::cluster::testing::{Asked, FakeApi, Pki, TestHub, TestProxy, gateway_path, until};
use axum::http::Method;
use gatewright_model::key::ObjectName;
use gatewright_stream::Scope;
use gatewright_stream::server::ServerOptions;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn edge() -> ObjectName {
    ObjectName::new("default", "edge")
}

/// A listener of each of these ports.
fn listeners(ports: &[u16]) -> Value {
    let each = |port: &u16| json!({"name": format!("p{port}"), "protocol": "HTTP", "port": port});
    json!({"listeners": ports.iter().map(each).collect::<Vec<_>>()})
}

/// What the status says of each listener: its name and the reason of `Programmed`.
fn told(hub: &TestHub) -> Vec<(String, String)> {
    let gateway = hub.api.get(&gateway_path("edge")).unwrap();
    let listeners = gateway["status"]["listeners"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let each = |listener: Value| {
        let conditions = listener["conditions"].as_array().cloned().unwrap_or_default();
        let programmed = conditions.into_iter().find(|found| found["type"] == "Programmed");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            text(&listener["name"]),
            text(&programmed.unwrap_or_default()["reason"]),
        )
    };
    listeners.into_iter().map(each).collect()
}

fn named(ports: &[u16]) -> Vec<(String, String)> {
    let each = |port: &u16| (format!("p{port}"), "Programmed".to_owned());
    ports.iter().map(each).collect()
}

/// Whether something was asked to delete what was made for the Gateway.
fn deleted(api: &FakeApi) -> Vec<String> {
    let asked = api.asked().into_iter();
    let deletes = asked.filter(|asked| asked.method == Method::DELETE);
    deletes.map(|asked| asked.path).collect()
}

/// A proxy that does not answer holds up nobody for longer than the server's silence, which is 5 s: after that it is
/// not ready, and those that are ready decide. When none is, the Gateway is not programmed.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_proxy_becomes_unready_and_the_others_count() {
    assert_eq!(ServerOptions::default().silence, Duration::from_secs(5));
    let silence = Duration::from_millis(700);
    let api = FakeApi::with_class();
    api.put_gateway("edge", listeners(&[80]));
    let options = ServerOptions {
        silence,
        ..ServerOptions::default()
    };
    let hub = TestHub::start(&api, options);
    let pki = Pki::serve(&hub.server).await;
    let first = TestProxy::start(&pki, Scope::Gateway(edge()), "first");
    let second = TestProxy::start(&pki, Scope::Gateway(edge()), "second");
    until("both proxies have it, and there is an address", || {
        hub.assign_addresses();
        let outcome = hub.server.outcome(&edge())?;
        (outcome.ready == 2 && hub.programmed("edge") == "Programmed").then_some(())
    })
    .await;
    assert_eq!(told(&hub), named(&[80]));

    second.set_silent(true);
    let changed = Instant::now();
    api.put_gateway("edge", listeners(&[80, 81]));
    until("the listener is programmed without the silent proxy", || {
        (told(&hub) == named(&[80, 81])).then_some(())
    })
    .await;
    assert!(
        changed.elapsed() >= silence,
        "it was not waited for: {:?}",
        changed.elapsed()
    );
    assert_eq!(hub.server.outcome(&edge()).unwrap().ready, 1);
    assert_eq!(hub.programmed("edge"), "Programmed");

    first.set_silent(true);
    api.put_gateway("edge", listeners(&[80, 81, 82]));
    until("nobody is ready", || {
        (hub.programmed("edge") == "Pending").then_some(())
    })
    .await;
    first.set_silent(false);
    second.set_silent(false);
    until("both are back", || {
        (hub.programmed("edge") == "Programmed" && told(&hub) == named(&[80, 81, 82])).then_some(())
    })
    .await;
}

/// A process that begins to lead finds Gateways that another one programmed. Their proxies have 15 s to arrive before
/// they are said to have none; of a Gateway that was not programmed it is said at once.
#[tokio::test(start_paused = true)]
async fn proxies_have_15_seconds_to_arrive() {
    let api = FakeApi::with_class();
    for name in ["edge", "new"] {
        api.put_gateway(name, json!({}));
    }
    let mut gateway = api.get(&gateway_path("edge")).unwrap();
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "reason": kind, "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    gateway["status"] = json!({
        "addresses": [{"type": "IPAddress", "value": "192.0.2.10"}],
        "conditions": [condition("Accepted"), condition("Programmed")],
        "listeners": [{
            "name": "http",
            "attachedRoutes": 0,
            "supportedKinds": [],
            "conditions": [condition("Accepted"), condition("Programmed")],
        }],
    });
    api.put(&gateway_path("edge"), gateway);
    let hub = TestHub::start(&api, ServerOptions::default());
    let begun = tokio::time::Instant::now();
    hub.synced.clone().wait_for(|synced| *synced).await.unwrap();
    let new = until("it is said of the new one", || {
        (!hub.programmed("new").is_empty()).then(|| begun.elapsed())
    })
    .await;
    assert_eq!(hub.condition("new", "Programmed").0, "False");
    assert!(new < Duration::from_secs(2), "{new:?}");
    let old = until("it is said of the old one", || {
        (hub.condition("edge", "Programmed").0 == "False").then(|| begun.elapsed())
    })
    .await;
    let expected = Duration::from_secs(15)..Duration::from_secs(17);
    assert!(expected.contains(&old), "{old:?}");
}

/// A mistake in a Gateway that was served takes nothing down: its objects stay, and its proxies keep the last good
/// configuration, also when another process takes over meanwhile. What is another controller's is let go.
#[tokio::test]
async fn a_refused_gateway_keeps_its_infrastructure() {
    let api = FakeApi::with_class();
    api.put_gateway("edge", json!({}));
    let hub = TestHub::start(&api, ServerOptions::default());
    let deployments = || api.paths("/namespaces/default/deployments/");
    until("it is made", || (!deployments().is_empty()).then_some(())).await;
    until("it is published", || hub.server.outcome(&edge())).await;
    let revision = hub.server.outcome(&edge()).unwrap().revision;
    let made = deployments();

    let missing = json!({"group": "gatewright.dev", "kind": "SoftwareGatewayParameters", "name": "missing"});
    api.put_gateway("edge", json!({"infrastructure": {"parametersRef": missing}}));
    until("it is refused", || {
        (hub.condition("edge", "Accepted").1 == "InvalidParameters").then_some(())
    })
    .await;
    let next = TestHub::start(&api, ServerOptions::default());
    next.synced.clone().wait_for(|synced| *synced).await.unwrap();
    // The next process is through with what it found: it makes what is new.
    api.put_gateway("later", json!({}));
    until("a later Gateway is made", || {
        (deployments().len() > made.len()).then_some(())
    })
    .await;
    assert_eq!(deleted(&api), [""; 0]);
    assert_eq!(hub.server.outcome(&edge()).unwrap().revision, revision);

    // Mended, it goes on.
    api.put_gateway("edge", json!({}));
    until("it is accepted again", || {
        (hub.condition("edge", "Accepted").0 == "True").then_some(())
    })
    .await;
    assert_eq!(deleted(&api), [""; 0]);

    // Refused again, and then another controller's: what was made goes.
    let missing = json!({"group": "gatewright.dev", "kind": "SoftwareGatewayParameters", "name": "missing"});
    api.put_gateway("edge", json!({"infrastructure": {"parametersRef": missing}}));
    until("it is refused", || {
        (hub.condition("edge", "Accepted").1 == "InvalidParameters").then_some(())
    })
    .await;
    assert_eq!(deleted(&api), [""; 0]);
    api.put_class("example.com/another");
    until("nothing is left", || deployments().is_empty().then_some(())).await;
    assert!(hub.server.outcome(&edge()).is_none());
}

/// Followers know everything and write nothing, and so does who has lost the lease.
#[tokio::test]
async fn who_does_not_lead_writes_nothing() {
    let api = FakeApi::with_class();
    let hub = TestHub::start(&api, ServerOptions::default());
    hub.leads.send_replace(false);
    hub.synced.clone().wait_for(|synced| *synced).await.unwrap();
    let writes = |api: &FakeApi| -> Vec<String> {
        let asked = api.asked().into_iter();
        let writes = asked.filter(|asked| asked.method != Method::GET);
        writes
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect()
    };
    // What was under way before it heard.
    let before = writes(&api).len();
    api.put_gateway("edge", json!({}));
    until("it knows the Gateway", || hub.server.outcome(&edge())).await;
    // Everything that it would do by itself has been done now.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(writes(&api).len(), before, "{:?}", writes(&api));
    hub.leads.send_replace(true);
    until("it writes", || (!hub.programmed("edge").is_empty()).then_some(())).await;
}

/// Writes that make what serves Gateways: not those of statuses.
fn makes(asked: &Asked) -> bool {
    let path = &asked.path;
    let other = path.ends_with("/status") || path.contains("/events");
    asked.method != Method::GET && path.contains("/namespaces/default/") && !other
}

/// Who loses the lease in the middle of making a Gateway's objects begins no further write, and goes on when it leads
/// again. At each write that there is.
#[tokio::test]
async fn who_loses_the_lease_in_the_middle_of_a_run_stops_there() {
    let whole = {
        let api = FakeApi::with_class();
        api.put_gateway("edge", json!({}));
        let _hub = TestHub::start(&api, ServerOptions::default());
        let made = || (!api.paths("/namespaces/default/services/").is_empty()).then_some(());
        until("it is made", made).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        api.asked().iter().filter(|asked| makes(asked)).count()
    };
    assert!(whole >= 3, "{whole}");
    for last in 1..=whole {
        let api = FakeApi::with_class();
        api.put_gateway("edge", json!({}));
        let hub = TestHub::start(&api, ServerOptions::default());
        let leads = hub.leads.clone();
        let begun = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&begun);
        api.on_write(move |asked| {
            if makes(asked) {
                let mut begun = counted.lock().unwrap();
                *begun += 1;
                if *begun == last {
                    leads.send_replace(false);
                }
            }
        });
        until("it has lost the lease", || {
            (*begun.lock().unwrap() == last).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            *begun.lock().unwrap(),
            last,
            "a write was begun without the lease"
        );
        hub.leads.send_replace(true);
        until("another run makes the rest", || {
            hub.assign_addresses();
            let deployments = api.paths("/namespaces/default/deployments/");
            let services = api.paths("/namespaces/default/services/");
            (deployments.len() == 1 && services.len() == 1).then_some(())
        })
        .await;
    }
}

fn put_route(api: &FakeApi, name: &str, gateway: &str) {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "default", "generation": 1},
        "spec": {"parentRefs": [{"name": gateway}]},
    });
    api.put(
        &format!("/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/{name}"),
        route,
    );
}

/// "A busy Gateway never starves another": the status of a route is not written after those of the many routes of
/// another Gateway that came before it.
#[tokio::test]
async fn a_busy_gateway_does_not_starve_another() {
    const ROUTES: usize = 1_000;
    let api = FakeApi::with_class();
    for name in ["busy", "quiet"] {
        api.put_gateway(name, json!({}));
    }
    let hub = TestHub::start(&api, ServerOptions::default());
    for name in ["busy", "quiet"] {
        until("it has a status", || {
            (!hub.programmed(name).is_empty()).then_some(())
        })
        .await;
    }
    // Everything waits before the first one is written.
    hub.leads.send_replace(false);
    for number in 0..ROUTES {
        put_route(&api, &format!("busy-{number:04}"), "busy");
    }
    put_route(&api, "quiet", "quiet");
    let waiting = |text: &str| -> usize {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("workqueue_depth{name=\"status\",controller=\"status\"} "));
        line.unwrap().parse().unwrap()
    };
    until("all wait", || {
        (waiting(&hub.metrics.render()) > ROUTES).then_some(())
    })
    .await;
    let before = api.asked().len();
    hub.leads.send_replace(true);
    let order = until("all are written", || {
        let asked = api.asked();
        let writes = asked[before..]
            .iter()
            .filter(|asked| asked.path.contains("/httproutes/"));
        let names: Vec<String> = writes
            .filter(|asked| asked.method == Method::PATCH)
            .filter_map(|asked| Some(asked.path.rsplit('/').nth(1)?.to_owned()))
            .collect();
        (names.len() > ROUTES).then_some(names)
    })
    .await;
    let place = order.iter().position(|name| name == "quiet").unwrap();
    // Eight writers, and three lanes.
    assert!(place < 30, "after {place} of the other Gateway");
}

/// A Gateway that cannot be read any more is served as it was, and its status is written on: over the version that it has
/// by now, and so is what was under way while it changed.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_gateway_that_cannot_be_read_is_written_on() {
    let api = FakeApi::with_class();
    api.put_gateway("edge", json!({}));
    let hub = TestHub::start(&api, ServerOptions::default());
    until("it has a status", || {
        (!hub.programmed("edge").is_empty()).then_some(())
    })
    .await;
    assert_ne!(hub.programmed("edge"), "Programmed");
    let unreadable = || {
        hub.metrics
            .render()
            .contains("gatewright_unreadable_objects_total{kind=\"Gateway\"}")
    };
    assert!(!unreadable());
    let mut gateway = api.get(&gateway_path("edge")).unwrap();
    gateway["spec"]["listeners"] = json!("none");
    gateway["metadata"]["generation"] = 2.into();
    api.put(&gateway_path("edge"), gateway);
    until("it cannot be read", || unreadable().then_some(())).await;

    let pki = Pki::serve(&hub.server).await;
    let _proxy = TestProxy::start(&pki, Scope::Gateway(edge()), "first");
    until("it is programmed", || {
        hub.assign_addresses();
        (hub.programmed("edge") == "Programmed").then_some(())
    })
    .await;
    assert_eq!(
        api.get(&gateway_path("edge")).unwrap()["spec"]["listeners"],
        "none"
    );

    // Mended, it goes on.
    api.put_gateway("edge", listeners(&[80, 81]));
    until("both listeners are programmed", || {
        (told(&hub) == named(&[80, 81])).then_some(())
    })
    .await;
}

/// Entries of other controllers in a route's status are written back as they came: with fields that our types do not
/// know, and with times to the fraction of a second and elsewhere than in UTC.
#[tokio::test(start_paused = true)]
async fn entries_of_others_stay_byte_for_byte() {
    let api = FakeApi::with_class();
    api.put_gateway("edge", json!({}));
    let foreign = json!({
        "controllerName": "example.net/other", "later": {"a": [1, "b"]},
        "parentRef": {"name": "gw", "zone": "z"},
        "conditions": [{
            "type": "Accepted", "status": "True", "reason": "Fine", "message": "m", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T02:00:00.123456+02:00", "severity": "Info",
        }],
    });
    let path = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/r";
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "r", "namespace": "default", "generation": 1},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "b", "port": 80}]}]},
        "status": {"parents": [foreign]},
    });
    api.put(path, route);
    let _hub = TestHub::start(&api, ServerOptions::default());
    let parents = || {
        api.get(path).unwrap()["status"]["parents"]
            .as_array()
            .cloned()
            .unwrap()
    };
    until("our entry is there", || (parents().len() == 2).then_some(())).await;
    assert_eq!(parents()[0].to_string(), foreign.to_string());
    let mut route = api.get(path).unwrap();
    route["spec"]["parentRefs"] = json!([]);
    route["metadata"]["generation"] = 2.into();
    api.put(path, route);
    until("our entry is gone", || (parents().len() == 1).then_some(())).await;
    assert_eq!(parents()[0].to_string(), foreign.to_string());
}
