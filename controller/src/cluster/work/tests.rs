use super::*;
use gatewright_provider_api::contract::{Action, Applied, Resource, Verdict};

fn name(text: &str) -> ObjectName {
    ObjectName::new("n", text)
}

/// EC2 does not find a security group for some seconds after it was made; one that a person named wrongly is never
/// found.
#[test]
fn what_was_made_a_moment_ago_may_not_be_found_for_some_attempts() {
    let missing = failed(&[ErrorKind::NotFound]);
    assert!(is_young(&missing, 1) && is_young(&missing, PATIENCE));
    assert!(!is_young(&missing, PATIENCE + 1));
    let pauses = (1..=PATIENCE).map(|failures| missing.retry_after(failures).unwrap());
    assert_eq!(pauses.sum::<Duration>(), Duration::from_millis(6_200));
    for kind in ErrorKind::ALL {
        let expected = matches!(kind, ErrorKind::NotFound | ErrorKind::Conflict);
        assert_eq!(
            is_young(&failed(&[ErrorKind::NotFound, kind]), 1),
            expected,
            "{kind:?}"
        );
    }
}

/// A run in which changes failed like this.
fn failed(kinds: &[ErrorKind]) -> Outcome {
    Outcome {
        changes: kinds
            .iter()
            .map(|kind| Applied {
                action: Action::Create,
                resource: resource(),
                summary: String::new(),
                verdict: Verdict::Failed(ProviderError {
                    kind: *kind,
                    resource: resource(),
                    message: String::new(),
                }),
            })
            .collect(),
        ..Outcome::default()
    }
}

/// Runs end as the test wants it.
struct Ends(Outcome, Option<Again>);

impl Provide for Ends {
    type Request = ();
    type Note = ();
    type Told = ();

    const CONTROLLER: &'static str = "gateway";

    fn note(&self, _: &ObjectName) {}

    fn reconcile(&self, (): &()) -> impl Future<Output = Outcome> + Send {
        std::future::ready(self.0.clone())
    }

    fn remove(&self, _: &ObjectName) -> impl Future<Output = Outcome> + Send {
        std::future::ready(self.0.clone())
    }

    fn again(&self, _: &Outcome) -> Option<Again> {
        self.1
    }

    fn told(&self, _: Done<(), ()>) -> Option<()> {
        None
    }
}

/// `controller_runtime_reconcile_total` of controller-runtime: `requeue_after` is a run that asks for another one,
/// `requeue` one that did not come to its end.
#[tokio::test]
async fn runs_are_counted_by_how_they_end() {
    let metrics = Arc::new(Metrics::new(None));
    let minute = Duration::from_secs(60);
    let runs = [
        (Outcome::default(), None, true),
        (Outcome::default(), Some(Again::Regularly(minute)), true),
        (Outcome::default(), Some(Again::Unfinished(minute)), true),
        (failed(&[ErrorKind::Timeout]), None, true),
        (failed(&[ErrorKind::Timeout, ErrorKind::Forbidden]), None, true),
        (failed(&[ErrorKind::Superseded]), None, false),
    ];
    for (outcome, again, leads) in runs {
        let line = Line::new(Ends(outcome, again), Arc::clone(&metrics));
        let (_leads, leading) = watch::channel(leads);
        let wish = Wish::Make(Box::new(()));
        let done = line.grant(name("a"), wish, &leading).await;
        assert_eq!(done.is_some(), leads);
    }
    let text = metrics.render();
    for line in [
        r#"controller_runtime_reconcile_total{controller="gateway",result="success"} 2"#,
        r#"controller_runtime_reconcile_total{controller="gateway",result="requeue_after"} 1"#,
        r#"controller_runtime_reconcile_total{controller="gateway",result="error"} 2"#,
        r#"controller_runtime_reconcile_total{controller="gateway",result="requeue"} 1"#,
        r#"controller_runtime_reconcile_errors_total{controller="gateway"} 2"#,
        r#"controller_runtime_terminal_reconcile_errors_total{controller="gateway"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

fn resource() -> Resource {
    Resource {
        kind: "security group rules",
        id: "sg-1".into(),
    }
}

#[test]
fn a_gateway_is_worked_on_once_at_a_time_and_the_newest_wish_counts() {
    let (mut queue, now) = (Queue::<()>::default(), Instant::now());
    queue.put(name("a"), Wish::Remove, now);
    queue.put(name("a"), Wish::Remove, now);
    assert!(matches!(queue.next(now), Ok((gateway, Wish::Remove, _)) if gateway == name("a")));
    queue.put(name("a"), Wish::Remove, now);
    queue.put(name("b"), Wish::Remove, now + Duration::from_secs(1));
    assert_eq!(queue.next(now).unwrap_err(), Some(now + Duration::from_secs(1)));
    queue.busy.clear();
    assert!(queue.next(now).is_ok());
    assert_eq!(queue.due.len(), 1);
}

#[test]
fn a_run_that_was_cut_short_comes_back_unless_something_newer_is_wanted() {
    let (mut queue, now) = (Queue::<()>::default(), Instant::now());
    queue.put(name("a"), Wish::Make(Box::new(())), now);
    let (gateway, wish, _) = queue.next(now).unwrap();
    queue.resume(gateway, wish, now);
    assert!(matches!(queue.next(now), Ok((_, Wish::Make(_), _))));
    queue.put(name("a"), Wish::Remove, now);
    queue.resume(name("a"), Wish::Make(Box::new(())), now);
    assert_eq!(queue.depth(now), 1);
    assert!(matches!(queue.next(now), Ok((_, Wish::Remove, _))));
    assert_eq!(queue.depth(now), 0);
}
