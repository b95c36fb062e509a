//! One look at VPC Lattice of an account and region for all Gateways, as [`crate::swept`] is one at its load balancers.
//!
//! AWS has no bulk reads of Lattice: listeners, rules and associations are listed for each parent and read one by one, so
//! that a look at one service with ten rules takes some twenty calls. [`Swept`] is a [`Lattice`] over another one that
//! answers reads with what was read before:
//!
//! - Searches by tags are made for the whole cluster: four for all Gateways in place of four for each.
//! - A write of ours drops what it touches, and nothing else is read again. What a search by tags does not show yet,
//!   because it was made a moment ago, is added; what is gone is left out.
//! - What AWS is busy with (`…_IN_PROGRESS`, targets that drain) is read again after seconds.
//! - A write or read that fails makes all that is known of its Gateway doubtful: it is read again.
//! - [`Swept::sweep`] reads everything anew, at a pace that leaves room for changes.
//!
//! Nothing here is state of our own: whoever starts with nothing reads it all from AWS.

mod groups;
mod holds;
mod known;
mod listeners;
mod networks;
mod resources;
mod services;
mod sweep;

use super::cloud::{Kind, Lattice};
use crate::cloud::{Answer, Arn};
use crate::owner::{CLUSTER, Tags, value};
use crate::swept::Ages;
use crate::swept::shelf::{Holds, Shelf};
use gatewright_aws_core::Str;
use known::Known;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// VPC Lattice of an account and region whose answers are shared. A clone is the same one.
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
    sweeping: tokio::sync::Mutex<()>,
    /// Calls of AWS that were needed for reads, as far as can be told from here.
    reads: AtomicU64,
}

/// A shelf of what is known.
type On<T> = fn(&mut Known) -> &mut Shelf<T>;

impl<C: Lattice> Swept<C> {
    /// Of a cluster; nothing is known yet.
    pub fn new(cloud: C, cluster: &str, ages: Ages) -> Self {
        Self(Arc::new(Inner {
            cloud,
            mark: value(cluster),
            known: Mutex::new(Known::new(ages)),
            searching: tokio::sync::Mutex::default(),
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

    /// Calls that were needed for reads so far, an estimate where one of ours is several of AWS's.
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

    /// Counts calls that a read took.
    fn count(&self, calls: usize) {
        let calls = u64::try_from(calls).unwrap_or(u64::MAX);
        self.0.reads.fetch_add(calls, Ordering::Relaxed);
    }

    /// What is known of one resource, else what is read now; `calls` says what that took.
    async fn one<T: Holds + Clone + Send>(
        &self,
        on: On<T>,
        arn: &Arn,
        read: impl Future<Output = Answer<T>> + Send,
        calls: impl FnOnce(&T) -> usize + Send,
    ) -> Answer<T> {
        let ticket = match self.known(|known| known.look(on, arn)) {
            Ok(value) => return Ok(value),
            Err(ticket) => ticket,
        };
        match read.await {
            Ok(value) => {
                self.count(calls(&value));
                self.known(|known| known.put(on, arn, value.clone(), ticket));
                Ok(value)
            }
            Err(error) => {
                self.count(1);
                self.known(|known| known.failed(&error, arn));
                Err(error)
            }
        }
    }

    /// Writes, and drops what that touches: before, because nobody may be left to do it afterwards, and after, because
    /// somebody may have read meanwhile. It is about this resource.
    async fn write<T: Send>(
        &self,
        arn: &Arn,
        touch: impl Fn(&mut Known) + Send + Sync,
        write: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        self.known(&touch);
        let answer = write.await;
        self.known(|known| {
            touch(known);
            if let Err(error) = &answer {
                known.failed(error, arn);
            }
        });
        answer
    }

    /// Makes something that is found by its tags.
    async fn make(
        &self,
        kind: Kind,
        tags: &Tags,
        make: impl Future<Output = Answer<Arn>> + Send,
    ) -> Answer<Arn> {
        let heard = self.unheard(kind);
        let answer = make.await;
        self.known(|known| match &answer {
            Ok(arn) => known.made(kind, arn, tags),
            Err(error) => known.doubt_owner(tags, error),
        });
        heard.answer();
        answer
    }

    /// A change of what searches find begins. Where nobody hears its answer, they are doubtful.
    const fn unheard(&self, kind: Kind) -> Unheard<'_, C> {
        Unheard {
            swept: self,
            kind,
            heard: false,
        }
    }
}

/// A change whose answer nobody heard yet.
struct Unheard<'a, C: Lattice> {
    swept: &'a Swept<C>,
    kind: Kind,
    heard: bool,
}

impl<C: Lattice> Unheard<'_, C> {
    fn answer(mut self) {
        self.heard = true;
    }
}

impl<C: Lattice> Drop for Unheard<'_, C> {
    fn drop(&mut self) {
        if !self.heard {
            self.swept.known(|known| known.doubt_search(self.kind));
        }
    }
}
