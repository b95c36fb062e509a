use serde_json::{Value, json};

use super::*;
use crate::diagnostic::Code;
use crate::path::Path;

fn schema(source: &Value) -> Schema {
    Schema::compile(source, &mut Shared::default()).unwrap()
}

fn check(source: &Value, value: &Value) -> Vec<(String, Code, String)> {
    let mut found = crate::finding::Findings::default();
    schema(source).check(value, &Path::Root, &mut found);
    found
        .into_list()
        .into_iter()
        .map(|f| (f.path.to_string(), f.code, f.message))
        .collect()
}

#[test]
fn constraints_accept_their_bounds_and_refuse_what_is_beyond() {
    use Code::{
        DuplicateValue, InvalidFormat, InvalidType, InvalidValue, NoAlternativeFits, PatternMismatch,
        Required, TooFewItems, TooFewProperties, TooLarge, TooLong, TooManyItems, TooManyProperties,
        TooShort, TooSmall, UnsupportedValue,
    };
    let string = |more: Value| merge(json!({"type": "string"}), more);
    let cases: Vec<(Value, Vec<Value>, Value, Code)> = vec![
        (json!({"type": "string"}), vec![json!("")], json!(1), InvalidType),
        (
            json!({"type": "integer"}),
            vec![json!(1), json!(-1), json!(2.0)],
            json!(1.5),
            InvalidType,
        ),
        (
            json!({"type": "number"}),
            vec![json!(1), json!(1.5)],
            json!("1"),
            InvalidType,
        ),
        (
            json!({"type": "boolean"}),
            vec![json!(true)],
            json!("true"),
            InvalidType,
        ),
        (json!({"type": "object"}), vec![json!({})], json!([]), InvalidType),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            vec![json!(["a"])],
            json!({}),
            InvalidType,
        ),
        (
            json!({"x-kubernetes-int-or-string": true}),
            vec![json!(1), json!("a")],
            json!(true),
            InvalidType,
        ),
        (
            json!({"type": "string", "nullable": true}),
            vec![Value::Null],
            json!(1),
            InvalidType,
        ),
        (
            string(json!({"enum": ["A", "B"]})),
            vec![json!("A")],
            json!("a"),
            UnsupportedValue,
        ),
        (
            string(json!({"pattern": "^[a-z]+$"})),
            vec![json!("abc")],
            json!("abc\n"),
            PatternMismatch,
        ),
        (
            string(json!({"pattern": "b"})),
            vec![json!("abc")],
            json!("ac"),
            PatternMismatch,
        ),
        (
            string(json!({"minLength": 2})),
            vec![json!("äö")],
            json!("ä"),
            TooShort,
        ),
        (
            string(json!({"maxLength": 2})),
            vec![json!("äö")],
            json!("abc"),
            TooLong,
        ),
        (
            json!({"type": "integer", "minimum": 1}),
            vec![json!(1)],
            json!(0),
            TooSmall,
        ),
        (
            json!({"type": "integer", "maximum": 9}),
            vec![json!(9)],
            json!(10),
            TooLarge,
        ),
        (
            json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true}),
            vec![json!(2)],
            json!(1),
            TooSmall,
        ),
        (
            json!({"type": "integer", "maximum": 9, "exclusiveMaximum": true}),
            vec![json!(8)],
            json!(9),
            TooLarge,
        ),
        (
            json!({"type": "integer", "multipleOf": 5}),
            vec![json!(10)],
            json!(11),
            InvalidValue,
        ),
        (
            json!({"type": "integer", "format": "int32"}),
            vec![json!(2_147_483_647)],
            json!(2_147_483_648_u64),
            InvalidFormat,
        ),
        (
            json!({"type": "integer", "format": "int64"}),
            vec![json!(i64::MAX)],
            json!(u64::MAX),
            InvalidFormat,
        ),
        (
            string(json!({"format": "date-time"})),
            vec![json!("2024-02-29T23:59:59.5Z")],
            json!("2023-02-29T00:00:00Z"),
            InvalidFormat,
        ),
        (
            string(json!({"format": "ipv4"})),
            vec![json!("1.2.3.4")],
            json!("1.2.3.04"),
            InvalidFormat,
        ),
        (
            string(json!({"format": "ipv6"})),
            vec![json!("fe80::1")],
            json!("1.2.3.4"),
            InvalidFormat,
        ),
        (
            string(json!({"format": "cidr"})),
            vec![json!("10.0.0.0/8")],
            json!("10.0.0.0/33"),
            InvalidFormat,
        ),
        (
            string(json!({"format": "byte"})),
            vec![json!("YQ==")],
            json!("YQ="),
            InvalidFormat,
        ),
        (
            string(json!({"format": "anything"})),
            vec![json!("x")],
            json!(1),
            InvalidType,
        ),
        (
            json!({"type": "array", "minItems": 1}),
            vec![json!([1])],
            json!([]),
            TooFewItems,
        ),
        (
            json!({"type": "array", "maxItems": 1}),
            vec![json!([1])],
            json!([1, 2]),
            TooManyItems,
        ),
        (
            json!({"type": "object", "minProperties": 1}),
            vec![json!({"a": 1})],
            json!({}),
            TooFewProperties,
        ),
        (
            json!({"type": "object", "maxProperties": 1}),
            vec![json!({"a": 1})],
            json!({"a": 1, "b": 1}),
            TooManyProperties,
        ),
        (
            json!({"type": "object", "required": ["a"]}),
            vec![json!({"a": 1})],
            json!({"b": 1}),
            Required,
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "set"}),
            vec![json!(["a", "b"])],
            json!(["a", "a"]),
            DuplicateValue,
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n", "p"], "items": {"type": "object"}}),
            vec![json!([{"n": "a", "p": 1}, {"n": "a", "p": 2}])],
            json!([{"n": "a", "p": 1}, {"n": "a", "p": 1}]),
            DuplicateValue,
        ),
        (
            json!({"allOf": [{"minimum": 1}, {"maximum": 3}]}),
            vec![json!(2)],
            json!(4),
            TooLarge,
        ),
        (
            json!({"anyOf": [{"maximum": 1}, {"minimum": 5}]}),
            vec![json!(0), json!(5)],
            json!(3),
            NoAlternativeFits,
        ),
        (
            json!({"oneOf": [{"maximum": 5}, {"minimum": 5}]}),
            vec![json!(4), json!(6)],
            json!(5),
            NoAlternativeFits,
        ),
        (
            json!({"not": {"enum": ["x"]}}),
            vec![json!("y")],
            json!("x"),
            NoAlternativeFits,
        ),
    ];
    for (source, good, bad, code) in cases {
        for value in good {
            assert_eq!(check(&source, &value), [], "{source} must accept {value}");
        }
        let found = check(&source, &bad);
        assert!(
            found.iter().any(|(_, found, _)| *found == code),
            "{source} on {bad}: {found:?}"
        );
    }
}

fn merge(mut a: Value, b: Value) -> Value {
    a.as_object_mut().unwrap().extend(b.as_object().unwrap().clone());
    a
}

#[test]
fn messages_are_the_api_servers() {
    let source = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"},
        "list": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {
            "type": {"type": "string", "enum": ["Exact", "PathPrefix"]}, "port": {"type": "integer", "minimum": 1}}}},
        "map": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 1}}
    }});
    let value = json!({"list": [{"type": "Prefix", "port": 0}, {"port": "80"}], "map": {"a.b/c": "xx"}});
    let shown: Vec<String> = check(&source, &value)
        .into_iter()
        .map(|(path, _, text)| format!("{path}: {text}"))
        .collect();
    assert_eq!(
        shown,
        [
            "name: Required value",
            "list: Too many: 2: must have at most 1 items",
            "list[0].type: Unsupported value: \"Prefix\": supported values: \"Exact\", \"PathPrefix\"",
            "list[0].port: Invalid value: 0: should be greater than or equal to 1",
            "list[1].port: Invalid value: \"80\": must be of type integer, found string",
            "map[a.b/c]: Too long: 2 characters: may not be more than 1 characters",
        ]
    );
}

fn admitted(source: &Value, mut value: Value) -> (Value, Vec<String>) {
    let mut found = crate::finding::Findings::default();
    schema(source).admit(&mut value, &Path::Root, &mut found);
    (
        value,
        found
            .into_list()
            .into_iter()
            .map(|f| format!("{}: {}", f.path, f.message))
            .collect(),
    )
}

/// "Defaulting" and "Defaulting and Nullable" in the Kubernetes documentation of structural schemas.
#[test]
fn defaults_reach_where_the_parent_is() {
    let source = json!({"type": "object", "properties": {
        "a": {"type": "object", "default": {}, "properties": {"b": {"type": "integer", "default": 1}}},
        "c": {"type": "object", "properties": {"d": {"type": "integer", "default": 2}}},
        "l": {"type": "array", "items": {"type": "object", "properties": {"e": {"type": "string", "default": "x"}}}},
        "m": {"type": "object", "additionalProperties": {"type": "object", "properties": {"f": {"type": "boolean", "default": true}}}},
        "n": {"type": "string", "nullable": true, "default": "n"},
        "o": {"type": "string", "default": "o"},
        "p": {"type": "string"},
        "q": {"type": "string", "nullable": true}
    }});
    assert_eq!(
        admitted(&source, json!({})).0,
        json!({"a": {"b": 1}, "n": "n", "o": "o"})
    );
    assert_eq!(
        admitted(&source, json!({"a": {"b": 5}, "c": {}, "l": [{}, {"e": "y"}], "m": {"k": {}}, "n": null, "o": null, "p": null, "q": null})).0,
        json!({"a": {"b": 5}, "c": {"d": 2}, "l": [{"e": "x"}, {"e": "y"}], "m": {"k": {"f": true}}, "n": null, "o": "o", "q": null})
    );
}

#[test]
fn unknown_fields_are_removed_and_reported_with_a_suggestion() {
    let source = json!({"type": "object", "properties": {
        "hostnames": {"type": "array", "items": {"type": "string"}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"known": {"type": "object", "properties": {}}}},
        "map": {"type": "object", "additionalProperties": {"type": "string"}}
    }});
    let (value, found) = admitted(
        &source,
        json!({"hostname": ["a"], "open": {"any": {"thing": 1}, "known": {"x": 1}}, "map": {"k": "v"}}),
    );
    assert_eq!(
        value,
        json!({"open": {"any": {"thing": 1}, "known": {}}, "map": {"k": "v"}})
    );
    assert_eq!(
        found,
        [
            "hostname: unknown field \"hostname\"; did you mean \"hostnames\"?",
            "open.known.x: unknown field \"open.known.x\"",
        ]
    );
}

#[test]
fn unknown_keywords_are_refused() {
    for source in [
        json!({"type": "strange"}),
        json!({"dependencies": {}}),
        json!({"properties": {"a": {"contains": {}}}}),
    ] {
        assert!(
            Schema::compile(&source, &mut Shared::default()).is_err(),
            "{source}"
        );
    }
}

/// The syntax of Go's regexp package where the Rust crate would read it differently.
#[test]
fn patterns_are_read_as_go_reads_them() {
    for (pattern, yes, no) in [
        (r"^\d+$", "12", "١٢"),
        (r"^\w$", "a", "ä"),
        (r"^[\d\w]$", "_", "ä"),
        (r"^\s$", " ", "\u{a0}"),
        (r"^[[a]$", "[", "b"),
        (r"^[a&&b]$", "&", "c"),
        (r"^[~~]$", "~", "a"),
        (r"^[]a]$", "]", "["),
        (r"^[[:alpha:]]$", "x", ":"),
        (r"^\Qa.b\E$", "a.b", "axb"),
        (r"^a$", "a", "a\n"),
        (r"^(?i)abc$", "ABC", "abd"),
        (r"^[!#$%&'*+\-.^_\x60|~]+$", "`~", "@"),
    ] {
        let pattern = Pattern::new(pattern);
        assert_eq!(pattern.matches(yes), Ok(true), "{pattern:?} {yes}");
        assert_eq!(pattern.matches(no), Ok(false), "{pattern:?} {no}");
    }
}
