//! The corpus (`corpus/README.md`): verdicts of every file in every bundle and channel, and what the files cover.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf as FilePath;

use gatewright_crds::bundle::{Bundle, Channel};
use serde_json::Value;

use crate::cel::Outcome;
use crate::diagnostic::{Code, Diagnostic};
use crate::load::{self, Limits};
use crate::path::Path;
use crate::schema::{Additional, Schema};
use crate::{Mode, Validator};

struct File {
    name: String,
    text: String,
    /// Errors by bundle and channel.
    verdicts: BTreeMap<String, BTreeSet<String>>,
    status: bool,
}

fn combinations() -> impl Iterator<Item = (Bundle, Channel)> {
    Bundle::ALL
        .iter()
        .flat_map(|bundle| Channel::ALL.iter().map(move |channel| (*bundle, *channel)))
}

fn files() -> Vec<File> {
    let root = FilePath::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files = Vec::new();
    for directory in ["valid", "invalid"] {
        let entries = std::fs::read_dir(root.join(directory))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        for path in entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = format!("{directory}/{}", path.file_name().unwrap().to_string_lossy());
            files.push(parse(name, text));
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn parse(name: String, text: String) -> File {
    let all: Vec<String> = combinations()
        .map(|(bundle, channel)| format!("{bundle}/{channel}"))
        .collect();
    let mut verdicts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut status = false;
    for line in text.lines().map_while(|line| line.strip_prefix("# ")) {
        status |= line == "subresource: status";
        let Some((places, verdict)) = line.split_once(": ") else {
            continue;
        };
        let places: Vec<String> = if places == "all" {
            all.clone()
        } else {
            places.split(' ').map(str::to_owned).collect()
        };
        if !places.iter().all(|place| all.contains(place)) {
            continue;
        }
        for place in places {
            let errors = verdicts.entry(place).or_default();
            match verdict.strip_prefix("refuse ") {
                Some(error) => assert!(
                    errors.insert(error.to_owned()),
                    "{name}: the same error twice: {error}"
                ),
                None => assert_eq!(verdict, "accept", "{name}"),
            }
        }
    }
    assert_eq!(
        verdicts.len(),
        all.len(),
        "{name}: a bundle and channel without verdict"
    );
    File {
        name,
        text,
        verdicts,
        status,
    }
}

fn shown(diagnostic: &Diagnostic) -> String {
    let field = diagnostic.field.as_deref().unwrap_or("-");
    match (diagnostic.code, &diagnostic.accepted) {
        (Code::RuleFailed | Code::RuleError, Some(rule)) => format!("{} {field} {rule}", diagnostic.code),
        _ => format!("{} {field}", diagnostic.code),
    }
}

#[test]
fn every_file_has_its_verdict_in_every_bundle_and_channel() {
    let files = files();
    assert!(files.len() > 500, "only {} files", files.len());
    let mut wrong = Vec::new();
    for (bundle, channel) in combinations() {
        let place = format!("{bundle}/{channel}");
        let plain = Validator::new(bundle, channel, Mode::Strict);
        let checking = Validator::new(bundle, channel, Mode::Strict).checking_status();
        for file in &files {
            let validator = if file.status { &checking } else { &plain };
            let loaded = validator.load(&file.name, file.text.as_bytes());
            let errors: BTreeSet<String> = loaded
                .diagnostics
                .iter()
                .filter(|d| d.is_error())
                .map(shown)
                .collect();
            if errors != file.verdicts[&place] {
                wrong.push(format!(
                    "{} in {place}: {errors:?} instead of {:?}",
                    file.name, file.verdicts[&place]
                ));
            }
            assert_eq!(
                loaded.objects.len(),
                usize::from(errors.is_empty()),
                "{} in {place}",
                file.name
            );
        }
    }
    for file in &files {
        let accepted = file.verdicts.values().filter(|errors| errors.is_empty()).count();
        let fits = if file.name.starts_with("valid/") {
            accepted > 0
        } else {
            accepted < 4
        };
        assert!(fits, "{} is in the wrong directory", file.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a rule said over the whole corpus.
#[derive(Default)]
struct Seen {
    holds: bool,
    fails: bool,
    transition: bool,
}

const RULE_NAMES: &str =
    "self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))";

/// Rules that a constraint on the same value keeps from failing: the type is one of an enumeration, and a list of at
/// most one rule has no two names. Where that constraint is broken the API server does not evaluate the rule.
const UNREACHABLE: [(&str, &str, &str); 4] = [
    (
        "HTTPRoute",
        "spec.rules[].matches[].path",
        "self.type in ['Exact','PathPrefix'] || self.type == 'RegularExpression'",
    ),
    ("TCPRoute", "spec.rules", RULE_NAMES),
    ("TLSRoute", "spec.rules", RULE_NAMES),
    ("UDPRoute", "spec.rules", RULE_NAMES),
];

#[test]
fn every_rule_holds_somewhere_and_fails_somewhere() {
    let files = files();
    let objects: Vec<Value> = files.iter().map(|file| value_of(&file.text)).collect();
    let mut counts = BTreeMap::from([("both", 0), ("transition", 0), ("unreachable", 0)]);
    let mut missing = Vec::new();
    for (bundle, channel) in combinations() {
        let validator = Validator::new(bundle, channel, Mode::Strict);
        for (crd, version, schema) in validator.catalog().schemas() {
            if crd.group == "gatewright.dev" {
                continue;
            }
            let schema = schema.unwrap();
            let mut sites: BTreeMap<(String, String), Seen> = BTreeMap::new();
            let mut total = 0;
            schema.walk("", &mut |path, node| {
                for rule in &node.rules {
                    total += 1;
                    sites.insert((path.to_owned(), rule.source.clone()), Seen::default());
                }
            });
            assert_eq!(total, sites.len(), "a rule stands twice in one place");
            let of_kind = objects.iter().filter(|object| {
                object["kind"] == crd.kind.as_str()
                    && object["apiVersion"]
                        .as_str()
                        .is_some_and(|v| v.starts_with(&crd.group))
            });
            for object in of_kind {
                let mut object = object.clone();
                schema.admit(&mut object, &Path::Root, &mut crate::finding::Findings::default());
                evaluate(schema, &object, "", &mut sites);
            }
            for ((path, source), seen) in sites {
                let place = format!("{bundle}/{channel} {} {version} {path}: {source}", crd.kind);
                let unreachable = UNREACHABLE
                    .iter()
                    .any(|(kind, at, rule)| *kind == crd.kind && *at == path && *rule == source.trim());
                let state = match seen {
                    Seen { transition: true, .. } => "transition",
                    Seen {
                        holds: true,
                        fails: false,
                        ..
                    } if unreachable => "unreachable",
                    Seen {
                        holds: true,
                        fails: true,
                        ..
                    } => "both",
                    Seen { holds, fails, .. } => {
                        missing.push(format!("{place}: holds {holds}, fails {fails}"));
                        continue;
                    }
                };
                *counts.entry(state).or_default() += 1;
            }
        }
    }
    assert!(
        missing.is_empty(),
        "{} rules are not covered:\n{}",
        missing.len(),
        missing.join("\n")
    );
    // All 1388 rules of the four sets of CRDs, by place.
    assert_eq!(
        counts,
        BTreeMap::from([("both", 1364), ("transition", 10), ("unreachable", 14)])
    );
}

fn value_of(text: &str) -> Value {
    let mut value = Value::Null;
    load::read(text.as_bytes(), &Limits::default(), &mut |piece| {
        if let load::Read::Document(document) = piece {
            value = document.value;
        }
    });
    value
}

/// Evaluates the rules of every node that is sound enough, as the check does.
fn evaluate(schema: &Schema, value: &Value, path: &str, sites: &mut BTreeMap<(String, String), Seen>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if let Some(property) = schema.properties.get(name.as_str()) {
                    let below = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    evaluate(property, value, &below, sites);
                } else if let Additional::Of(additional) = &schema.additional {
                    evaluate(additional, value, &format!("{path}{{}}"), sites);
                }
            }
        }
        Value::Array(items) => {
            for (item, schema) in items
                .iter()
                .filter_map(|item| Some((item, schema.items.as_deref()?)))
            {
                evaluate(schema, item, &format!("{path}[]"), sites);
            }
        }
        _ => {}
    }
    if schema.rules.is_empty() {
        return;
    }
    let mut found = crate::finding::Findings::default();
    schema.check(value, &Path::Root, &mut found);
    if value.is_null() || found.iter().any(crate::schema::check::blocks_rules) {
        return;
    }
    for rule in &schema.rules {
        let seen = sites.get_mut(&(path.to_owned(), rule.source.clone())).unwrap();
        match rule.evaluate(value, schema) {
            Outcome::Holds => seen.holds = true,
            Outcome::Fails(_) => seen.fails = true,
            Outcome::Transition => seen.transition = true,
            // An error refuses the object, but it does not show that the rule decides anything.
            Outcome::Error(_) => {}
        }
    }
}

/// What the API server stores: defaults in place, nulls gone.
#[test]
fn defaults_are_stored() {
    let root = FilePath::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut compared = 0;
    for file in files()
        .iter()
        .filter(|file| file.name.starts_with("valid/defaults-"))
    {
        let loaded = Validator::default().load(&file.name, file.text.as_bytes());
        let stored = std::fs::read_to_string(root.join(file.name.replace(".yaml", ".stored.json"))).unwrap();
        let stored: Value = serde_json::from_str(&stored).unwrap();
        assert_eq!(loaded.objects[0].value, stored, "{}", file.name);
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}
