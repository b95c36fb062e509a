use super::*;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::SignedDuration;
use kube::client::Body;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

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

#[test]
fn writing_stops_before_another_may_take_over() {
    let terms = Terms::default();
    assert!(terms.deadline + terms.retry < terms.duration);
}

/// An API server with one Lease at most.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Option<Value>>>);

impl Server {
    fn answer(&self, method: &Method, body: &[u8]) -> (StatusCode, Value) {
        let status = |code: StatusCode| {
            let reason = if code == StatusCode::CONFLICT {
                "Conflict"
            } else {
                "NotFound"
            };
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code.as_u16(),
                "message": "no", "reason": reason,
            });
            (code, status)
        };
        let mut kept = self.0.lock().unwrap();
        let version = |lease: &Value| {
            let version = lease["metadata"]["resourceVersion"].as_str();
            version.and_then(|version| version.parse::<u64>().ok())
        };
        let mut sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let known = kept.as_ref().and_then(version);
        match *method {
            Method::GET => kept
                .clone()
                .map_or_else(|| status(StatusCode::NOT_FOUND), |lease| (StatusCode::OK, lease)),
            _ if version(&sent) != known => status(StatusCode::CONFLICT),
            _ => {
                sent["metadata"]["resourceVersion"] = json!((known.unwrap_or_default() + 1).to_string());
                *kept = Some(sent.clone());
                (StatusCode::OK, sent)
            }
        }
    }

    fn renewed(&self) -> Option<Timestamp> {
        let kept = self.0.lock().unwrap();
        kept.as_ref()?["spec"]["renewTime"].as_str()?.parse().ok()
    }
}

impl tower::Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            let (status, answer) = server.answer(&head.method, &body);
            let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
            *response.status_mut() = status;
            Ok(response)
        })
    }
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

/// A process that takes part, and whether it leads.
struct Process {
    hours: Hours,
    leads: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Process {
    fn start(server: &Server, me: &str) -> Self {
        let hours = Hours::default();
        let (leads, seen) = watch::channel(false);
        let (stop, stopped) = watch::channel(false);
        let client = Client::new(server.clone(), "system");
        let candidate = Candidate::new(
            client,
            ("system", "lease"),
            me.to_owned(),
            (Terms::default(), hours.clock()),
        );
        Self {
            hours,
            leads: seen,
            task: tokio::spawn(candidate.run(leads, stopped)),
            _stop: stop,
        }
    }

    fn leads(&self) -> bool {
        *self.leads.borrow()
    }
}

#[tokio::test(start_paused = true)]
async fn one_attempt_takes_a_free_lease() {
    let client = Client::new(Server::default(), "system");
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
    let server = Server::default();
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
        let renewed = server.renewed().unwrap();
        let now = leader.hours.clock().now();
        assert!(
            now.duration_since(renewed).abs() < SignedDuration::from_hours(1),
            "the lease is renewed with the time of day: {renewed}"
        );
    }

    // Gone without a word: the other one takes over after the lease's own time, whatever its time of day is.
    for hours in [24, -24] {
        let server = Server::default();
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
