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

/// Leave that ends with a given change: after so many were begun, or while that one is under way.
#[derive(Clone, Default)]
struct Turn(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Turn {
    fn end(&self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    fn has_ended(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Lead for Turn {
    fn holds(&self) -> bool {
        !self.has_ended()
    }

    fn ended(&self) -> BoxFuture<'static, ()> {
        let turn = self.clone();
        Box::pin(std::future::poll_fn(move |_| {
            if turn.has_ended() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        }))
    }
}

/// How the change goes with which the leave ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// It is carried out.
    Answered,
    /// It is never answered.
    Silent,
}

/// A provider of four resources, each of which needs the one before it or none.
struct Four {
    turn: Turn,
    /// The change with which the leave ends.
    last: (usize, Last),
    begun: std::sync::Mutex<Vec<usize>>,
    needy: bool,
}

impl Driver for Four {
    type Input = ObjectName;
    type Target = ();
    type Observed = ();
    type Step = usize;

    fn provider(&self) -> Provider {
        Provider::Software
    }

    fn gateway<'a>(&self, input: &'a ObjectName) -> &'a ObjectName {
        input
    }

    fn lower(&self, _: &ObjectName) -> Lowered<()> {
        Lowered {
            target: (),
            unsupported: Vec::new(),
        }
    }

    async fn observe(&self, _: &ObjectName) -> Result<(), ProviderError> {
        Ok(())
    }

    fn plan(&self, target: Option<&()>, (): &()) -> Plan<usize> {
        let resource = |number: usize| Resource {
            kind: "thing",
            id: number.to_string().as_str().into(),
        };
        let changes = (1..=4).map(|number| Change {
            action: if target.is_some() {
                Action::Create
            } else {
                Action::Delete
            },
            resource: resource(number),
            fields: Vec::new(),
            why: "it differs".into(),
            needs: if self.needy && number > 1 {
                vec![resource(number - 1)]
            } else {
                Vec::new()
            },
            step: number,
        });
        Plan {
            changes: changes.collect(),
        }
    }

    async fn apply(&self, change: &Change<usize>) -> Result<(), ProviderError> {
        self.begun.lock().unwrap().push(change.step);
        if change.step == self.last.0 {
            self.turn.end();
            if self.last.1 == Last::Silent {
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    }

    fn addresses(&self, _: &ObjectName, (): &()) -> Addresses {
        Addresses::default()
    }
}

/// Polls a few times: nothing of these tests waits for anybody but the leave.
fn poll<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let found = (0..8).find_map(|_| match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(found) => Some(found),
        std::task::Poll::Pending => None,
    });
    found.expect("it waits for ever")
}

/// Whoever leads no more begins no further change, of a run that makes and of one that deletes, and waits for the
/// answer to none.
#[test]
fn without_leave_no_change_is_begun_and_none_is_waited_for() {
    let gateway = ObjectName::new("n", "a");
    for (needy, last) in [
        (false, Last::Answered),
        (true, Last::Answered),
        (false, Last::Silent),
    ] {
        for removes in [false, true] {
            for number in 1..=4 {
                let turn = Turn::default();
                let four = Four {
                    turn: turn.clone(),
                    last: (number, last),
                    begun: std::sync::Mutex::default(),
                    needy,
                };
                let leave = Leave::of(turn);
                let outcome = if removes {
                    poll(leave.remove(&four, &gateway))
                } else {
                    poll(leave.converge(&four, &gateway))
                };
                let begun = four.begun.into_inner().unwrap();
                assert_eq!(begun, (1..=number).collect::<Vec<_>>(), "after change {number}");
                let done = outcome
                    .changes
                    .iter()
                    .take_while(|change| change.verdict == Verdict::Done);
                let expected = if last == Last::Answered {
                    number
                } else {
                    number - 1
                };
                assert_eq!(done.count(), expected);
                assert_eq!(outcome.changes.len(), 4, "each change is accounted for");
                let superseded = outcome.errors().all(|error| error.kind == ErrorKind::Superseded);
                assert!(superseded, "{:?}", outcome.changes);
                assert_eq!(outcome.is_converged(), expected == 4);
            }
        }
    }
}

#[test]
fn without_leave_from_the_start_nothing_is_begun() {
    let turn = Turn::default();
    turn.end();
    let leave = Leave::of(turn.clone());
    assert!(!leave.holds());
    let four = Four {
        turn,
        last: (0, Last::Answered),
        begun: std::sync::Mutex::default(),
        needy: false,
    };
    let outcome = poll(leave.converge(&four, &ObjectName::new("n", "a")));
    assert!(four.begun.into_inner().unwrap().is_empty());
    assert_eq!(outcome.errors().count(), 4);
}
