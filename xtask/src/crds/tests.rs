use super::*;
use dedupe::Class;
use kopium::Shape;

const ONE: &str = r#"
    #[derive(CustomResource, Default)]
    #[kube(group = "g", version = "v1", kind = "TCPRoute", root = "TcpRoute", plural = "tcproutes")]
    #[kube(status = "TcpRouteStatus")]
    pub struct TcpRouteSpec {
        #[serde(rename = "parentRefs")]
        pub parent_refs: Option<Vec<TcpRouteParentRefs>>,
        pub mode: TcpRouteMode,
    }
    pub struct TcpRouteParentRefs { pub name: String, pub port: Option<i32> }
    pub enum TcpRouteMode { All, #[serde(rename = "none")] None }
    pub struct TcpRouteStatus { pub parents: Vec<TcpRouteParentRefs> }
    pub enum TcpRouteUnused { r#_301 }
"#;

fn merged(texts: &[String]) -> Result<Vec<Class>> {
    let kinds: Vec<_> = texts.iter().map(|text| kopium::parse(text).unwrap()).collect();
    dedupe::merge(&kinds)
}

fn renamed(from: &str) -> String {
    ONE.replace("TcpRoute", from)
        .replace("TCPRoute", &from.replace("Udp", "UDP"))
}

#[test]
fn kopiums_output_is_read() {
    let raw = kopium::parse(ONE).unwrap();
    assert_eq!(
        (raw.kind.as_str(), raw.spec.as_str()),
        ("TCPRoute", "TcpRouteSpec")
    );
    assert_eq!(raw.status.as_deref(), Some("TcpRouteStatus"));
    let Shape::Struct(fields) = &raw.types["TcpRouteSpec"].shape else {
        panic!("a struct");
    };
    assert_eq!(fields[0].json, "parentRefs");
    assert_eq!(
        fields[0].ty,
        ["Option", "<", "Vec", "<", "TcpRouteParentRefs", ">", ">"]
    );
    let Shape::Enum(variants) = &raw.types["TcpRouteMode"].shape else {
        panic!("an enum");
    };
    assert_eq!(variants[1], ("None".to_owned(), "none".to_owned()));
}

/// Within a kind: one class for one shape, its places collected, unreachable types dropped.
#[test]
fn equal_shapes_of_one_kind_are_one_type() {
    let classes = merged(&[ONE.to_owned()]).unwrap();
    let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "TcpRouteParentRefs",
            "TcpRouteMode",
            "TcpRouteSpec",
            "TcpRouteStatus"
        ]
    );
    assert_eq!(
        classes[0].places["TCPRoute"],
        ["spec.parentRefs[]", "status.parents[]"]
    );
    assert_eq!(classes[0].module, "tcp_route");
}

/// What most objects do without takes a pointer of them; what is small stays in place.
#[test]
fn large_optional_structures_are_behind_a_pointer() {
    let text = ONE.replace(
        "pub mode: TcpRouteMode,",
        "pub mode: TcpRouteMode, pub large: Option<TcpRouteLarge>, pub small: Option<TcpRouteSmall>,
         pub needed: TcpRouteLarge,",
    ) + "pub struct TcpRouteLarge { pub a: String, pub b: Option<Vec<String>> }
         pub struct TcpRouteSmall { pub a: String, pub b: Option<i64> }";
    let classes = merged(&[text]).unwrap();
    let modules = emit::modules(&classes, &["TCPRoute".to_owned()], "v1").unwrap();
    let module = &modules["tcp_route.rs"];
    for field in [
        "pub large: Option<Box<TcpRouteLarge>>,",
        "pub small: Option<TcpRouteSmall>,",
        "pub needed: TcpRouteLarge,",
    ] {
        assert!(module.contains(field), "{field} in {module}");
    }
}

/// Across kinds a shared type must be named in the table, and roots never merge.
#[test]
fn shared_types_need_a_name() {
    let error = merged(&[ONE.to_owned(), renamed("UdpRoute")])
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("TcpRouteParentRefs, UdpRouteParentRefs are one type: give it a name"),
        "{error}"
    );
    assert!(!error.contains("TcpRouteSpec, UdpRouteSpec"), "{error}");
}

/// A different presence rule, JSON name or variant keeps types apart.
#[test]
fn nearly_equal_shapes_stay_apart() {
    for (from, to) in [
        ("pub port: Option<i32>", "pub port: i32"),
        ("pub name: String", "#[serde(rename = \"n\")] pub name: String"),
    ] {
        let error = merged(&[ONE.to_owned(), renamed("UdpRoute").replace(from, to)])
            .err()
            .unwrap()
            .to_string();
        assert!(!error.contains("UdpRouteParentRefs"), "{error}");
        assert!(error.contains("TcpRouteMode, UdpRouteMode"), "{error}");
    }
}

#[test]
fn kinds_have_module_and_type_names() {
    for (kind, name, module) in [
        ("HTTPRoute", "HttpRoute", "http_route"),
        ("BackendTLSPolicy", "BackendTlsPolicy", "backend_tls_policy"),
        (
            "XBackendTrafficPolicy",
            "XBackendTrafficPolicy",
            "xbackend_traffic_policy",
        ),
        ("Gateway", "Gateway", "gateway"),
    ] {
        assert_eq!(names::pascal_kind(kind), name);
        assert_eq!(names::module(kind), module);
    }
}

#[test]
fn go_constants_are_read() {
    for (line, expected) in [
        (
            "\tRouteReasonPending RouteConditionReason = \"Pending\"",
            Some(("RouteConditionReason", "Pending")),
        ),
        (
            "\tA v1.PolicyConditionType = \"Accepted\" // why",
            Some(("PolicyConditionType", "Accepted")),
        ),
        ("\tSupportX = \"X\"", Some(("", "X"))),
        ("\t// Example A = \"b\"", None),
        ("\tx := 3", None),
    ] {
        assert_eq!(constants::constant(line), expected, "{line}");
    }
}

#[test]
fn compression_is_reversible_and_repeatable() {
    let text = "{\"a\":1}\n".repeat(100);
    let packed = bundle::compress(&text).unwrap();
    assert_eq!(packed, bundle::compress(&text).unwrap());
    assert_eq!(bundle::decompress(&packed).unwrap(), text);
}

/// Only the keyword goes: a property of that name, and text that is data, stay.
#[test]
fn descriptions_are_removed_at_every_depth() {
    let mut schema = serde_json::json!({
        "description": "gone",
        "properties": {"description": {"description": "gone", "type": "string", "default": "description"}},
        "additionalProperties": {"description": "gone", "items": {"description": "gone", "type": "string"}},
        "anyOf": [{"description": "gone", "required": ["description"]}],
    });
    bundle::strip_descriptions(&mut schema);
    assert_eq!(
        schema,
        serde_json::json!({
            "properties": {"description": {"type": "string", "default": "description"}},
            "additionalProperties": {"items": {"type": "string"}},
            "anyOf": [{"required": ["description"]}],
        })
    );
}
