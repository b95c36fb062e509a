//! VPC Lattice by the SDK.
//!
//! <https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/Welcome.html>. Identifiers are ARNs throughout.

mod convert;

use crate::Account;
use crate::calls::Service as Of;
use crate::cloud::{failed, odd};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_sdk_vpclattice::types as sdk;
use convert::{seen_action, seen_auth, seen_tags, status, tags, texts};
use gatewright_aws::cloud::{self, Answer, Arn, Certificates, CloudError, Tagging};
use gatewright_aws::lattice::cloud::{
    Action, Auth, Kind, Lattice, Listener, Network, NewListener, NewRule, NewService, NewTargetGroup, Rule,
    Service, ServiceAssociation, Tagged, TargetGroup, TargetStatus, VpcAssociation,
};
use gatewright_aws::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_aws_core::lattice::{Health, Match};
use gatewright_aws_core::target_group::{Fixed, Target};
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

const LATTICE: Of = Of::VpcLattice;

/// Quotas change when somebody asks AWS for it.
const LIMITS_LAST: Duration = Duration::from_secs(300);

/// Quotas that were read, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct CachedLimits(Arc<Mutex<Option<(Instant, Limits)>>>);

/// How the tagging API calls a kind, and how ARNs of it continue after account and colon.
const fn listed(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Network => Some(("vpc-lattice:servicenetwork", "servicenetwork/")),
        Kind::Service => Some(("vpc-lattice:service", "service/")),
        Kind::TargetGroup => Some(("vpc-lattice:targetgroup", "targetgroup/")),
        Kind::Certificate => None,
    }
}

/// The service of a listener or rule, and the listener of a rule, by their ARNs.
fn parents(arn: &Arn) -> (String, String) {
    let service = arn.0.split("/listener/").next().unwrap_or_default();
    let listener = arn.0.split("/rule/").next().unwrap_or_default();
    (service.to_owned(), listener.to_owned())
}

/// AWS tells the ids of target groups in actions; with the beginning of any ARN of the account they are ARNs.
fn group_arn(of: &Arn, id: &str) -> Arn {
    if id.starts_with("arn:") {
        return Arn(id.into());
    }
    let prefix: Vec<&str> = of.0.splitn(6, ':').take(5).collect();
    Arn(format!("{}:targetgroup/{id}", prefix.join(":")).into())
}

fn made(operation: &'static str, arn: Option<&str>) -> Answer<Arn> {
    arn.map(|arn| Arn(arn.into()))
        .ok_or_else(|| odd(operation, "no ARN in the answer"))
}

/// None when it does not exist.
fn existing<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Account {
    /// Something that is gone has no tag any more, so that a policy that asks for it refuses: then it is looked up.
    async fn gone(&self, answer: Answer<()>, arn: &Arn) -> Answer<()> {
        crate::cloud::gone_is_fine(answer, || async { Ok(self.tags_of(arn).await?.is_some()) }).await
    }

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

    /// `GetListener`.
    async fn listener(&self, arn: &str) -> Answer<Option<Listener>> {
        let arn = Arn(arn.into());
        let (service, _) = parents(&arn);
        let request = self
            .lattice
            .get_listener()
            .service_identifier(service)
            .listener_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetListener")))?;
        Ok(answer.map(|found| Listener {
            name: found.name().unwrap_or_default().into(),
            port: u16::try_from(found.port().unwrap_or_default()).unwrap_or_default(),
            protocol: convert::seen_protocol(found.protocol()),
            default: seen_action(found.default_action(), |id| group_arn(&arn, id)),
            arn,
        }))
    }

    /// `GetRule`; none for the default one.
    async fn rule(&self, arn: &str) -> Answer<Option<Rule>> {
        let arn = Arn(arn.into());
        let (service, listener) = parents(&arn);
        let request = self
            .lattice
            .get_rule()
            .service_identifier(service)
            .listener_identifier(listener)
            .rule_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetRule")))?;
        let other = answer.filter(|found| !found.is_default().unwrap_or(false));
        Ok(other.map(|found| Rule {
            name: found.name().unwrap_or_default().into(),
            priority: u16::try_from(found.priority().unwrap_or_default()).unwrap_or_default(),
            conditions: convert::seen_conditions(found.r#match()),
            action: seen_action(found.action(), |id| group_arn(&arn, id)),
            arn,
        }))
    }
}

/// The first of the items of a listing whose name is wanted.
macro_rules! named {
    ($request:expr, $operation:literal, $wanted:expr) => {{
        let mut items = $request.into_paginator().items().send();
        let mut found = None;
        while let Some(item) = items.next().await {
            let item = item.map_err(failed(LATTICE, $operation))?;
            if item.name() == Some($wanted) {
                found = item.arn().map(|arn| Arn(arn.into()));
                break;
            }
        }
        Ok(found)
    }};
}

/// Sends a request whose answer says nothing.
macro_rules! done {
    ($request:expr, $operation:literal) => {
        $request
            .send()
            .await
            .map(|_| ())
            .map_err(failed(LATTICE, $operation))
    };
}

impl Lattice for Account {
    /// By their names: codes are not documented. What is not told keeps its default.
    async fn lattice_limits(&self) -> Answer<Limits> {
        // Held while reading: who else asks meanwhile wants the same answer.
        let mut cached = self.lattice_limits.0.lock().await;
        if let Some((at, limits)) = &*cached
            && at.elapsed() < LIMITS_LAST
        {
            return Ok(limits.clone());
        }
        let mut limits = Limits::default();
        for quota in self.quotas().list("vpc-lattice").await? {
            // Whole numbers below 2^32 alone are quotas of these.
            let value = quota.value.clamp(0.0, f64::from(u32::MAX)) as u32;
            match quota.quota_name.to_ascii_lowercase().as_str() {
                "rules per listener" => limits.rules = value,
                "listeners per service" => limits.listeners = value,
                "targets per target group" => limits.targets = value,
                "services per service network" => limits.services = value,
                _ => {}
            }
        }
        *cached = Some((Instant::now(), limits.clone()));
        Ok(limits)
    }

    async fn find_marked(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        let Some((resource_type, begin)) = listed(kind) else {
            return self.find(cloud::Kind::Certificate, marks).await;
        };
        let mut request = self.tagging.get_resources().resource_type_filters(resource_type);
        for (key, value) in marks {
            request = request.tag_filters(TagFilter::builder().key(&**key).values(&**value).build());
        }
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(resource) = pages.next().await {
            let resource = resource.map_err(failed(Of::Tagging, "GetResources"))?;
            let part = |arn: &str| -> bool {
                let rest = arn.splitn(6, ':').nth(5).unwrap_or_default();
                // Listeners and rules are below their service.
                rest.strip_prefix(begin).is_some_and(|id| !id.contains('/'))
            };
            let Some(arn) = resource.resource_arn().filter(|arn| part(arn)) else {
                continue;
            };
            let tags = resource
                .tags()
                .iter()
                .map(|tag| (tag.key().into(), tag.value().into()));
            found.push(Tagged {
                arn: Arn(arn.into()),
                tags: tags.collect(),
            });
        }
        Ok(found)
    }

    async fn tags_of(&self, arn: &Arn) -> Answer<Option<Tags>> {
        let request = self.lattice.list_tags_for_resource().resource_arn(&*arn.0);
        let answer = request
            .send()
            .await
            .map_err(failed(LATTICE, "ListTagsForResource"));
        Ok(existing(answer)?.map(|found| seen_tags(found.tags())))
    }

    async fn tag(&self, kind: Kind, arn: &Arn, given: &Tags) -> Answer<()> {
        if kind == Kind::Certificate {
            let arns = std::slice::from_ref(arn);
            return self.add_tags(cloud::Kind::Certificate, arns, given).await;
        }
        let request = self.lattice.tag_resource().resource_arn(&*arn.0);
        done!(request.set_tags(tags(given)), "TagResource")
    }

    async fn untag(&self, kind: Kind, arn: &Arn, keys: &BTreeSet<Str>) -> Answer<()> {
        if kind == Kind::Certificate {
            let arns = std::slice::from_ref(arn);
            return self.remove_tags(cloud::Kind::Certificate, arns, keys).await;
        }
        let request = self.lattice.untag_resource().resource_arn(&*arn.0);
        done!(request.set_tag_keys(texts(keys)), "UntagResource")
    }

    async fn import(&self, over: Option<&Arn>, import: &Import, given: &Tags) -> Answer<Arn> {
        match over {
            None => self.import_certificate(import, given).await,
            Some(arn) => self.reimport_certificate(arn, import).await.map(|()| arn.clone()),
        }
    }

    async fn delete_imported(&self, arn: &Arn) -> Answer<()> {
        self.delete_certificate(arn).await
    }

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

    async fn service(&self, arn: &Arn) -> Answer<Option<Service>> {
        let request = self.lattice.get_service().service_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetService")))?;
        Ok(answer.map(|found| Service {
            arn: arn.clone(),
            name: found.name().unwrap_or_default().into(),
            domain: found.custom_domain_name().map(Into::into),
            certificate: found
                .certificate_arn()
                .filter(|arn| !arn.is_empty())
                .map(|arn| Arn(arn.into())),
            auth: seen_auth(found.auth_type()),
            status: status(
                found.status().map_or("", sdk::ServiceStatus::as_str),
                found.failure_message(),
            ),
            dns_name: found
                .dns_entry()
                .and_then(|entry| entry.domain_name())
                .unwrap_or_default()
                .into(),
        }))
    }

    async fn service_named(&self, name: &str) -> Answer<Option<Arn>> {
        named!(self.lattice.list_services(), "ListServices", name)
    }

    async fn create_service(&self, new: &NewService) -> Answer<Arn> {
        let operation = "CreateService";
        let request = self
            .lattice
            .create_service()
            .name(&*new.name)
            .set_custom_domain_name(new.domain.as_deref().map(str::to_owned))
            .set_certificate_arn(new.certificate.as_ref().map(|arn| arn.0.to_string()))
            .auth_type(convert::auth(new.auth))
            .set_tags(tags(&new.tags));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        made(operation, answer.arn())
    }

    async fn update_service(&self, arn: &Arn, certificate: Option<&Arn>, auth: Auth) -> Answer<()> {
        let request = self
            .lattice
            .update_service()
            .service_identifier(&*arn.0)
            .set_certificate_arn(certificate.map(|arn| arn.0.to_string()))
            .auth_type(convert::auth(auth));
        done!(request, "UpdateService")
    }

    async fn delete_service(&self, arn: &Arn) -> Answer<()> {
        let request = self.lattice.delete_service().service_identifier(&*arn.0);
        let answer = done!(request, "DeleteService");
        self.gone(answer, arn).await
    }

    async fn listeners_of(&self, service: &Arn) -> Answer<Vec<Listener>> {
        let request = self.lattice.list_listeners().service_identifier(&*service.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::ListenerSummary> =
            match existing(items.map_err(failed(LATTICE, "ListListeners")))? {
                Some(items) => items,
                None => return Ok(Vec::new()),
            };
        let mut found = Vec::with_capacity(items.len());
        for arn in items.iter().filter_map(sdk::ListenerSummary::arn) {
            found.extend(self.listener(arn).await?);
        }
        Ok(found)
    }

    async fn create_service_listener(&self, service: &Arn, new: &NewListener) -> Answer<Arn> {
        let operation = "CreateListener";
        let action = convert::action(&new.default).map_err(|error| odd(operation, error))?;
        let request = self
            .lattice
            .create_listener()
            .service_identifier(&*service.0)
            .name(&*new.name)
            .port(i32::from(new.port))
            .protocol(convert::protocol(new.protocol))
            .default_action(action)
            .set_tags(tags(&new.tags));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        made(operation, answer.arn())
    }

    async fn set_default(&self, listener: &Arn, action: &Action) -> Answer<()> {
        let action = convert::action(action).map_err(|error| odd("UpdateListener", error))?;
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .update_listener()
            .service_identifier(service)
            .listener_identifier(&*listener.0)
            .default_action(action);
        done!(request, "UpdateListener")
    }

    async fn delete_service_listener(&self, listener: &Arn) -> Answer<()> {
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .delete_listener()
            .service_identifier(service)
            .listener_identifier(&*listener.0);
        let answer = done!(request, "DeleteListener");
        self.gone(answer, listener).await
    }

    async fn rules_of(&self, listener: &Arn) -> Answer<Vec<Rule>> {
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .list_rules()
            .service_identifier(service)
            .listener_identifier(&*listener.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::RuleSummary> = match existing(items.map_err(failed(LATTICE, "ListRules")))? {
            Some(items) => items,
            None => return Ok(Vec::new()),
        };
        let mut found = Vec::with_capacity(items.len());
        let others = items.iter().filter(|item| !item.is_default().unwrap_or(false));
        for arn in others.filter_map(sdk::RuleSummary::arn) {
            found.extend(self.rule(arn).await?);
        }
        Ok(found)
    }

    async fn create_service_rule(&self, listener: &Arn, new: &NewRule) -> Answer<()> {
        let operation = "CreateRule";
        let unfit = |error| odd(operation, error);
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .create_rule()
            .service_identifier(service)
            .listener_identifier(&*listener.0)
            .name(&*new.name)
            .priority(i32::from(new.priority))
            .r#match(convert::conditions(&new.conditions).map_err(unfit)?)
            .action(convert::action(&new.action).map_err(unfit)?)
            .set_tags(tags(&new.tags));
        done!(request, "CreateRule")
    }

    async fn update_rule(&self, rule: &Arn, conditions: &Match, action: &Action) -> Answer<()> {
        let unfit = |error| odd("UpdateRule", error);
        let (service, listener) = parents(rule);
        let request = self
            .lattice
            .update_rule()
            .service_identifier(service)
            .listener_identifier(listener)
            .rule_identifier(&*rule.0)
            .r#match(convert::conditions(conditions).map_err(unfit)?)
            .action(convert::action(action).map_err(unfit)?);
        done!(request, "UpdateRule")
    }

    async fn set_priorities(&self, listener: &Arn, priorities: &BTreeMap<Arn, u16>) -> Answer<()> {
        let operation = "BatchUpdateRule";
        let (service, _) = parents(listener);
        let updates = priorities.iter().map(|(rule, priority)| {
            sdk::RuleUpdate::builder()
                .rule_identifier(&*rule.0)
                .priority(i32::from(*priority))
                .build()
        });
        let updates: Result<Vec<_>, _> = updates.collect();
        let request = self
            .lattice
            .batch_update_rule()
            .service_identifier(service)
            .listener_identifier(&*listener.0)
            .set_rules(Some(updates.map_err(|error| odd(operation, error))?));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        match answer.unsuccessful() {
            [] => Ok(()),
            [first, ..] => Err(CloudError {
                kind: ErrorKind::Conflict,
                operation,
                code: first.failure_code().unwrap_or_default().into(),
                message: first.failure_message().unwrap_or_default().to_owned(),
            }),
        }
    }

    async fn delete_service_rule(&self, rule: &Arn) -> Answer<()> {
        let (service, listener) = parents(rule);
        let request = self
            .lattice
            .delete_rule()
            .service_identifier(service)
            .listener_identifier(listener)
            .rule_identifier(&*rule.0);
        let answer = done!(request, "DeleteRule");
        self.gone(answer, rule).await
    }

    async fn group(&self, arn: &Arn) -> Answer<Option<TargetGroup>> {
        let request = self.lattice.get_target_group().target_group_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetTargetGroup")))?;
        Ok(answer.map(|found| TargetGroup {
            arn: arn.clone(),
            name: found.name().unwrap_or_default().into(),
            health: convert::seen_health(found.config().and_then(|config| config.health_check())),
            status: status(
                found.status().map_or("", sdk::TargetGroupStatus::as_str),
                found.failure_message(),
            ),
        }))
    }

    async fn group_named(&self, name: &str) -> Answer<Option<Arn>> {
        named!(self.lattice.list_target_groups(), "ListTargetGroups", name)
    }

    async fn create_group(&self, new: &NewTargetGroup) -> Answer<Arn> {
        let operation = "CreateTargetGroup";
        let request = self
            .lattice
            .create_target_group()
            .name(&*new.name)
            .r#type(sdk::TargetGroupType::Ip)
            .config(convert::config(&new.fixed, &new.vpc, &new.health))
            .set_tags(tags(&new.tags));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        made(operation, answer.arn())
    }

    async fn set_health(&self, arn: &Arn, fixed: &Fixed, health: &Health) -> Answer<()> {
        let request = self
            .lattice
            .update_target_group()
            .target_group_identifier(&*arn.0)
            .health_check(convert::health(fixed, health));
        done!(request, "UpdateTargetGroup")
    }

    async fn delete_group(&self, arn: &Arn) -> Answer<()> {
        let request = self
            .lattice
            .delete_target_group()
            .target_group_identifier(&*arn.0);
        let answer = done!(request, "DeleteTargetGroup");
        self.gone(answer, arn).await
    }

    async fn targets_of(&self, arn: &Arn) -> Answer<BTreeMap<Target, TargetStatus>> {
        let request = self.lattice.list_targets().target_group_identifier(&*arn.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::TargetSummary> = items.map_err(failed(LATTICE, "ListTargets"))?;
        Ok(items.iter().filter_map(convert::seen_target).collect())
    }

    async fn register_targets(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let operation = "RegisterTargets";
        let targets: Result<Vec<_>, _> = targets.iter().map(convert::target).collect();
        let request = self
            .lattice
            .register_targets()
            .target_group_identifier(&*arn.0)
            .set_targets(Some(targets.map_err(|error| odd(operation, error))?));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        match answer.unsuccessful() {
            [] => Ok(()),
            [first, more @ ..] => Err(CloudError {
                kind: ErrorKind::Invalid,
                operation,
                code: first.failure_code().unwrap_or_default().into(),
                message: format!(
                    "{}: {} (and {} more)",
                    first.id().unwrap_or_default(),
                    first.failure_message().unwrap_or_default(),
                    more.len()
                ),
            }),
        }
    }

    async fn deregister_targets(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let operation = "DeregisterTargets";
        let targets: Result<Vec<_>, _> = targets.iter().map(convert::target).collect();
        let request = self
            .lattice
            .deregister_targets()
            .target_group_identifier(&*arn.0)
            .set_targets(Some(targets.map_err(|error| odd(operation, error))?));
        // Those that are not registered are told as unsuccessful, and are as they should be.
        done!(request, "DeregisterTargets")
    }

    async fn policy(&self, of: &Arn) -> Answer<Option<Str>> {
        let request = self.lattice.get_auth_policy().resource_identifier(&*of.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetAuthPolicy")))?;
        let policy = answer.and_then(|found| found.policy().map(Str::from));
        Ok(policy.filter(|policy| !policy.is_empty()))
    }

    async fn put_policy(&self, of: &Arn, policy: &str) -> Answer<()> {
        let request = self.lattice.put_auth_policy().resource_identifier(&*of.0);
        done!(request.policy(policy), "PutAuthPolicy")
    }

    async fn delete_policy(&self, of: &Arn) -> Answer<()> {
        let request = self.lattice.delete_auth_policy().resource_identifier(&*of.0);
        done!(request, "DeleteAuthPolicy")
    }

    async fn logs(&self, of: &Arn) -> Answer<BTreeMap<Arn, Str>> {
        let request = self
            .lattice
            .list_access_log_subscriptions()
            .resource_identifier(&*of.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::AccessLogSubscriptionSummary> =
            items.map_err(failed(LATTICE, "ListAccessLogSubscriptions"))?;
        let of_item = |item: &sdk::AccessLogSubscriptionSummary| {
            (Arn(item.arn().into()), Str::from(item.destination_arn()))
        };
        Ok(items.iter().map(of_item).collect())
    }

    async fn log_to(&self, of: &Arn, destination: &str, given: &Tags) -> Answer<()> {
        let request = self
            .lattice
            .create_access_log_subscription()
            .resource_identifier(&*of.0)
            .destination_arn(destination)
            .set_tags(tags(given));
        done!(request, "CreateAccessLogSubscription")
    }

    async fn stop_log(&self, arn: &Arn) -> Answer<()> {
        let request = self
            .lattice
            .delete_access_log_subscription()
            .access_log_subscription_identifier(&*arn.0);
        let answer = done!(request, "DeleteAccessLogSubscription");
        self.gone(answer, arn).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_tell_what_they_are_of() {
        let rule = "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1/listener/listener-2/rule/rule-3";
        let (service, listener) = parents(&Arn(rule.into()));
        assert_eq!(
            service,
            "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1"
        );
        assert_eq!(
            listener,
            "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1/listener/listener-2"
        );
        let group = "arn:aws:vpc-lattice:eu-west-1:123456789012:targetgroup/tg-4";
        assert_eq!(&*group_arn(&Arn(rule.into()), "tg-4").0, group);
        assert_eq!(&*group_arn(&Arn(rule.into()), group).0, group);
    }
}
