//! Security groups; VPCs and subnets are read each time.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn, Cloud, ElasticAddress, Group, Kind, Network, NewGroup, SubnetDetails, Vpc};
use gatewright_aws_core::Str;
use gatewright_aws_core::access::Ports;
use gatewright_aws_core::network::Ingress;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const ON: On<Option<Group>> = |known| &mut known.security_groups;

impl<C: Cloud> Network for Swept<C> {
    async fn vpc(&self, id: &str) -> Answer<Option<Vpc>> {
        self.count(1);
        self.0.cloud.vpc(id).await
    }

    async fn subnets(&self, vpc: &str) -> Answer<Vec<SubnetDetails>> {
        self.count(2);
        self.0.cloud.subnets(vpc).await
    }

    async fn security_groups(&self, ids: &[Arn]) -> Answer<Vec<Group>> {
        let _one = self.0.listing.lock().await;
        let (due, ticket) = self.known(|known| {
            let mut due: BTreeSet<Arn> = ids.iter().filter(|id| !known.fresh(ON, id)).cloned().collect();
            if !due.is_empty() {
                let ours = known.ours(Kind::SecurityGroup);
                due.extend(ours.into_iter().filter(|id| !known.fresh(ON, id)));
            }
            (due, known.ticket())
        });
        if !due.is_empty() {
            self.count(1);
            let wanted: Vec<Arn> = due.iter().cloned().collect();
            let found = self.0.cloud.security_groups(&wanted).await?;
            let mut found: BTreeMap<Arn, Group> =
                found.into_iter().map(|found| (found.id.clone(), found)).collect();
            self.known(|known| {
                for id in due {
                    let value = found.remove(&id);
                    known.put(ON, &id, value, ticket);
                }
            });
        }
        Ok(self.known(|known| {
            let found = ids
                .iter()
                .filter_map(|id| known.security_groups.get(id)?.0.clone());
            found.collect()
        }))
    }

    async fn security_group_named(&self, vpc: &str, name: &str) -> Answer<Option<Group>> {
        self.count(1);
        self.0.cloud.security_group_named(vpc, name).await
    }

    async fn elastic_addresses(&self, addresses: &BTreeSet<IpAddr>) -> Answer<BTreeMap<IpAddr, Str>> {
        self.count(1);
        self.0.cloud.elastic_addresses(addresses).await
    }

    async fn elastic_addresses_tagged(
        &self,
        tags: &BTreeMap<Str, BTreeSet<Str>>,
    ) -> Answer<Vec<ElasticAddress>> {
        self.count(1);
        self.0.cloud.elastic_addresses_tagged(tags).await
    }

    /// AWS refuses a second one of a name: what it answers is ours.
    async fn create_security_group(&self, new: &NewGroup) -> Answer<Arn> {
        let made = self.make(&new.tags, |_| (), self.0.cloud.create_security_group(new));
        let id = made.await?;
        self.known(|known| known.made(Kind::SecurityGroup, &id, &new.tags));
        Ok(id)
    }

    async fn authorize(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, group);
        self.write(&[group], touch, self.0.cloud.authorize(group, ingress))
            .await
    }

    async fn revoke(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, group);
        self.write(&[group], touch, self.0.cloud.revoke(group, ingress))
            .await
    }

    async fn node_groups(&self, cluster: &str) -> Answer<Vec<Group>> {
        let _one = self.0.listing.lock().await;
        if let Some(found) = self.known(|known| known.node_groups(cluster)) {
            return Ok(found);
        }
        self.count(1);
        let ticket = self.known(|known| known.ticket());
        let found = self.0.cloud.node_groups(cluster).await?;
        self.known(|known| known.set_node_groups(cluster, found.clone(), ticket));
        Ok(found)
    }

    async fn admit(&self, group: &Arn, from: &Arn, ports: &BTreeSet<Ports>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop_node_group(group);
        self.write(&[from], touch, self.0.cloud.admit(group, from, ports))
            .await
    }

    async fn refuse(&self, group: &Arn, from: &Arn, ports: &BTreeSet<Ports>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop_node_group(group);
        self.write(&[from], touch, self.0.cloud.refuse(group, from, ports))
            .await
    }

    async fn delete_security_group(&self, group: &Arn) -> Answer<()> {
        self.write(&[group], |_| (), self.0.cloud.delete_security_group(group))
            .await?;
        self.known(|known| known.deleted(group));
        Ok(())
    }
}
