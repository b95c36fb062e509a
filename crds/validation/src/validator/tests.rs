mod bounds;
mod kinds;

use serde_json::json;

use super::*;
use crate::diagnostic::{Code, Severity};

fn load(text: &str) -> Loaded {
    Validator::default().load("m.yaml", text.as_bytes())
}

fn lenient(text: &str) -> Loaded {
    Validator::new(Bundle::default(), Channel::default(), Mode::Lenient).load("m.yaml", text.as_bytes())
}

fn shown(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(ToString::to_string).collect()
}

const ROUTE: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  rules:
  - backendRefs:
    - name: cart
      port: 80
";

#[test]
fn a_route_gets_the_defaults_of_its_schema() {
    let loaded = load(ROUTE);
    assert_eq!(shown(&loaded), Vec::<String>::new());
    let object = &loaded.objects[0];
    assert_eq!(
        (
            object.gvk.kind.as_str(),
            object.namespace.as_deref(),
            object.name.as_str()
        ),
        ("HTTPRoute", Some("default"), "shop")
    );
    assert_eq!(object.source.position, Position { line: 1, column: 1 });
    assert_eq!(
        object.value.pointer("/spec"),
        Some(&json!({"rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": "cart", "port": 80, "group": "", "kind": "Service", "weight": 1}],
        }]}))
    );
}

#[test]
fn diagnostics_say_where_what_and_what_else() {
    let loaded = load(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: web}
spec:
  hostname: shop.example.com
  rules:
  - matches:
    - path:
        type: Prefix
        value: /cart
    backendRefs:
    - name: cart
",
    );
    assert_eq!(
        shown(&loaded),
        [
            "error: m.yaml:5:3: HTTPRoute web/shop: spec.hostname: unknown field \"spec.hostname\"; did you mean \"hostnames\"? [unknown-field]",
            "error: m.yaml:9:15: HTTPRoute web/shop: spec.rules[0].matches[0].path.type: Unsupported value: \"Prefix\": supported values: \"Exact\", \"PathPrefix\", \"RegularExpression\"; write \"PathPrefix\" for what older releases called \"Prefix\" [unsupported-value]",
            "error: m.yaml:12:7: HTTPRoute web/shop: spec.rules[0].backendRefs[0]: Invalid value: object with 4 fields: Must have port for Service reference [rule-failed]",
        ]
    );
    let json = serde_json::to_value(&loaded.diagnostics[1]).unwrap();
    assert_eq!(
        json,
        json!({"severity": "error", "code": "unsupported-value", "file": "m.yaml", "line": 9, "column": 15,
            "object": {"kind": "HTTPRoute", "namespace": "web", "name": "shop"},
            "field": "spec.rules[0].matches[0].path.type", "found": "\"Prefix\"",
            "accepted": "\"Exact\", \"PathPrefix\", \"RegularExpression\"",
            "message": "Unsupported value: \"Prefix\": supported values: \"Exact\", \"PathPrefix\", \"RegularExpression\"; write \"PathPrefix\" for what older releases called \"Prefix\""})
    );
}

#[test]
fn lenient_mode_warns_about_unknown_fields_and_duplicate_keys_only() {
    let text = ROUTE.to_owned() + "  hostname: x\n  hostnames: [a.example]\n  hostnames: [b.example]\n";
    assert_eq!(load(&text).objects.len(), 0);
    let loaded = lenient(&text);
    assert!(!loaded.has_errors());
    assert_eq!(
        loaded.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(),
        [Code::DuplicateKey, Code::UnknownField]
    );
    assert_eq!(
        loaded.objects[0].value.pointer("/spec/hostnames"),
        Some(&json!(["b.example"]))
    );
    assert_eq!(loaded.objects[0].value.pointer("/spec/hostname"), None);
    assert!(lenient(&ROUTE.replace("port: 80", "port: x")).has_errors());
}

#[test]
fn lists_are_expanded_with_places_of_their_own() {
    let loaded = load(
        "apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: a}
- apiVersion: v1
  kind: Namespace
  metadata: {name: B}
- 5
- apiVersion: gateway.networking.k8s.io/v1
  kind: GatewayClassList
  items:
  - metadata: {name: c}
    spec: {controllerName: x.example/y}
",
    );
    assert_eq!(
        loaded
            .objects
            .iter()
            .map(|o| (o.gvk.kind.as_str(), o.name.as_str(), o.namespace.clone()))
            .collect::<Vec<_>>(),
        [("Namespace", "a", None), ("GatewayClass", "c", None)]
    );
    let found: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|d| (d.code, d.position.unwrap().line, d.field.clone()))
        .collect();
    assert_eq!(
        found,
        [
            (Code::InvalidName, 9, Some("metadata.name".to_owned())),
            (Code::NotAnObject, 10, None)
        ]
    );
    assert_eq!(load("apiVersion: v1\nkind: List\nitems: null\n").diagnostics, []);
}

#[test]
fn values_of_secrets_never_appear() {
    let secret = "s3cr3t-material";
    let cases = [
        format!("data: {{a: '{secret}'}}"),
        format!("data: {{a: [{secret}]}}"),
        format!("data: {secret}"),
        format!("stringData: {{a: {{b: {secret}}}}}"),
        format!("data: {{'b@d': '{secret}'}}"),
        format!("unknown: {secret}"),
        format!("type: [{secret}]"),
        "data: {a: 12345678}".to_owned(),
        format!("stringData: {{a: {secret}, a: {secret}}}"),
        format!("stringData: {{a: {secret}"),
    ];
    for case in cases {
        let loaded = load(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{case}\n"
        ));
        assert!(loaded.has_errors(), "{case}");
        let text = shown(&loaded).join("\n") + &serde_json::to_string(&loaded.diagnostics).unwrap();
        assert!(
            !text.contains(secret) && !text.contains("12345678"),
            "{case}: {text}"
        );
    }
}

#[test]
fn string_data_is_folded_into_data() {
    let loaded = load(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: b2xk, b: \"a2Vl\\ncA==\"}\nstringData: {a: new, c: ''}\n",
    );
    assert_eq!(shown(&loaded), Vec::<String>::new());
    let value = &loaded.objects[0].value;
    assert_eq!(
        value.get("data"),
        Some(&json!({"a": "bmV3", "b": "a2VlcA==", "c": ""}))
    );
    assert_eq!(
        (value.get("type"), value.get("stringData")),
        (Some(&json!("Opaque")), None)
    );
}

/// A status is written by controllers: an API server drops it from a new object, whatever it holds.
#[test]
fn a_bad_status_is_dropped_with_a_warning() {
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {gatewayClassName: c, listeners: [{name: a, port: 80, protocol: HTTP}]}\n";
    let text = format!("{gateway}status: {{conditions: [{{type: Accepted, status: Perhaps}}]}}\n");
    let loaded = load(&text);
    assert!(
        !loaded.has_errors() && !loaded.diagnostics.is_empty(),
        "{:?}",
        shown(&loaded)
    );
    assert_eq!(
        loaded.objects[0].value.pointer("/status/conditions/0/status"),
        Some(&json!("Unknown"))
    );
    let text = format!("{gateway}status: {{addresses: [{{value: 10.0.0.1}}]}}\n");
    let loaded = load(&text);
    assert_eq!(shown(&loaded), Vec::<String>::new());
    assert_eq!(
        loaded.objects[0].value.pointer("/status/addresses/0"),
        Some(&json!({"value": "10.0.0.1", "type": "IPAddress"}))
    );
    let checking = Validator::default().checking_status();
    let text = format!("{gateway}status: {{addresses: [{{type: Hostname, value: 'no host'}}]}}\n");
    let found = checking.load("m.yaml", text.as_bytes());
    assert!(
        found.has_errors() && found.diagnostics[0].code == Code::RuleFailed,
        "{:?}",
        shown(&found)
    );
}

#[test]
fn metadata_is_checked() {
    for (metadata, code, field) in [
        ("{}", Code::Required, "metadata.name"),
        ("", Code::Required, "metadata.name"),
        ("[]", Code::InvalidType, "metadata"),
        ("{generateName: a-}", Code::Required, "metadata.name"),
        ("{name: Upper}", Code::InvalidName, "metadata.name"),
        ("{name: a..b}", Code::InvalidName, "metadata.name"),
        ("{name: 5}", Code::InvalidType, "metadata.name"),
        (
            "{name: a, namespace: a.b}",
            Code::InvalidName,
            "metadata.namespace",
        ),
        (
            "{name: a, labels: {'-': x}}",
            Code::InvalidLabel,
            "metadata.labels[-]",
        ),
        (
            "{name: a, labels: {a: 'x y'}}",
            Code::InvalidLabel,
            "metadata.labels[a]",
        ),
        (
            "{name: a, labels: {a: 5}}",
            Code::InvalidType,
            "metadata.labels[a]",
        ),
        (
            "{name: a, annotations: {a: true}}",
            Code::InvalidType,
            "metadata.annotations[a]",
        ),
        (
            "{name: a, annotations: {'a/b/c': x}}",
            Code::InvalidLabel,
            "metadata.annotations[a/b/c]",
        ),
        ("{name: a, label: {}}", Code::UnknownField, "metadata.label"),
        (
            "{name: a, creationTimestamp: yesterday}",
            Code::InvalidFormat,
            "metadata.creationTimestamp",
        ),
        (
            "{name: a, generation: x}",
            Code::InvalidType,
            "metadata.generation",
        ),
        (
            "{name: a, finalizers: x}",
            Code::InvalidType,
            "metadata.finalizers",
        ),
        (
            "{name: a, ownerReferences: [x]}",
            Code::InvalidType,
            "metadata.ownerReferences[0]",
        ),
    ] {
        let loaded = load(&ROUTE.replace("metadata:\n  name: shop", &format!("metadata: {metadata}")));
        let found: Vec<_> = loaded
            .diagnostics
            .iter()
            .map(|d| (d.code, d.field.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(found, [(code, field)], "{metadata}");
    }
    let good = "{name: a.b-c.1, namespace: ns, labels: {app.kubernetes.io/name: '', a: B_c.d}, annotations: {Example.com/x: '{}'}, creationTimestamp: null, uid: u}";
    let loaded = load(&ROUTE.replace("metadata:\n  name: shop", &format!("metadata: {good}")));
    assert_eq!(shown(&loaded), Vec::<String>::new());
    let name = "n".repeat(253);
    assert_eq!(
        load(&ROUTE.replace("name: shop", &format!("name: {name}"))).diagnostics,
        []
    );
    assert!(load(&ROUTE.replace("name: shop", &format!("name: {name}n"))).has_errors());
    let cluster = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: c, namespace: ns}\nspec: {controllerName: a.b/c}\n";
    let loaded = load(cluster);
    assert_eq!(
        (loaded.diagnostics[0].code, loaded.has_errors()),
        (Code::Ignored, false)
    );
    assert_eq!(
        (
            loaded.objects[0].namespace.clone(),
            loaded.objects[0].value.pointer("/metadata/namespace")
        ),
        (None, None)
    );
}

#[test]
fn objects_need_type_meta() {
    for (text, field) in [
        ("kind: Gateway\nmetadata: {name: a}\n", "apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "kind"),
        ("apiVersion: [v1]\nkind: Service\n", "apiVersion"),
        ("apiVersion: a/b/c\nkind: Service\n", "apiVersion"),
        ("apiVersion: /v1\nkind: Service\n", "apiVersion"),
    ] {
        let loaded = load(text);
        let found: Vec<_> = loaded
            .diagnostics
            .iter()
            .map(|d| (d.code, d.field.as_deref()))
            .collect();
        assert_eq!(found, [(Code::MissingTypeMeta, Some(field))], "{text}");
    }
    for text in ["- a\n- b\n", "just text\n", "5\n"] {
        assert_eq!(load(text).diagnostics[0].code, Code::NotAnObject, "{text}");
    }
}
