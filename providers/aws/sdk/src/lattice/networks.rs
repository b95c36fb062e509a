//! Service networks and what is associated with them.

use super::convert::{seen_auth, status, tags, texts};
use super::{LATTICE, convert, existing, made};
use crate::Account;
use crate::cloud::failed;
use aws_sdk_vpclattice::types as sdk;
use gatewright_aws::cloud::{Answer, Arn};
use gatewright_aws::lattice::cloud::{Auth, Network, Networks, ServiceAssociation, VpcAssociation};
use gatewright_aws::owner::Tags;
use gatewright_aws_core::Str;
use std::collections::BTreeSet;

impl Account {
    /// `ListServiceNetworkVpcAssociations`.
    async fn links(&self, network: Option<&str>, vpc: Option<&str>) -> Answer<Vec<VpcAssociation>> {
        let operation = "ListServiceNetworkVpcAssociations";
        let request = self
            .lattice
            .list_service_network_vpc_associations()
            .set_service_network_identifier(network.map(str::to_owned))
            .set_vpc_identifier(vpc.map(str::to_owned));
        let mut items = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(failed(LATTICE, operation))?;
            let (Some(arn), Some(vpc), Some(network)) =
                (item.arn(), item.vpc_id(), item.service_network_arn())
            else {
                continue;
            };
            let word = item
                .status()
                .map_or("", sdk::ServiceNetworkVpcAssociationStatus::as_str);
            found.push(VpcAssociation {
                arn: Arn(arn.into()),
                vpc: vpc.into(),
                network: Arn(network.into()),
                network_name: item.service_network_name().unwrap_or_default().into(),
                security_groups: BTreeSet::new(),
                status: status(word, None),
            });
        }
        Ok(found)
    }
}

impl Networks for Account {
    async fn network(&self, arn: &Arn) -> Answer<Option<Network>> {
        let request = self
            .lattice
            .get_service_network()
            .service_network_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetServiceNetwork")))?;
        Ok(answer.map(|found| Network {
            arn: arn.clone(),
            name: found.name().unwrap_or_default().into(),
            auth: seen_auth(found.auth_type()),
        }))
    }

    async fn network_named(&self, name: &str) -> Answer<Option<Arn>> {
        named!(self.lattice.list_service_networks(), "ListServiceNetworks", name)
    }

    async fn create_network(&self, name: &str, auth: Auth, given: &Tags) -> Answer<Arn> {
        let operation = "CreateServiceNetwork";
        let request = self
            .lattice
            .create_service_network()
            .name(name)
            .auth_type(convert::auth(auth))
            .set_tags(tags(given));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        made(operation, answer.arn())
    }

    async fn set_network_auth(&self, arn: &Arn, auth: Auth) -> Answer<()> {
        let request = self
            .lattice
            .update_service_network()
            .service_network_identifier(&*arn.0)
            .auth_type(convert::auth(auth));
        done!(request, "UpdateServiceNetwork")
    }

    async fn delete_network(&self, arn: &Arn) -> Answer<()> {
        let request = self
            .lattice
            .delete_service_network()
            .service_network_identifier(&*arn.0);
        let answer = done!(request, "DeleteServiceNetwork");
        self.gone(answer, arn).await
    }

    async fn vpc_associations(&self, network: &Arn) -> Answer<Vec<VpcAssociation>> {
        let operation = "GetServiceNetworkVpcAssociation";
        let mut found = Vec::new();
        for mut link in self.links(Some(&network.0), None).await? {
            let request = self
                .lattice
                .get_service_network_vpc_association()
                .service_network_vpc_association_identifier(&*link.arn.0);
            let answer = existing(request.send().await.map_err(failed(LATTICE, operation)))?;
            let Some(answer) = answer else {
                continue;
            };
            link.security_groups = answer
                .security_group_ids()
                .iter()
                .map(|id| id.as_str().into())
                .collect();
            let word = answer
                .status()
                .map_or("", sdk::ServiceNetworkVpcAssociationStatus::as_str);
            link.status = status(word, answer.failure_message());
            found.push(link);
        }
        Ok(found)
    }

    async fn associations_of_vpc(&self, vpc: &str) -> Answer<Vec<VpcAssociation>> {
        self.links(None, Some(vpc)).await
    }

    async fn associate_vpc(
        &self,
        network: &Arn,
        vpc: &str,
        groups: &BTreeSet<Str>,
        given: &Tags,
    ) -> Answer<()> {
        let request = self
            .lattice
            .create_service_network_vpc_association()
            .service_network_identifier(&*network.0)
            .vpc_identifier(vpc)
            .set_security_group_ids(texts(groups))
            .set_tags(tags(given));
        done!(request, "CreateServiceNetworkVpcAssociation")
    }

    async fn set_association_groups(&self, arn: &Arn, groups: &BTreeSet<Str>) -> Answer<()> {
        let request = self
            .lattice
            .update_service_network_vpc_association()
            .service_network_vpc_association_identifier(&*arn.0)
            .set_security_group_ids(texts(groups));
        done!(request, "UpdateServiceNetworkVpcAssociation")
    }

    async fn dissociate_vpc(&self, arn: &Arn) -> Answer<()> {
        let request = self
            .lattice
            .delete_service_network_vpc_association()
            .service_network_vpc_association_identifier(&*arn.0);
        let answer = done!(request, "DeleteServiceNetworkVpcAssociation");
        self.gone(answer, arn).await
    }

    async fn service_associations(&self, service: &Arn) -> Answer<Vec<ServiceAssociation>> {
        let operation = "ListServiceNetworkServiceAssociations";
        let request = self
            .lattice
            .list_service_network_service_associations()
            .service_identifier(&*service.0);
        let mut items = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(failed(LATTICE, operation))?;
            let (Some(arn), Some(network)) = (item.arn(), item.service_network_arn()) else {
                continue;
            };
            let word = item
                .status()
                .map_or("", sdk::ServiceNetworkServiceAssociationStatus::as_str);
            found.push(ServiceAssociation {
                arn: Arn(arn.into()),
                network: Arn(network.into()),
                status: status(word, None),
            });
        }
        Ok(found)
    }

    async fn associate_service(&self, network: &Arn, service: &Arn, given: &Tags) -> Answer<()> {
        let request = self
            .lattice
            .create_service_network_service_association()
            .service_network_identifier(&*network.0)
            .service_identifier(&*service.0)
            .set_tags(tags(given));
        done!(request, "CreateServiceNetworkServiceAssociation")
    }

    async fn dissociate_service(&self, arn: &Arn) -> Answer<()> {
        let request = self
            .lattice
            .delete_service_network_service_association()
            .service_network_service_association_identifier(&*arn.0);
        let answer = done!(request, "DeleteServiceNetworkServiceAssociation");
        self.gone(answer, arn).await
    }
}
