//! The reference page of our own kinds, written from their schemas.

use serde_json::Value;
use std::fmt::Write as _;

/// What the page says before everything else.
const INTRODUCTION: &str = "# Parameters

<!-- Generated from the CRDs by `cargo xtask docs`. Do not edit. -->

What a class of load balancers needs and the Gateway API has no field for, in kinds of our own (`gatewright.dev/v1alpha1`,
namespaced). A GatewayClass refers to one object in `spec.parametersRef`, a Gateway in
`spec.infrastructure.parametersRef`; a reference to a kind that is not the class' own is refused
(`InvalidParameters`). The CRDs are in `crds/gatewright`.

| kind | classes | level |
|---|---|---|
| [SoftwareGatewayParameters](#softwaregatewayparameters) | `gatewright.dev/software` | class, Gateway |
| [AwsLoadBalancerParameters](#awsloadbalancerparameters) | `gatewright.dev/aws-alb`, `gatewright.dev/aws-nlb` | class, Gateway |
| [AwsLatticeParameters](#awslatticeparameters) | `gatewright.dev/aws-lattice` | class, Gateway |
| [AwsTargetGroupParameters](#awstargetgroupparameters) | `gatewright.dev/aws-alb`, `gatewright.dev/aws-nlb`, `gatewright.dev/aws-lattice` | Service, by `spec.targetRefs` |
| [AwsRouteParameters](#awsrouteparameters) | `gatewright.dev/aws-alb` | rule of a route, by a filter of type `ExtensionRef` |
| [AwsBackend](#awsbackend) | `gatewright.dev/aws-alb` | backend, by `backendRefs` |
| [AwsTargetGroupBinding](#awstargetgroupbinding) | none: [pods in target groups of others](aws/bindings.md) | |

## Precedence

What is said nearer to the traffic wins, field by field:

1. `AwsTargetGroupParameters` of the Service (target groups alone),
2. the parameters of the Gateway,
3. the parameters of its GatewayClass,
4. the default that the field's description names.

With `mergingMode: PreferGatewayClass` in the parameters of an AWS GatewayClass 3 wins over 2: scheme, source ranges, web ACL and whatever
else the class sets hold for all of its Gateways, and one that sets such a field is told so by `gatewright.dev/Unsupported`.

Lists are taken whole, except `listeners`, which are merged port by port, and `services`, host by host. Maps (`attributes`, `tags`) are merged key by
key.
";

/// The example of a kind; a test reads it.
pub fn example(kind: &str) -> &'static str {
    match kind {
        "SoftwareGatewayParameters" => SOFTWARE,
        "AwsLoadBalancerParameters" => AWS_LOAD_BALANCER,
        "AwsLatticeParameters" => AWS_LATTICE,
        "AwsTargetGroupParameters" => AWS_TARGET_GROUP,
        "AwsRouteParameters" => AWS_ROUTE,
        "AwsBackend" => AWS_BACKEND,
        "AwsTargetGroupBinding" => AWS_TARGET_GROUP_BINDING,
        _ => "",
    }
}

const SOFTWARE: &str = "apiVersion: gatewright.dev/v1alpha1
kind: SoftwareGatewayParameters
metadata:
  name: edge
  namespace: infra
spec:
  deployment:
    replicas: 3
  service:
    type: LoadBalancer
    externalTrafficPolicy: Local
  proxyProtocol:
    requiredFrom: [10.0.0.0/8]
  forwarding:
    trustedCidrs: [10.0.0.0/8]
  limits:
    bodyBytes: 10485760
  timeouts:
    header: 5s
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: software
spec:
  controllerName: gatewright.dev/software
  parametersRef:
    group: gatewright.dev
    kind: SoftwareGatewayParameters
    name: edge
    namespace: infra
";

const AWS_TARGET_GROUP_BINDING: &str = "apiVersion: gatewright.dev/v1alpha1
kind: AwsTargetGroupBinding
metadata:
  name: cart
  namespace: shop
spec:
  targetGroup:
    name: shop-cart
  service:
    name: cart
    port: 80
";

const AWS_LOAD_BALANCER: &str = "apiVersion: gatewright.dev/v1alpha1
kind: AwsLoadBalancerParameters
metadata:
  name: public
  namespace: infra
spec:
  scheme: InternetFacing
  subnets:
    tags:
      tier: [public]
  sourceRanges: [0.0.0.0/0]
  attributes:
    idle_timeout.timeout_seconds: \"120\"
  listeners:
  - port: 443
    sslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-06
  targetGroups:
    healthCheck:
      path: /healthz
      intervalSeconds: 10
  tags:
    team: network
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: aws-alb
spec:
  controllerName: gatewright.dev/aws-alb
  parametersRef:
    group: gatewright.dev
    kind: AwsLoadBalancerParameters
    name: public
    namespace: infra
";

const AWS_LATTICE: &str = "apiVersion: gatewright.dev/v1alpha1
kind: AwsLatticeParameters
metadata:
  name: internal
  namespace: infra
spec:
  securityGroups: [sg-0123456789abcdef0]
  access:
    authPolicy: |
      {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": \"*\",
       \"Action\": \"vpc-lattice-svcs:Invoke\", \"Resource\": \"*\"}]}
    accessLogs: [\"arn:aws:logs:eu-central-1:123456789012:log-group:lattice\"]
  services:
  - hostname: shop.example.com
    certificateArn: arn:aws:acm:eu-central-1:123456789012:certificate/2f1c6e8a-0d5b-4f7e-9a3c-1b2d3e4f5a6b
  tags:
    team: network
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: aws-lattice
spec:
  controllerName: gatewright.dev/aws-lattice
  parametersRef:
    group: gatewright.dev
    kind: AwsLatticeParameters
    name: internal
    namespace: infra
";

const AWS_TARGET_GROUP: &str = "apiVersion: gatewright.dev/v1alpha1
kind: AwsTargetGroupParameters
metadata:
  name: cart
  namespace: shop
spec:
  targetRefs:
  - name: cart
  settings:
    healthCheck:
      path: /ready
      codes: 200-299
    attributes:
      deregistration_delay.timeout_seconds: \"30\"
";

const AWS_ROUTE: &str = "apiVersion: gatewright.dev/v1alpha1
kind: AwsRouteParameters
metadata:
  name: staff
  namespace: shop
spec:
  sourceRanges: [192.0.2.0/24]
  oidc:
    issuer: https://login.example.com
    authorizationEndpoint: https://login.example.com/authorize
    tokenEndpoint: https://login.example.com/token
    userInfoEndpoint: https://login.example.com/userinfo
    clientId: shop
    clientSecretRef:
      name: shop-login
  login:
    scope: openid email
    sessionSeconds: 28800
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: orders
  namespace: shop
spec:
  parentRefs:
  - name: web
    namespace: infra
  rules:
  - matches:
    - path:
        value: /orders
    filters:
    - type: ExtensionRef
      extensionRef:
        group: gatewright.dev
        kind: AwsRouteParameters
        name: staff
    backendRefs:
    - name: orders
      port: 80
";

const AWS_BACKEND: &str = "apiVersion: gatewright.dev/v1alpha1
kind: AwsBackend
metadata:
  name: thumbnails
  namespace: shop
spec:
  lambda:
    functionArn: arn:aws:lambda:eu-central-1:123456789012:function:thumbnails
---
apiVersion: gatewright.dev/v1alpha1
kind: AwsBackend
metadata:
  name: former
  namespace: shop
spec:
  targetGroup:
    name: former-shop
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
  namespace: shop
spec:
  parentRefs:
  - name: web
    namespace: infra
  rules:
  - matches:
    - path:
        value: /thumbnails
    backendRefs:
    - group: gatewright.dev
      kind: AwsBackend
      name: thumbnails
  - backendRefs:
    - name: shop
      port: 80
      weight: 9
    - group: gatewright.dev
      kind: AwsBackend
      name: former
      weight: 1
";

/// The page, as Markdown.
pub fn parameters() -> String {
    let mut page = INTRODUCTION.to_owned();
    for crd in super::crds() {
        let json: Value = serde_json::from_str(&crd.json).unwrap_or_default();
        let Some(spec) = json.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec") else {
            continue;
        };
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n```yaml\n{}```\n\n### Fields of `spec`\n\n| field | meaning | accepted |\n|---|---|---|\n",
            crd.kind,
            description(spec).unwrap_or_default(),
            example(&crd.kind)
        );
        rows(spec, "", &mut page);
        let mut rules = Vec::new();
        collect_rules(spec, "spec", &mut rules);
        if !rules.is_empty() {
            page.push_str("\n### Rules beyond single fields\n\n| where | refused with |\n|---|---|\n");
            for (path, message) in rules {
                let _ = writeln!(page, "| `{path}` | {message} |");
            }
        }
    }
    page
}

fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn rows(schema: &Value, prefix: &str, page: &mut String) {
    let required = |name: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|entry| entry == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let mut accepted = accepted(property);
        if required(name) {
            accepted.push_str(", required");
        }
        let meaning = description(property).unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(
            page,
            "| `{path}` | {meaning} | {} |",
            accepted.replace('|', "\\|")
        );
        rows(property, &format!("{path}."), page);
        if let Some(items) = property.get("items") {
            rows(items, &format!("{path}[]."), page);
        }
    }
}

fn accepted(schema: &Value) -> String {
    let number = |key: &str| schema.get(key).and_then(Value::as_i64);
    let range = |low: Option<i64>, high: Option<i64>| match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("at least {low}")),
        (None, Some(high)) => Some(format!("at most {high}")),
        (None, None) => None,
    };
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values
            .iter()
            .filter_map(|value| Some(format!("`{}`", value.as_str()?)))
            .collect();
        return values.join(", ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => {
            range(number("minimum"), number("maximum")).unwrap_or_else(|| "integer".to_owned())
        }
        Some("array") => {
            let count = range(number("minItems"), number("maxItems"));
            let items = schema.get("items").map(accepted).unwrap_or_default();
            format!("list of {} entries, each {items}", count.unwrap_or_default())
        }
        Some("string") => {
            let mut text = "text".to_owned();
            if let Some(length) = range(number("minLength"), number("maxLength")) {
                let _ = write!(text, " of {length} characters");
            }
            if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
                let _ = write!(text, " like `{pattern}`");
            }
            text
        }
        Some("object") if schema.get("additionalProperties").is_some() => "names and texts".to_owned(),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

fn collect_rules(schema: &Value, path: &str, into: &mut Vec<(String, String)>) {
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    for rule in rules.into_iter().flatten() {
        if let Some(message) = rule.get("message").and_then(Value::as_str) {
            into.push((path.to_owned(), message.to_owned()));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        collect_rules(property, &format!("{path}.{name}"), into);
        if let Some(items) = property.get("items") {
            collect_rules(items, &format!("{path}.{name}[]"), into);
        }
    }
}
