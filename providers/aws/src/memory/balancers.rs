//! Load balancers.

use super::check::{self, quota, valid};
use super::state::{Kept, State, found};
use super::{Connection, Outcome};
use crate::cloud::{Answer, Arn, Attributes, Balancer, Balancers, NewBalancer, State as Phase};
use gatewright_aws_core::Str;
use gatewright_aws_core::network::IpAddressType;
use gatewright_provider_api::contract::{Action, ErrorKind};
use std::collections::BTreeSet;

const MISSING: &str = "LoadBalancerNotFound";

impl State {
    fn create_balancer(&mut self, new: &NewBalancer) -> Outcome<Arn> {
        check::name(&new.name)?;
        check::tags(&new.tags)?;
        self.check_subnets(&new.subnets)?;
        self.check_groups(&new.security_groups)?;
        if let Some(kept) = self.balancers.values().find(|kept| kept.of.name == new.name) {
            let same = kept.of.scheme == new.scheme
                && kept.of.subnets == new.subnets
                && kept.of.security_groups == new.security_groups
                && kept.of.ip_address_type == new.ip_address_type;
            return if same {
                Ok(kept.of.arn.clone())
            } else {
                Err((ErrorKind::NotOurs, "DuplicateLoadBalancerName"))
            };
        }
        let most = usize::try_from(self.limits.balancers).unwrap_or(usize::MAX);
        quota(self.balancers.len() < most, "TooManyLoadBalancers")?;
        let arn = self.make("loadbalancer", &new.tags);
        let active = self.delays.provisioning == 0;
        let of = Balancer {
            arn: arn.clone(),
            name: new.name.clone(),
            scheme: new.scheme,
            vpc: "vpc-1".into(),
            ip_address_type: new.ip_address_type,
            subnets: new.subnets.clone(),
            security_groups: new.security_groups.clone(),
            dns_name: format!("{}-{}.eu-central-1.elb.amazonaws.com", new.name, self.next).into(),
            state: if active {
                Phase::Active
            } else {
                Phase::Provisioning
            },
        };
        let defaults = [
            ("deletion_protection.enabled", "false"),
            ("idle_timeout.timeout_seconds", "60"),
            ("routing.http2.enabled", "true"),
        ];
        let attributes = defaults.map(|(key, value)| (Str::from(key), Str::from(value)));
        let attributes = Attributes::from(attributes);
        self.balancers.insert(arn.clone(), Kept { of, attributes });
        Ok(arn)
    }

    /// "You must specify subnets from at least two Availability Zones" (`API_SetSubnets`).
    fn check_subnets(&self, subnets: &BTreeSet<Str>) -> Outcome<()> {
        let mut zones = BTreeSet::new();
        for subnet in subnets {
            let subnet = found(self.subnets.get(subnet), "SubnetNotFound")?;
            valid(zones.insert(&subnet.zone))?;
        }
        valid(zones.len() >= 2)
    }

    fn check_groups(&self, groups: &BTreeSet<Arn>) -> Outcome<()> {
        let missing = groups
            .iter()
            .any(|group| !self.security_groups.contains_key(group));
        if missing {
            return Err((ErrorKind::NotFound, "InvalidSecurityGroup"));
        }
        Ok(())
    }

    fn balancer(&mut self, arn: &Arn) -> Outcome<&mut Kept<Balancer>> {
        found(self.balancers.get_mut(arn), MISSING)
    }
}

impl Balancers for Connection {
    async fn balancers(&self, arns: &[Arn]) -> Answer<Vec<Balancer>> {
        self.read("DescribeLoadBalancers", |state| {
            let kept = arns.iter().filter_map(|arn| state.balancers.get(arn));
            Ok(kept.map(|kept| kept.of.clone()).collect())
        })
        .await
    }

    async fn balancer_named(&self, name: &str) -> Answer<Option<Balancer>> {
        self.read("DescribeLoadBalancers", |state| {
            let kept = state.balancers.values().find(|kept| &*kept.of.name == name);
            Ok(kept.map(|kept| kept.of.clone()))
        })
        .await
    }

    async fn balancer_attributes(&self, arn: &Arn) -> Answer<Attributes> {
        self.read("DescribeLoadBalancerAttributes", |state| {
            Ok(state.balancer(arn)?.attributes.clone())
        })
        .await
    }

    async fn create_balancer(&self, new: &NewBalancer) -> Answer<Arn> {
        let what = (Action::Create, new.name.clone());
        self.write("CreateLoadBalancer", what, |state| state.create_balancer(new))
            .await
    }

    async fn set_balancer_attributes(&self, arn: &Arn, attributes: &Attributes) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("ModifyLoadBalancerAttributes", what, |state| {
            let kept = state.balancer(arn)?;
            kept.attributes.extend(attributes.clone());
            Ok(())
        })
        .await
    }

    async fn set_subnets(&self, arn: &Arn, subnets: &BTreeSet<Str>) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("SetSubnets", what, |state| {
            state.check_subnets(subnets)?;
            state.balancer(arn)?.of.subnets.clone_from(subnets);
            Ok(())
        })
        .await
    }

    async fn set_security_groups(&self, arn: &Arn, groups: &BTreeSet<Arn>) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("SetSecurityGroups", what, |state| {
            state.check_groups(groups)?;
            state.balancer(arn)?.of.security_groups.clone_from(groups);
            Ok(())
        })
        .await
    }

    async fn set_ip_address_type(&self, arn: &Arn, wanted: IpAddressType) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("SetIpAddressType", what, |state| {
            state.balancer(arn)?.of.ip_address_type = wanted;
            Ok(())
        })
        .await
    }

    async fn delete_balancer(&self, arn: &Arn) -> Answer<()> {
        let what = (Action::Delete, arn.0.clone());
        self.write("DeleteLoadBalancer", what, |state| {
            let protection = state
                .balancers
                .get(arn)
                .and_then(|kept| kept.attributes.get("deletion_protection.enabled"));
            if protection.is_some_and(|on| &**on == "true") {
                return Err((ErrorKind::Protected, "OperationNotPermitted"));
            }
            state.delete_balancer(arn);
            Ok(())
        })
        .await
    }
}
