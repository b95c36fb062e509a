use super::report::{Entry, Refused, Report};
use super::*;
use crate::cluster::testing::{CLOUD, TestCloud};
use clap::Parser;
use gatewright_provider_api::contract::ErrorKind;
use gatewright_provider_api::suite::{Injected, World as _};
use serde_json::Value;
use tempfile::TempDir;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: PlanArgs,
}

fn args(folder: &TempDir, more: &[&str]) -> PlanArgs {
    let folder = folder.path().to_str().unwrap();
    let words = ["plan", folder].into_iter().chain(more.iter().copied());
    Line::parse_from(words).args
}

fn manifests(text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("m.yaml"), text.replace("CLOUD", CLOUD)).unwrap();
    folder
}

const CLASS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: cloud}
spec: {controllerName: CLOUD}
---
";

fn gateway(name: &str, class: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: shop}}
spec:
  gatewayClassName: {class}
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
"
    )
}

const MIRROR: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}]
---
";

async fn run(args: PlanArgs, cloud: &TestCloud) -> (Exit, String) {
    let mut out = Vec::new();
    let exit = plan(&args, &cloud.registry(), &mut out).await.unwrap();
    (exit, String::from_utf8(out).unwrap())
}

async fn json(args: PlanArgs, cloud: &TestCloud) -> (Exit, Value) {
    let (exit, text) = run(args, cloud).await;
    (exit, serde_json::from_str(&text).unwrap())
}

/// Exit code 2 means that there are changes, 0 that there is nothing to do; planning changes nothing.
#[tokio::test]
async fn changes_are_told_with_reasons_until_they_are_made() {
    let cloud = TestCloud::default();
    let folder = manifests(&(CLASS.to_owned() + &gateway("edge", "cloud") + MIRROR));
    let (exit, found) = json(args(&folder, &["--output", "json"]), &cloud).await;
    assert_eq!(exit, Exit::Changes);
    assert!(cloud.resources().is_empty(), "a plan changes nothing");
    let entry = &found["gateways"][0];
    assert_eq!(
        (&entry["gateway"], &entry["class"]),
        (&"shop/edge".into(), &"cloud".into())
    );
    let changes = entry["changes"].as_array().unwrap();
    let kinds: Vec<&Value> = changes.iter().map(|change| &change["resource"]["kind"]).collect();
    assert_eq!(kinds, ["balancer", "listener"]);
    assert_eq!(changes[0]["action"], "create");
    assert_eq!(changes[0]["why"], "it is missing");
    assert_eq!(entry["unsupported"][0]["object"], "HTTPRoute shop/r");
    assert_eq!(found["summary"]["create"], 2);
    assert_eq!(found["summary"]["unsupported"], 1);

    let (exit, text) = run(args(&folder, &[]), &cloud).await;
    assert_eq!(exit, Exit::Changes);
    for part in [
        "Gateway shop/edge (class cloud, AWS ALB)",
        "create  listener shop/edge:http it is missing",
        "HTTPRoute shop/r: spec.rules[0].filters[0] is not supported",
        "1 Gateway: 2 to create, 0 to update, 0 to replace, 0 to delete; 1 not served",
    ] {
        assert!(
            anstream::adapter::strip_str(&text).to_string().contains(part),
            "{part} is not in\n{text}"
        );
    }

    let (exit, text) = run(args(&folder, &["--apply"]), &cloud).await;
    assert_eq!(exit, Exit::Success, "{text}");
    assert!(text.contains("192.0.2.1"), "{text}");
    let (exit, text) = run(args(&folder, &["--output", "summary"]), &cloud).await;
    assert_eq!(exit, Exit::Success);
    assert_eq!(
        text,
        "1 Gateway: 0 to create, 0 to update, 0 to replace, 0 to delete; 1 not served\n"
    );

    // A field that differs is shown as it is and as it will be.
    let listener = cloud
        .resources()
        .into_iter()
        .find(|found| found.kind == "listener")
        .unwrap();
    assert!(cloud.0.damage(&listener));
    let (exit, text) = run(args(&folder, &[]), &cloud).await;
    assert_eq!(exit, Exit::Changes);
    assert!(text.contains("settings: Http 80! -> Http 80"), "{text}");
}

#[tokio::test]
async fn filters_choose_and_other_classes_are_none_of_ours() {
    let cloud = TestCloud::default();
    let second = CLASS.replace("name: cloud", "name: second");
    let text = CLASS.to_owned()
        + &second
        + &gateway("edge", "cloud")
        + &gateway("other", "second")
        + &gateway("local", "unknown");
    let folder = manifests(&text);
    let named = async |more: &[&str]| {
        let more: Vec<&str> = ["--output", "json"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let (_, found) = json(args(&folder, &more), &cloud).await;
        let gateways = found["gateways"].as_array().unwrap().clone();
        let names = gateways
            .iter()
            .map(|entry| entry["gateway"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(named(&[]).await, ["shop/edge", "shop/other"]);
    assert_eq!(named(&["--class", "second"]).await, ["shop/other"]);
    assert_eq!(named(&["--gateway", "shop/edge"]).await, ["shop/edge"]);
}

/// What is left of Gateways that are not there any more is removed on request alone.
#[tokio::test]
async fn what_is_left_over_is_pruned_on_request() {
    let cloud = TestCloud::default();
    let both = manifests(&(CLASS.to_owned() + &gateway("edge", "cloud") + &gateway("old", "cloud")));
    run(args(&both, &["--apply"]), &cloud).await;
    let one = manifests(&(CLASS.to_owned() + &gateway("edge", "cloud")));
    assert_eq!(run(args(&one, &[]), &cloud).await.0, Exit::Success);
    let (exit, found) = json(args(&one, &["--prune", "--output", "json"]), &cloud).await;
    assert_eq!(exit, Exit::Changes);
    assert_eq!(found["gateways"][1]["gateway"], "shop/old");
    assert_eq!(found["summary"]["delete"], 2);
    assert_eq!(
        run(args(&one, &["--prune", "--apply"]), &cloud).await.0,
        Exit::Success
    );
    assert_eq!(cloud.resources().len(), 2);
}

#[tokio::test]
async fn what_is_not_known_or_not_accepted_is_told() {
    let cloud = TestCloud::default();
    let refused = gateway("edge", "cloud").replace(
        "  listeners:",
        "  infrastructure: {parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: absent}}\n  listeners:",
    );
    let folder = manifests(&(CLASS.to_owned() + &refused));
    let (exit, found) = json(args(&folder, &["--output", "json"]), &cloud).await;
    assert_eq!(exit, Exit::Success);
    assert_eq!(found["refused"][0]["reason"], "InvalidParameters");

    let folder = manifests(&(CLASS.to_owned() + &gateway("edge", "cloud")));
    let failing = Injected::Error {
        kind: ErrorKind::Forbidden,
        carried_out: false,
    };
    cloud.0.calls().inject(0, failing);
    let (exit, found) = json(args(&folder, &["--output", "json"]), &cloud).await;
    assert_eq!(exit, Exit::Io);
    assert!(
        found["gateways"][0]["error"]
            .as_str()
            .unwrap()
            .contains("forbidden"),
        "{found}"
    );
    cloud.0.calls().inject(1, failing);
    let (exit, text) = run(args(&folder, &["--apply"]), &cloud).await;
    assert_eq!(exit, Exit::Io);
    assert!(text.contains("failed"), "{text}");
}

#[test]
fn a_quota_that_does_not_suffice_is_counted() {
    use gatewright_provider_api::contract::{Preview, Quota};
    let quota = |used, others| Quota {
        name: "rules".into(),
        scope: "load balancer".into(),
        used,
        others,
        limit: 100,
    };
    let preview = Preview {
        quotas: vec![quota(101, 0), quota(100, 3), quota(20, 7)],
        ..Preview::default()
    };
    let controller = CLOUD.into();
    let gateway = ObjectName::new("n", "g");
    let provider = gatewright_provider_api::Provider::AwsAlb;
    let report = Report {
        gateways: vec![Entry::left_over(&gateway, (&controller, provider), preview)],
        refused: Vec::<Refused>::new(),
    };
    assert_eq!(report.summary().exceeded, 1);
    let mut out = Vec::new();
    report.print(PlanOutput::Table, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("rules of a load balancer: 101 of 100\n"), "{text}");
    assert!(
        text.contains("rules of a load balancer: 100 of 100, 3 of them others'"),
        "{text}"
    );
    assert!(text.contains("rules 20/100 (7 others')"), "{text}");
    let mut out = Vec::new();
    report.print(PlanOutput::Json, &mut out).unwrap();
    let json = String::from_utf8(out).unwrap();
    assert_eq!(json.matches("\"others\"").count(), 2, "{json}");
}
