//! Service networks and what is associated with them.

use super::super::State;
use super::super::{BUSY, Connection, IN_USE, INVALID, TAKEN, VpcLink};
use super::{found, name, tags, text};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Auth, Network, Networks, ServiceAssociation, Status, VpcAssociation};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::Action as Change;
use std::collections::BTreeSet;

impl Networks for Connection {
    async fn network(&self, arn: &Arn) -> Answer<Option<Network>> {
        self.read("GetServiceNetwork", |state| {
            Ok(state.networks.get(arn).map(|(name, auth)| Network {
                arn: arn.clone(),
                name: name.clone(),
                auth: *auth,
            }))
        })
        .await
    }

    async fn network_named(&self, wanted: &str) -> Answer<Option<Arn>> {
        self.read("ListServiceNetworks", |state| {
            let found = state.networks.iter().find(|(_, (name, _))| **name == *wanted);
            Ok(found.map(|(arn, _)| arn.clone()))
        })
        .await
    }

    async fn create_network(&self, wanted: &str, auth: Auth, given: &Tags) -> Answer<Arn> {
        self.write("CreateServiceNetwork", (Change::Create, text(wanted)), |state| {
            name(wanted, 63)?;
            tags(given)?;
            if state.networks.values().any(|(name, _)| **name == *wanted) {
                return Err(TAKEN);
            }
            let arn = state.make("servicenetwork", given);
            state.networks.insert(arn.clone(), (text(wanted), auth));
            Ok(arn)
        })
        .await
    }

    async fn set_network_auth(&self, arn: &Arn, auth: Auth) -> Answer<()> {
        self.write("UpdateServiceNetwork", (Change::Update, arn.0.clone()), |state| {
            found(state.networks.get_mut(arn))?.1 = auth;
            Ok(())
        })
        .await
    }

    async fn delete_network(&self, arn: &Arn) -> Answer<()> {
        self.write("DeleteServiceNetwork", (Change::Delete, arn.0.clone()), |state| {
            found(state.networks.get(arn))?;
            let vpcs = state.vpcs.values().any(|link| link.network == *arn);
            let services = state.links.values().any(|(network, _)| network == arn);
            if vpcs || services {
                return Err(IN_USE);
            }
            state.forget(arn);
            Ok(())
        })
        .await
    }

    async fn vpc_associations(&self, network: &Arn) -> Answer<Vec<VpcAssociation>> {
        self.read("ListServiceNetworkVpcAssociations", |state| {
            let of = state.vpcs.iter().filter(|(_, link)| link.network == *network);
            Ok(of.map(|(arn, link)| told(state, arn, link)).collect())
        })
        .await
    }

    async fn associations_of_vpc(&self, vpc: &str) -> Answer<Vec<VpcAssociation>> {
        self.read("ListServiceNetworkVpcAssociations", |state| {
            let of = state.vpcs.iter().filter(|(_, link)| *link.vpc == *vpc);
            Ok(of.map(|(arn, link)| told(state, arn, link)).collect())
        })
        .await
    }

    async fn associate_vpc(
        &self,
        network: &Arn,
        vpc: &str,
        groups: &BTreeSet<Str>,
        given: &Tags,
    ) -> Answer<()> {
        let what = (Change::Create, text(vpc));
        self.write("CreateServiceNetworkVpcAssociation", what, |state| {
            found(state.networks.get(network))?;
            if groups.len() > 5 {
                return Err(INVALID);
            }
            if state.vpcs.values().any(|link| *link.vpc == *vpc) {
                return Err(TAKEN);
            }
            let arn = state.make("servicenetworkvpcassociation", given);
            let link = VpcLink {
                network: network.clone(),
                vpc: text(vpc),
                groups: groups.clone(),
            };
            state.vpcs.insert(arn, link);
            Ok(())
        })
        .await
    }

    async fn set_association_groups(&self, arn: &Arn, groups: &BTreeSet<Str>) -> Answer<()> {
        let what = (Change::Update, arn.0.clone());
        self.write("UpdateServiceNetworkVpcAssociation", what, |state| {
            if state.status(arn) != Status::Active {
                return Err(BUSY);
            }
            if groups.is_empty() || groups.len() > 5 {
                return Err(INVALID);
            }
            found(state.vpcs.get_mut(arn))?.groups.clone_from(groups);
            Ok(())
        })
        .await
    }

    async fn dissociate_vpc(&self, arn: &Arn) -> Answer<()> {
        let what = (Change::Delete, arn.0.clone());
        self.write("DeleteServiceNetworkVpcAssociation", what, |state| {
            found(state.vpcs.get(arn))?;
            if state.status(arn) == Status::Coming {
                return Err(BUSY);
            }
            state.end(arn);
            Ok(())
        })
        .await
    }

    async fn service_associations(&self, service: &Arn) -> Answer<Vec<ServiceAssociation>> {
        self.read("ListServiceNetworkServiceAssociations", |state| {
            let of = state.links.iter().filter(|(_, (_, of))| of == service);
            let told = of.map(|(arn, (network, _))| ServiceAssociation {
                arn: arn.clone(),
                network: network.clone(),
                status: state.status(arn),
            });
            Ok(told.collect())
        })
        .await
    }

    async fn associate_service(&self, network: &Arn, service: &Arn, given: &Tags) -> Answer<()> {
        let what = (Change::Create, service.0.clone());
        self.write("CreateServiceNetworkServiceAssociation", what, |state| {
            found(state.networks.get(network))?;
            found(state.services.get(service))?;
            if state.status(service) != Status::Active {
                return Err(BUSY);
            }
            // "Custom domain names must be unique per service network" (service-custom-domain-name.html).
            let domain = |of: &Arn| state.services.get(of).and_then(|found| found.domain.clone());
            let mut of_network = state.links.values().filter(|(of, _)| of == network);
            if domain(service).is_some() && of_network.any(|(_, other)| domain(other) == domain(service)) {
                return Err(BUSY);
            }
            let link = (network.clone(), service.clone());
            if state.links.values().any(|other| *other == link) {
                return Err(BUSY);
            }
            let arn = state.make("servicenetworkserviceassociation", given);
            state.links.insert(arn, link);
            Ok(())
        })
        .await
    }

    async fn dissociate_service(&self, arn: &Arn) -> Answer<()> {
        let what = (Change::Delete, arn.0.clone());
        self.write("DeleteServiceNetworkServiceAssociation", what, |state| {
            found(state.links.get(arn))?;
            if state.status(arn) == Status::Coming {
                return Err(BUSY);
            }
            state.end(arn);
            Ok(())
        })
        .await
    }
}

fn told(state: &State, arn: &Arn, link: &VpcLink) -> VpcAssociation {
    let name = state.networks.get(&link.network).map(|(name, _)| name.clone());
    VpcAssociation {
        arn: arn.clone(),
        vpc: link.vpc.clone(),
        network: link.network.clone(),
        network_name: name.unwrap_or_default(),
        security_groups: link.groups.clone(),
        status: state.status(arn),
    }
}
