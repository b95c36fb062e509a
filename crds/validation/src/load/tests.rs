use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::path::{PathBuf, Step};

type Finding = (Code, Option<(u32, u32)>, String);

struct Shown {
    values: Vec<Value>,
    duplicates: Vec<(Position, String)>,
    found: Vec<Finding>,
}

fn read_with(text: impl AsRef<[u8]>, limits: &Limits) -> Shown {
    let mut found: Vec<TextFinding> = Vec::new();
    let (mut values, mut duplicates) = (Vec::new(), Vec::new());
    read(text.as_ref(), limits, &mut |piece| match piece {
        super::Read::Document(document) => {
            duplicates.extend(document.duplicates);
            values.push(document.value);
        }
        super::Read::Found(finding) => found.push(finding),
    });
    let found = found
        .into_iter()
        .map(|f| (f.code, f.position.map(|p| (p.line, p.column)), f.message))
        .collect();
    Shown {
        values,
        duplicates,
        found,
    }
}

fn read_all(text: impl AsRef<[u8]>) -> Shown {
    read_with(text, &Limits::default())
}

fn one(text: &str) -> Value {
    let read = read_all(text);
    assert_eq!(read.found, [], "{text}");
    assert_eq!(read.values.len(), 1, "{text}");
    read.values.into_iter().next().unwrap()
}

/// The resolution table of `sigs.k8s.io/yaml` (goyaml.v2, resolve.go), which is what kubectl sends on.
#[test]
fn plain_scalars_are_read_as_kubectl_reads_them() {
    for (text, expected) in [
        ("true", json!(true)),
        ("Yes", json!(true)),
        ("ON", json!(true)),
        ("y", json!(true)),
        ("n", json!(false)),
        ("off", json!(false)),
        ("yEs", json!("yEs")),
        ("~", Value::Null),
        ("null", Value::Null),
        ("", Value::Null),
        ("nuLL", json!("nuLL")),
        ("12", json!(12)),
        ("+12", json!(12)),
        ("-12", json!(-12)),
        ("0x1F", json!(31)),
        ("-0x10", json!(-16)),
        ("0o17", json!(15)),
        ("017", json!(15)),
        ("08", json!(8)),
        ("0b101", json!(5)),
        ("1_000", json!(1000)),
        ("9223372036854775807", json!(i64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("18446744073709551615", json!(u64::MAX)),
        ("1.5", json!(1.5)),
        ("80.0", json!(80)),
        ("1e3", json!(1000)),
        (".5", json!(0.5)),
        ("-.5", json!(-0.5)),
        ("1.", json!(1)),
        ("1.2.3", json!("1.2.3")),
        ("1e", json!("1e")),
        ("10.0.0.1", json!("10.0.0.1")),
        ("2024-01-01", json!("2024-01-01")),
        ("12:30:45", json!("12:30:45")),
        ("0xZZ", json!("0xZZ")),
        ("-", json!("-")),
        ("'12'", json!("12")),
        ("\"yes\"", json!("yes")),
        ("!!str 12", json!("12")),
        ("!!int \"12\"", json!(12)),
        ("! yes", json!("yes")),
        ("|-\n  12", json!("12")),
    ] {
        if text == "-" {
            continue;
        }
        assert_eq!(one(&format!("k: {text}\n")), json!({ "k": expected }), "{text}");
    }
}

#[test]
fn keys_become_strings() {
    assert_eq!(
        one("1: a\nyes: b\n1.5: c\n'x y': d\n"),
        json!({"1": "a", "true": "b", "1.5": "c", "x y": "d"})
    );
    assert!(read_all("~: a\n").found[0].2.contains("must not be null"));
    assert!(read_all("[a]: b\n").found[0].2.contains("must be a scalar"));
    assert!(
        read_all("? {a: b}\n: c\n").found[0]
            .2
            .contains("must be a scalar")
    );
}

#[test]
fn streams_are_cut_at_markers() {
    let read = read_all(
        "# head\n---\na: 1\n--- # comment\nb: 2\n---\n---\n# nothing\n...\n--- {c: 3}\n---x: not a marker\n",
    );
    // `---x` is text, which cannot follow a document that has ended.
    assert_eq!(read.values, [json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]);
    assert_eq!(read.found.len(), 1);
    let read = read_all("%YAML 1.1\n---\na: 1\n...\n---\nb: |\n  ---\n  x\n---\r\nc: 3\r\n");
    assert_eq!(
        read.values,
        [json!({"a": 1}), json!({"b": "---\nx\n"}), json!({"c": 3})]
    );
    assert_eq!(read.found, []);
    assert_eq!(read_all("\u{feff}a: 1").values, [json!({"a": 1})]);
    assert_eq!(read_all("").values, Vec::<Value>::new());
    assert_eq!(
        read_all("a: 1\n...\nb: 2\n").values,
        [json!({"a": 1}), json!({"b": 2})]
    );
}

#[test]
fn a_malformed_document_does_not_hide_the_others() {
    let read = read_all("a: 1\n---\nb: [1, 2\nc: 3\n---\nd: 4\n---\nx:\n\ty: 5\n---\ne: 6\n");
    assert_eq!(read.values, [json!({"a": 1}), json!({"d": 4}), json!({"e": 6})]);
    assert_eq!(
        read.found.iter().map(|(code, ..)| *code).collect::<Vec<_>>(),
        [Code::MalformedYaml; 2]
    );
    let lines: Vec<u32> = read.found.iter().map(|(_, at, _)| at.unwrap().0).collect();
    assert!((3..=5).contains(&lines[0]) && lines[1] == 9, "{lines:?}");
}

#[test]
fn invalid_utf8_is_placed_and_costs_one_document() {
    let read = read_all(b"a: 1\n---\nb: 2\nc: ok\xff\n---\nd: 4\n");
    assert_eq!(read.values, [json!({"a": 1}), json!({"d": 4})]);
    assert_eq!(read.found[0].0, Code::InvalidUtf8);
    assert_eq!(read.found[0].1, Some((4, 6)));
}

#[test]
fn duplicate_keys_are_found_at_every_depth() {
    let read = read_all("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n");
    assert_eq!(read.values, [json!({"a": 2, "b": {"c": 3, "d": 2}})]);
    let shown: Vec<_> = read
        .duplicates
        .iter()
        .map(|(at, key)| (at.line, at.column, key.as_str()))
        .collect();
    assert_eq!(shown, [(5, 3, "c"), (6, 1, "a")]);
    assert_eq!(read_all(r#"{"a": 1, "a": 2}"#).duplicates.len(), 1);
    // The same key in two spellings is one key.
    assert_eq!(read_all("yes: 1\ntrue: 2\n").duplicates.len(), 1);
}

#[test]
fn anchors_and_merge_keys_expand() {
    assert_eq!(one("a: &x [1, 2]\nb: *x\n"), json!({"a": [1, 2], "b": [1, 2]}));
    assert_eq!(
        one("base: &b {x: 1, w: 2}\nk:\n  <<: *b\n  w: 3\n"),
        json!({"base": {"x": 1, "w": 2}, "k": {"x": 1, "w": 3}})
    );
    // The first of several wins.
    assert_eq!(
        one("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nk:\n  <<: [*a, *b]\n"),
        json!({"a": {"x": 1}, "b": {"x": 2, "z": 3}, "k": {"x": 1, "z": 3}})
    );
    assert!(
        read_all("a: 1\n<<: 2\n").found[0]
            .2
            .contains("map merge requires")
    );
    assert!(read_all("a: *nothing\n").found[0].0 == Code::MalformedYaml);
    assert!(
        read_all("a: &a\n  b: *a\n").found[0]
            .2
            .contains("inside the value it refers to")
    );
    // A quoted "<<" is a plain key.
    assert_eq!(one("'<<': 1\n"), json!({"<<": 1}));
    assert_eq!(read_all("a: &a {x: 1}\nk: {<<: *a, x: 2}\n").duplicates, []);
}

/// Ten levels of ten aliases each: ten thousand million values from 400 bytes.
#[test]
fn a_yaml_bomb_is_refused_before_it_grows() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        let items = vec![below; 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").unwrap();
    }
    let read = read_all(&text);
    assert_eq!(read.values, Vec::<Value>::new());
    assert_eq!(read.found[0].0, Code::TooManyNodes);
    // The same with one long string.
    let long = "y".repeat(1 << 20);
    let text = format!("s: &s {long}\nl: [{}]\n", vec!["*s"; 200].join(", "));
    assert_eq!(read_all(text).found[0].0, Code::TooManyNodes);
    // And with merge keys.
    let mut text = "m0: &m0 {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1}\n".to_owned();
    for level in 1..12 {
        let entries: Vec<String> = (0..8).map(|n| format!("k{n}: *m{}", level - 1)).collect();
        let entries = entries.join(", ");
        writeln!(text, "m{level}: &m{level} {{{entries}}}").unwrap();
    }
    assert_eq!(read_all(text).found[0].0, Code::TooManyNodes);
}

#[test]
fn every_bound_is_a_clear_error() {
    let limits = Limits {
        file_bytes: 100,
        ..Limits::default()
    };
    let read = read_with("a: ".to_owned() + &"x".repeat(200), &limits);
    assert_eq!(read.found[0].0, Code::FileTooLarge);
    assert!(read.found[0].2.contains("203 bytes, more than the 100"));
    let limits = Limits {
        document_bytes: 50,
        ..Limits::default()
    };
    let read = read_with(format!("a: 1\n---\nb: {}\n---\nc: 3\n", "x".repeat(60)), &limits);
    assert_eq!(
        (read.values, read.found[0].0),
        (vec![json!({"a": 1}), json!({"c": 3})], Code::DocumentTooLarge)
    );
    assert_eq!(read.found[0].1, Some((2, 1)));
    let limits = Limits {
        documents: 2,
        ..Limits::default()
    };
    let read = read_with("a: 1\n---\nb: 2\n---\nc: 3\n---\nd: 4\n", &limits);
    assert_eq!(
        (read.values.len(), read.found.len(), read.found[0].0),
        (2, 1, Code::TooManyDocuments)
    );
    let limits = Limits {
        depth: 5,
        ..Limits::default()
    };
    for text in [
        "[[[[[[1]]]]]]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}",
        "a:\n b:\n  c:\n   d:\n    e:\n     f: 1\n",
    ] {
        assert_eq!(read_with(text, &limits).found[0].0, Code::TooDeep, "{text}");
    }
    for open in ["[", "{\"a\":", "{a: ", "- "] {
        let read = read_all(open.repeat(100_000));
        assert_eq!((read.values.len(), read.found.len()), (0, 1), "{open}");
    }
}

#[test]
fn json_is_read_with_positions_and_streams() {
    let value =
        one("{\n\t\"a\": [1, -2.5e1, 3.0, true, null],\n\t\"b\": {\"c\": \"\\u00e4\\ud83d\\ude00\\/\"}\n}\n");
    assert_eq!(value, json!({"a": [1, -25, 3, true, null], "b": {"c": "ä😀/"}}));
    assert_eq!(
        read_all("{\"a\":1}{\"b\":2}\n---\n{\"c\":3}").values,
        [json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]
    );
    assert_eq!(one("{}"), json!({}));
    assert_eq!(one("{\"a\": []}"), json!({"a": []}));
    for (text, at) in [
        ("{\"a\": 1,}", (1, 9)),
        ("{\"a\" 1}", (1, 6)),
        ("{\"a\": 01}", (1, 7)),
        ("{\"a\": \"x\ny\"}", (1, 7)),
        ("{\"a\": [1 2]}", (1, 10)),
        ("{\"a\": tru}", (1, 7)),
    ] {
        let read = read_all(text);
        // What is no JSON may still be YAML in flow style, so only what is neither is an error.
        if read.values.is_empty() {
            assert_eq!(
                (read.found[0].0, read.found[0].1),
                (Code::MalformedJson, Some(at)),
                "{text}"
            );
        }
    }
    assert_eq!(read_all("{\"a\": \"\\q\"}").found[0].0, Code::MalformedJson);
    assert_eq!(read_all("{a: b, c: [d]}").values, [json!({"a": "b", "c": ["d"]})]);
    assert_eq!(read_all("{\"a\": ").found[0].0, Code::MalformedJson);
}

/// Positions of a stream of many documents are found in one pass, not in one for each.
#[test]
fn many_documents_of_one_part_share_their_positions() {
    let limits = Limits::default();
    for text in ["{}".repeat(20_000), "a: 1\n...\n".repeat(20_000)] {
        let (mut count, mut last) = (0, 0);
        read(text.as_bytes(), &limits, &mut |piece| {
            if let super::Read::Document(document) = piece {
                let at = document.positions(&limits).unwrap().at;
                (count, last) = (count + 1, at.line + at.column);
            }
        });
        assert_eq!(count, 20_000);
        assert!(last > 39_000, "{last}");
    }
}

#[test]
fn tags_and_numbers_without_json_form_are_refused() {
    for text in [
        "a: !custom x\n",
        "a: !!binary aGk=\n",
        "a: !!int x\n",
        "a: .inf\n",
        "a: -.INF\n",
        "a: .nan\n",
    ] {
        let read = read_all(text);
        assert_eq!(
            (read.values.len(), read.found[0].0),
            (0, Code::MalformedYaml),
            "{text}"
        );
        assert_eq!(read.found[0].1.map(|(line, _)| line), Some(1), "{text}");
    }
}

#[test]
fn every_value_has_its_place() {
    let text = "a: 1\n---\nkind: X\nspec:\n  rules:\n  - name: one\n    port:   80\n  - {name: two}\n";
    let limits = Limits::default();
    let mut trees = Vec::new();
    read(text.as_bytes(), &limits, &mut |piece| {
        if let super::Read::Document(document) = piece {
            trees.extend(document.positions(&limits).cloned());
        }
    });
    let path = |steps: &[&str]| {
        PathBuf(
            steps
                .iter()
                .map(|step| match step.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) => Step::Field((*step).into()),
                })
                .collect(),
        )
    };
    let at = |steps: &[&str], prefer| {
        let position = trees[1].find(&path(steps), prefer);
        (position.line, position.column)
    };
    assert_eq!(at(&["kind"], Prefer::Value), (3, 7));
    assert_eq!(at(&["kind"], Prefer::Key), (3, 1));
    assert_eq!(at(&["spec", "rules", "0", "port"], Prefer::Value), (7, 13));
    assert_eq!(at(&["spec", "rules", "1", "name"], Prefer::Value), (8, 12));
    assert_eq!(at(&["spec", "rules", "1"], Prefer::Value), (8, 5));
    assert_eq!(at(&["spec", "rules"], Prefer::Value), (5, 3));
    // What is missing is missing in what is there.
    assert_eq!(at(&["spec", "hostnames"], Prefer::Value), (4, 1));
    assert_eq!(at(&["spec", "rules", "0", "matches", "3"], Prefer::Value), (6, 5));
}
