//! Pods of a Service in a target group of somebody else.

use super::step::CHUNK;
use crate::cloud::{Answer, Arn, Cloud, Health, Kind, TargetGroup};
use crate::owner::{BINDING, CLUSTER, GATEWAY, Tags, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::target_group::{Target, TargetAddress, TargetKind};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{
    Action, Applied, Binding, Bound, ErrorKind, Instances, Leave, Ledger, Member, Resource, Verdict,
};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Makes what is ours of a target group what the binding says.
pub(super) async fn bind<C: Cloud>(
    (cloud, cluster): (&C, &str),
    leave: &Leave,
    binding: &Binding,
    ledger: &dyn Ledger,
) -> Bound {
    let look = match look(cloud, cluster, binding).await {
        Ok(Ok(look)) => look,
        Ok(Err(refused)) => return refused,
        Err(error) => {
            return Bound {
                members: binding.known.clone(),
                unread: Some(error.about(resource(&binding.group))),
                ..Bound::default()
            };
        }
    };
    let arn = look.group.arn.clone();
    let mut bound = Bound {
        group: Some(arn.0.clone()),
        ..Bound::default()
    };
    // What is drained, or was deregistered by others, is nobody's any more.
    let ours: BTreeSet<Member> = binding
        .known
        .iter()
        .filter(|member| look.registered.contains_key(*member))
        .cloned()
        .collect();
    let wanted: BTreeSet<Member> = look.wanted.keys().cloned().collect();
    bound.members = ours.union(&wanted).cloned().collect();
    if !bound.members.is_subset(&binding.known)
        && let Err(error) = ledger.record(&arn.0, &bound.members).await
    {
        bound.members = binding.known.clone();
        bound.unread = Some(error);
        return bound;
    }
    let missing = look
        .wanted
        .iter()
        .filter(|(member, _)| !look.registered.contains_key(*member));
    let missing: Vec<(Member, Target)> = missing
        .map(|(member, target)| (member.clone(), target.clone()))
        .collect();
    for chunk in missing.chunks(CHUNK) {
        let (members, targets): (BTreeSet<Member>, BTreeSet<Target>) = chunk.iter().cloned().unzip();
        let done = leave.during(cloud.register(&arn, &targets)).await;
        note(&mut bound, (&look.group, "registered"), &members, done);
    }
    let gone = ours.difference(&wanted).filter_map(|member| {
        let target = look.registered.get(member)?;
        Some((member.clone(), target.clone()))
    });
    let gone: Vec<(Member, Target)> = gone.collect();
    for chunk in gone.chunks(CHUNK) {
        let (members, targets): (BTreeSet<Member>, BTreeSet<Target>) = chunk.iter().cloned().unzip();
        let done = match leave.during(cloud.deregister(&arn, &targets)).await {
            Some(Err(error)) if error.kind == ErrorKind::NotFound => Some(Ok(())),
            done => done,
        };
        if note(&mut bound, (&look.group, "deregistered"), &members, done) {
            bound.members.retain(|member| !members.contains(member));
        }
    }
    bound
}

/// Notes a change; answers whether it was made.
fn note(
    bound: &mut Bound,
    (group, what): (&TargetGroup, &str),
    members: &BTreeSet<Member>,
    done: Option<Answer<()>>,
) -> bool {
    let resource = resource(&group.name);
    let verdict = match done {
        Some(Ok(())) => Verdict::Done,
        Some(Err(error)) => Verdict::Failed(error.about(resource.clone())),
        None => Verdict::Failed(Leave::superseded(resource.clone())),
    };
    let made = verdict == Verdict::Done;
    let words: Vec<String> = members
        .iter()
        .map(|member| format!("{} port {}", member.id, member.port))
        .collect();
    bound.changes.push(Applied {
        action: Action::Update,
        summary: format!("{resource}: {what} {}", words.join(", ")),
        resource,
        verdict,
    });
    made
}

/// What is there, and what is wanted.
struct Look {
    group: TargetGroup,
    registered: BTreeMap<Member, Target>,
    wanted: BTreeMap<Member, Target>,
}

/// A target group by what users call it: its ARN or its name.
pub(super) async fn find<C: Cloud>(cloud: &C, group: &Str) -> Answer<Option<TargetGroup>> {
    if group.starts_with("arn:") {
        let found = cloud.target_groups_now(&[Arn(group.clone())]).await?;
        return Ok(found.into_iter().next());
    }
    cloud.target_group_named(group).await
}

async fn look<C: Cloud>(cloud: &C, cluster: &str, binding: &Binding) -> Answer<Result<Look, Bound>> {
    let Some(group) = find(cloud, &binding.group).await? else {
        let message = format!(
            "target group {} does not exist in this account and region",
            binding.group
        );
        return Ok(Err(Bound::refused("TargetGroupNotFound", message)));
    };
    let arns = std::slice::from_ref(&group.arn);
    let mut tags = cloud.tags_now(Kind::TargetGroup, arns).await?;
    let tags = tags.remove(&group.arn).unwrap_or_default();
    if let Some(message) = forbidden(cluster, binding.name.as_ref(), &tags) {
        // What is registered may stay ours: its owner may allow it again.
        let refused = Bound {
            group: Some(group.arn.0),
            members: binding.known.clone(),
            ..Bound::refused("NotPermitted", format!("target group {}: {message}", group.name))
        };
        return Ok(Err(refused));
    }
    let registered = registered(cloud.targets_now(&group.arn).await?);
    let wanted = match &binding.instances {
        None => BTreeMap::new(),
        Some(instances) => match wanted(cloud, &group, instances).await? {
            Ok(wanted) => wanted,
            Err((reason, message)) => {
                let refused = Bound {
                    group: Some(group.arn.0),
                    members: binding.known.clone(),
                    ..Bound::refused(reason, message)
                };
                return Ok(Err(refused));
            }
        },
    };
    Ok(Ok(Look {
        group,
        registered,
        wanted,
    }))
}

/// Why a binding may not be: its owner says by tags which one may.
pub(super) fn forbidden(cluster: &str, binding: Option<&ObjectName>, tags: &Tags) -> Option<String> {
    if tags.contains_key(GATEWAY) {
        return Some("it belongs to a Gateway".to_owned());
    }
    let name = value(&binding.map(ToString::to_string).unwrap_or_default());
    let wanted = [(CLUSTER, value(cluster)), (BINDING, name)];
    let missing: Vec<String> = wanted
        .iter()
        .filter(|(key, value)| tags.get(*key) != Some(value))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "its owner has not allowed it: it lacks the {} {}",
            if missing.len() == 1 { "tag" } else { "tags" },
            missing.join(" and ")
        )
    })
}

fn registered(targets: BTreeMap<Target, Health>) -> BTreeMap<Member, Target> {
    let registered = targets
        .into_iter()
        .filter(|(_, health)| *health != Health::Draining);
    registered.map(|(target, _)| (member(&target), target)).collect()
}

fn member(target: &Target) -> Member {
    Member {
        id: match &target.id {
            TargetAddress::Ip(address) => address.to_string().into(),
            TargetAddress::Id(id) => id.clone(),
        },
        port: target.port,
    }
}

type Refusal = (&'static str, String);

async fn wanted<C: Cloud>(
    cloud: &C,
    group: &TargetGroup,
    instances: &Instances,
) -> Answer<Result<BTreeMap<Member, Target>, Refusal>> {
    let targets: Vec<Target> = match group.fixed.kind {
        TargetKind::Ip => {
            let blocks: Vec<IpNet> = match cloud.vpc(&group.vpc).await? {
                Some(vpc) => vpc.blocks.iter().filter_map(|block| block.parse().ok()).collect(),
                None => Vec::new(),
            };
            let pods = instances
                .pods
                .iter()
                .filter(|(address, _)| address.is_ipv6() == group.fixed.ipv6);
            let outside =
                |address: &IpAddr| !blocks.is_empty() && !blocks.iter().any(|block| block.contains(address));
            pods.map(|(address, port)| Target {
                id: TargetAddress::Ip(*address),
                port: *port,
                // `API_TargetDescription`, `AvailabilityZone`.
                zone: outside(address).then(|| "all".into()),
                quic_server: None,
            })
            .collect()
        }
        TargetKind::Instance => {
            let Some(port) = instances.node_port else {
                let message = format!(
                    "target group {} is of type instance, and the Service has no node port: its type must be NodePort \
                     or LoadBalancer",
                    group.name
                );
                return Ok(Err(("NoNodePort", message)));
            };
            let nodes = instances
                .nodes
                .values()
                .filter_map(|id| super::prepare::instance(id));
            nodes
                .map(|id| Target {
                    id: TargetAddress::Id(id.into()),
                    port,
                    zone: None,
                    quic_server: None,
                })
                .collect()
        }
        TargetKind::Lambda | TargetKind::Alb => {
            let message = format!(
                "target group {} is of type lambda or alb; accepted are ip and instance",
                group.name
            );
            return Ok(Err(("UnsupportedTargetType", message)));
        }
    };
    Ok(Ok(targets
        .into_iter()
        .map(|target| (member(&target), target))
        .collect()))
}

fn resource(group: &str) -> Resource {
    Resource {
        kind: "targets",
        id: Str::from(group),
    }
}
