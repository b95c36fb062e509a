//! One look at an account and region for all Gateways.
//!
//! AWS answers 10 describes a second, and one Gateway of ten routes takes some twenty-five of them. [`Swept`] is a
//! [`Cloud`] over another one that answers reads with what was read before:
//!
//! - Searches by tags are made for the whole cluster; load balancers and target groups are listed, hundreds to a
//!   call; tags are read for 20 resources at a time. The rest has a call for each resource.
//! - A write of ours drops what it touches, so that the next look reads that and nothing else. What a search by tags
//!   does not show yet, because it was made a moment ago, is added; what is gone is left out.
//! - The first list of a sweep also tells how much of the region's quotas is used, by whomever.
//! - What AWS is busy with (a load balancer that is being set up, targets that are checked for the first time) is
//!   read again after seconds.
//! - A write or read that fails makes all that is known of its Gateway doubtful: it is read again. So an answer that
//!   is out of date costs an attempt and no more.
//! - [`Swept::sweep`] reads everything anew, at a pace that leaves room for changes: that is how what others changed
//!   is found.
//!
//! Nothing here is state of our own: whoever starts with nothing reads it all from AWS.

mod balancers;
mod capacities;
pub(crate) mod certificates;
pub(crate) mod drops;
mod known;
mod listeners;
mod network;
mod protections;
mod roll;
mod rules;
pub(crate) mod shelf;
pub(crate) mod sweep;
mod tagging;
mod target_groups;
mod texts;
mod trust_stores;
mod web_acls;

pub use sweep::Sweep;

use crate::cloud::{Answer, Arn, Cloud, CloudError};
use crate::owner::{CLUSTER, Tags, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::limits::{AlbLimits, NlbLimits};
use gatewright_provider_api::contract::ErrorKind;
use known::Known;
use shelf::{Lasts, Shelf};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Calls a second of a sweep in an account without raised quotas: half of what AWS answers
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>: 10 describes a second).
/// The other half is for changes, and for others who use the account.
pub const PACE: f64 = 5.0;

/// How long answers are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Of what only we or a person change: longer than the time between two sweeps, so that a sweep reads it.
    pub settled: Duration,
    /// Of what AWS is busy with, and between two searches for something that was not where it should be.
    pub busy: Duration,
    /// Of what belongs to others: certificates that nobody imported, quotas.
    pub others: Duration,
    /// How long a search by tags may not show what is new. AWS documents no figure.
    pub lag: Duration,
}

impl Default for Ages {
    fn default() -> Self {
        Self {
            settled: Duration::from_secs(3600),
            busy: Duration::from_secs(4),
            others: Duration::from_secs(60),
            lag: Duration::from_secs(300),
        }
    }
}

impl Ages {
    /// Of an answer that holds so long.
    pub(crate) const fn of(&self, lasts: Lasts) -> Duration {
        match lasts {
            Lasts::Settled => self.settled,
            Lasts::Busy => self.busy,
        }
    }
}

/// An account and region whose answers are shared. A clone is the same one.
pub struct Swept<C>(Arc<Inner<C>>);

impl<C> Clone for Swept<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<C> {
    cloud: C,
    /// Value of the tag that marks what is this cluster's.
    mark: Str,
    known: Mutex<Known>,
    /// One at a time: who waits wants the same answer.
    searching: tokio::sync::Mutex<()>,
    listing: tokio::sync::Mutex<()>,
    sweeping: tokio::sync::Mutex<()>,
    /// Calls of AWS that were needed for reads, as far as can be told from here.
    reads: AtomicU64,
}

/// A shelf of what is known.
type On<T> = fn(&mut Known) -> &mut Shelf<T>;

impl<C: Cloud> Swept<C> {
    /// Of a cluster; nothing is known yet.
    pub fn new(cloud: C, cluster: &str, ages: Ages) -> Self {
        Self(Arc::new(Inner {
            cloud,
            mark: value(cluster),
            known: Mutex::new(Known::new(ages)),
            searching: tokio::sync::Mutex::default(),
            listing: tokio::sync::Mutex::default(),
            sweeping: tokio::sync::Mutex::default(),
            reads: AtomicU64::new(0),
        }))
    }

    /// What it is over.
    pub fn cloud(&self) -> &C {
        &self.0.cloud
    }

    /// Forgets everything: another process worked on it meanwhile.
    pub fn forget(&self) {
        self.known(Known::forget_all);
    }

    /// Calls that were needed for reads so far, an estimate where one of ours may be several of AWS's.
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// The tags of everything of this cluster.
    fn marks(&self) -> Tags {
        Tags::from([(CLUSTER.into(), self.0.mark.clone())])
    }

    fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.0.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts calls that a read takes.
    fn count(&self, calls: usize) {
        let calls = u64::try_from(calls).unwrap_or(u64::MAX);
        self.0.reads.fetch_add(calls, Ordering::Relaxed);
    }

    /// What is known of one resource, else what is read now.
    async fn one<T: shelf::Holds + Clone + Send>(
        &self,
        on: On<T>,
        arn: &Arn,
        read: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let ticket = match self.known(|known| known.look(on, arn)) {
            Ok(value) => return Ok(value),
            Err(ticket) => ticket,
        };
        self.count(1);
        match read.await {
            Ok(value) => {
                self.known(|known| known.put(on, arn, value.clone(), ticket));
                Ok(value)
            }
            Err(error) => {
                self.known(|known| known.failed(&error, [arn]));
                Err(error)
            }
        }
    }

    /// Writes, and drops what that touches: before, because nobody may be left to do it afterwards, and after,
    /// because somebody may have read meanwhile. `arns` are all that the write is about.
    async fn write<T: Send>(
        &self,
        arns: &[&Arn],
        touch: impl Fn(&mut Known) + Send + Sync,
        write: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        self.known(&touch);
        let answer = write.await;
        self.known(|known| {
            touch(known);
            if let Err(error) = &answer {
                known.failed(error, arns.iter().copied());
            }
        });
        answer
    }

    /// Makes something with these tags.
    async fn make<T: Send>(
        &self,
        tags: &Tags,
        touch: impl Fn(&mut Known) + Send + Sync,
        make: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        self.known(&touch);
        let answer = make.await;
        self.known(|known| {
            touch(known);
            if let Err(error) = &answer
                && makes_doubtful(error)
            {
                known.doubt_owner(tags);
            }
        });
        answer
    }
}

/// Whether an error may come from what is known being out of date, or leaves open what is there now. What was refused
/// for the number of calls was not tried.
pub(crate) const fn makes_doubtful(error: &CloudError) -> bool {
    !matches!(error.kind, ErrorKind::Throttled { .. })
}

impl<C: Cloud> Cloud for Swept<C> {
    async fn limits(&self) -> Answer<AlbLimits> {
        if let Some(limits) = self.known(|known| known.limits()) {
            return Ok(limits);
        }
        self.count(1);
        let limits = self.0.cloud.limits().await?;
        self.known(|known| known.set_limits(limits.clone()));
        Ok(limits)
    }

    async fn network_limits(&self) -> Answer<NlbLimits> {
        if let Some(limits) = self.known(|known| known.network_limits()) {
            return Ok(limits);
        }
        self.count(1);
        let limits = self.0.cloud.network_limits().await?;
        self.known(|known| known.set_network_limits(limits.clone()));
        Ok(limits)
    }

    fn pace(&self) -> f64 {
        self.0.cloud.pace()
    }
}
