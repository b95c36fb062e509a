//! Leadership by a Lease (`coordination.k8s.io/v1`), by the rules of client-go's `leaderelection`: who holds
//! it writes, everybody else keeps warm and waits.
//!
//! Clocks of other machines are not trusted: a lease is taken over when it has not changed for its duration
//! by *our* clock, the one that never jumps; the time of day is only written. A leader that cannot renew stops writing
//! [`Terms::deadline`] after its last renewal, counted from when it began to ask for it, whatever it is waiting for at
//! that moment; nobody else may take over before [`Terms::duration`] after that renewal. The time between is for what is
//! under way.

use super::clock::Clock;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

/// Times of an election (client-go's defaults: 15 s, 10 s, 2 s).
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long a lease holds that is not renewed.
    pub duration: Duration,
    /// How long after its last renewal a leader goes on writing; less than `duration`.
    pub deadline: Duration,
    /// Between two attempts.
    pub retry: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// What to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// It is nobody's, or has run out.
    Acquire,
    /// It is ours.
    Renew,
    /// It is somebody else's.
    Wait,
}

/// Decides. `unchanged` is how long the lease has been as it is, by our clock.
fn decide(lease: Option<&LeaseSpec>, me: &str, unchanged: Duration) -> Decision {
    let Some(holder) = lease
        .and_then(|spec| spec.holder_identity.as_deref())
        .filter(|holder| !holder.is_empty())
    else {
        return Decision::Acquire;
    };
    if holder == me {
        return Decision::Renew;
    }
    let seconds = lease
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or_default();
    let duration = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    if unchanged >= duration {
        Decision::Acquire
    } else {
        Decision::Wait
    }
}

/// The lease as it is written next.
fn next(before: Option<&LeaseSpec>, me: &str, now: Timestamp, terms: Terms) -> LeaseSpec {
    let mine = before.is_some_and(|spec| spec.holder_identity.as_deref() == Some(me));
    let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or_default();
    LeaseSpec {
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: i32::try_from(terms.duration.as_secs()).ok(),
        acquire_time: match before.filter(|_| mine) {
            Some(spec) => spec.acquire_time.clone(),
            None => Some(MicroTime(now)),
        },
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(if mine || before.is_none() {
            transitions
        } else {
            transitions + 1
        }),
        ..LeaseSpec::default()
    }
}

/// A candidate.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    me: String,
    terms: Terms,
    clock: Clock,
    /// The lease as last seen, and since when it is like this by our clock.
    seen: Option<(LeaseSpec, Instant)>,
}

impl Candidate {
    /// A candidate for the lease `namespace/name`; `me` is unique to this process.
    pub fn new(
        client: Client,
        (namespace, name): (&str, &str),
        me: String,
        (terms, clock): (Terms, Clock),
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            me,
            terms,
            clock,
            seen: None,
        }
    }

    /// Takes part until `stop` is true, then gives the lease back. `leads` says at any moment whether we may
    /// write.
    pub async fn run(mut self, leads: watch::Sender<bool>, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(self.terms.retry);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed: Option<Instant> = None;
        let mut cut_short = false;
        loop {
            let deadline = renewed.map(|at| at + self.terms.deadline);
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                () = at(deadline) => {
                    tracing::warn!(lease = self.name, "the lease could not be renewed in time: writing stops");
                    renewed = None;
                    leads.send_replace(false);
                }
                _ = ticks.tick() => {
                    let begun = Instant::now();
                    // An attempt that hangs must not outlive the deadline.
                    let patience = begun + self.terms.retry * 2;
                    let patience = deadline.map_or(patience, |deadline| deadline.min(patience));
                    let attempt = timeout_at(patience, self.attempt());
                    let attempted = tokio::select! {
                        biased;
                        () = stopped(&mut stop) => {
                            cut_short = true;
                            break;
                        }
                        attempted = attempt => attempted,
                    };
                    match attempted {
                        Ok(Ok(true)) => {
                            if renewed.replace(begun).is_none() {
                                tracing::info!(lease = self.name, identity = self.me, "leading");
                            }
                            // Of a process that stood still meanwhile the renewal is an old one.
                            leads.send_replace(begun.elapsed() < self.terms.deadline);
                        }
                        Ok(Ok(false)) => {
                            if renewed.take().is_some() {
                                tracing::warn!(lease = self.name, "another process leads now");
                                leads.send_replace(false);
                            }
                        }
                        Ok(Err(error)) => tracing::warn!(lease = self.name, %error, "cannot read or renew the lease"),
                        Err(_) => tracing::warn!(lease = self.name, "the API server does not answer about the lease"),
                    }
                }
            }
        }
        leads.send_replace(false);
        if renewed.is_some() || cut_short {
            let _ = timeout(self.terms.retry, self.release()).await;
        }
    }

    /// One attempt to get or keep the lease; says whether it is ours.
    async fn attempt(&mut self) -> kube::Result<bool> {
        let found = self.api.get_opt(&self.name).await?;
        let spec = found.as_ref().and_then(|lease| lease.spec.as_ref());
        let unchanged = self.observe(spec);
        if decide(spec, &self.me, unchanged) == Decision::Wait {
            return Ok(false);
        }
        let wanted = next(spec, &self.me, self.clock.now(), self.terms);
        match self.write(found, wanted).await {
            Ok(spec) => {
                self.seen = spec.map(|spec| (spec, Instant::now()));
                Ok(true)
            }
            // Somebody else was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How long the lease has been as it is.
    fn observe(&mut self, spec: Option<&LeaseSpec>) -> Duration {
        match (spec, &self.seen) {
            (Some(spec), Some((seen, since))) if spec == seen => since.elapsed(),
            (Some(spec), _) => {
                self.seen = Some((spec.clone(), Instant::now()));
                Duration::ZERO
            }
            (None, _) => Duration::ZERO,
        }
    }

    async fn write(&self, found: Option<Lease>, spec: LeaseSpec) -> kube::Result<Option<LeaseSpec>> {
        let params = PostParams::default();
        let written = match found {
            Some(mut lease) => {
                // The resource version stays: a lease that somebody changed meanwhile is not overwritten.
                lease.spec = Some(spec);
                self.api.replace(&self.name, &params, &lease).await?
            }
            None => {
                let lease = Lease {
                    metadata: ObjectMeta {
                        name: Some(self.name.clone()),
                        ..ObjectMeta::default()
                    },
                    spec: Some(spec),
                };
                self.api.create(&params, &lease).await?
            }
        };
        Ok(written.spec)
    }

    async fn release(&self) -> kube::Result<()> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            return Ok(());
        };
        let spec = lease.spec.clone().unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(&self.me) {
            return Ok(());
        }
        let released = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(self.clock.now())),
            ..spec
        };
        self.write(Some(lease), released).await.map(|_| ())
    }
}

/// Also when nobody can say so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
