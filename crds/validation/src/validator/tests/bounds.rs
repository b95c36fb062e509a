//! Findings are bounded, whatever is in a file.

use super::*;
use std::fmt::Write as _;

/// One object with a million mistakes, a file of nothing but broken documents: bounded output, no quadratic time.
#[test]
fn findings_of_an_object_are_bounded() {
    let mut text = ROUTE.replace("spec:\n", "spec:\n  hostnames: [a.example]\n");
    for n in 0..20_000 {
        writeln!(text, "  unknown{n}: x").unwrap();
    }
    for mode in [Mode::Strict, Mode::Lenient] {
        let limits = Limits {
            diagnostics: usize::MAX,
            ..Limits::default()
        };
        let validator = Validator::new(Bundle::default(), Channel::default(), mode).with_limits(limits);
        let loaded = validator.load("m.yaml", text.as_bytes());
        assert_eq!((loaded.objects.len(), loaded.diagnostics.len()), (0, 1_001));
        assert!(
            shown(&loaded)[1_000].contains("19000 more findings in this object"),
            "{}",
            shown(&loaded)[1_000]
        );
        let metadata = ROUTE.replace(
            "  name: shop\n",
            &text
                .lines()
                .filter(|line| line.contains("unknown"))
                .fold("  name: shop\n".to_owned(), |all, line| all + line + "\n"),
        );
        let loaded = validator.load("m.yaml", metadata.as_bytes());
        assert_eq!((loaded.objects.len(), loaded.diagnostics.len()), (0, 1_001));
    }
    let broken = "a: [\n---\n".repeat(50_000);
    let loaded = load(&broken);
    assert_eq!(loaded.diagnostics.len(), 1_001);
    assert!(shown(&loaded)[1_000].contains("49000 more findings"));
}

#[test]
fn findings_of_a_file_are_bounded() {
    let limits = Limits {
        diagnostics: 3,
        ..Limits::default()
    };
    let validator = Validator::default().with_limits(limits);
    let loaded = validator.load("m.yaml", "apiVersion: x\n---\n".repeat(10).as_bytes());
    assert_eq!(loaded.diagnostics.len(), 4);
    assert!(shown(&loaded)[3].contains("7 more findings"));
}

/// What a List of many bad items holds back is counted, and a good item after them still counts.
#[test]
fn a_list_of_bad_items_tells_as_many_as_a_file_may_have() {
    let mut text = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
    for _ in 0..5_000 {
        text.push_str("- {}\n");
    }
    text.push_str("- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}\n");
    let loaded = load(&text);
    assert_eq!(loaded.objects.len(), 1);
    assert_eq!(loaded.diagnostics.len(), Limits::default().diagnostics + 1);
    assert!(
        shown(&loaded)
            .last()
            .is_some_and(|text| text.contains("9000 more findings")),
        "{:?}",
        loaded.diagnostics.last()
    );
}
