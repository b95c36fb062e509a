//! Carrying out one change.

use super::shared;
use super::step::{Call, Group, Id, Ledger, Refusal, Step};
use crate::cloud::{
    Action, Answer, Arn, Clients, Cloud, CloudError, Forward, Kind, ListenerSettings, ListenerTls,
    NewBalancer, NewGroup, NewListener, NewProtection, NewRule, NewTargetGroup, NewTrustStore, RuleSettings,
};
use crate::owner::{CLUSTER, FINGERPRINT, GATEWAY, Tags};
use gatewright_aws_core::access::Backend;
use gatewright_aws_core::alb::Balancer;
use gatewright_aws_core::alb::listener::{self as wanted, Import, Listener, MutualAuthentication};
use gatewright_aws_core::alb::rule::{self, Rule};
use gatewright_aws_core::network::SecurityGroups;
use gatewright_aws_core::trust_store::TrustStoreId;
use gatewright_provider_api::contract::{Change, ErrorKind, ProviderError};
use std::collections::BTreeSet;

/// Carries out a change of a plan.
pub async fn apply<C: Cloud>(cloud: &C, change: &Change<Step>) -> Result<(), ProviderError> {
    let caller = Caller {
        cloud,
        ledger: &change.step.ledger,
    };
    caller
        .call(&change.step.call)
        .await
        .map_err(|error| error.about(change.resource.clone()))
}

struct Caller<'a, C> {
    cloud: &'a C,
    ledger: &'a Ledger,
}

impl<C: Cloud> Caller<'_, C> {
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
            Call::CreateTrustStore(id, new, bundle) => {
                let arn = self.create_trust_store(new, bundle).await?;
                self.ledger.note(Id::TrustStore(id.clone()), arn);
                Ok(())
            }
            Call::DeleteTrustStore(arn, bundle) => {
                // The other way around nobody would know of it any more.
                if let Some(bundle) = bundle {
                    cloud.delete_bundle(bundle).await?;
                }
                gone_is_fine(cloud.delete_trust_store(arn).await)
            }
            Call::CreateSecurityGroup(new) => self.create_security_group(Id::SecurityGroup, new).await,
            Call::CreateBackendGroup(new) => self.create_security_group(Id::BackendGroup, new).await,
            Call::Admit(node, ports) => cloud.admit(node, &self.arn(&Id::BackendGroup)?, ports).await,
            Call::Refuse(refusal) => self.refuse(refusal).await,
            Call::Authorize(ingress) => cloud.authorize(&self.arn(&Id::SecurityGroup)?, ingress).await,
            Call::Revoke(group, ingress) => gone_is_fine(cloud.revoke(group, ingress).await),
            Call::CreateTargetGroup(id, new) => {
                let arn = self.create_target_group(new).await?;
                self.ledger.note(Id::TargetGroup(id.clone()), arn);
                Ok(())
            }
            Call::SetHealthCheck(group, health) => cloud.modify_target_group(group, health).await,
            Call::SetTargetGroupAttributes(id, attributes) => {
                let group = self.arn(&Id::TargetGroup(id.clone()))?;
                cloud.set_target_group_attributes(&group, attributes).await
            }
            Call::Register(group, targets) => cloud.register(&self.group(group)?, targets).await,
            Call::Deregister(group, targets) => gone_is_fine(cloud.deregister(group, targets).await),
            Call::CreateBalancer(wanted, tags) => {
                let arn = self.create_balancer(wanted, tags).await?;
                self.ledger.note(Id::Balancer, arn);
                Ok(())
            }
            Call::SetBalancerAttributes(attributes) => {
                cloud
                    .set_balancer_attributes(&self.arn(&Id::Balancer)?, attributes)
                    .await
            }
            Call::SetSubnets(standing) => {
                let balancer = self.arn(&Id::Balancer)?;
                cloud.set_subnets(&balancer, standing).await
            }
            Call::LeaveSubnets(arn, standing) => gone_is_fine(cloud.set_subnets(arn, standing).await),
            Call::SetSecurityGroups(wanted) => {
                let groups = self.security_groups(wanted)?;
                let private_link = wanted.access.private_link;
                cloud
                    .set_security_groups(&self.arn(&Id::Balancer)?, &groups, private_link)
                    .await
            }
            Call::SetIpAddressType(wanted) => {
                cloud
                    .set_ip_address_type(&self.arn(&Id::Balancer)?, *wanted)
                    .await
            }
            Call::SetIpamPool(pool) => {
                let balancer = self.arn(&Id::Balancer)?;
                cloud.set_ipam_pool(&balancer, pool.as_deref()).await
            }
            Call::AssociateWebAcl(acl) => cloud.associate_web_acl(&self.arn(&Id::Balancer)?, acl).await,
            Call::DisassociateWebAcl => {
                gone_is_fine(cloud.disassociate_web_acl(&self.arn(&Id::Balancer)?).await)
            }
            Call::CreateProtection(name, tags) => self.protect(name, tags).await,
            Call::DeleteProtection(id, balancer) => gone_is_fine(cloud.delete_protection(id, balancer).await),
            Call::SetCapacity(units) => cloud.set_capacity(&self.arn(&Id::Balancer)?, *units).await,
            Call::CreateListener(..)
            | Call::ModifyListener(..)
            | Call::CloseListener(..)
            | Call::SetListenerAttributes(..)
            | Call::AddCertificate(..)
            | Call::RemoveCertificate(..) => self.call_listener(call).await,
            Call::SetPriorities(priorities) => cloud.set_rule_priorities(priorities).await,
            Call::CreateRule {
                port,
                priority,
                rule,
                tags,
            } => {
                let new = NewRule {
                    listener: self.arn(&Id::Listener(*port))?,
                    priority: *priority,
                    settings: self.rule(rule)?,
                    tags: tags.clone(),
                };
                cloud.create_rule(&new).await.map(|_| ())
            }
            Call::ModifyRule(arn, rule) => cloud.modify_rule(arn, &self.rule(rule)?).await,
            Call::AddTags(kind, arns, tags) => cloud.add_tags(*kind, arns, tags).await,
            Call::RemoveTags(kind, arns, keys) => cloud.remove_tags(*kind, arns, keys).await,
            Call::Delete(kind, arn) => gone_is_fine(self.delete(*kind, arn).await),
        }
    }

    async fn call_listener(&self, call: &Call) -> Answer<()> {
        let cloud = self.cloud;
        match call {
            Call::CreateListener(wanted, tags) => {
                let arn = self.create_listener(wanted, tags).await?;
                self.ledger.note(Id::Listener(wanted.port), arn);
                Ok(())
            }
            Call::ModifyListener(arn, wanted) => cloud.modify_listener(arn, &self.listener(wanted)?).await,
            Call::CloseListener(arn, settings) => cloud.modify_listener(arn, settings).await,
            Call::SetListenerAttributes(port, attributes) => {
                let listener = self.arn(&Id::Listener(*port))?;
                cloud.set_listener_attributes(&listener, attributes).await
            }
            Call::AddCertificate(port, id) => {
                let listener = self.arn(&Id::Listener(*port))?;
                let certificate = self.arn(&Id::Certificate(id.clone()))?;
                cloud.add_listener_certificate(&listener, &certificate).await
            }
            Call::RemoveCertificate(listener, certificate) => {
                gone_is_fine(cloud.remove_listener_certificate(listener, certificate).await)
            }
            _ => Ok(()),
        }
    }

    async fn delete(&self, kind: Kind, arn: &Arn) -> Answer<()> {
        let cloud = self.cloud;
        match kind {
            Kind::Certificate => cloud.delete_certificate(arn).await,
            Kind::TrustStore => cloud.delete_trust_store(arn).await,
            Kind::SecurityGroup => cloud.delete_security_group(arn).await,
            Kind::TargetGroup => cloud.delete_target_group(arn).await,
            Kind::Balancer => cloud.delete_balancer(arn).await.map_err(protected),
            Kind::Listener => cloud.delete_listener(arn).await,
            Kind::Rule => cloud.delete_rule(arn).await,
        }
    }

    /// Over the one before. ACM refuses that when the key is of another type or size
    /// (<https://docs.aws.amazon.com/acm/latest/userguide/import-reimport.html>): then it is a new one, and the one
    /// before goes when nobody uses it any more.
    async fn import(&self, over: Option<&Arn>, import: &Import, tags: &Tags) -> Answer<Arn> {
        let Some(over) = over else {
            return self.cloud.import_certificate(import, tags).await;
        };
        match self.cloud.reimport_certificate(over, import).await {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Invalid => {
                return self.cloud.import_certificate(import, tags).await;
            }
            Err(error) => return Err(error),
        }
        let fingerprint = Tags::from([(FINGERPRINT.into(), import.fingerprint.clone())]);
        self.cloud
            .add_tags(Kind::Certificate, std::slice::from_ref(over), &fingerprint)
            .await?;
        Ok(over.clone())
    }

    /// One that somebody else made does as well.
    async fn protect(&self, name: &str, tags: &Tags) -> Answer<()> {
        let new = NewProtection {
            name: name.into(),
            balancer: self.arn(&Id::Balancer)?,
            tags: tags.clone(),
        };
        match self.cloud.create_protection(&new).await {
            Err(error) if error.kind == ErrorKind::NotOurs => Ok(()),
            answer => answer,
        }
    }

    async fn refuse(&self, refusal: &Refusal) -> Answer<()> {
        let Refusal {
            node,
            group,
            vpc,
            cluster,
            ports,
        } = refusal;
        let ports = shared::unneeded(self.cloud, (cluster, vpc), ports).await?;
        if ports.is_empty() {
            return Ok(());
        }
        gone_is_fine(self.cloud.refuse(node, group, &ports).await)
    }

    async fn create_security_group(&self, of: Id, new: &NewGroup) -> Answer<()> {
        let error = match self.cloud.create_security_group(new).await {
            Ok(id) => {
                self.ledger.note(of, id);
                return Ok(());
            }
            Err(error) if error.kind == ErrorKind::NotOurs => error,
            Err(error) => return Err(error),
        };
        let found = self.cloud.security_group_named(&new.vpc, &new.name).await?;
        Err(judged(error, found.map(|found| found.tags), &new.tags))
    }

    async fn create_trust_store(&self, new: &NewTrustStore, bundle: &str) -> Answer<Arn> {
        self.cloud.put_bundle(&new.place, bundle).await?;
        match self.cloud.create_trust_store(new).await {
            Err(error) if error.kind == ErrorKind::NotOurs => {
                let found = self.cloud.trust_store_named(&new.name).await?;
                let tags = self.tags_of(found).await?;
                Err(judged(error, tags, &new.tags))
            }
            answer => answer,
        }
    }

    async fn create_target_group(&self, new: &NewTargetGroup) -> Answer<Arn> {
        match self.cloud.create_target_group(new).await {
            Ok(arn) => self.own("CreateTargetGroup", arn, &new.tags).await,
            Err(error) if error.kind == ErrorKind::NotOurs => {
                let found = self.cloud.target_group_named(&new.name).await?;
                let tags = self.tags_of(found.map(|found| found.arn)).await?;
                Err(judged(error, tags, &new.tags))
            }
            Err(error) => Err(error),
        }
    }

    async fn create_balancer(&self, wanted: &Balancer, tags: &Tags) -> Answer<Arn> {
        let new = NewBalancer {
            name: wanted.name.clone(),
            kind: wanted.kind,
            scheme: wanted.scheme,
            ip_address_type: wanted.ip_address_type,
            ipam_pool: wanted.ipam_pool.clone(),
            customer_owned_pool: wanted.customer_owned_pool.clone(),
            subnets: wanted.subnets.iter().map(|subnet| subnet.id.clone()).collect(),
            addresses: wanted.addresses.clone(),
            ipv6: wanted.ipv6.clone(),
            security_groups: self.security_groups(wanted)?,
            tags: tags.clone(),
        };
        match self.cloud.create_balancer(&new).await {
            Ok(arn) => self.own("CreateLoadBalancer", arn, tags).await,
            Err(error) if error.kind == ErrorKind::NotOurs => {
                let found = self.cloud.balancer_named(&new.name).await?;
                let found = self.tags_of(found.map(|found| found.arn)).await?;
                Err(judged(error, found, tags))
            }
            Err(error) => Err(error),
        }
    }

    async fn create_listener(&self, wanted: &Listener, tags: &Tags) -> Answer<Arn> {
        let new = NewListener {
            balancer: self.arn(&Id::Balancer)?,
            port: wanted.port,
            settings: self.listener(wanted)?,
            tags: tags.clone(),
        };
        match self.cloud.create_listener(&new).await {
            Err(error) if error.kind == ErrorKind::NotOurs => {
                let listeners = self.cloud.listeners(&new.balancer).await?;
                let found = listeners.into_iter().find(|found| found.port == new.port);
                let found = self.tags_of(found.map(|found| found.arn)).await?;
                Err(judged(error, found, tags))
            }
            result => result,
        }
    }

    async fn tags_of(&self, arn: Option<Arn>) -> Answer<Option<Tags>> {
        let Some(arn) = arn else {
            return Ok(None);
        };
        Ok(self.cloud.tags(std::slice::from_ref(&arn)).await?.remove(&arn))
    }

    /// A creation is answered with what exists already if that has the same name and settings, whoever made it.
    async fn own(&self, operation: &'static str, arn: Arn, tags: &Tags) -> Answer<Arn> {
        let found = self.tags_of(Some(arn.clone())).await?;
        if found.as_ref().is_some_and(|found| same_owner(found, tags)) {
            return Ok(arn);
        }
        let error = CloudError {
            kind: ErrorKind::NotOurs,
            operation,
            code: "".into(),
            message: String::new(),
        };
        Err(judged(error, found, tags))
    }

    fn arn(&self, id: &Id) -> Answer<Arn> {
        self.ledger.get(id).ok_or_else(|| CloudError {
            kind: ErrorKind::NotFound,
            operation: "plan",
            code: "".into(),
            message: format!("there is no {id} yet"),
        })
    }

    fn group(&self, group: &Group) -> Answer<Arn> {
        match group {
            Group::Wanted(id) => self.arn(&Id::TargetGroup(id.clone())),
            Group::Former(arn) => Ok(arn.clone()),
        }
    }

    fn security_groups(&self, wanted: &Balancer) -> Answer<BTreeSet<Arn>> {
        let mut groups = match &wanted.security_groups {
            SecurityGroups::Managed(_) => BTreeSet::from([self.arn(&Id::SecurityGroup)?]),
            SecurityGroups::Given(ids) => ids.iter().cloned().map(Arn).collect(),
        };
        match &wanted.access.backend {
            Some(Backend::Shared(_)) => {
                groups.insert(self.arn(&Id::BackendGroup)?);
            }
            Some(Backend::Given(ids)) => groups.extend(ids.iter().cloned().map(Arn)),
            None => {}
        }
        Ok(groups)
    }

    fn listener(&self, wanted: &Listener) -> Answer<ListenerSettings> {
        let tls = wanted.tls.as_ref().map(|tls| self.tls(tls)).transpose()?;
        Ok(ListenerSettings {
            transport: wanted.transport,
            tls,
            default: self.action(&wanted.default)?,
        })
    }

    fn tls(&self, wanted: &wanted::ListenerTls) -> Answer<ListenerTls> {
        Ok(ListenerTls {
            policy: wanted.policy.clone(),
            certificate: self.shown(wanted)?,
            alpn: wanted.alpn.clone(),
            clients: match &wanted.clients {
                None => Clients::Off,
                Some(MutualAuthentication::Passthrough) => Clients::Passthrough,
                Some(MutualAuthentication::Verify(verification)) => Clients::Verify {
                    trust_store: match &verification.store {
                        TrustStoreId::Arn(arn) => Arn(arn.clone()),
                        // Without it the listener is not made: it would let everybody in.
                        made @ TrustStoreId::Made(_) => self.arn(&Id::TrustStore(made.clone()))?,
                    },
                    ignore_expiry: verification.ignore_expiry,
                    advertise: verification.advertise,
                },
            },
        })
    }

    /// The default certificate of a port. One that AWS does not take hurts its own hostname: meanwhile the first of the
    /// others is shown where no name fits.
    fn shown(&self, wanted: &wanted::ListenerTls) -> Answer<Arn> {
        let known = |id: &wanted::CertificateId| self.ledger.get(&Id::Certificate(id.clone()));
        match known(&wanted.default).or_else(|| wanted.others.iter().find_map(known)) {
            Some(arn) => Ok(arn),
            None => self.arn(&Id::Certificate(wanted.default.clone())),
        }
    }

    fn rule(&self, wanted: &Rule) -> Answer<RuleSettings> {
        Ok(RuleSettings {
            conditions: super::canonical::conditions(&wanted.conditions),
            transforms: wanted.transforms.clone(),
            before: wanted.before.clone(),
            action: self.action(&wanted.action)?,
        })
    }

    fn action(&self, wanted: &rule::Action) -> Answer<Action> {
        Ok(match wanted {
            rule::Action::Forward(forward) => {
                let alone = forward.groups.len() == 1;
                let groups = forward.groups.iter().map(|(id, weight)| {
                    let weight = if alone { (*weight).min(1) } else { *weight };
                    Ok((self.arn(&Id::TargetGroup(id.clone()))?, weight))
                });
                Action::Forward(Forward {
                    groups: groups.collect::<Answer<_>>()?,
                    stickiness_s: forward.stickiness_s,
                })
            }
            rule::Action::Redirect(redirect) => Action::Redirect(redirect.clone()),
            rule::Action::Fixed(fixed) => Action::Fixed(fixed.clone()),
        })
    }
}

fn same_owner(one: &Tags, other: &Tags) -> bool {
    [CLUSTER, GATEWAY]
        .iter()
        .all(|key| one.get(*key).is_some() && one.get(*key) == other.get(*key))
}

/// Something of this name exists. If it is our own, it was made a moment ago and will be seen next time.
fn judged(error: CloudError, found: Option<Tags>, ours: &Tags) -> CloudError {
    match found {
        Some(found) if same_owner(&found, ours) => CloudError {
            kind: ErrorKind::Conflict,
            message: "it was made a moment ago, with other settings".to_owned(),
            ..error
        },
        Some(_) => CloudError {
            message: "it exists and was not made for this Gateway: rename it, or the Gateway".to_owned(),
            ..error
        },
        None => CloudError {
            kind: ErrorKind::Conflict,
            message: "it existed a moment ago".to_owned(),
            ..error
        },
    }
}

fn protected(error: CloudError) -> CloudError {
    if error.kind != ErrorKind::Protected {
        return error;
    }
    CloudError {
        message:
            "it is protected from deletion: switch its attribute deletion_protection.enabled off, in the \
                  Gateway's parameters or in AWS, and it is deleted"
                .to_owned(),
        ..error
    }
}

fn gone_is_fine(answer: Answer<()>) -> Answer<()> {
    match answer {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        answer => answer,
    }
}
