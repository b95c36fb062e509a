//! Reading everything anew.

use super::{On, Swept};
use crate::cloud::{
    Answer, Arn, Balancers, Capacities, Cloud, Kind, Listeners, Network, Protections, Rules, Tagging,
    TargetGroups, Urgency, WebAcls,
};
use gatewright_provider_api::contract::ErrorKind;
use std::time::Duration;
use tokio::time::Instant;

/// What a sweep took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Calls of AWS.
    pub calls: u64,
    /// Time.
    pub took: Duration,
}

/// Calls that a sweep begins with, without a pause: half of what AWS answers at once.
const AT_ONCE: u64 = 20;

/// What is read at most, in calls a second.
pub(crate) struct Pace {
    per_second: f64,
    begun: Instant,
    before: u64,
}

impl Pace {
    /// From now on; so many calls were made before.
    pub(crate) fn new(per_second: f64, before: u64) -> Self {
        Self {
            per_second,
            begun: Instant::now(),
            before,
        }
    }

    /// When it began.
    pub(crate) const fn begun(&self) -> Instant {
        self.begun
    }

    /// What all of it took.
    pub(crate) fn end(&self, made: u64) -> Sweep {
        Sweep {
            calls: made.saturating_sub(self.before),
            took: self.begun.elapsed(),
        }
    }

    /// Waits until so many calls may have been made.
    pub(crate) async fn turn(&self, made: u64) {
        let calls = made.saturating_sub(self.before).saturating_sub(AT_ONCE);
        let after = calls as f64 / self.per_second.max(0.01);
        let due = Duration::try_from_secs_f64(after)
            .ok()
            .and_then(|after| self.begun.checked_add(after));
        if let Some(due) = due
            && due > Instant::now()
        {
            tokio::time::sleep_until(due).await;
        }
    }
}

impl<C: Cloud> Swept<C> {
    /// Reads everything of this cluster that was read before this moment, with at most so many calls a second.
    /// Changes go before it ([`Urgency`]). Answers are used again for `settled` from now on; it should be longer than the
    /// time until the next sweep ends.
    ///
    /// # Errors
    /// When something cannot be read. What was read by then is known.
    pub async fn sweep(&self, per_second: f64, settled: Duration) -> Answer<Sweep> {
        Urgency::Look.of(self.look(per_second, settled)).await
    }

    async fn look(&self, per_second: f64, settled: Duration) -> Answer<Sweep> {
        let _one = self.0.sweeping.lock().await;
        let pace = Pace::new(per_second, self.reads());
        let begun = pace.begun;
        self.known(|known| known.set_settled(settled));
        self.limits().await?;
        for kind in [
            Kind::Balancer,
            Kind::TargetGroup,
            Kind::SecurityGroup,
            Kind::TrustStore,
            Kind::Certificate,
        ] {
            self.known(|known| known.drop_search(kind, begun));
            self.search(kind).await?;
            pace.turn(self.reads()).await;
        }
        self.sweep_balancers(&pace).await?;
        self.sweep_target_groups(&pace).await?;
        let groups = self.known(|known| known.ours(Kind::SecurityGroup));
        self.expire(|known| &mut known.security_groups, &groups, begun);
        self.security_groups(&groups).await?;
        self.known(super::Known::forget_node_groups);
        self.known(super::Known::prune);
        Ok(pace.end(self.reads()))
    }

    async fn sweep_balancers(&self, pace: &Pace) -> Answer<()> {
        let begun = pace.begun;
        let arns = self.known(|known| {
            known.balancer_roll.drop_older(begun);
            known.ours(Kind::Balancer)
        });
        self.expire(|known| &mut known.balancers, &arns, begun);
        let mut tagged = Vec::new();
        let mut listeners = Vec::new();
        for balancer in self.balancers(&arns).await? {
            let arn = std::slice::from_ref(&balancer.arn);
            self.expire(|known| &mut known.balancer_attributes, arn, begun);
            self.expire(|known| &mut known.listeners, arn, begun);
            passing(self.balancer_attributes(&balancer.arn).await)?;
            // AWS WAF answers once a second: only where we put one.
            if self.known(|known| known.web_acls.get(&balancer.arn).is_some()) {
                self.expire(super::web_acls::ON, arn, begun);
                passing(self.web_acl(&balancer.arn).await)?;
            }
            if self.known(|known| known.protections.get(&balancer.arn).is_some()) {
                self.expire(super::protections::ON, arn, begun);
                passing(self.protection(&balancer.arn).await)?;
            }
            if self.known(|known| known.capacities.get(&balancer.arn).is_some()) {
                self.expire(super::capacities::ON, arn, begun);
                passing(self.capacity(&balancer.arn).await)?;
            }
            for listener in passing(self.listeners(&balancer.arn).await)?.unwrap_or_default() {
                tagged.push(listener.arn.clone());
                listeners.push(listener);
            }
            pace.turn(self.reads()).await;
        }
        for listener in listeners {
            let arn = std::slice::from_ref(&listener.arn);
            self.expire(|known| &mut known.rules, arn, begun);
            self.expire(|known| &mut known.listener_attributes, arn, begun);
            self.expire(|known| &mut known.listener_certificates, arn, begun);
            let rules = passing(self.rules(&listener.arn).await)?.unwrap_or_default();
            tagged.extend(rules.into_iter().map(|rule| rule.arn));
            passing(self.listener_attributes(&listener.arn).await)?;
            if listener.tls.is_some() {
                passing(self.listener_certificates(&listener.arn).await)?;
            }
            pace.turn(self.reads()).await;
        }
        for together in tagged.chunks(super::tagging::TOGETHER) {
            self.expire(|known| &mut known.tags, together, begun);
            self.tags(together).await?;
            pace.turn(self.reads()).await;
        }
        Ok(())
    }

    async fn sweep_target_groups(&self, pace: &Pace) -> Answer<()> {
        let begun = pace.begun;
        let arns = self.known(|known| {
            known.group_roll.drop_older(begun);
            known.ours(Kind::TargetGroup)
        });
        self.expire(|known| &mut known.target_groups, &arns, begun);
        for group in self.target_groups(&arns).await? {
            let arn = std::slice::from_ref(&group.arn);
            self.expire(|known| &mut known.target_group_attributes, arn, begun);
            self.expire(|known| &mut known.targets, arn, begun);
            passing(self.target_group_attributes(&group.arn).await)?;
            passing(self.targets(&group.arn).await)?;
            pace.turn(self.reads()).await;
        }
        Ok(())
    }

    /// What was read before is read again.
    fn expire<T: super::shelf::Holds>(&self, on: On<T>, arns: &[Arn], before: Instant) {
        self.known(|known| {
            for arn in arns {
                on(known).drop_older(arn, before);
            }
        });
    }
}

/// What went while it was looked at is no failure.
pub(crate) fn passing<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
