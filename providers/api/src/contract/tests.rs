use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

fn error(kind: ErrorKind) -> ProviderError {
    ProviderError {
        kind,
        resource: Resource {
            kind: "Service",
            id: "a/b".into(),
        },
        message: "refused".to_owned(),
    }
}

fn failed(kinds: &[ErrorKind]) -> Outcome {
    Outcome {
        changes: kinds
            .iter()
            .map(|kind| Applied {
                action: Action::Create,
                resource: error(*kind).resource,
                summary: String::new(),
                verdict: Verdict::Failed(error(*kind)),
            })
            .collect(),
        ..Outcome::default()
    }
}

/// Reasons of `Programmed=False` (Gateway API v1.7.0, `GatewayConditionProgrammed`).
#[test]
fn every_kind_has_a_reason_of_the_specification_and_a_label_of_its_own() {
    let reasons = [
        "Invalid",
        "Pending",
        "NoResources",
        "AddressNotAssigned",
        "AddressNotUsable",
    ];
    let mut labels = BTreeSet::new();
    for kind in ErrorKind::ALL {
        let row = kind.treatment();
        assert!(reasons.contains(&row.reason), "{kind:?}");
        assert!(labels.insert(row.label), "{kind:?}: {} twice", row.label);
        assert!(row.retry.pause(1) > Duration::ZERO, "{kind:?} would spin");
        assert!(row.retry.pause(1) <= row.retry.pause(2), "{kind:?}");
        assert_eq!(
            row.retry.pause(40),
            row.retry.pause(400),
            "{kind:?}: the pause is bounded"
        );
    }
}

#[test]
fn a_throttling_api_is_heeded_before_other_failures_are_repeated() {
    let asked = ErrorKind::Throttled {
        after: Some(Duration::from_secs(17)),
    };
    assert_eq!(
        failed(&[ErrorKind::Conflict, asked]).retry_after(1),
        Some(Duration::from_secs(17))
    );
    assert_eq!(
        failed(&[ErrorKind::Invalid, ErrorKind::Conflict]).retry_after(1),
        Some(Duration::from_millis(200))
    );
    assert_eq!(Outcome::default().retry_after(1), None);
}

#[test]
fn what_a_person_must_end_is_reported_first() {
    let fault = failed(&[ErrorKind::Conflict, ErrorKind::QuotaExceeded])
        .fault()
        .unwrap();
    assert_eq!(&*fault.reason, "NoResources");
    assert_eq!(fault.message, "Service a/b: refused");
}
