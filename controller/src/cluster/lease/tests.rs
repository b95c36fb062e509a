use super::*;
use crate::cluster::testing::{FakeApi, Line};
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

fn held(by: &str) -> LeaseSpec {
    next(None, by, Timestamp::UNIX_EPOCH, Terms::default())
}

#[test]
fn a_free_lease_is_taken_ours_is_renewed_and_anothers_respected_until_it_runs_out() {
    let free = LeaseSpec {
        holder_identity: Some(String::new()),
        ..held("a")
    };
    for (lease, seconds, decision) in [
        (None, 0, Decision::Acquire),
        (Some(free), 0, Decision::Acquire),
        (Some(held("a")), 0, Decision::Renew),
        (Some(held("a")), 100, Decision::Renew),
        (Some(held("b")), 14, Decision::Wait),
        (Some(held("b")), 15, Decision::Acquire),
    ] {
        let found = decide(lease.as_ref(), "a", Duration::from_secs(seconds));
        assert_eq!(found, decision, "{lease:?} after {seconds} s");
    }
}

#[test]
fn a_takeover_counts_as_a_transition_and_a_renewal_keeps_the_time_of_acquisition() {
    let later = Timestamp::from_second(60).unwrap();
    let terms = Terms::default();
    let first = held("a");
    let renewed = next(Some(&first), "a", later, terms);
    assert_eq!(
        (renewed.acquire_time.clone(), renewed.lease_transitions),
        (first.acquire_time.clone(), Some(0))
    );
    assert_eq!(renewed.renew_time, Some(MicroTime(later)));
    let taken = next(Some(&renewed), "b", later, terms);
    assert_eq!(
        (taken.acquire_time, taken.lease_transitions),
        (Some(MicroTime(later)), Some(1))
    );
}

/// A time of day that is ahead of one that goes on by so many hours.
#[derive(Clone, Default)]
struct Hours(Arc<AtomicI64>);

impl Hours {
    fn jump(&self, hours: i64) {
        self.0.store(hours, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let (hours, begun) = (self.clone(), Instant::now());
        let origin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        Clock::by(move || {
            let elapsed = SignedDuration::try_from(begun.elapsed()).unwrap();
            origin + elapsed + SignedDuration::from_hours(hours.0.load(Ordering::Relaxed))
        })
    }
}

/// When the lease was renewed, by what it says.
fn renewed(api: &FakeApi) -> Option<Timestamp> {
    let lease = api.get("/apis/coordination.k8s.io/v1/namespaces/system/leases/lease")?;
    lease["spec"]["renewTime"].as_str()?.parse().ok()
}

/// A process that takes part, and whether it leads.
struct Process {
    hours: Hours,
    clock: Clock,
    leads: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Process {
    fn start(api: &FakeApi, me: &str) -> Self {
        Self::start_as(api.client(), me)
    }

    fn start_as(client: Client, me: &str) -> Self {
        Self::start_by(client, me, Terms::default())
    }

    fn start_by(client: Client, me: &str, terms: Terms) -> Self {
        let hours = Hours::default();
        let clock = hours.clock();
        let (leads, seen) = watch::channel(false);
        let (stop, stopped) = watch::channel(false);
        let candidate = Candidate::new(client, ("system", "lease"), me.to_owned(), (terms, clock.clone()));
        Self {
            hours,
            clock,
            leads: seen,
            task: tokio::spawn(candidate.run(leads, stopped)),
            stop,
        }
    }

    fn leads(&self) -> bool {
        *self.leads.borrow()
    }
}

#[tokio::test(start_paused = true)]
async fn one_attempt_takes_a_free_lease() {
    let client = FakeApi::default().client();
    let hours = Hours::default();
    let mut candidate = Candidate::new(
        client,
        ("system", "lease"),
        "me".to_owned(),
        (Terms::default(), hours.clock()),
    );
    assert!(candidate.attempt().await.unwrap());
}

/// The time of day of either process jumps by hours, forwards and backwards: nobody loses or takes the lease for it.
#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_changes_no_leadership() {
    let server = FakeApi::default();
    let leader = Process::start(&server, "leader");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(leader.leads());
    let other = Process::start(&server, "other");
    for (mine, others) in [
        (6, 0),
        (-6, 0),
        (0, 6),
        (0, -6),
        (48, -48),
        (-24 * 365, 24 * 365),
        (0, 0),
    ] {
        leader.hours.jump(mine);
        other.hours.jump(others);
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(leader.leads(), "after a jump by {mine} h, {others} h");
            assert!(!other.leads(), "after a jump by {mine} h, {others} h");
        }
        let renewed = renewed(&server).unwrap();
        let now = leader.hours.clock().now();
        assert!(
            now.duration_since(renewed).abs() < SignedDuration::from_hours(1),
            "the lease is renewed with the time of day: {renewed}"
        );
    }

    // Gone without a word: the other one takes over after the lease's own time, whatever its time of day is.
    for hours in [24, -24] {
        let server = FakeApi::default();
        let leader = Process::start(&server, "leader");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let other = Process::start(&server, "other");
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(leader.leads() && !other.leads());
        leader.task.abort();
        other.hours.jump(hours);
        // It saw the last renewal at most one attempt later than it was made.
        tokio::time::sleep(Duration::from_secs(12)).await;
        assert!(!other.leads(), "taken too early with a time of day {hours} h off");
        tokio::time::sleep(Duration::from_secs(8)).await;
        assert!(other.leads(), "not taken with a time of day {hours} h off");
    }
}

/// A leader whose API server refuses, or is silent, stops to lead before another one begins: at no moment do two write.
/// When it is back it waits like everybody else.
#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_another_one_begins() {
    for trouble in [Line::Refused, Line::Dead] {
        let api = FakeApi::default();
        let (line, lines) = watch::channel(Line::Good);
        let leader = Process::start_as(api.client_on(lines), "leader");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let other = Process::start(&api, "other");
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(leader.leads() && !other.leads());
        line.send_replace(trouble);
        let cut = Instant::now();
        let (mut ended, mut taken) = (None, None);
        while taken.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!(leader.leads() && other.leads()), "{trouble:?}: two lead");
            assert!(
                cut.elapsed() < Duration::from_secs(60),
                "{trouble:?}: nobody leads"
            );
            ended = ended.or_else(|| (!leader.leads()).then(|| cut.elapsed()));
            taken = other.leads().then(|| cut.elapsed());
        }
        let (ended, taken) = (ended.unwrap(), taken.unwrap());
        let terms = Terms::default();
        // The last renewal was at most one attempt before.
        assert!(
            ended + terms.retry >= terms.deadline && ended <= terms.deadline + terms.retry,
            "{ended:?}"
        );
        assert!(taken + terms.retry >= terms.duration, "{taken:?}");
        assert!(taken <= terms.duration + terms.retry * 2, "{taken:?}");
        line.send_replace(Line::Good);
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!leader.leads() && other.leads(), "{trouble:?}");
        }
    }
}

/// No later than the deadline after its last renewal, to the millisecond, whatever it waits for at that moment: answers
/// that do not come, or refusals. The attempt under way does not count, however long it would be waited for.
#[tokio::test(start_paused = true)]
async fn a_leader_stops_at_its_deadline_whatever_it_waits_for() {
    let terms = |duration: u64, deadline: u64, retry: u64| Terms {
        duration: Duration::from_secs(duration),
        deadline: Duration::from_secs(deadline),
        retry: Duration::from_secs(retry),
    };
    let step = Duration::from_millis(1);
    for terms in [
        Terms::default(),
        terms(15, 10, 4),
        terms(15, 10, 9),
        terms(6, 4, 1),
    ] {
        for trouble in [Line::Refused, Line::Dead, Line::Mute] {
            // At different moments between two attempts.
            for moment in [0, 1, 700, 1_999] {
                let api = FakeApi::default();
                let (line, lines) = watch::channel(Line::Good);
                let leader = Process::start_by(api.client_on(lines), "leader", terms);
                tokio::time::sleep(Duration::from_secs(20) + Duration::from_millis(moment)).await;
                assert!(leader.leads());
                line.send_replace(trouble);
                while leader.leads() {
                    tokio::time::sleep(step).await;
                    let now = leader.clock.now();
                    let since = now.duration_since(renewed(&api).unwrap());
                    let since = Duration::try_from(since).unwrap();
                    assert!(
                        since <= terms.deadline + step * 2,
                        "{terms:?}, {trouble:?}: leads after {since:?}"
                    );
                }
                let since = leader.clock.now().duration_since(renewed(&api).unwrap());
                let since = Duration::try_from(since).unwrap();
                assert!(
                    since >= terms.deadline,
                    "{terms:?}, {trouble:?}: ends after {since:?}"
                );
            }
        }
    }
}

/// At no moment two lead, and after a leader's end the time that is for what is under way passes before the next one
/// begins; for each moment at which the leader is cut off.
#[tokio::test(start_paused = true)]
async fn between_two_leaders_is_time_for_what_is_under_way() {
    let terms = Terms::default();
    for moment in (0..4_000).step_by(250) {
        let api = FakeApi::default();
        let (line, lines) = watch::channel(Line::Good);
        let leader = Process::start_as(api.client_on(lines), "leader");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let other = Process::start(&api, "other");
        tokio::time::sleep(Duration::from_secs(20) + Duration::from_millis(moment)).await;
        line.send_replace(Line::Mute);
        let mut ended = None;
        while !other.leads() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if ended.is_none() && !leader.leads() {
                ended = Some(Instant::now());
            }
        }
        let between = ended.expect("the first one ends").elapsed();
        assert!(
            between + Duration::from_millis(20) + terms.deadline >= terms.duration,
            "{between:?}"
        );
        assert!(!leader.leads());
    }
}

/// A process that is told to stop while it waits for an answer leaves the lease to the next one.
#[tokio::test(start_paused = true)]
async fn a_process_that_ends_in_the_middle_of_an_attempt_gives_the_lease_back() {
    let api = FakeApi::default();
    let (line, lines) = watch::channel(Line::Good);
    let leader = Process::start_as(api.client_on(lines), "leader");
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert!(leader.leads());
    line.send_replace(Line::Dead);
    // The next attempt hangs.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    line.send_replace(Line::Good);
    let begun = Instant::now();
    leader.stop.send_replace(true);
    leader.task.await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "{:?}",
        begun.elapsed()
    );
    let lease = api
        .get("/apis/coordination.k8s.io/v1/namespaces/system/leases/lease")
        .unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "");
}
