//! Reading everything anew.

use super::{On, Swept};
use crate::cloud::{Answer, Arn, Urgency};
use crate::lattice::cloud::{Kind, Lattice, Listeners, Networks, Services, TargetGroups};
use crate::swept::Sweep;
use crate::swept::shelf::Holds;
use crate::swept::sweep::{Pace, passing};
use std::time::Duration;
use tokio::time::Instant;

impl<C: Lattice> Swept<C> {
    /// Reads everything of this cluster that was read before this moment, with at most so many calls a second. Changes go
    /// before it ([`Urgency`]). Answers are used again for `settled` from now on; it should be longer than the time until
    /// the next sweep ends.
    ///
    /// # Errors
    /// When something cannot be read. What was read by then is known.
    pub async fn sweep(&self, per_second: f64, settled: Duration) -> Answer<Sweep> {
        Urgency::Look.of(self.read_all(per_second, settled)).await
    }

    async fn read_all(&self, per_second: f64, settled: Duration) -> Answer<Sweep> {
        let _one = self.0.sweeping.lock().await;
        let pace = Pace::new(per_second, self.reads());
        self.known(|known| known.set_settled(settled));
        for kind in Kind::ALL {
            self.known(|known| known.drop_search(kind, pace.begun()));
            self.search(kind).await?;
            pace.turn(self.reads()).await;
        }
        for network in self.known(|known| known.ours(Kind::Network)) {
            self.expire(|known| &mut known.networks, &network, pace.begun());
            self.expire(|known| &mut known.vpc_associations, &network, pace.begun());
            if passing(self.network(&network).await)?.flatten().is_some() {
                self.read_access(&network, &pace).await?;
                passing(self.vpc_associations(&network).await)?;
            }
            pace.turn(self.reads()).await;
        }
        for service in self.known(|known| known.ours(Kind::Service)) {
            self.read_service(&service, &pace).await?;
        }
        for group in self.known(|known| known.ours(Kind::TargetGroup)) {
            self.expire(|known| &mut known.groups, &group, pace.begun());
            self.expire(|known| &mut known.targets, &group, pace.begun());
            if passing(self.group(&group).await)?.flatten().is_some() {
                passing(self.targets_of(&group).await)?;
            }
            pace.turn(self.reads()).await;
        }
        self.known(super::Known::prune);
        Ok(pace.end(self.reads()))
    }

    async fn read_service(&self, service: &Arn, pace: &Pace) -> Answer<()> {
        self.expire(|known| &mut known.services, service, pace.begun());
        self.expire(|known| &mut known.service_associations, service, pace.begun());
        self.expire(|known| &mut known.listeners, service, pace.begun());
        if passing(self.service(service).await)?.flatten().is_none() {
            return Ok(());
        }
        self.read_access(service, pace).await?;
        passing(self.service_associations(service).await)?;
        for listener in passing(self.listeners_of(service).await)?.unwrap_or_default() {
            self.expire(|known| &mut known.rules, &listener.arn, pace.begun());
            passing(self.rules_of(&listener.arn).await)?;
            pace.turn(self.reads()).await;
        }
        pace.turn(self.reads()).await;
        Ok(())
    }

    async fn read_access(&self, of: &Arn, pace: &Pace) -> Answer<()> {
        self.expire(|known| &mut known.policies, of, pace.begun());
        self.expire(|known| &mut known.logs, of, pace.begun());
        passing(self.policy(of).await)?;
        passing(self.logs(of).await)?;
        Ok(())
    }

    /// What was read before is read again.
    fn expire<T: Holds>(&self, on: On<T>, arn: &Arn, before: Instant) {
        self.known(|known| on(known).drop_older(arn, before));
    }
}
