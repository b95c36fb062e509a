use super::throttle::Throttling;
use super::*;

const CREATE: Subject<'_> = Subject {
    service: "elbv2",
    operation: "CreateRule",
    account: "111122223333",
    region: "eu-central-1",
};

fn error(operation: &str, skip: u64, count: Option<u64>) -> Fault {
    Fault {
        service: any(),
        operation: operation.to_owned(),
        account: None,
        region: None,
        skip,
        count,
        effect: Effect::Error {
            code: "ServiceUnavailable".to_owned(),
            message: String::new(),
            status: Some(503),
        },
    }
}

#[test]
fn stars_stand_for_any_text() {
    assert!(matches("Describe*", "DescribeRules"));
    assert!(matches("*", ""));
    assert!(matches("*Rule*", "CreateRule"));
    assert!(matches("CreateRule", "CreateRule"));
    assert!(!matches("CreateRule", "CreateRules"));
    assert!(!matches("Describe*s", "DescribeRule"));
}

#[test]
fn a_fault_strikes_after_its_skips_and_as_often_as_it_says() {
    let mut faults = Faults::default();
    assert!(faults.add(error("Create*", 1, Some(2))));
    let struck: Vec<usize> = (0..4).map(|_| faults.strike(CREATE).len()).collect();
    assert_eq!(struck, [0, 1, 1, 0]);
    assert!(faults.waiting().is_empty());
}

#[test]
fn a_fault_of_another_account_waits() {
    let mut faults = Faults::default();
    let mut fault = error("*", 0, Some(1));
    fault.account = Some("444455556666".to_owned());
    assert!(faults.add(fault));
    assert!(faults.strike(CREATE).is_empty());
    assert_eq!(faults.waiting().len(), 1);
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>: 40 calls at once,
/// then 10 a second.
#[test]
fn describes_are_throttled_as_documented() {
    let mut faults = Faults::default();
    faults.buckets.set(Throttling::documented());
    let describe = Subject {
        operation: "DescribeRules",
        ..CREATE
    };
    let mut passed = |now: u64| (0..100).filter(|_| faults.buckets.take(describe, now)).count();
    assert_eq!(passed(0), 40);
    assert_eq!(passed(1000), 10);
    assert_eq!(passed(60_000), 40);
}

/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html#api-rate-limits>: each operation by itself.
#[test]
fn operations_of_certificates_are_counted_apart() {
    let mut faults = Faults::default();
    faults.buckets.set(Throttling::documented());
    let of = |service: &'static str, operation: &'static str| Subject {
        service,
        operation,
        ..CREATE
    };
    let mut passed =
        |subject: Subject<'_>, now: u64| (0..100).filter(|_| faults.buckets.take(subject, now)).count();
    assert_eq!(passed(of("acm", "ImportCertificate"), 0), 2);
    assert_eq!(passed(of("acm", "DescribeCertificate"), 0), 20);
    assert_eq!(passed(of("acm", "GetCertificate"), 0), 20);
    assert_eq!(passed(of("acm", "ImportCertificate"), 1000), 1);
    // All reads of VPC Lattice share one.
    assert_eq!(passed(of("lattice", "ListServices"), 0), 60);
    assert_eq!(passed(of("lattice", "GetService"), 0), 0);
    assert_eq!(passed(of("lattice", "CreateService"), 0), 30);
    assert_eq!(passed(of("tagging", "GetResources"), 0), 20);
}

#[test]
fn kinds_of_requests_and_accounts_have_buckets_of_their_own() {
    let mut faults = Faults::default();
    faults.buckets.set(Throttling::documented());
    let describe = Subject {
        operation: "DescribeRules",
        ..CREATE
    };
    while faults.buckets.take(describe, 0) {}
    assert!(faults.buckets.take(CREATE, 0));
    assert!(faults.buckets.take(
        Subject {
            account: "444455556666",
            ..describe
        },
        0
    ));
}
