//! VPC, subnets, security groups.

use super::Connection;
use super::check::{self, quota};
use super::state::found;
use crate::cloud::{Answer, Arn, ElasticAddress, Group, Kind, Network, NewGroup, SubnetDetails, Vpc};
use crate::owner::{NODES, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::access::Ports;
use gatewright_aws_core::network::Ingress;
use gatewright_provider_api::contract::{Action, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const MISSING: &str = "InvalidGroup.NotFound";

impl Network for Connection {
    async fn vpc(&self, id: &str) -> Answer<Option<Vpc>> {
        self.read("DescribeVpcs", |_| {
            Ok((id == "vpc-1").then(|| Vpc {
                id: id.into(),
                blocks: BTreeSet::from(["10.0.0.0/16".into()]),
            }))
        })
        .await
    }

    async fn subnets(&self, vpc: &str) -> Answer<Vec<SubnetDetails>> {
        self.read("DescribeSubnets", |state| {
            let subnets = state.subnets.values().filter(|subnet| &*subnet.vpc == vpc);
            Ok(subnets.cloned().collect())
        })
        .await
    }

    async fn elastic_addresses(&self, addresses: &BTreeSet<IpAddr>) -> Answer<BTreeMap<IpAddr, Str>> {
        self.read("DescribeAddresses", |state| {
            let mut found = state.elastic.clone();
            found.retain(|address, _| addresses.contains(address));
            Ok(found)
        })
        .await
    }

    async fn elastic_addresses_tagged(
        &self,
        tags: &BTreeMap<Str, BTreeSet<Str>>,
    ) -> Answer<Vec<ElasticAddress>> {
        self.read("DescribeAddresses", |state| {
            let has = |ip: &IpAddr| {
                let own = state.elastic_tags.get(ip);
                tags.iter().all(|(key, accepted)| {
                    let value = own.and_then(|own| own.get(key));
                    value.is_some_and(|value| accepted.is_empty() || accepted.contains(value))
                })
            };
            let used = |ip: &IpAddr| {
                let mut addresses = state
                    .balancers
                    .values()
                    .flat_map(|kept| kept.of.addresses.values());
                addresses.any(|address| address.ip == *ip)
            };
            let found = state.elastic.iter().filter(|(ip, _)| has(ip));
            Ok(found
                .map(|(ip, allocation)| ElasticAddress {
                    ip: *ip,
                    allocation: allocation.clone(),
                    used: used(ip),
                })
                .collect())
        })
        .await
    }

    async fn security_groups(&self, ids: &[Arn]) -> Answer<Vec<Group>> {
        self.read("DescribeSecurityGroups", |state| {
            let groups = ids.iter().filter_map(|id| state.security_groups.get(id));
            Ok(groups
                .map(|group| Group {
                    tags: state.tags.get(&group.id).cloned().unwrap_or_default(),
                    ..group.clone()
                })
                .collect())
        })
        .await
    }

    async fn security_group_named(&self, vpc: &str, name: &str) -> Answer<Option<Group>> {
        self.read("DescribeSecurityGroups", |state| {
            let mut groups = state.security_groups.values();
            let found = groups.find(|group| &*group.vpc == vpc && &*group.name == name);
            Ok(found.map(|group| Group {
                tags: state.tags.get(&group.id).cloned().unwrap_or_default(),
                ..group.clone()
            }))
        })
        .await
    }

    async fn create_security_group(&self, new: &NewGroup) -> Answer<Arn> {
        let what = (Action::Create, new.name.clone());
        self.write("CreateSecurityGroup", what, |state| {
            check::tags(&new.tags)?;
            let mut groups = state.security_groups.values();
            if groups.any(|group| group.vpc == new.vpc && group.name == new.name) {
                return Err((ErrorKind::NotOurs, "InvalidGroup.Duplicate"));
            }
            let id = state.make("sg", &new.tags);
            let group = Group {
                id: id.clone(),
                name: new.name.clone(),
                vpc: new.vpc.clone(),
                ingress: BTreeSet::new(),
                from_groups: BTreeSet::new(),
                tags: Tags::new(),
            };
            state.security_groups.insert(id.clone(), group);
            Ok(id)
        })
        .await
    }

    async fn authorize(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> Answer<()> {
        let what = (Action::Update, group.0.clone());
        self.write("AuthorizeSecurityGroupIngress", what, |state| {
            let group = found(state.security_groups.get_mut(group), MISSING)?;
            group.ingress.extend(ingress.iter().cloned());
            Ok(())
        })
        .await
    }

    async fn revoke(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> Answer<()> {
        let what = (Action::Update, group.0.clone());
        self.write("RevokeSecurityGroupIngress", what, |state| {
            let group = found(state.security_groups.get_mut(group), MISSING)?;
            group.ingress.retain(|entry| !ingress.contains(entry));
            Ok(())
        })
        .await
    }

    async fn node_groups(&self, cluster: &str) -> Answer<Vec<Group>> {
        self.read("DescribeSecurityGroups", |state| {
            let given = state.security_groups.values().filter(|group| {
                let tags = state.tags.get(&group.id);
                tags.and_then(|tags| tags.get(NODES))
                    .is_some_and(|of| **of == *cluster)
            });
            Ok(given.cloned().collect())
        })
        .await
    }

    async fn admit(&self, group: &Arn, from: &Arn, ports: &BTreeSet<Ports>) -> Answer<()> {
        let what = (Action::Update, group.0.clone());
        self.write("AuthorizeSecurityGroupIngress", what, |state| {
            found(state.security_groups.get(from), MISSING)?;
            let group = found(state.security_groups.get_mut(group), MISSING)?;
            let mut all = group.from_groups.clone();
            all.extend(ports.iter().map(|ports| (from.clone(), ports.clone())));
            quota(all.len() <= 60, "RulesPerSecurityGroupLimitExceeded")?;
            group.from_groups = all;
            Ok(())
        })
        .await
    }

    async fn refuse(&self, group: &Arn, from: &Arn, ports: &BTreeSet<Ports>) -> Answer<()> {
        let what = (Action::Update, group.0.clone());
        self.write("RevokeSecurityGroupIngress", what, |state| {
            let group = found(state.security_groups.get_mut(group), MISSING)?;
            group
                .from_groups
                .retain(|(source, its)| source != from || !ports.contains(its));
            Ok(())
        })
        .await
    }

    async fn delete_security_group(&self, group: &Arn) -> Answer<()> {
        let what = (Action::Delete, group.0.clone());
        self.write("DeleteSecurityGroup", what, |state| {
            let used = state
                .balancers
                .values()
                .any(|kept| kept.of.security_groups.contains(group));
            let named = state.security_groups.values().any(|other| {
                let mut from = other.from_groups.iter();
                from.any(|(from, _)| from == group)
            });
            if used || named || state.held.contains_key(group) {
                return Err((ErrorKind::InUse, "DependencyViolation"));
            }
            found(state.security_groups.remove(group), MISSING)?;
            state.forget(Kind::SecurityGroup, group);
            Ok(())
        })
        .await
    }
}
