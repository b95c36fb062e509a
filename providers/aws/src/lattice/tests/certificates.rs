//! Certificates that no search by tags shows yet.

use super::swept::process;
use super::{add_host, bare, certificate, request, settle};
use crate::lattice::memory::{Delays, Memory};
use gatewright_provider_api::contract::{ErrorKind, converge};
use gatewright_provider_api::suite::{Injected, drive};
use std::sync::Arc;

/// An account whose searches by tags show what is new after more calls than a run makes.
fn unsearchable() -> Arc<Memory> {
    Arc::new(Memory::new(Delays {
        search: 120,
        ..Delays::default()
    }))
}

fn certificates(memory: &Memory) -> usize {
    let found = memory.contents().into_keys();
    found.filter(|resource| resource.kind == "certificate").count()
}

/// Whatever call is the last of a process, fails, or gets no answer, and whether the same process goes on or one that
/// knows nothing: a Secret is imported once, although AWS makes another certificate each time.
#[test]
fn a_certificate_that_no_search_shows_yet_is_not_imported_again() {
    let mut wanted = bare();
    add_host(&mut wanted, "pay.example", &[("/a", &[("a", 1)])]);
    certificate(&mut wanted, "pay.example", "RSA-1");
    let ideal = Arc::new(Memory::new(Delays::default()));
    settle(&ideal, Some(&wanted));
    let calls = {
        let memory = unsearchable();
        drive(converge(&process(&memory, "blue"), &request(wanted.clone()))).unwrap();
        memory.calls().made().len()
    };
    let error = |kind, carried_out| Injected::Error { kind, carried_out };
    let ways = [
        Injected::Kill { carried_out: false },
        Injected::Kill { carried_out: true },
        error(ErrorKind::NotFound, false),
        error(ErrorKind::Unavailable, false),
        error(ErrorKind::Timeout, true),
    ];
    for way in ways {
        for at in 0..calls {
            for lives_on in [true, false] {
                let case = format!("{way:?} at call {at}, lives on: {lives_on}");
                let memory = unsearchable();
                let mut process = process(&memory, "blue");
                memory.calls().inject(at, way);
                let outcome = drive(converge(&process, &request(wanted.clone())));
                memory.calls().reset();
                if outcome.is_none() || !lives_on {
                    process = super::swept::process(&memory, "blue");
                }
                let settled = (0..200).any(|_| {
                    let outcome = drive(converge(&process, &request(wanted.clone()))).unwrap();
                    assert!(certificates(&memory) <= 1, "{case}");
                    outcome.is_converged() && outcome.changes.is_empty() && outcome.again.is_none()
                });
                assert!(settled, "{case}");
                assert_eq!(memory.contents(), ideal.contents(), "{case}");
            }
        }
    }
}
