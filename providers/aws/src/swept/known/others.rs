//! What belongs to others: quotas, certificates, groups of nodes.

use super::Known;
use crate::cloud::{Arn, CertificateDetails, Group};
use crate::swept::drops::Ticket;
use gatewright_aws_core::limits::{AlbLimits, NlbLimits};
use tokio::time::Instant;

impl Known {
    /// Quotas, if they were read a moment ago.
    pub fn limits(&self) -> Option<AlbLimits> {
        let (limits, at) = self.limits.as_ref()?;
        (at.elapsed() < self.ages.others).then(|| limits.clone())
    }

    pub fn set_limits(&mut self, limits: AlbLimits) {
        self.limits = Some((limits, Instant::now()));
    }

    /// The same of Network Load Balancers.
    pub fn network_limits(&self) -> Option<NlbLimits> {
        let (limits, at) = self.network_limits.as_ref()?;
        (at.elapsed() < self.ages.others).then(|| limits.clone())
    }

    pub fn set_network_limits(&mut self, limits: NlbLimits) {
        self.network_limits = Some((limits, Instant::now()));
    }

    /// Groups that were given over, if they were read a moment ago.
    pub fn node_groups(&self, cluster: &str) -> Option<Vec<Group>> {
        let (found, at) = self.node_groups.get(cluster)?;
        (at.elapsed() < self.ages.others).then(|| found.clone())
    }

    /// Notes them, unless one changed since the read began.
    pub fn set_node_groups(&mut self, cluster: &str, found: Vec<Group>, ticket: Ticket) {
        if found.iter().all(|group| self.drops.is_current(&group.id, ticket)) {
            self.node_groups.insert(cluster.into(), (found, ticket.at()));
        }
    }

    /// The rules of one change.
    pub fn drop_node_group(&mut self, group: &Arn) {
        self.node_groups.clear();
        self.drops.mark(group);
    }

    /// They are read again.
    pub fn forget_node_groups(&mut self) {
        self.node_groups.clear();
    }

    /// All certificates, if they were read a moment ago.
    pub fn certificates(&self) -> Option<Vec<CertificateDetails>> {
        let (found, at) = self.certificates.as_ref()?;
        (at.elapsed() < self.ages.others).then(|| found.clone())
    }

    pub fn set_certificates(&mut self, found: Option<Vec<CertificateDetails>>) {
        self.certificates = found.map(|found| (found, Instant::now()));
    }
}
