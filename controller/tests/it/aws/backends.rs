//! A backend on AWS that cannot be used.

use super::{CLUSTER, Place};

const MANIFESTS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: aws-alb}
spec: {controllerName: gatewright.dev/aws-alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: aws-alb
  listeners: [{name: http, port: 18092, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: good, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /good}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: a.example, statusCode: 301}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: bad, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /bad}}]
    backendRefs: [{group: gatewright.dev, kind: AwsBackend, name: elsewhere}]
---
apiVersion: gatewright.dev/v1alpha1
kind: AwsBackend
metadata: {name: elsewhere, namespace: shop}
spec:
  targetGroup:
    arn: arn:aws:elasticloadbalancing:us-east-1:210987654321:targetgroup/theirs/0123456789abcdef
";

/// It hurts its own rule alone: the Gateway is served, and the route says what is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_group_of_another_account_hurts_its_own_rule_alone() {
    let place = Place::at("127.92.0.0/16").await;
    place.write(MANIFESTS);
    let options = ["--cluster-name", CLUSTER, "--aws-vpc-id", super::VPC];
    let with =
        |more: &[&'static str]| -> Vec<&str> { options.into_iter().chain(more.iter().copied()).collect() };
    let (code, said) = place.plan(&with(&["--apply", "--timeout", "60s"])).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("HTTPRoute shop/bad") && said.contains("this account and region"),
        "{said}"
    );
    // An answer that differs each time would be news each time.
    let (code, again) = place.plan(&with(&["--output", "json"])).await;
    assert_eq!(code, 0, "{again}");
    assert!(!again.contains("(request "), "{again}");
    place.simulator.stop().await.unwrap();
}
