//! Bounded runs; `examples/mutate.rs` is the long one.

use std::collections::BTreeSet;
use std::path::Path;

use gatewright_validation::{Bundle, Channel, Mode, Validator};
use proptest::prelude::*;

use crate::mutator::{Mutator, check};

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn mutated_manifests_never_break_the_rules_of_loading() {
    let root = corpus();
    let mut mutator = Mutator::new(&[&root], 20_261_121).unwrap();
    assert!(mutator.seeds().len() > 500);
    let strict = Validator::default();
    let lenient = Validator::new(Bundle::V1_6_3, Channel::Standard, Mode::Lenient);
    let (mut objects, mut skipped, mut codes) = (0, 0, BTreeSet::new());
    for round in 0..4_000 {
        let input = mutator.mutant();
        let validator = if round % 4 == 0 { &lenient } else { &strict };
        match check(validator, &input) {
            Ok(counts) => {
                objects += counts.objects;
                skipped += counts.skipped;
                codes.extend(counts.codes);
            }
            Err(problem) => panic!("{problem}\n{}", String::from_utf8_lossy(&input)),
        }
    }
    // The mutants reach all layers: some are fine, and the others fail in many ways.
    assert!(objects > 300 && skipped > 0, "{objects} {skipped}");
    assert!(codes.len() > 20, "{codes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(input in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(check(&Validator::default(), &input).is_ok());
    }

    /// Text over the alphabet of YAML's structure.
    #[test]
    fn any_structure_is_read(input in "[-?:,\\[\\]{}#&*!|>'\"%@` \n\ta1]{0,400}") {
        let outcome = check(&Validator::default(), input.as_bytes());
        prop_assert!(outcome.is_ok(), "{:?}", outcome.err());
    }

    /// A JSON value reads the same as YAML and as JSON, and like serde_json does.
    #[test]
    fn json_is_yaml(name in "[a-z]{1,8}", text in "\\PC{0,20}", number in any::<i32>(), flag in any::<bool>()) {
        let value = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"},
            "data": {"text": text, "number": number.to_string(), "flag": flag.to_string()},
        });
        let json = Validator::default().load("a.json", value.to_string().as_bytes());
        prop_assert_eq!(&json.diagnostics, &[]);
        prop_assert_eq!(&json.objects[0].value, &value);
        let yaml = format!("# comment\n{value}\n");
        let yaml = Validator::default().load("a.yaml", yaml.as_bytes());
        // YAML has no surrogate pairs, and its own idea of line breaks; everything else is the same.
        if yaml.diagnostics.is_empty() {
            prop_assert_eq!(&yaml.objects[0].value, &value);
        }
    }
}
