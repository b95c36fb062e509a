//! Target groups and their targets.

use super::convert::{status, tags};
use super::{LATTICE, convert, existing, made};
use crate::Account;
use crate::cloud::{failed, odd};
use aws_sdk_vpclattice::types as sdk;
use gatewright_aws::cloud::{Answer, Arn, CloudError};
use gatewright_aws::lattice::cloud::{NewTargetGroup, TargetGroup, TargetGroups, TargetStatus};
use gatewright_aws_core::lattice::Health;
use gatewright_aws_core::target_group::Target;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};

impl TargetGroups for Account {
    async fn group(&self, arn: &Arn) -> Answer<Option<TargetGroup>> {
        let request = self.lattice.get_target_group().target_group_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetTargetGroup")))?;
        Ok(answer.map(|found| {
            let config = found.config();
            let family = config.and_then(|config| config.ip_address_type());
            TargetGroup {
                arn: arn.clone(),
                name: found.name().unwrap_or_default().into(),
                vpc: config
                    .and_then(|config| config.vpc_identifier())
                    .unwrap_or_default()
                    .into(),
                ipv6: family == Some(&sdk::IpAddressType::Ipv6),
                health: convert::seen_health(config.and_then(|config| config.health_check())),
                status: status(
                    found.status().map_or("", sdk::TargetGroupStatus::as_str),
                    found.failure_message(),
                ),
            }
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

    async fn set_health(&self, arn: &Arn, health: &Health) -> Answer<()> {
        let request = self
            .lattice
            .update_target_group()
            .target_group_identifier(&*arn.0)
            .health_check(convert::health(health));
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
}
