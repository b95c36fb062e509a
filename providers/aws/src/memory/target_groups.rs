//! Target groups and targets.

use super::check::{self, quota, valid};
use super::state::{KeptGroup, State, found};
use super::{Connection, Outcome};
use crate::cloud::{Answer, Arn, Attributes, Health, Kind, NewTargetGroup, TargetGroup, TargetGroups};
use gatewright_aws_core::Str;
use gatewright_aws_core::target_group::{HealthCheck, ProtocolVersion, Target, TargetKind};
use gatewright_provider_api::contract::{Action, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};

const MISSING: &str = "TargetGroupNotFound";

impl State {
    fn create_target_group(&mut self, new: &NewTargetGroup) -> Outcome<Arn> {
        check::name(&new.name)?;
        check::tags(&new.tags)?;
        // "The port on which the target control agent and application load balancer exchange management traffic"
        // (`API_CreateTargetGroup`).
        let agents = matches!(new.fixed.kind, TargetKind::Ip | TargetKind::Instance)
            && matches!(&*new.fixed.protocol, "HTTP" | "HTTPS");
        valid(agents || new.fixed.control_port.is_none())?;
        let health = complete(new);
        if let Some(kept) = self.target_groups.values().find(|kept| kept.of.name == new.name) {
            let same = kept.of.fixed == new.fixed && kept.of.health == health && kept.of.vpc == new.vpc;
            return if same {
                Ok(kept.of.arn.clone())
            } else {
                Err((ErrorKind::NotOurs, "DuplicateTargetGroupName"))
            };
        }
        let most = usize::try_from(self.limits.region_target_groups).unwrap_or(usize::MAX);
        quota(self.target_groups.len() < most, "TooManyTargetGroups")?;
        let arn = self.make("targetgroup", &new.tags);
        let defaults = [
            ("deregistration_delay.timeout_seconds", "300"),
            ("stickiness.enabled", "false"),
        ]
        .into_iter()
        .filter(|_| new.fixed.kind != TargetKind::Lambda)
        .chain(match &*new.fixed.protocol {
            _ if new.fixed.kind == TargetKind::Lambda => {
                vec![("lambda.multi_value_headers.enabled", "false")]
            }
            "HTTP" | "HTTPS" => vec![("load_balancing.algorithm.type", "round_robin")],
            _ => vec![
                ("proxy_protocol_v2.enabled", "false"),
                ("preserve_client_ip.enabled", "false"),
            ],
        });
        let kept = KeptGroup {
            of: TargetGroup {
                arn: arn.clone(),
                name: new.name.clone(),
                fixed: new.fixed.clone(),
                vpc: new.vpc.clone(),
                health,
                balancers: BTreeSet::new(),
            },
            attributes: defaults
                .map(|(key, value)| (Str::from(key), Str::from(value)))
                .collect(),
            targets: BTreeMap::new(),
            draining: BTreeMap::new(),
        };
        self.target_groups.insert(arn.clone(), kept);
        Ok(arn)
    }

    fn target_group(&mut self, arn: &Arn) -> Outcome<&mut KeptGroup> {
        found(self.target_groups.get_mut(arn), MISSING)
    }

    pub(super) fn shown(&self, kept: &KeptGroup) -> TargetGroup {
        let mut of = kept.of.clone();
        of.balancers = self.balancers_of(&of.arn);
        of
    }

    fn health(&self, arn: &Arn) -> Outcome<BTreeMap<Target, Health>> {
        let kept = found(self.target_groups.get(arn), MISSING)?;
        let used = !self.balancers_of(arn).is_empty();
        let health = |since: u64| match (used, self.now > since + self.delays.healthy) {
            (false, _) => Health::Unused,
            (true, false) => Health::Initial,
            (true, true) if self.unwell.contains(&kept.of.name) => Health::Unhealthy,
            (true, true) => Health::Healthy,
        };
        let draining = kept
            .draining
            .keys()
            .map(|target| (target.clone(), Health::Draining));
        let registered = kept
            .targets
            .iter()
            .map(|(target, since)| (target.clone(), health(*since)));
        Ok(draining.chain(registered).collect())
    }

    fn register(&mut self, arn: &Arn, targets: &BTreeSet<Target>) -> Outcome<()> {
        valid(!targets.is_empty() && targets.len() <= crate::alb::step::CHUNK)?;
        let protocol = self.target_group(arn)?.of.fixed.protocol.clone();
        // `API_TargetDescription`: "required if the protocol is QUIC or TCP_QUIC, and can't be used with other protocols".
        let quic = protocol.contains("QUIC");
        valid(targets.iter().all(|target| target.quic_server.is_some() == quic))?;
        // "You can register only one Lambda function with each target group" (lambda-functions.html).
        if self.target_group(arn)?.of.fixed.kind == TargetKind::Lambda {
            let functions = targets.iter().all(|target| target.port == 0);
            valid(functions && targets.len() == 1)?;
            let others = self
                .target_group(arn)?
                .targets
                .keys()
                .any(|known| !targets.contains(known));
            quota(!others, "TooManyTargets")?;
        }
        let most = match &*protocol {
            "HTTP" | "HTTPS" => self.limits.targets,
            _ => self.network_limits.targets,
        };
        let (now, most) = (self.now, usize::try_from(most).unwrap_or(usize::MAX));
        let kept = self.target_group(arn)?;
        let all: BTreeSet<&Target> = kept.targets.keys().chain(targets).collect();
        quota(all.len() <= most, "TooManyTargets")?;
        for target in targets {
            kept.draining.remove(target);
            kept.targets.entry(target.clone()).or_insert(now);
        }
        Ok(())
    }
}

/// With AWS's defaults (`API_CreateTargetGroup`).
fn complete(new: &NewTargetGroup) -> HealthCheck {
    let given = new.health.clone();
    // "If the target type is lambda, health checks are disabled by default" (`API_CreateTargetGroup`).
    if new.fixed.kind == TargetKind::Lambda {
        return given;
    }
    let grpc = new.fixed.version == Some(ProtocolVersion::Grpc);
    let requests = matches!(&*new.fixed.protocol, "HTTP" | "HTTPS");
    let default: Str = if requests {
        new.fixed.protocol.clone()
    } else {
        "TCP".into()
    };
    let protocol = given.protocol.unwrap_or(default);
    let asks = &*protocol != "TCP";
    HealthCheck {
        protocol: Some(protocol),
        port: given.port.or_else(|| Some("traffic-port".into())),
        path: given
            .path
            .or_else(|| asks.then(|| if grpc { "/AWS.ALB/healthcheck" } else { "/" }.into())),
        // "The default is 200-399" (target-group-health-checks.html of Network Load Balancers).
        codes: given.codes.or_else(|| {
            let codes = match (grpc, requests) {
                (true, _) => "12",
                (false, true) => "200",
                (false, false) => "200-399",
            };
            asks.then(|| codes.into())
        }),
        interval_s: given.interval_s.or(Some(30)),
        timeout_s: given.timeout_s.or(Some(5)),
        healthy: given.healthy.or(Some(5)),
        unhealthy: given.unhealthy.or(Some(2)),
    }
}

impl TargetGroups for Connection {
    async fn target_groups(&self, arns: &[Arn]) -> Answer<Vec<TargetGroup>> {
        self.read_many("DescribeTargetGroups", (20, arns.len()), |state| {
            let kept = arns.iter().filter_map(|arn| state.target_groups.get(arn));
            Ok(kept.map(|kept| state.shown(kept)).collect())
        })
        .await
    }

    async fn target_group_named(&self, name: &str) -> Answer<Option<TargetGroup>> {
        self.read("DescribeTargetGroups", |state| {
            let kept = state.target_groups.values().find(|kept| &*kept.of.name == name);
            Ok(kept.map(|kept| state.shown(kept)))
        })
        .await
    }

    async fn target_group_attributes(&self, arn: &Arn) -> Answer<Attributes> {
        self.read("DescribeTargetGroupAttributes", |state| {
            Ok(state.target_group(arn)?.attributes.clone())
        })
        .await
    }

    async fn targets(&self, arn: &Arn) -> Answer<BTreeMap<Target, Health>> {
        self.read("DescribeTargetHealth", |state| state.health(arn)).await
    }

    async fn create_target_group(&self, new: &NewTargetGroup) -> Answer<Arn> {
        let what = (Action::Create, new.name.clone());
        self.write("CreateTargetGroup", what, |state| state.create_target_group(new))
            .await
    }

    async fn modify_target_group(&self, arn: &Arn, health: &HealthCheck) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("ModifyTargetGroup", what, |state| {
            let kept = &mut state.target_group(arn)?.of.health;
            let new = health.clone();
            *kept = HealthCheck {
                protocol: new.protocol.or(kept.protocol.take()),
                port: new.port.or(kept.port.take()),
                path: new.path.or(kept.path.take()),
                codes: new.codes.or(kept.codes.take()),
                interval_s: new.interval_s.or(kept.interval_s),
                timeout_s: new.timeout_s.or(kept.timeout_s),
                healthy: new.healthy.or(kept.healthy),
                unhealthy: new.unhealthy.or(kept.unhealthy),
            };
            Ok(())
        })
        .await
    }

    async fn set_target_group_attributes(&self, arn: &Arn, attributes: &Attributes) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("ModifyTargetGroupAttributes", what, |state| {
            state.target_group(arn)?.attributes.extend(attributes.clone());
            Ok(())
        })
        .await
    }

    async fn register(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("RegisterTargets", what, |state| state.register(arn, targets))
            .await
    }

    async fn deregister(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("DeregisterTargets", what, |state| {
            valid(!targets.is_empty() && targets.len() <= crate::alb::step::CHUNK)?;
            let until = state.now + state.delays.draining;
            let kept = state.target_group(arn)?;
            for target in targets {
                if kept.targets.remove(target).is_some() {
                    kept.draining.insert(target.clone(), until);
                }
            }
            Ok(())
        })
        .await
    }

    async fn delete_target_group(&self, arn: &Arn) -> Answer<()> {
        let what = (Action::Delete, arn.0.clone());
        self.write("DeleteTargetGroup", what, |state| {
            if !state.balancers_of(arn).is_empty() {
                return Err((ErrorKind::InUse, "ResourceInUse"));
            }
            found(state.target_groups.remove(arn), MISSING)?;
            state.forget(Kind::TargetGroup, arn);
            Ok(())
        })
        .await
    }
}
