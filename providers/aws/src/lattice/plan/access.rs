//! The service network, its VPC, and who may call.

use super::{ACCESS_LOG, AUTH_POLICY, NETWORK, Note, Phase, Planner, VPC_ASSOCIATION, change, resource};
use crate::cloud::Arn;
use crate::lattice::addresses;
use crate::lattice::apply::auth;
use crate::lattice::cloud::{Auth, Kind, Status};
use crate::lattice::observed::{SeenAccess, SeenNetwork};
use crate::lattice::step::{Call, Id};
use gatewright_aws_core::lattice::{Access, Network};
use gatewright_provider_api::contract::Resource;

impl Planner<'_> {
    pub(super) fn network(&mut self) {
        let (target, observed) = (self.target, self.observed);
        let wanted = match &target.network {
            Network::Own { name, access } => Some((name, access)),
            Network::Given(_) | Network::None => None,
        };
        if let Some((name, access)) = wanted {
            let of = resource(NETWORK, name.clone());
            let tags = self.owner.tags(NETWORK, &target.tags);
            match observed.network(name) {
                None => {
                    let note = Note::create(of.clone(), "the Gateway has none");
                    self.push(
                        Phase::Build,
                        note,
                        Call::CreateNetwork(name.clone(), auth(access), tags),
                    );
                    self.make_access((&Id::Network, &of), access);
                }
                Some(seen) => {
                    self.exists(Id::Network, &seen.network.arn);
                    let arn = &seen.network.arn;
                    self.change_access((&Id::Network, arn, &of), access, &seen.access);
                    if seen.network.auth != auth(access) {
                        let differs = change("authType", Some(&seen.network.auth), Some(&auth(access)));
                        let call = Call::SetNetworkAuth(arn.clone(), auth(access));
                        self.authenticate((&of, auth(access)), differs, call);
                    }
                    self.compare_tags((Kind::Network, arn), &of, &seen.tags, &tags);
                }
            }
        }
        for (arn, seen) in &observed.networks {
            if wanted.is_none_or(|(name, _)| *name != seen.network.name) {
                self.end_network(arn, seen);
            }
        }
    }

    fn end_network(&mut self, arn: &Arn, seen: &SeenNetwork) {
        let of = resource(NETWORK, seen.network.name.clone());
        // A VPC has one network: it changes when there is something to be reached in the new one.
        let stays = self.is_moving();
        for association in &seen.vpcs {
            if stays || association.status == Status::Going {
                continue;
            }
            let what = vpc(&association.vpc, &of);
            let note = Note::delete(what, "the network goes");
            self.push(Phase::Delete, note, Call::DissociateVpc(association.arn.clone()));
        }
        let services = self.observed.services.values();
        let associated = services
            .flat_map(|seen| &seen.associations)
            .any(|association| association.network == *arn);
        if seen.vpcs.is_empty() && !associated {
            self.delete(
                Note::delete(of, "the Gateway's services are in another"),
                (Kind::Network, arn),
            );
        }
    }

    /// Whether a service is still on its way into the wanted network. One that AWS could not bring there holds nobody up.
    fn is_moving(&self) -> bool {
        // Services that are to be in none move nowhere.
        let mut services = self
            .target
            .services
            .iter()
            .filter(|(_, wanted)| !wanted.standalone);
        let Some(network) = addresses::network(self.target, self.observed) else {
            return services.next().is_some();
        };
        services.any(|(id, wanted)| {
            let Some(seen) = self.observed.current(id, wanted) else {
                return true;
            };
            let failed = |status: &Status| matches!(status, Status::Failed(_));
            let of_network = seen.associations.iter().find(|of| of.network == network);
            let given_up = failed(&seen.service.status) || of_network.is_some_and(|of| failed(&of.status));
            !given_up && !seen.is_reached(&network)
        })
    }

    /// The association of the VPC: clients reach the services from then on.
    pub(super) fn vpc(&mut self) {
        let (target, observed) = (self.target, self.observed);
        let Network::Own { name, .. } = &target.network else {
            return;
        };
        let network = resource(NETWORK, name.clone());
        let seen = observed
            .network(name)
            .map(|seen| seen.vpcs.as_slice())
            .unwrap_or_default();
        for association in seen {
            let wanted = target.vpc.as_ref().filter(|wanted| wanted.vpc == association.vpc);
            let of = vpc(&association.vpc, &network);
            let Some(wanted) = wanted else {
                if association.status != Status::Going {
                    let note = Note::delete(of, "the Gateway is in another VPC, or asks for none");
                    self.push(Phase::Delete, note, Call::DissociateVpc(association.arn.clone()));
                }
                continue;
            };
            let differs = wanted.security_groups != association.security_groups;
            let groups = change(
                "securityGroupIds",
                Some(&association.security_groups),
                Some(&wanted.security_groups),
            );
            match &association.status {
                Status::Coming | Status::Going => {}
                // "If the association fails, retry by deleting the association and recreating it."
                Status::Failed(why) => {
                    let note = Note::delete(of, &format!("it failed ({why}) and is made again"));
                    self.push(Phase::Delete, note, Call::DissociateVpc(association.arn.clone()));
                }
                // "To remove all security groups, you must first delete the association and recreate it."
                Status::Active if differs && wanted.security_groups.is_empty() => {
                    let note = Note::delete(
                        of,
                        "it has security groups, of which one must stay: it is made again",
                    );
                    self.push(Phase::Delete, note, Call::DissociateVpc(association.arn.clone()));
                }
                Status::Active if differs => {
                    let note = Note::update(of, vec![groups], "its security groups differ");
                    let call = Call::SetGroups(association.arn.clone(), wanted.security_groups.clone());
                    self.push(Phase::Build, note, call);
                }
                Status::Active => {}
            }
        }
        // "You can associate a VPC with one service network": the former one lets go of it first.
        let held = |vpc: &str| {
            let others = observed
                .networks
                .values()
                .filter(|seen| seen.network.name != *name);
            others
                .flat_map(|seen| &seen.vpcs)
                .any(|association| *association.vpc == *vpc)
        };
        if let Some(wanted) = &target.vpc
            && !seen.iter().any(|association| association.vpc == wanted.vpc)
            && !held(&wanted.vpc)
        {
            let of = vpc(&wanted.vpc, &network);
            let tags = self.marks(VPC_ASSOCIATION);
            let note = Note::create(of, "its clients are to reach the services")
                .needs(self.changes.only_made([network]));
            let call = Call::AssociateVpc(wanted.vpc.clone(), wanted.security_groups.clone(), tags);
            self.push(Phase::Build, note, call);
        }
    }

    /// Access of something that this plan makes.
    pub(super) fn make_access(&mut self, (id, of): (&Id, &Resource), wanted: &Access) {
        if let Some(policy) = &wanted.policy {
            let note = Note::create(policy_of(of), "callers are authenticated by it").needs([of.clone()]);
            self.push(Phase::Build, note, Call::PutPolicy(id.clone(), policy.clone()));
        }
        for destination in &wanted.logs {
            let note = Note::create(log_of(of, destination), "access is logged there").needs([of.clone()]);
            let tags = self.marks(ACCESS_LOG);
            self.push(
                Phase::Build,
                note,
                Call::LogTo(id.clone(), destination.clone(), tags),
            );
        }
    }

    /// Access of something that exists.
    pub(super) fn change_access(
        &mut self,
        (id, arn, of): (&Id, &Arn, &Resource),
        wanted: &Access,
        seen: &SeenAccess,
    ) {
        match (&wanted.policy, &seen.policy) {
            (Some(wanted), None) => {
                let note = Note::create(policy_of(of), "callers are authenticated by it");
                self.push(Phase::Build, note, Call::PutPolicy(id.clone(), wanted.clone()));
            }
            (Some(wanted), Some(seen)) if !same_policy(wanted, seen) => {
                let differs = change("policy", Some(seen), Some(wanted));
                let note = Note::update(policy_of(of), vec![differs], "the policy differs");
                self.push(Phase::Build, note, Call::PutPolicy(id.clone(), wanted.clone()));
            }
            (None, Some(_)) => {
                let note = Note::delete(policy_of(of), "the Gateway asks for none");
                self.push(Phase::Delete, note, Call::DeletePolicy(arn.clone()));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        for destination in &wanted.logs {
            if !seen.logs.values().any(|found| found == destination) {
                let note = Note::create(log_of(of, destination), "access is logged there");
                let tags = self.marks(ACCESS_LOG);
                self.push(
                    Phase::Build,
                    note,
                    Call::LogTo(id.clone(), destination.clone(), tags),
                );
            }
        }
        for (subscription, destination) in &seen.logs {
            if !wanted.logs.contains(destination) {
                let note = Note::delete(log_of(of, destination), "access is not to be logged there");
                self.push(Phase::Delete, note, Call::StopLog(subscription.clone()));
            }
        }
    }

    /// Switches authentication on after the policy is there, and off before it goes.
    pub(super) fn authenticate(
        &mut self,
        (of, auth): (&Resource, Auth),
        differs: gatewright_provider_api::contract::FieldChange,
        call: Call,
    ) {
        let policy = policy_of(of);
        let needs = self.changes.only_made([policy]);
        let phase = match auth {
            // After everything that is built: the policy among it.
            Auth::Iam => Phase::LetGo,
            Auth::None => Phase::Build,
        };
        let note = Note::update(
            of.clone(),
            vec![differs],
            "callers are to be authenticated otherwise",
        );
        self.push(phase, note.needs(needs), call);
    }
}

pub(super) fn vpc(vpc: &str, network: &Resource) -> Resource {
    resource(VPC_ASSOCIATION, format!("{vpc} with {}", network.id))
}

pub(super) fn policy_of(of: &Resource) -> Resource {
    resource(AUTH_POLICY, format!("of {of}"))
}

pub(super) fn log_of(of: &Resource, destination: &str) -> Resource {
    resource(ACCESS_LOG, format!("of {of} to {destination}"))
}

/// Whether two policies are the same JSON.
fn same_policy(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other
        || match (read(one), read(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
}
