//! A certificate that AWS does not take hurts its own hostname, and nothing else.

use super::forms::{
    account, alone, certificate, driver, end, forward, http, request, run, settle, swept_driver, tls, writes,
};
use crate::cloud::{Certificates, Kind, Tagging};
use crate::memory::certificates::REFUSED;
use crate::memory::{Connection, Delays, Memory};
use crate::owner::{CLUSTER, FINGERPRINT, Tags};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Certificate;
use gatewright_aws_core::alb::rule::{Action, FixedResponse};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_provider_api::contract::{ErrorKind, Outcome, Verdict, converge, remove};
use gatewright_provider_api::suite::{Injected, drive};
use std::sync::Arc;
use std::time::Duration;

/// A port with a default certificate and others, each of a Secret, and a rule.
fn shown(default: &str, others: &[&str]) -> Target {
    let mut target = http(&[]);
    super::forms::add_listener(&mut target, 443, &[]);
    let ids: Vec<_> = [default]
        .iter()
        .chain(others)
        .map(|name| {
            let (name, version) = name.split_once(' ').unwrap_or((*name, "1"));
            certificate(&mut target, name, version)
        })
        .collect();
    let rule = alone(forward(&mut target, "/a/*", &[("all", 1)]));
    let listener = target.listeners.get_mut(&443).unwrap();
    listener.tls = Some(tls(ids[0].clone(), &ids[1..]));
    listener.rules.push(rule);
    target
}

fn refused() -> String {
    format!("shop {REFUSED}")
}

/// What failed, and what was not tried because of it.
fn trouble(outcome: &Outcome) -> (Vec<String>, Vec<String>) {
    let failed = outcome.errors().map(|error| error.resource.to_string());
    let skipped = outcome.changes.iter().filter_map(|change| match &change.verdict {
        Verdict::Skipped(_) => Some(change.resource.to_string()),
        Verdict::Done | Verdict::Failed(_) => None,
    });
    (failed.collect(), skipped.collect())
}

fn shows(memory: &Memory) -> Vec<String> {
    let contents = memory.contents().into_iter();
    contents
        .filter(|(resource, _)| resource.kind == "listener" || resource.kind == "rule")
        .map(|(resource, _)| resource.kind.to_owned())
        .collect()
}

/// kubernetes-sigs/aws-load-balancer-controller#4631: one hostname without a certificate stopped the whole Gateway.
#[test]
fn a_default_certificate_that_is_not_taken_leaves_the_others_served() {
    let memory = account();
    let wanted = shown(&refused(), &["pay", "news"]);
    let outcome = run(&memory, &wanted);
    assert_eq!(
        trouble(&outcome),
        (vec!["certificate Secret/infra/shop".to_owned()], Vec::new()),
        "{outcome:#?}"
    );
    let kinds: Vec<ErrorKind> = outcome.errors().map(|error| error.kind).collect();
    assert_eq!(kinds, [ErrorKind::Invalid]);
    assert!(!outcome.addresses.assigned.is_empty());
    assert_eq!(
        shows(&memory).len(),
        3,
        "two listeners and a rule: {:?}",
        memory.contents()
    );

    // Again: it is tried again, and nothing else is written. Another change of the port does not wait for it.
    let again = run(&memory, &wanted);
    assert_eq!(trouble(&again).0, ["certificate Secret/infra/shop"]);
    let written: Vec<_> = again
        .changes
        .iter()
        .filter(|change| change.verdict == Verdict::Done)
        .collect();
    assert!(written.is_empty(), "{written:?}");
    let mut edited = wanted.clone();
    let listener = edited.listeners.get_mut(&443).unwrap();
    listener.default = Action::Fixed(FixedResponse {
        content_type: FixedResponse::TEXT.into(),
        status: 403,
        body: "".into(),
    });
    let outcome = run(&memory, &edited);
    let written: Vec<String> = outcome
        .changes
        .iter()
        .filter(|change| change.verdict == Verdict::Done)
        .map(|change| change.resource.to_string())
        .collect();
    assert_eq!(written, ["listener 443"], "{outcome:#?}");
    assert_eq!(
        trouble(&run(&memory, &edited)).0,
        ["certificate Secret/infra/shop"]
    );

    // Put right, it is shown, and what is there is what would be without the trouble.
    let mut right = shown("shop 2", &["pay", "news"]);
    right.listeners.get_mut(&443).unwrap().default = edited.listeners[&443].default.clone();
    settle(&memory, &right);
    let ideal = account();
    settle(&ideal, &right);
    assert_eq!(memory.contents(), ideal.contents());
    assert_eq!(writes(&memory, &right), Vec::<&str>::new());
    end(&memory, &right);
    assert_eq!(memory.contents(), account().contents());
}

/// One among others, and one that takes the place of another.
#[test]
fn another_certificate_that_is_not_taken_leaves_what_is_shown() {
    let memory = account();
    let outcome = run(&memory, &shown("pay", &[&refused(), "news"]));
    let (failed, skipped) = trouble(&outcome);
    assert_eq!(failed, ["certificate Secret/infra/shop"]);
    assert_eq!(
        skipped,
        ["listener certificates 443 Secret/infra/shop"],
        "{outcome:#?}"
    );
    settle(&memory, &shown("pay", &["news"]));
    let before = memory.contents();
    // It rotates into one that is not taken: the one before is shown on.
    let outcome = run(&memory, &shown(&format!("pay {REFUSED}"), &["news"]));
    assert_eq!(trouble(&outcome).0, ["certificate Secret/infra/pay"]);
    assert_eq!(memory.contents(), before);
    assert!(!outcome.addresses.assigned.is_empty());
}

/// A port without any certificate is not served; other ports are.
#[test]
fn a_port_without_any_certificate_leaves_other_ports_alone() {
    let memory = account();
    let outcome = drive(converge(&driver(&memory, 0), &request(shown(&refused(), &[])))).unwrap();
    let (failed, skipped) = trouble(&outcome);
    assert_eq!(failed, ["certificate Secret/infra/shop"]);
    assert!(skipped.contains(&"listener 443".to_owned()), "{skipped:?}");
    assert_eq!(shows(&memory), ["listener"]);
    assert!(!outcome.addresses.assigned.is_empty());
}

/// An account whose searches by tags show what is new after more calls than a run makes.
fn unsearchable() -> Arc<Memory> {
    let delays = Delays {
        search: 120,
        ..Delays::default()
    };
    Arc::new(Memory::new(AlbLimits::default(), delays))
}

fn certificates(memory: &Memory) -> usize {
    let found = memory.contents().into_keys();
    found.filter(|resource| resource.kind == "certificate").count()
}

/// Whatever call is the last of a process, fails, or gets no answer, and whether the same process goes on or one that
/// knows nothing: each Secret is imported once, although AWS makes another certificate each time and no search shows one.
#[test]
fn a_certificate_that_no_search_shows_yet_is_not_imported_again() {
    let wanted = shown("shop", &["pay"]);
    let ideal = account();
    settle(&ideal, &wanted);
    let calls = {
        let memory = unsearchable();
        drive(converge(&swept_driver(&memory), &request(wanted.clone()))).unwrap();
        memory.calls().made().len()
    };
    let ways = [
        Injected::Kill { carried_out: false },
        Injected::Kill { carried_out: true },
        Injected::Error {
            kind: ErrorKind::NotFound,
            carried_out: false,
        },
        Injected::Error {
            kind: ErrorKind::Unavailable,
            carried_out: false,
        },
        Injected::Error {
            kind: ErrorKind::Timeout,
            carried_out: true,
        },
    ];
    for way in ways {
        for at in 0..calls {
            for lives_on in [true, false] {
                let memory = unsearchable();
                let mut process = swept_driver(&memory);
                memory.calls().inject(at, way);
                let outcome = drive(converge(&process, &request(wanted.clone())));
                memory.calls().reset();
                if outcome.is_none() || !lives_on {
                    process = swept_driver(&memory);
                }
                let case = format!("{way:?} at call {at}, lives on: {lives_on}");
                let settled = (0..200).any(|_| {
                    let outcome = drive(converge(&process, &request(wanted.clone()))).unwrap();
                    assert!(certificates(&memory) <= 2, "{case}");
                    outcome.is_converged() && outcome.changes.is_empty()
                });
                assert!(settled, "{case}");
                assert_eq!(memory.contents(), ideal.contents(), "{case}");
            }
        }
    }
}

/// The same under a policy of before `ListTagsForCertificate` was asked: the process that imported a Secret does so once,
/// whatever fails meanwhile, changes the rest of the Gateway, and removes all of it.
#[test]
fn without_the_permission_to_read_tags_a_certificate_is_imported_once_and_goes() {
    let wanted = shown("shop", &["pay"]);
    let ideal = account();
    settle(&ideal, &wanted);
    let calls = {
        let memory = unsearchable();
        drive(converge(&swept_driver(&memory), &request(wanted.clone()))).unwrap();
        memory.calls().made().len()
    };
    let mut failures = 0;
    for kind in [ErrorKind::NotFound, ErrorKind::Unavailable, ErrorKind::Conflict] {
        for at in 0..calls {
            let memory = unsearchable();
            memory.forbid("ListTagsForCertificate");
            let process = swept_driver(&memory);
            let injected = Injected::Error {
                kind,
                carried_out: false,
            };
            memory.calls().inject(at, injected);
            let outcome = drive(converge(&process, &request(wanted.clone()))).unwrap();
            failures += usize::from(!outcome.is_converged());
            memory.calls().reset();
            let case = format!("{kind:?} at call {at}");
            let mut last = None;
            let settled = (0..200).any(|_| {
                let outcome = drive(converge(&process, &request(wanted.clone()))).unwrap();
                assert!(certificates(&memory) <= 2, "{case}");
                let settled = outcome.is_converged() && outcome.changes.is_empty();
                last = Some(outcome);
                settled
            });
            assert!(settled, "{case}: {last:#?}");
            assert_eq!(memory.contents(), ideal.contents(), "{case}");
            // Another call fails, and the Gateway goes.
            memory.calls().inject(at % 5, injected);
            let gone = (0..200).any(|_| {
                let outcome = drive(remove(&process, &wanted.gateway)).unwrap();
                outcome.is_converged() && outcome.changes.is_empty()
            });
            assert!(gone, "{case}");
            assert_eq!(certificates(&memory), 0, "{case}");
        }
    }
    assert!(failures > calls, "{failures} of {calls} calls hurt");
}

/// What two processes imported at the same time, or one whose list was out of date: one of them goes with the next sweep.
#[test]
fn one_of_two_equal_certificates_goes() {
    let memory = account();
    let wanted = shown("shop", &["pay"]);
    let process = swept_driver(&memory);
    for _ in 0..4 {
        drive(converge(&process, &request(wanted.clone()))).unwrap();
    }
    let ideal = memory.contents();
    let (id, import) = wanted
        .certificates
        .iter()
        .find_map(|(id, certificate)| match certificate {
            Certificate::Import(import) => Some((id, import)),
            Certificate::Existing => None,
        })
        .unwrap();
    let connection = Connection(Arc::clone(&memory));
    let marks = Tags::from([(CLUSTER.into(), "blue".into())]);
    let found = drive(connection.find(Kind::Certificate, &marks))
        .unwrap()
        .unwrap();
    let named = |tags: &Tags| tags.get(FINGERPRINT) == Some(&import.fingerprint);
    let tags = found.into_iter().map(|found| found.tags).find(named).unwrap();
    drive(connection.import_certificate(import, &tags))
        .unwrap()
        .unwrap();
    assert_eq!(certificates(&memory), 3, "{id:?}");
    drive(process.cloud().sweep(f64::MAX, Duration::from_secs(3600)))
        .unwrap()
        .unwrap();
    for _ in 0..3 {
        drive(converge(&process, &request(wanted.clone()))).unwrap();
    }
    assert_eq!(memory.contents(), ideal);
}
