//! Carrying out one change.

use super::cloud::{self, Auth, Kind, Lattice, NewListener, NewRule, NewService};
use super::step::{Call, Id, Ledger, Step};
use crate::cloud::{Answer, Arn, CloudError};
use crate::owner::{CLUSTER, FINGERPRINT, GATEWAY, RESOURCE, Tags};
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::lattice::{Access, Action, Service};
use gatewright_provider_api::contract::{Change, ErrorKind, ProviderError};
use std::collections::BTreeMap;

/// Carries out a change of a plan.
pub async fn apply<C: Lattice>(cloud: &C, change: &Change<Step>) -> Result<(), ProviderError> {
    let caller = Caller {
        cloud,
        ledger: &change.step.ledger,
    };
    caller
        .call(&change.step.call)
        .await
        .map_err(|error| error.about(change.resource.clone()))
}

/// Whether callers are authenticated where access is wanted so.
pub(super) const fn auth(access: &Access) -> Auth {
    if access.policy.is_some() {
        Auth::Iam
    } else {
        Auth::None
    }
}

struct Caller<'a, C> {
    cloud: &'a C,
    ledger: &'a Ledger,
}

impl<C: Lattice> Caller<'_, C> {
    async fn call(&self, call: &Call) -> Answer<()> {
        let cloud = self.cloud;
        match call {
            Call::Import {
                id,
                over,
                import,
                tags,
            } => {
                let arn = self.import(over.as_ref(), import, tags).await?;
                self.ledger.note(Id::Certificate(id.clone()), arn);
                Ok(())
            }
            Call::CreateNetwork(name, auth, tags) => {
                let made = cloud.create_network(name, *auth, tags).await;
                let arn = self.own(made, tags, || cloud.network_named(name)).await?;
                self.ledger.note(Id::Network, arn);
                Ok(())
            }
            Call::SetNetworkAuth(arn, auth) => cloud.set_network_auth(arn, *auth).await,
            Call::CreateTargetGroup(id, new) => {
                let made = cloud.create_group(new).await;
                let arn = self.own(made, &new.tags, || cloud.group_named(&new.name)).await?;
                self.ledger.note(Id::TargetGroup(id.clone()), arn);
                Ok(())
            }
            Call::SetHealth(arn, health) => cloud.set_health(arn, health).await,
            Call::Register(id, targets) => {
                let arn = self.arn(&Id::TargetGroup(id.clone()))?;
                cloud.register_targets(&arn, targets).await
            }
            Call::Deregister(arn, targets) => gone_is_fine(cloud.deregister_targets(arn, targets).await),
            Call::CreateService(id, wanted, tags) => {
                let new = self.service(wanted, tags)?;
                let made = cloud.create_service(&new).await;
                let arn = self.own(made, tags, || cloud.service_named(&new.name)).await?;
                self.ledger.note(Id::Service(id.clone()), arn);
                Ok(())
            }
            Call::UpdateService(arn, certificate, auth) => {
                let certificate = certificate.clone().map(|id| self.arn(&Id::Certificate(id)));
                cloud
                    .update_service(arn, certificate.transpose()?.as_ref(), *auth)
                    .await
            }
            Call::PutPolicy(of, policy) => cloud.put_policy(&self.arn(of)?, policy).await,
            Call::DeletePolicy(of) => gone_is_fine(cloud.delete_policy(of).await),
            Call::LogTo(of, destination, tags) => cloud.log_to(&self.arn(of)?, destination, tags).await,
            Call::StopLog(arn) => gone_is_fine(cloud.stop_log(arn).await),
            Call::Tag(kind, arn, tags) => cloud.tag(*kind, arn, tags).await,
            Call::Untag(kind, arn, keys) => cloud.untag(*kind, arn, keys).await,
            Call::Delete(kind, arn) => gone_is_fine(self.delete(*kind, arn).await),
            Call::End(kind, arn) => self.end(*kind, arn).await,
            Call::AssociateVpc(..)
            | Call::SetGroups(..)
            | Call::DissociateVpc(..)
            | Call::AssociateService(..)
            | Call::DissociateService(..) => self.associate(call).await,
            Call::CreateListener(..)
            | Call::SetDefault(..)
            | Call::SetPriorities(..)
            | Call::CreateRule { .. }
            | Call::UpdateRule(..)
            | Call::DeleteListener(..)
            | Call::DeleteRule(..) => self.listen(call).await,
        }
    }

    async fn associate(&self, call: &Call) -> Answer<()> {
        let cloud = self.cloud;
        match call {
            Call::AssociateVpc(vpc, groups, tags) => {
                let network = self.arn(&Id::Network)?;
                match cloud.associate_vpc(&network, vpc, groups, tags).await {
                    Err(error) if error.kind == ErrorKind::NotOurs => Err(CloudError {
                        message: format!(
                            "{}; a VPC is associated with one service network: name that one in serviceNetwork of \
                             AwsLatticeParameters, or set vpcAssociation to None",
                            error.message
                        ),
                        ..error
                    }),
                    answer => answer,
                }
            }
            Call::SetGroups(arn, groups) => cloud.set_association_groups(arn, groups).await,
            Call::DissociateVpc(arn) => gone_is_fine(cloud.dissociate_vpc(arn).await),
            Call::AssociateService(id, network, tags) => {
                let network = match network {
                    Some(given) => given.clone(),
                    None => self.arn(&Id::Network)?,
                };
                let service = self.arn(&Id::Service(id.clone()))?;
                cloud.associate_service(&network, &service, tags).await
            }
            Call::DissociateService(arn) => gone_is_fine(cloud.dissociate_service(arn).await),
            _ => Ok(()),
        }
    }

    async fn listen(&self, call: &Call) -> Answer<()> {
        let cloud = self.cloud;
        match call {
            Call::CreateListener(id, port, wanted, tags) => {
                let service = self.arn(&Id::Service(id.clone()))?;
                let new = NewListener {
                    name: wanted.name.clone(),
                    port: *port,
                    protocol: wanted.protocol,
                    default: self.action(&wanted.default)?,
                    tags: tags.clone(),
                };
                let arn = cloud.create_service_listener(&service, &new).await?;
                self.ledger.note(Id::Listener(id.clone(), *port), arn);
                Ok(())
            }
            Call::SetDefault(arn, action) => cloud.set_default(arn, &self.action(action)?).await,
            Call::SetPriorities(listener, priorities) => cloud.set_priorities(listener, priorities).await,
            Call::CreateRule {
                listener,
                name,
                priority,
                rule,
                tags,
            } => {
                let new = NewRule {
                    name: name.clone(),
                    priority: *priority,
                    conditions: rule.conditions.clone(),
                    action: self.action(&rule.action)?,
                    tags: tags.clone(),
                };
                cloud.create_service_rule(&self.arn(listener)?, &new).await
            }
            Call::UpdateRule(arn, rule) => {
                let action = self.action(&rule.action)?;
                cloud.update_rule(arn, &rule.conditions, &action).await
            }
            Call::DeleteListener(arn) => gone_is_fine(cloud.delete_service_listener(arn).await),
            Call::DeleteRule(arn) => gone_is_fine(cloud.delete_service_rule(arn).await),
            _ => Ok(()),
        }
    }

    async fn delete(&self, kind: Kind, arn: &Arn) -> Answer<()> {
        match kind {
            Kind::Certificate => self.cloud.delete_imported(arn).await,
            Kind::Network => self.cloud.delete_network(arn).await,
            Kind::Service => self.cloud.delete_service(arn).await,
            Kind::TargetGroup => self.cloud.delete_group(arn).await,
        }
    }

    async fn end(&self, kind: Kind, arn: &Arn) -> Answer<()> {
        gone_is_fine(self.delete(kind, arn).await)?;
        let is_there = match kind {
            // Their deletion has no states.
            Kind::Certificate | Kind::Network => false,
            Kind::Service => self.cloud.service(arn).await?.is_some(),
            Kind::TargetGroup => self.cloud.group(arn).await?.is_some(),
        };
        if is_there {
            return Err(CloudError {
                kind: ErrorKind::Conflict,
                operation: "plan",
                code: "".into(),
                message: "AWS is removing it".to_owned(),
            });
        }
        Ok(())
    }

    /// Over the one before. ACM refuses that when the key is of another type or size
    /// (<https://docs.aws.amazon.com/acm/latest/userguide/import-reimport.html>): then it is a new one, and the one before
    /// goes when nobody uses it any more.
    async fn import(&self, over: Option<&Arn>, import: &Import, tags: &Tags) -> Answer<Arn> {
        let Some(over) = over else {
            return self.cloud.import(None, import, tags).await;
        };
        match self.cloud.import(Some(over), import, &Tags::new()).await {
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::Invalid => {
                return self.cloud.import(None, import, tags).await;
            }
            Err(error) => return Err(error),
        }
        let fingerprint = Tags::from([(FINGERPRINT.into(), import.fingerprint.clone())]);
        self.cloud.tag(Kind::Certificate, over, &fingerprint).await?;
        Ok(over.clone())
    }

    /// What was made, or what has its name already if that is ours: it was made a moment ago, and its tags are not found
    /// yet.
    async fn own<F>(&self, made: Answer<Arn>, tags: &Tags, named: impl FnOnce() -> F) -> Answer<Arn>
    where
        F: Future<Output = Answer<Option<Arn>>>,
    {
        let error = match made {
            Err(error) if error.kind == ErrorKind::NotOurs => error,
            made => return made,
        };
        let arn = named().await?;
        let found = match &arn {
            Some(arn) => self.cloud.tags_of(arn).await?,
            None => None,
        };
        match (arn, found) {
            (Some(arn), Some(found)) if same_owner(&found, tags) => {
                if found.get(RESOURCE) == tags.get(RESOURCE) {
                    return Ok(arn);
                }
                // Names that users give can go from one to another.
                Err(CloudError {
                    kind: ErrorKind::Conflict,
                    message: "another of the Gateway's has its name, and goes first".to_owned(),
                    ..error
                })
            }
            (Some(_), Some(_)) => Err(CloudError {
                message: "it exists and was not made for this Gateway: rename it, or the Gateway; a service has another name by \
                          services[].name of AwsLatticeParameters"
                    .to_owned(),
                ..error
            }),
            _ => Err(CloudError {
                kind: ErrorKind::Conflict,
                message: "it existed a moment ago".to_owned(),
                ..error
            }),
        }
    }

    fn service(&self, wanted: &Service, tags: &Tags) -> Answer<NewService> {
        let certificate = wanted.certificate.clone();
        Ok(NewService {
            name: wanted.name.clone(),
            domain: wanted.domain.clone(),
            certificate: certificate.map(|id| self.arn(&Id::Certificate(id))).transpose()?,
            auth: auth(&wanted.access),
            tags: tags.clone(),
        })
    }

    fn arn(&self, id: &Id) -> Answer<Arn> {
        self.ledger.get(id).ok_or_else(|| CloudError {
            kind: ErrorKind::NotFound,
            operation: "plan",
            code: "".into(),
            message: format!("there is no {id} yet"),
        })
    }

    fn action(&self, wanted: &Action) -> Answer<cloud::Action> {
        Ok(match wanted {
            Action::Forward(groups) => {
                let mut found: BTreeMap<Arn, u16> = BTreeMap::new();
                for (id, weight) in groups {
                    let arn = self.arn(&Id::TargetGroup(id.clone()))?;
                    // One that was made a moment ago, and no search shows, may have been taken for somebody else's as well.
                    let known = found.entry(arn).or_default();
                    *known = (*known).max(*weight);
                }
                cloud::Action::Forward(found)
            }
            Action::Fixed(status) => cloud::Action::Fixed(*status),
        })
    }
}

fn same_owner(one: &Tags, other: &Tags) -> bool {
    [CLUSTER, GATEWAY]
        .iter()
        .all(|key| one.get(*key).is_some() && one.get(*key) == other.get(*key))
}

fn gone_is_fine(answer: Answer<()>) -> Answer<()> {
    match answer {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        answer => answer,
    }
}
