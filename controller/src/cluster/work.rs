//! Work on the infrastructure of Gateways: one run at a time for each Gateway, several Gateways at once, the newest
//! wish counts. The same for all providers.

use super::metrics::{Metrics, WorkQueue};
use super::traces::{self, TRACES};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, Outcome, ProviderError};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tracing::Instrument;

/// Gateways worked on at the same time.
const WORKERS: usize = 8;

/// Pause after a failure whose kind names none.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Failures of what was made a moment ago that nobody is told of: by the pauses between them, some six seconds.
const PATIENCE: u32 = 5;

/// When a Gateway is looked at again after a run in which nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// As a matter of course: everything is as it should be.
    Regularly(Duration),
    /// Because the run was not the last one: something is not there yet, or is still to go.
    Unfinished(Duration),
}

impl Again {
    const fn pause(self) -> Duration {
        match self {
            Self::Regularly(pause) | Self::Unfinished(pause) => pause,
        }
    }
}

/// Who does the work.
pub trait Provide: Send + Sync + 'static {
    /// What a Gateway's infrastructure is to be like.
    type Request: Clone + Send + Sync + 'static;
    /// What is looked up before a run and told after it.
    type Note: Send;
    /// What whoever wants to know is told of a run.
    type Told: Send;

    /// Label of metrics.
    const CONTROLLER: &'static str;

    /// Before a run.
    fn note(&self, gateway: &ObjectName) -> Self::Note;

    /// Makes the infrastructure what the request says.
    fn reconcile(&self, request: &Self::Request) -> impl Future<Output = Outcome> + Send;

    /// Removes all of it.
    fn remove(&self, gateway: &ObjectName) -> impl Future<Output = Outcome> + Send;

    /// When a Gateway is looked at again after a run in which nothing failed.
    fn again(&self, outcome: &Outcome) -> Option<Again>;

    /// What is told of a run.
    fn told(&self, done: Done<Self::Request, Self::Note>) -> Option<Self::Told>;
}

/// A run.
#[derive(Debug)]
pub struct Done<R, N> {
    /// The Gateway.
    pub gateway: ObjectName,
    /// What it was to be like; `None`: it was to go.
    pub request: Option<Box<R>>,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether a failure that passes is no news: an earlier run made it, or the making has just begun.
    pub patient: bool,
    /// [`Provide::note`].
    pub note: N,
    /// What it comes from.
    pub origin: Option<traces::Context>,
}

impl<R, N> Done<R, N> {
    /// Whether it is worth telling: it worked, or a person must do something, or it is not there for some time.
    pub fn is_news(&self) -> bool {
        let lasting = self.outcome.errors().any(|error| !error.kind.retryable());
        self.outcome.is_converged() || lasting || !self.patient
    }
}

/// What is to be done for a Gateway.
#[derive(Clone, Debug)]
enum Wish<R> {
    Make(Box<R>),
    Remove,
}

#[derive(Debug)]
struct Queue<R> {
    wishes: BTreeMap<ObjectName, Wish<R>>,
    /// The newest request of every Gateway, for when its objects change.
    known: BTreeMap<ObjectName, R>,
    due: BTreeSet<(Instant, ObjectName)>,
    busy: BTreeSet<ObjectName>,
    failures: BTreeMap<ObjectName, u32>,
    /// What the wish of a Gateway comes from, until it is granted.
    origins: BTreeMap<ObjectName, traces::Context>,
    /// Gateways that were made once: an API that is away for a while does not make them unreachable.
    made: BTreeSet<ObjectName>,
}

impl<R> Default for Queue<R> {
    fn default() -> Self {
        Self {
            wishes: BTreeMap::new(),
            known: BTreeMap::new(),
            due: BTreeSet::new(),
            busy: BTreeSet::new(),
            failures: BTreeMap::new(),
            origins: BTreeMap::new(),
            made: BTreeSet::new(),
        }
    }
}

impl<R> Queue<R> {
    fn put(&mut self, gateway: ObjectName, wish: Wish<R>, at: Instant) {
        if let Some(origin) = traces::context() {
            self.origins.insert(gateway.clone(), origin);
        }
        self.wishes.insert(gateway.clone(), wish);
        self.due.retain(|(_, other)| *other != gateway);
        self.due.insert((at, gateway));
    }

    /// A run that ended because somebody else is to go on: once more when this process may, unless something newer is
    /// wanted by then.
    fn resume(&mut self, gateway: ObjectName, wish: Wish<R>, now: Instant) {
        self.busy.remove(&gateway);
        if !self.wishes.contains_key(&gateway) {
            self.put(gateway, wish, now);
        }
    }

    /// How many wishes are due.
    fn depth(&self, now: Instant) -> usize {
        self.due.iter().take_while(|(at, _)| *at <= now).count()
    }

    /// The next wish that is due, with the time that it has been, or when to look again.
    fn next(&mut self, now: Instant) -> Result<(ObjectName, Wish<R>, Duration), Option<Instant>> {
        let found = self
            .due
            .iter()
            .find(|(_, gateway)| !self.busy.contains(gateway))
            .cloned();
        match found {
            Some((at, gateway)) if at <= now => {
                self.due.remove(&(at, gateway.clone()));
                self.busy.insert(gateway.clone());
                match self.wishes.remove(&gateway) {
                    Some(wish) => Ok((gateway, wish, now - at)),
                    None => Err(Some(now)),
                }
            }
            Some((at, _)) => Err(Some(at)),
            None => Err(None),
        }
    }
}

/// Takes wishes and has them granted.
pub struct Line<P: Provide>(Arc<Inner<P>>);

impl<P: Provide> Clone for Line<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<P: Provide> {
    provider: P,
    queue: Mutex<Queue<P::Request>>,
    wake: Notify,
    metrics: Arc<Metrics>,
    watched: WorkQueue,
}

impl<P: Provide> Line<P> {
    /// A line; nothing is done before [`Line::run`].
    pub fn new(provider: P, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            provider,
            queue: Mutex::default(),
            wake: Notify::new(),
            watched: metrics.queue(P::CONTROLLER, WORKERS),
            metrics,
        }))
    }

    /// Who does the work.
    pub fn provider(&self) -> &P {
        &self.0.provider
    }

    /// Wants a Gateway's infrastructure as the request says.
    pub fn put(&self, gateway: ObjectName, request: P::Request) {
        self.queue(|queue| {
            queue.known.insert(gateway.clone(), request.clone());
            queue.put(gateway, Wish::Make(Box::new(request)), Instant::now());
        });
        self.added();
    }

    /// Wants nothing left of a Gateway.
    pub fn remove(&self, gateway: &ObjectName) {
        self.queue(|queue| {
            queue.known.remove(gateway);
            queue.put(gateway.clone(), Wish::Remove, Instant::now());
        });
        self.added();
    }

    /// Looks at a Gateway again, unless something is wanted of it anyway.
    pub fn look(&self, gateway: ObjectName) {
        let added = self.queue(|queue| {
            let known = queue.known.get(&gateway).cloned();
            let Some(request) = known.filter(|_| !queue.wishes.contains_key(&gateway)) else {
                return false;
            };
            queue.put(gateway, Wish::Make(Box::new(request)), Instant::now());
            true
        });
        if added {
            self.added();
        }
    }

    fn added(&self) {
        self.0.watched.added();
        self.0.wake.notify_one();
    }

    /// Looks at all Gateways now instead of later, but for those that failed: they have a time of their own.
    pub fn hasten(&self) {
        self.queue(|queue| {
            let settled: Vec<(ObjectName, P::Request)> = queue
                .known
                .iter()
                .filter(|(gateway, _)| !queue.failures.contains_key(*gateway))
                .map(|(gateway, request)| (gateway.clone(), request.clone()))
                .collect();
            for (gateway, request) in settled {
                queue.put(gateway, Wish::Make(Box::new(request)), Instant::now());
            }
        });
        self.0.wake.notify_one();
    }

    /// Gateways with a request.
    pub fn known(&self) -> BTreeSet<ObjectName> {
        self.queue(|queue| queue.known.keys().cloned().collect())
    }

    /// Works while `leads` is true, until the returned future is dropped.
    pub async fn run(self, leads: watch::Receiver<bool>, out: mpsc::Sender<P::Told>) {
        let workers = (0..WORKERS).map(|_| self.clone().work(leads.clone(), out.clone()));
        futures_util::future::join_all(workers).await;
    }

    fn queue<T>(&self, with: impl FnOnce(&mut Queue<P::Request>) -> T) -> T {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let result = with(&mut queue);
        self.0.watched.depth(queue.depth(Instant::now()));
        result
    }

    async fn work(self, mut leads: watch::Receiver<bool>, out: mpsc::Sender<P::Told>) {
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            match self.queue(|queue| queue.next(Instant::now())) {
                Ok((gateway, wish, waited)) => {
                    self.0.wake.notify_one();
                    let running = self.0.watched.taken(waited);
                    let done = self.grant(gateway, wish, &leads).await;
                    drop(running);
                    let told = done.and_then(|done| self.0.provider.told(done));
                    if let Some(told) = told {
                        let _ = out.send(told).await;
                    }
                }
                Err(Some(until)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(until.into()) => {}
                        () = self.0.wake.notified() => {}
                    }
                }
                Err(None) => self.0.wake.notified().await,
            }
        }
    }

    /// One run. `None`: it did not come to its end, because this process leads no more.
    async fn grant(
        &self,
        gateway: ObjectName,
        wish: Wish<P::Request>,
        leads: &watch::Receiver<bool>,
    ) -> Option<Done<P::Request, P::Note>> {
        let begun = Instant::now();
        let provider = &self.0.provider;
        let note = provider.note(&gateway);
        let origin = self.queue(|queue| queue.origins.remove(&gateway));
        let span = tracing::debug_span!(
            target: TRACES,
            "provision",
            %gateway,
            changes = tracing::field::Empty,
            error = tracing::field::Empty,
        );
        traces::follow(&span, origin);
        let outcome = async {
            match &wish {
                Wish::Make(request) => provider.reconcile(request).await,
                Wish::Remove => provider.remove(&gateway).await,
            }
        };
        let outcome = outcome.instrument(span.clone()).await;
        span.record("changes", outcome.changes.len());
        if let Some(error) = outcome.errors().next() {
            span.record("error", error.to_string());
        }
        // Another attempt, if one is needed, is part of the same trace.
        let within = span.enter();
        let origin = traces::context();
        if !*leads.borrow() && !outcome.is_converged() {
            tracing::info!(%gateway, "this process does not lead any more: another one goes on");
            let metrics = &self.0.metrics;
            metrics.reconciled(P::CONTROLLER, "requeue", begun.elapsed());
            self.queue(|queue| queue.resume(gateway, wish, Instant::now()));
            return None;
        }
        let patient = self.queue(|queue| self.note_outcome(queue, (&gateway, &wish), &outcome, begun));
        drop(within);
        self.0.wake.notify_one();
        Some(Done {
            gateway,
            request: match wish {
                Wish::Make(request) => Some(request),
                Wish::Remove => None,
            },
            outcome,
            patient,
            note,
            origin,
        })
    }

    /// Notes what became of a run and when the next one is due. Answers whether a failure that passes is no news.
    fn note_outcome(
        &self,
        queue: &mut Queue<P::Request>,
        (gateway, wish): (&ObjectName, &Wish<P::Request>),
        outcome: &Outcome,
        begun: Instant,
    ) -> bool {
        let metrics = &self.0.metrics;
        let lasting = outcome.errors().any(|error| !error.kind.retryable());
        metrics.terminal(P::CONTROLLER, lasting);
        queue.busy.remove(gateway);
        let mut patient = queue.made.contains(gateway);
        let makes = matches!(wish, Wish::Make(_));
        let pause = if outcome.is_converged() {
            queue.failures.remove(gateway);
            let again = if makes {
                queue.made.insert(gateway.clone());
                self.0.provider.again(outcome)
            } else {
                queue.made.remove(gateway);
                None
            };
            let result = match again {
                Some(Again::Unfinished(_)) => "requeue_after",
                Some(Again::Regularly(_)) | None => "success",
            };
            metrics.reconciled(P::CONTROLLER, result, begun.elapsed());
            again.map(Again::pause)
        } else {
            let failures = queue.failures.entry(gateway.clone()).or_default();
            *failures += 1;
            let pause = outcome.retry_after(*failures).unwrap_or(LONGEST_PAUSE);
            let young = makes && is_young(outcome, *failures);
            patient |= young;
            for error in outcome.errors() {
                let kind = error.treatment().label;
                if young {
                    tracing::info!(%gateway, %error, kind, failures = *failures, "trying again");
                } else {
                    tracing::warn!(%gateway, %error, kind, failures = *failures, "provisioning failed, trying again");
                }
            }
            metrics.reconciled(P::CONTROLLER, "error", begun.elapsed());
            self.0.watched.retried();
            Some(pause)
        };
        if let Some(pause) = pause
            && !queue.wishes.contains_key(gateway)
        {
            queue.put(gateway.clone(), wish.clone(), Instant::now() + pause);
        }
        patient
    }
}

/// Whether a failure is to be expected: what was made a moment ago is not known everywhere at once, so that the next
/// calls about it fail.
fn is_young(outcome: &Outcome, failures: u32) -> bool {
    let expected = |error: &ProviderError| matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict);
    failures <= PATIENCE && outcome.errors().all(expected)
}

#[cfg(test)]
mod tests;
