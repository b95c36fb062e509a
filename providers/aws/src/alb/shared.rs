//! What load balancers of a cluster share in a VPC: a security group that they get into nodes and pods as.
//!
//! It belongs to no Gateway, so that its tags name one that cannot be ([`owner::shared`]). Who needs it, and for which ports,
//! stands in a tag of each load balancer ([`owner::PORTS`]): nothing of another Gateway has to be read for it.
//! Rules that name it are put into groups that their owner gave over by a tag ([`owner::NODES`]), and nowhere else.

use crate::cloud::{Answer, Arn, Cloud, Group, Kind, Tagged};
use crate::owner::{self, CLUSTER, Owner, PORTS, Tags, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::access::{Ports, condense};
use std::collections::{BTreeMap, BTreeSet};

/// What of it exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The groups, one for each VPC.
    pub groups: BTreeMap<Arn, Group>,
    /// Groups of nodes and pods that were given over; not read where there is none of `groups`.
    pub nodes: Vec<Group>,
    /// Tags of other Gateways' load balancers that have one of `groups`.
    pub others: BTreeMap<Arn, Tags>,
}

impl Shared {
    /// That of a VPC.
    pub fn of(&self, vpc: &str) -> Option<&Group> {
        self.groups.values().find(|group| &*group.vpc == vpc)
    }

    /// Groups of nodes and pods in a VPC.
    pub fn nodes_in<'a>(&'a self, vpc: &'a str) -> impl Iterator<Item = &'a Group> {
        self.nodes.iter().filter(move |group| &*group.vpc == vpc)
    }
}

/// Reads it for a Gateway.
///
/// # Errors
/// When anything of it cannot be read.
pub async fn read<C: Cloud>(cloud: &C, owner: &Owner) -> Answer<Shared> {
    let found = cloud
        .find(Kind::SecurityGroup, &owner::of_all(&owner.cluster).marks())
        .await?;
    let ids: Vec<Arn> = found.into_iter().map(|found| found.arn).collect();
    if ids.is_empty() {
        return Ok(Shared::default());
    }
    let groups = cloud.security_groups(&ids).await?;
    if groups.is_empty() {
        return Ok(Shared::default());
    }
    let others = balancers(cloud, &owner.cluster).await?.into_iter();
    Ok(Shared {
        groups: groups
            .into_iter()
            .map(|group| (group.id.clone(), group))
            .collect(),
        nodes: cloud.node_groups(&owner.cluster).await?,
        others: others
            .filter(|found| !owner.owns(&found.tags))
            .map(|found| (found.arn, found.tags))
            .collect(),
    })
}

/// Load balancers of a cluster that need the group.
async fn balancers<C: Cloud>(cloud: &C, cluster: &str) -> Answer<Vec<Tagged>> {
    let marks = Tags::from([(CLUSTER.into(), value(cluster))]);
    let mut found = cloud.find(Kind::Balancer, &marks).await?;
    found.retain(|found| found.tags.contains_key(PORTS));
    Ok(found)
}

/// Of these ports those that no load balancer of the cluster in the VPC needs now. Another Gateway's may have come to need
/// one since the plan was made.
///
/// # Errors
/// When that cannot be read.
pub async fn unneeded<C: Cloud>(
    cloud: &C,
    (cluster, vpc): (&str, &str),
    ports: &BTreeSet<Ports>,
) -> Answer<BTreeSet<Ports>> {
    let found = balancers(cloud, cluster).await?;
    let needed = needed(found.iter().map(|found| &found.tags), vpc).unwrap_or_default();
    Ok(ports.difference(&condense(needed)).cloned().collect())
}

/// Ports that load balancers with these tags need in a VPC; `None`: none of them has the group there.
pub fn needed<'a>(tags: impl IntoIterator<Item = &'a Tags>, vpc: &str) -> Option<BTreeSet<Ports>> {
    let noted = tags.into_iter().filter_map(|tags| noted(tags.get(PORTS)?, vpc));
    noted.reduce(|mut all, more| {
        all.extend(more);
        all
    })
}

/// Value of [`PORTS`]: the VPC, and ports. [`condense`]d ones always fit.
pub fn note(vpc: &str, ports: &BTreeSet<Ports>) -> Str {
    let mut words = vec![vpc.to_owned()];
    words.extend(ports.iter().map(ToString::to_string));
    words.join(" ").into()
}

/// What of a tag concerns a VPC. What somebody else wrote there is left out.
fn noted(note: &str, vpc: &str) -> Option<BTreeSet<Ports>> {
    let mut words = note.split(' ');
    (words.next() == Some(vpc)).then(|| words.filter_map(Ports::parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_aws_core::access::MOST;

    fn tags(note: &str) -> Tags {
        Tags::from([(PORTS.into(), note.into())])
    }

    #[test]
    fn what_all_load_balancers_of_a_vpc_need_is_needed_there() {
        let all = [
            tags("vpc-1 tcp/8080 udp/53"),
            tags("vpc-1 tcp/9000 rubbish"),
            tags("vpc-2 tcp/1"),
            Tags::new(),
        ];
        let found = needed(&all, "vpc-1").unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["tcp/8080", "tcp/9000", "udp/53"]);
        assert_eq!(needed(&all, "vpc-3"), None);
        // One without targets has the group nevertheless.
        assert_eq!(needed(&[tags("vpc-3")], "vpc-3"), Some(BTreeSet::new()));
    }

    /// `API_Tag`: a value has at most 256 characters.
    #[test]
    fn a_note_always_fits_and_is_read_as_it_was_written() {
        let most = u16::try_from(MOST).unwrap();
        let ports: BTreeSet<Ports> = (0..most).map(|port| Ports::one("tcp", 65_535 - port)).collect();
        let note = note("vpc-0123456789abcdef0", &condense(ports.clone()));
        assert!(note.len() <= 256, "{note}");
        assert_eq!(noted(&note, "vpc-0123456789abcdef0"), Some(ports));
    }
}
