use super::{Becomes, Row, aws};
use crate::feature::Feature;
use crate::provider::Provider;
use crate::support::Support;
use gatewright_crds::bundle::{Bundle, Channel, crds};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn tables() -> impl Iterator<Item = (Provider, &'static [Row])> {
    Provider::ALL
        .into_iter()
        .filter_map(|provider| Some((provider, provider.mapping()?)))
}

/// Kinds of the Gateway API that no class of a load balancer serves.
const OTHERS: [&str; 1] = ["XMesh"];

/// Every field below `spec` of every kind, of all releases.
fn fields() -> BTreeSet<(String, String)> {
    fn leaves(schema: &Value, path: String, found: &mut BTreeSet<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            for (name, below) in properties {
                leaves(below, format!("{path}.{name}"), found);
            }
        } else if schema["type"] == "array" {
            leaves(&schema["items"], format!("{path}[]"), found);
        } else {
            found.insert(path);
        }
    }
    let mut all = BTreeSet::new();
    // The experimental channel has all that the standard one has.
    let crds = Bundle::ALL
        .iter()
        .flat_map(|bundle| crds(*bundle, Channel::Experimental));
    for crd in crds {
        let read: Value = serde_json::from_str(&crd.json).unwrap();
        for version in read["spec"]["versions"].as_array().unwrap() {
            let mut found = BTreeSet::new();
            let schema = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
            leaves(schema, "spec".to_owned(), &mut found);
            all.extend(found.into_iter().map(|field| (crd.kind.clone(), field)));
        }
    }
    all
}

#[test]
fn every_field_of_every_release_is_in_a_row() {
    let fields = fields();
    assert!(fields.len() > 350, "{}", fields.len());
    for (provider, rows) in tables() {
        let missing: Vec<_> = fields
            .iter()
            .filter(|(kind, _)| !OTHERS.contains(&kind.as_str()))
            .filter(|(kind, field)| !rows.iter().any(|row| row.covers(kind, field)))
            .collect();
        assert!(missing.is_empty(), "{}: {missing:#?}", provider.title());
    }
}

/// A row for a field that no release has is a mistake of writing.
#[test]
fn every_row_of_the_gateway_api_is_about_fields_that_exist() {
    let fields = fields();
    let kinds: BTreeSet<&str> = fields.iter().map(|(kind, _)| kind.as_str()).collect();
    for (provider, rows) in tables() {
        for row in rows.iter().filter(|row| kinds.contains(row.kind)) {
            assert!(
                fields.iter().any(|(kind, field)| row.covers(kind, field)),
                "{}: {} {}",
                provider.title(),
                row.kind,
                row.field
            );
        }
    }
}

#[test]
fn rows_and_capabilities_say_the_same() {
    for (provider, rows) in tables() {
        for row in rows {
            let about = format!("{}: {} {}", provider.title(), row.kind, row.field);
            for feature in row.features() {
                let refused = matches!(provider.support(*feature), Support::None { .. });
                match row.becomes {
                    Becomes::Field { .. } => assert!(!refused, "{about}: {feature:?} is not served"),
                    Becomes::Unsupported(_) => assert!(refused, "{about}: {feature:?} is served"),
                    Becomes::Controller(_) | Becomes::Refused(_) | Becomes::Roughly { .. } => {}
                }
            }
        }
        for feature in Feature::ALL {
            assert!(
                rows.iter().any(|row| row.features().contains(&feature)),
                "{}: no row for {feature:?}",
                provider.title()
            );
        }
    }
}

#[test]
fn a_field_has_one_row() {
    for (provider, rows) in tables() {
        let mut seen = BTreeSet::new();
        for row in rows {
            assert!(
                seen.insert((row.kind, row.field)),
                "{}: {} {}",
                provider.title(),
                row.kind,
                row.field
            );
        }
    }
}

/// What a provider does with a field is shown by goldens, and they exist.
#[test]
fn what_is_served_or_refused_is_shown() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/core/goldens");
    for (provider, rows) in tables() {
        for row in rows {
            let about = format!("{}: {} {}", provider.title(), row.kind, row.field);
            for proof in row.proofs {
                let path = goldens.join(format!("{proof}.yaml"));
                assert!(path.is_file(), "{about}: there is no golden {proof}");
            }
            let heeded = matches!(row.becomes, Becomes::Controller(_));
            assert!(heeded || !row.proofs.is_empty(), "{about}: nothing shows it");
        }
    }
}

/// What the controller says in place of the words of a row, before AWS is asked for anything: of a field that names kinds of
/// objects, whatever it names.
const BY_THE_CONTROLLER: [(&str, &str); 2] = [
    (
        "spec.rules[].filters[].extensionRef",
        "is not a kind of filter that is known here",
    ),
    (
        "spec.rules[].backendRefs[].kind = a storage bucket",
        "cannot be a backend",
    ),
];

/// A golden that shows a refusal or a difference has its words; where the controller refuses, the golden of its own does, which
/// has the same manifests.
#[test]
fn goldens_of_refusals_and_differences_tell_them() {
    let of_provider = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/core/goldens");
    let of_controller = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controller/core/goldens/features");
    let says = |path: &Path, words: &str| {
        let text = std::fs::read_to_string(path).unwrap();
        // YAML doubles quotes within quotes.
        text.replace("''", "'").contains(words)
    };
    for (provider, rows) in tables() {
        for row in rows {
            let features = row.features().iter();
            let features = features.filter_map(|feature| match provider.support(*feature) {
                Support::Full => None,
                Support::Approximate { difference } => Some(difference),
                Support::None { why, .. } => Some(why),
            });
            let own = match row.becomes {
                Becomes::Refused(words) => Some(words.why),
                Becomes::Roughly { difference, .. } => Some(difference),
                Becomes::Controller(_) | Becomes::Field { .. } | Becomes::Unsupported(_) => None,
            };
            let by_controller = BY_THE_CONTROLLER
                .iter()
                .find(|(field, _)| *field == row.field && matches!(row.becomes, Becomes::Refused(_)));
            for why in features.chain(own) {
                let told = row.proofs.iter().any(|proof| match by_controller {
                    Some((_, words)) => {
                        let (_, name) = proof.split_once('/').unwrap();
                        says(&of_controller.join(format!("{name}.yaml")), words)
                    }
                    None => says(&of_provider.join(format!("{proof}.yaml")), why),
                });
                assert!(
                    told,
                    "{}: {} {}: none of {:?} says {why:?}",
                    provider.title(),
                    row.kind,
                    row.field,
                    row.proofs
                );
            }
        }
    }
}

#[test]
fn the_page_is_a_table_without_holes() {
    let page = aws();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(line.split('|').count(), 6, "{line}");
    }
}
