//! Target groups and targets.

use super::convert::{attributes, pairs, tags_to_elb, target_group, texts};
use super::{ELB, existing, failed, gone_is_fine, odd};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Answer, Arn, Attributes, Health, NewTargetGroup, TargetGroup, TargetGroups};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, Target, TargetKind};
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};

const DESCRIBE: &str = "DescribeTargetGroups";

fn read(groups: &[sdk::TargetGroup]) -> Answer<Vec<TargetGroup>> {
    let read = |one| {
        target_group::from_sdk(one).map_err(|field| odd(DESCRIBE, format_args!("{field} is missing or new")))
    };
    groups.iter().map(read).collect()
}

fn descriptions(targets: &BTreeSet<Target>) -> Vec<sdk::TargetDescription> {
    targets.iter().map(target_group::target_to_sdk).collect()
}

impl TargetGroups for Account {
    async fn target_groups(&self, arns: &[Arn]) -> Answer<Vec<TargetGroup>> {
        existing(&texts(arns), |arns| async move {
            let request = self
                .elb
                .describe_target_groups()
                .set_target_group_arns(Some(arns));
            let items = request.into_paginator().items().send().try_collect().await;
            read(&items.map_err(failed(ELB, DESCRIBE))?)
        })
        .await
    }

    async fn target_group_named(&self, name: &str) -> Answer<Option<TargetGroup>> {
        let answer = self
            .elb
            .describe_target_groups()
            .names(name)
            .send()
            .await
            .map_err(failed(ELB, DESCRIBE));
        match answer {
            Ok(answer) => Ok(read(answer.target_groups())?.into_iter().next()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn target_group_attributes(&self, arn: &Arn) -> Answer<Attributes> {
        let request = self
            .elb
            .describe_target_group_attributes()
            .target_group_arn(&*arn.0);
        let answer = request
            .send()
            .await
            .map_err(failed(ELB, "DescribeTargetGroupAttributes"))?;
        Ok(pairs(
            answer.attributes().iter().map(|one| (one.key(), one.value())),
        ))
    }

    async fn targets(&self, arn: &Arn) -> Answer<BTreeMap<Target, Health>> {
        let operation = "DescribeTargetHealth";
        let request = self.elb.describe_target_health().target_group_arn(&*arn.0);
        let answer = request.send().await.map_err(failed(ELB, operation))?;
        let read = |one| {
            target_group::target_from_sdk(one)
                .map_err(|field| odd(operation, format_args!("{field} is missing or new")))
        };
        answer.target_health_descriptions().iter().map(read).collect()
    }

    async fn create_target_group(&self, new: &NewTargetGroup) -> Answer<Arn> {
        let operation = "CreateTargetGroup";
        let NewTargetGroup {
            name,
            fixed,
            vpc,
            health,
            tags,
        } = new;
        let Fixed {
            protocol,
            version,
            port,
            kind,
            ipv6,
            control_port,
        } = fixed;
        let HealthCheck {
            protocol: check,
            port: check_port,
            path,
            codes,
            interval_s,
            timeout_s,
            healthy,
            unhealthy,
        } = health;
        let mut request = self
            .elb
            .create_target_group()
            .name(&**name)
            .target_type(target_group::kind_to_sdk(*kind))
            .set_health_check_protocol(check.as_deref().map(sdk::ProtocolEnum::from))
            .set_health_check_port(check_port.as_deref().map(str::to_owned))
            .set_health_check_path(path.as_deref().map(str::to_owned))
            .set_matcher(codes.as_deref().map(target_group::matcher_to_sdk))
            .set_health_check_interval_seconds(interval_s.map(i32::from))
            .set_health_check_timeout_seconds(timeout_s.map(i32::from))
            .set_healthy_threshold_count(healthy.map(i32::from))
            .set_unhealthy_threshold_count(unhealthy.map(i32::from))
            .set_tags(tags_to_elb(tags));
        // "If the target is a Lambda function, this parameter does not apply."
        if *kind != TargetKind::Lambda {
            request = request
                .protocol(sdk::ProtocolEnum::from(&**protocol))
                .set_protocol_version(version.map(|version| target_group::version_to_sdk(version).to_owned()))
                .port(i32::from(*port))
                .vpc_id(&**vpc)
                .ip_address_type(target_group::family_to_sdk(*ipv6))
                .set_target_control_port(control_port.map(i32::from));
        }
        let answer = request.send().await.map_err(failed(ELB, operation))?;
        let made = answer
            .target_groups()
            .first()
            .and_then(sdk::TargetGroup::target_group_arn);
        made.map(|arn| Arn(arn.into()))
            .ok_or_else(|| odd(operation, "no ARN in the answer"))
    }

    async fn modify_target_group(&self, arn: &Arn, health: &HealthCheck) -> Answer<()> {
        let HealthCheck {
            protocol,
            port,
            path,
            codes,
            interval_s,
            timeout_s,
            healthy,
            unhealthy,
        } = health;
        let request = self
            .elb
            .modify_target_group()
            .target_group_arn(&*arn.0)
            .set_health_check_protocol(protocol.as_deref().map(sdk::ProtocolEnum::from))
            .set_health_check_port(port.as_deref().map(str::to_owned))
            .set_health_check_path(path.as_deref().map(str::to_owned))
            .set_matcher(codes.as_deref().map(target_group::matcher_to_sdk))
            .set_health_check_interval_seconds(interval_s.map(i32::from))
            .set_health_check_timeout_seconds(timeout_s.map(i32::from))
            .set_healthy_threshold_count(healthy.map(i32::from))
            .set_unhealthy_threshold_count(unhealthy.map(i32::from));
        request.send().await.map_err(failed(ELB, "ModifyTargetGroup"))?;
        Ok(())
    }

    async fn set_target_group_attributes(&self, arn: &Arn, wanted: &Attributes) -> Answer<()> {
        let mut request = self
            .elb
            .modify_target_group_attributes()
            .target_group_arn(&*arn.0);
        for (key, value) in attributes(wanted) {
            request = request.attributes(sdk::TargetGroupAttribute::builder().key(key).value(value).build());
        }
        request
            .send()
            .await
            .map_err(failed(ELB, "ModifyTargetGroupAttributes"))?;
        Ok(())
    }

    async fn register(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let request = self.elb.register_targets().target_group_arn(&*arn.0);
        let request = request.set_targets(Some(descriptions(targets)));
        request.send().await.map_err(failed(ELB, "RegisterTargets"))?;
        Ok(())
    }

    /// "If the specified target does not exist, the action returns successfully":
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html>.
    async fn deregister(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let request = self.elb.deregister_targets().target_group_arn(&*arn.0);
        let request = request.set_targets(Some(descriptions(targets)));
        request.send().await.map_err(failed(ELB, "DeregisterTargets"))?;
        Ok(())
    }

    async fn delete_target_group(&self, arn: &Arn) -> Answer<()> {
        let request = self.elb.delete_target_group().target_group_arn(&*arn.0);
        let answer = request.send().await.map_err(failed(ELB, "DeleteTargetGroup"));
        gone_is_fine(answer, || self.elb_exists(arn)).await
    }
}
