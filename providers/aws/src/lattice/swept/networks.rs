//! Service networks and what is associated with them.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Auth, Kind, Lattice, Network, Networks, ServiceAssociation, VpcAssociation};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use std::collections::BTreeSet;

const ON: On<Option<Network>> = |known| &mut known.networks;
const VPCS: On<Vec<VpcAssociation>> = |known| &mut known.vpc_associations;
const SERVICES: On<Vec<ServiceAssociation>> = |known| &mut known.service_associations;

/// An association of a VPC changes: also what is known of the VPC.
fn of_vpc(known: &mut Known, association: &Arn) {
    known.drop_of_vpcs();
    known.touch_parent(VPCS, association);
}

impl<C: Lattice> Networks for Swept<C> {
    async fn network(&self, arn: &Arn) -> Answer<Option<Network>> {
        self.one(ON, arn, self.0.cloud.network(arn), |_| 1).await
    }

    async fn network_named(&self, name: &str) -> Answer<Option<Arn>> {
        self.count(1);
        self.0.cloud.network_named(name).await
    }

    async fn create_network(&self, name: &str, auth: Auth, tags: &Tags) -> Answer<Arn> {
        self.make(Kind::Network, tags, self.0.cloud.create_network(name, auth, tags))
            .await
    }

    async fn set_network_auth(&self, arn: &Arn, auth: Auth) -> Answer<()> {
        let write = self.0.cloud.set_network_auth(arn, auth);
        self.write(arn, |known| known.drop(ON, arn), write).await
    }

    async fn delete_network(&self, arn: &Arn) -> Answer<()> {
        let write = self.0.cloud.delete_network(arn);
        self.write(arn, |known| known.drop_whole(arn), write).await?;
        self.known(|known| known.deleted(arn));
        Ok(())
    }

    /// Security groups are told of each by itself.
    async fn vpc_associations(&self, network: &Arn) -> Answer<Vec<VpcAssociation>> {
        let read = self.0.cloud.vpc_associations(network);
        let found = self.one(VPCS, network, read, |found| 1 + found.len()).await?;
        self.known(|known| known.belong(network, found.iter().map(|of| &of.arn)));
        Ok(found)
    }

    async fn associations_of_vpc(&self, vpc: &str) -> Answer<Vec<VpcAssociation>> {
        if let Some(found) = self.known(|known| known.of_vpc(vpc)) {
            return Ok(found);
        }
        self.count(1);
        let found = self.0.cloud.associations_of_vpc(vpc).await?;
        self.known(|known| known.set_of_vpc(vpc, found.clone()));
        Ok(found)
    }

    async fn associate_vpc(
        &self,
        network: &Arn,
        vpc: &str,
        security_groups: &BTreeSet<Str>,
        tags: &Tags,
    ) -> Answer<()> {
        let touch = |known: &mut Known| {
            known.drop_of_vpcs();
            known.drop(VPCS, network);
        };
        let write = self.0.cloud.associate_vpc(network, vpc, security_groups, tags);
        self.write(network, touch, write).await
    }

    async fn set_association_groups(&self, arn: &Arn, security_groups: &BTreeSet<Str>) -> Answer<()> {
        let write = self.0.cloud.set_association_groups(arn, security_groups);
        self.write(arn, |known| of_vpc(known, arn), write).await
    }

    async fn dissociate_vpc(&self, arn: &Arn) -> Answer<()> {
        let write = self.0.cloud.dissociate_vpc(arn);
        self.write(arn, |known| of_vpc(known, arn), write).await
    }

    async fn service_associations(&self, service: &Arn) -> Answer<Vec<ServiceAssociation>> {
        let read = self.0.cloud.service_associations(service);
        let found = self.one(SERVICES, service, read, |_| 1).await?;
        self.known(|known| known.belong(service, found.iter().map(|of| &of.arn)));
        Ok(found)
    }

    async fn associate_service(&self, network: &Arn, service: &Arn, tags: &Tags) -> Answer<()> {
        let write = self.0.cloud.associate_service(network, service, tags);
        self.write(service, |known| known.drop(SERVICES, service), write)
            .await
    }

    async fn dissociate_service(&self, arn: &Arn) -> Answer<()> {
        let write = self.0.cloud.dissociate_service(arn);
        self.write(arn, |known| known.touch_parent(SERVICES, arn), write)
            .await
    }
}
