use std::collections::BTreeSet;

use gatewright_crds::bundle::{Bundle, Channel};
use serde_json::{Value, json};

use super::*;
use crate::{Mode, Validator};

/// Every rule of every bundle and channel compiles: a rule that could not be evaluated would be a silent gap.
#[test]
fn every_rule_of_every_bundle_compiles() {
    let mut sites = 0;
    let mut texts = BTreeSet::new();
    let mut own = BTreeSet::new();
    for bundle in Bundle::ALL {
        for channel in Channel::ALL {
            let validator = Validator::new(*bundle, *channel, Mode::Strict);
            for (crd, version, schema) in validator.catalog().schemas() {
                let ours = crd.group == "gatewright.dev";
                let schema = schema.unwrap_or_else(|error| panic!("{} {version}: {error}", crd.kind));
                schema.walk("", &mut |path, node| {
                    for rule in &node.rules {
                        if ours {
                            own.insert(rule.source.clone());
                        } else {
                            sites += 1;
                            texts.insert(rule.source.clone());
                        }
                        if let Err(error) = rule.program() {
                            panic!("{} {version} {path}: {}: {error}", crd.kind, rule.source);
                        }
                        if let Some(Err(error)) = rule.message_program() {
                            panic!(
                                "{} {version} {path}: message of {}: {error}",
                                crd.kind, rule.source
                            );
                        }
                    }
                });
            }
        }
    }
    // The numbers of the published CRDs: a rule that the schema compiler lost would show here.
    assert_eq!((sites, texts.len()), (1388, 123));
    assert!(!own.is_empty());
}

fn outcome(rule: &str, schema: &Value, value: &Value) -> Outcome {
    let schema = Schema::compile(schema, &mut crate::schema::Shared::default()).unwrap();
    Rule::parse(&json!({"rule": rule, "message": "no"}))
        .unwrap()
        .evaluate(value, &schema)
}

/// Evaluates `rule` on an untyped value.
fn holds(rule: &str, value: &Value) -> bool {
    match outcome(rule, &json!({}), value) {
        Outcome::Holds => true,
        Outcome::Fails(_) => false,
        other => panic!("{rule}: {other:?}"),
    }
}

#[test]
fn operators_and_macros() {
    let value =
        json!({"list": [1, 2, 3], "text": "héllo", "none": null, "empty": [], "nested": {"a": {"b": "c"}}});
    for (rule, expected) in [
        ("self.list.all(x, x > 0)", true),
        ("self.list.all(x, x > 1)", false),
        ("self.list.exists(x, x == 2)", true),
        ("self.list.exists_one(x, x > 1)", false),
        ("self.list.exists_one(x, x > 2)", true),
        ("self.list.filter(x, x > 1).size() == 2", true),
        ("self.list.map(x, x * 2) == [2, 4, 6]", true),
        ("self.list.map(x, x > 1, x * 2) == [4, 6]", true),
        ("self.empty.all(x, false)", true),
        ("size(self.text) == 5", true),
        ("self.text.substring(1) == 'éllo'", true),
        ("self.text.substring(1, 3) == 'él'", true),
        ("has(self.none)", true),
        ("has(self.absent)", false),
        ("has(self.nested.a.b) && !has(self.nested.a.x)", true),
        ("'text' in self", true),
        ("4 in self.list", false),
        ("1 + 2 * 3 == 7 && 7 / 2 == 3 && 7 % 2 == 1 && -3 < 0", true),
        ("1 == 1.0", true),
        ("1 < 1.5", true),
        ("'a' == 1", false),
        ("self.list[1] == 2", true),
        ("self.nested['a'].b == 'c'", true),
        ("self.list.exists(x, self.list.exists(y, x == y + 2))", true),
        ("true ? 'a' == 'a' : 1 / 0 == 0", true),
    ] {
        assert_eq!(holds(rule, &value), expected, "{rule}");
    }
}

/// CEL specification, "Logical Operators": an error is absorbed by a side that decides, on either side.
#[test]
fn logic_absorbs_errors() {
    let value = json!({"list": [1]});
    assert!(holds("self.absent == 1 || true", &value));
    assert!(holds("true || self.absent == 1", &value));
    assert!(!holds("self.absent == 1 && false", &value));
    assert!(holds("[0, 1].exists(x, 1 / x == 1)", &value));
    assert!(!holds("[0, 1].all(x, 1 / x == 2)", &value));
    assert!(matches!(
        outcome("self.absent == 1 && true", &json!({}), &value),
        Outcome::Error(_)
    ));
    assert!(matches!(
        outcome("[0, 1].all(x, 1 / x == 1)", &json!({}), &value),
        Outcome::Error(_)
    ));
    assert_eq!(
        outcome("self.absent == 1", &json!({}), &value),
        Outcome::Error("no such key: absent".to_owned())
    );
    assert_eq!(
        outcome("self.list[1] == 1", &json!({}), &value),
        Outcome::Error("index out of bounds: 1".to_owned())
    );
}

#[test]
fn strings_lists_and_libraries() {
    let value = json!({"s": "a/b/c", "ip": "10.1.2.3"});
    for (rule, expected) in [
        ("self.s.split('/') == ['a', 'b', 'c']", true),
        ("self.s.split('/')[0].size() < 2", true),
        ("self.s.split('/', 2) == ['a', 'b/c']", true),
        ("self.s.split('/').join('-') == 'a-b-c'", true),
        (
            "self.s.contains('/b') && self.s.startsWith('a') && self.s.endsWith('c')",
            true,
        ),
        ("self.s.matches('^[a-c/]+$')", true),
        ("self.s.matches('b')", true),
        ("self.s.find('[b-z]') == 'b'", true),
        ("self.s.replace('/', '.') == 'a.b.c'", true),
        (
            "self.s.indexOf('/') == 1 && self.s.lastIndexOf('/') == 3 && self.s.indexOf('x') == -1",
            true,
        ),
        (
            "'AbC'.lowerAscii() == 'abc' && 'x'.upperAscii() == 'X' && ' x '.trim() == 'x'",
            true,
        ),
        ("isIP(self.ip) && ip(self.ip).family() == 4", true),
        (
            "isIP('::1') && !isIP('::ffff:1.2.3.4') && !isIP('1.2.3') && !isIP('01.2.3.4')",
            true,
        ),
        ("cidr('10.0.0.0/8').containsIP(ip(self.ip))", true),
        ("cidr('10.0.0.0/16').containsIP(self.ip)", false),
        (
            "sets.contains([1, 2, 3], [2]) && !sets.intersects([1], [2]) && sets.equivalent([1, 2], [2, 1, 1])",
            true,
        ),
        (
            "[3, 1, 2].max() == 3 && [3, 1].min() == 1 && [1, 2].sum() == 3 && [1, 2].isSorted()",
            true,
        ),
        (
            "duration('1h') > duration('59m59s') && duration('1.5s') == duration('1500ms')",
            true,
        ),
        (
            "timestamp('2024-01-01T00:00:00Z') < timestamp('2024-01-01T00:00:00-01:00')",
            true,
        ),
        ("!format.dns1123Label().validate('a-b').hasValue()", true),
        ("format.dns1123Label().validate('a.b').hasValue()", true),
        (
            "format.dns1123Subdomain().validate('a.b') == optional.none()",
            true,
        ),
        ("format.qualifiedName().validate('a.b/c').hasValue()", false),
        (
            "format.named('dns1123Label').value().validate('A').hasValue()",
            true,
        ),
        (
            "self.?absent.orValue('x') == 'x' && self.?s.orValue('x') == 'a/b/c'",
            true,
        ),
        (
            "self.?absent.hasValue() || self.?s.optMap(v, v.size()).value() != 5",
            false,
        ),
        ("isURL('https://example.com/x') && !isURL('example')", true),
        ("string(5) == '5' && int('5') == 5", true),
    ] {
        assert_eq!(holds(rule, &value), expected, "{rule}");
    }
    // A null is never an optional, not even an empty one (cel-go, Optional.Equal).
    assert!(!holds("format.dns1123Label().validate('a') == null", &value));
}

#[test]
fn values_are_typed_by_the_schema() {
    let schema = json!({"type": "object", "properties": {
        "number": {"type": "number"}, "time": {"type": "string", "format": "date-time"},
        "wait": {"type": "string", "format": "duration"},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "namespace": {"type": "string"}, "a-b.c": {"type": "string"}, "x__y": {"type": "string"}
    }});
    let value = json!({"number": 3, "time": "2024-05-06T07:08:09Z", "wait": "90s", "set": ["b", "a"],
        "namespace": "n", "a-b.c": "d", "x__y": "z"});
    for rule in [
        "self.number / 2.0 == 1.5",
        "self.time > timestamp('2024-01-01T00:00:00Z')",
        "self.wait == duration('1m30s')",
        "self.set == ['a', 'b']",
        "self.__namespace__ == 'n' && has(self.__namespace__)",
        "self.namespace == 'n'",
        "self.a__dash__b__dot__c == 'd'",
        "self.x__underscores__y == 'z'",
    ] {
        assert_eq!(outcome(rule, &schema, &value), Outcome::Holds, "{rule}");
    }
}

#[test]
fn transition_rules_wait_for_a_previous_object() {
    assert_eq!(
        outcome("self == oldSelf", &json!({"type": "string"}), &json!("a")),
        Outcome::Transition
    );
    let rule = Rule::parse(&json!({"rule": "!oldSelf.hasValue()", "optionalOldSelf": true})).unwrap();
    let schema = Schema::compile(&json!({"type": "string"}), &mut crate::schema::Shared::default()).unwrap();
    assert_eq!(rule.evaluate(&json!("a"), &schema), Outcome::Holds);
}

#[test]
fn messages_reasons_and_field_paths() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "x-kubernetes-validations": [
        {"rule": "self.a < 3", "messageExpression": "'a is ' + string(self.a)", "reason": "FieldValueForbidden", "fieldPath": ".a"},
        {"rule": "self.a < 2"},
    ]});
    let schema = Schema::compile(&schema, &mut crate::schema::Shared::default()).unwrap();
    let mut found = crate::finding::Findings::default();
    schema.check(&json!({"a": 5}), &Path::Root, &mut found);
    let shown: Vec<String> = found
        .iter()
        .map(|f| format!("{}: {}", f.path, f.message))
        .collect();
    assert_eq!(
        shown,
        [
            "a: Forbidden: a is 5",
            ": Invalid value: object with 1 fields: failed rule: self.a < 2"
        ]
    );
}

#[test]
fn what_is_not_known_does_not_compile() {
    for rule in [
        "self.frobnicate()",
        "unknown(self)",
        "other == 1",
        "self.",
        "[1,2",
        "format.nothing().validate(self)",
    ] {
        assert!(
            Rule::parse(&json!({"rule": rule})).unwrap().program().is_err(),
            "{rule}"
        );
    }
}

#[test]
fn durations_are_go_durations() {
    let cases = [
        ("0", Some(0)),
        ("1h2m3s4ms5us6ns", Some(3_723_004_005_006)),
        ("-1.5h", Some(-5_400_000_000_000)),
        (".5s", Some(500_000_000)),
        ("", None),
        ("1", None),
        ("1x", None),
        ("s", None),
        ("1..5s", None),
        ("9999999999h", None),
    ];
    for (text, expected) in cases {
        assert_eq!(duration::parse(text), expected, "{text}");
    }
    assert_eq!(
        duration::parse_timestamp("1970-01-02T00:00:00.25Z"),
        Some(86_400_250_000_000)
    );
    assert_eq!(
        duration::parse_timestamp("2000-03-01T00:00:00+01:00"),
        Some(951_865_200_000_000_000)
    );
    assert_eq!(duration::parse_timestamp("2000-13-01T00:00:00Z"), None);
}
