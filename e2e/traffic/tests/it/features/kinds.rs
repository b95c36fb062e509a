//! Kinds beside Gateway and HTTPRoute: ListenerSets, default Gateways, XBackends, ExternalName.

use super::{Site, local, route_to};
use anyhow::Result;
use gatewright_traffic::{Gatewright, Origin, client, echo::Speaks, manifest, ports};

/// The listener of a ListenerSet serves its own routes; the Gateway's serves the others.
#[tokio::test]
async fn listener_sets() -> Result<()> {
    let port = ports::free()?;
    let (own, set) = (Origin::named("own").await?, Origin::named("set").await?);
    let text = manifest::class()
        + &manifest::gateway_with(
            "gw",
            &format!("[{{name: http, protocol: HTTP, port: {port}, hostname: own.test}}]"),
            "  allowedListeners: {namespaces: {from: Same}}",
        )
        + &format!(
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: more, namespace: default}}
spec:
  parentRef: {{name: gw}}
  listeners: [{{name: http, protocol: HTTP, port: {port}, hostname: set.test}}]
"
        )
        + &manifest::service("own", &[own.address])
        + &manifest::service("set", &[set.address])
        + &route_to("own")
        + &manifest::http_route(
            "set",
            "more, kind: ListenerSet, group: gateway.networking.k8s.io",
            "  rules: [{backendRefs: [{name: set, port: 80}]}]",
        );
    let _gatewright = Gatewright::start(&text).await?;
    for (host, name, status) in [
        ("own.test", "own", 200),
        ("set.test", "set", 200),
        ("other.test", "", 404),
    ] {
        let answer = client::send(local(port), Speaks::Http1, client::get(host, "/")?).await?;
        assert_eq!(answer.status, status, "{host}");
        assert!(status != 200 || answer.text() == name, "{host}");
    }
    Ok(())
}

/// A route that names no parent goes to the Gateways that are there for such routes.
#[tokio::test]
async fn default_gateways() -> Result<()> {
    let backend = Origin::named("a").await?;
    let objects = manifest::service("a", &[backend.address])
        + "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: anywhere, namespace: default}
spec:
  useDefaultGateways: All
  rules: [{backendRefs: [{name: a, port: 80}]}]
";
    let site = Site::with(&objects, "  defaultScope: All", &[]).await?;
    assert_eq!(site.get("/").await?.text(), "a");
    Ok(())
}

/// XBackend of type EndpointSelector: the ready endpoints of the Services with these labels, on its
/// own port; and a hostname, resolved by DNS where local names are allowed.
#[tokio::test]
async fn backends_without_a_service() -> Result<()> {
    let backend = Origin::named("a").await?;
    let port = backend.address.port();
    let objects = manifest::service("pods", &[backend.address]).replace(
        "spec: {ports: [{name: main, port: 80}]}",
        "spec: {selector: {app: pods}, ports: [{name: main, port: 80}]}",
    ) + &format!(
        "---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {{name: pods, namespace: default}}
spec: {{type: EndpointSelector, port: {{number: {port}}}, endpointSelector: {{matchLabels: {{app: pods}}}}}}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {{name: named, namespace: default}}
spec: {{type: ExternalHostname, port: {{number: {port}}}, externalHostname: {{hostname: localhost}}}}
"
    ) + &manifest::http_route(
        "all",
        "gw",
        "  rules:
  - {matches: [{path: {value: /pods}}], backendRefs: [{group: gateway.networking.x-k8s.io, kind: XBackend, name: pods}]}
  - {matches: [{path: {value: /named}}], backendRefs: [{group: gateway.networking.x-k8s.io, kind: XBackend, name: named}]}",
    );
    let site = Site::new(&objects).await?;
    for path in ["/pods", "/named"] {
        let answer = site.get(path).await?;
        assert_eq!((answer.status, answer.text().as_str()), (200, "a"), "{path}");
    }
    Ok(())
}

/// ExternalName is an open door to everything the proxy can reach (CVE-2021-25740): closed unless asked.
#[tokio::test]
async fn external_names() -> Result<()> {
    let backend = Origin::named("a").await?;
    let objects = format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: outside, namespace: default}}
spec: {{type: ExternalName, externalName: localhost, ports: [{{port: 80, targetPort: {}}}]}}
",
        backend.address.port()
    ) + &route_to("outside");
    let closed = Site::new(&objects).await?;
    assert_eq!(closed.get("/").await?.status, 500);
    let open = Site::with(&objects, "", &["--allow-external-name"]).await?;
    // A Service of this type has no target ports: the port is the Service's own.
    let answer = open.get("/").await?;
    assert!([200, 503].contains(&answer.status), "{answer:?}");
    Ok(())
}
