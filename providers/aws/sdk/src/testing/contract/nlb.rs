//! Network Load Balancers.

use super::alb::{self, pod};
use super::class::Class;
use super::client::Question;
use super::place::Place;
use crate::Account;
use crate::ec2::Filter;
use gatewright_aws::alb::{ElbDriver, Request};
use gatewright_aws::cloud::Network as _;
use gatewright_aws::swept::Swept;
use gatewright_aws_core::Str;
use gatewright_aws_core::access::Access;
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::{Action, Forward};
use gatewright_aws_core::alb::{Balancer, Target};
use gatewright_aws_core::network::{
    BalancerKind, Ingress, IpAddressType, ManagedGroup, Scheme, SecurityGroups, Subnet,
};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, TargetGroup, TargetGroupId, TargetKind};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::Outcome;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) struct Nlb;

/// The port that is there in all forms.
const PORT: u16 = 5672;
const SECOND: u16 = 5673;
const ROUTING: &str = "dns_record.client_routing_policy";

fn group(name: &str, pods: &[SocketAddr]) -> TargetGroup {
    TargetGroup {
        name: name.into(),
        fixed: Fixed {
            protocol: "TCP".into(),
            version: None,
            port: PORT,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck {
            interval_s: Some(5),
            timeout_s: Some(2),
            ..HealthCheck::default()
        },
        attributes: BTreeMap::from([("deregistration_delay.timeout_seconds".into(), "20".into())]),
        targets: pods.iter().map(pod).collect(),
    }
}

fn listener(port: u16, weights: [(&TargetGroupId, u16); 2]) -> (u16, Listener) {
    let listener = Listener {
        port,
        transport: Transport::Tcp,
        tls: None,
        attributes: BTreeMap::from([("tcp.idle_timeout.seconds".into(), "400".into())]),
        default: Action::Forward(Forward {
            groups: weights.map(|(id, weight)| (id.clone(), weight)).into(),
            stickiness_s: None,
        }),
        rules: Vec::new(),
    };
    (port, listener)
}

fn ingress(port: u16) -> Ingress {
    Ingress {
        protocol: "tcp".into(),
        port,
        source: "0.0.0.0/0".into(),
    }
}

impl Class for Nlb {
    const NAME: &'static str = "Network Load Balancer";
    const BUCKET: f64 = 8.0;
    type Target = Target;
    type Driver = ElbDriver<Swept<Account>>;

    fn driver(account: &Account, cluster: &str) -> Self::Driver {
        alb::driver(BalancerKind::Network, account, cluster)
    }

    async fn forms(place: &Place<'_>) -> Vec<Target> {
        let cloud = place.account(&Arc::default());
        let vpcs = cloud.ec2().vpcs(&[] as &[Filter]).await.unwrap();
        let vpc: Str = vpcs[0].id.as_str().into();
        let subnets = cloud.subnets(&vpc).await.unwrap();
        let public = subnets.iter().filter(|subnet| subnet.public);
        let zones: BTreeMap<&Str, &Str> = public.map(|subnet| (&subnet.zone, &subnet.id)).collect();
        let (a, b) = (TargetGroupId("a/tcp".into()), TargetGroupId("b/tcp".into()));
        let first = Target {
            gateway: ObjectName::new("shop", "mail"),
            balancer: Balancer {
                name: "gw-shop-mail".into(),
                kind: BalancerKind::Network,
                scheme: Scheme::InternetFacing,
                vpc,
                ip_address_type: IpAddressType::Ipv4,
                ipam_pool: None,
                customer_owned_pool: None,
                access: Access::default(),
                subnets: zones
                    .into_iter()
                    .map(|(zone, id)| Subnet {
                        id: id.clone(),
                        zone: zone.clone(),
                    })
                    .collect(),
                addresses: BTreeMap::new(),
                ipv6: gatewright_aws_core::network::Ipv6::default(),
                security_groups: SecurityGroups::Managed(ManagedGroup {
                    name: "gw-shop-mail".into(),
                    ingress: [ingress(PORT), ingress(SECOND)].into(),
                }),
                attributes: BTreeMap::from([
                    ("load_balancing.cross_zone.enabled".into(), "true".into()),
                    (ROUTING.into(), "any_availability_zone".into()),
                ]),
            },
            listeners: BTreeMap::from([
                listener(PORT, [(&a, 9), (&b, 1)]),
                listener(SECOND, [(&a, 1), (&b, 1)]),
            ]),
            target_groups: BTreeMap::from([
                (a.clone(), group("gw-mail-a", &place.pods[..2])),
                (b.clone(), group("gw-mail-b", &place.pods[..2])),
            ]),
            given_groups: BTreeMap::new(),
            web_acl: None,
            shield: false,
            capacity: None,
            certificates: BTreeMap::new(),
            tags: BTreeMap::from([("team".into(), "mail".into())]),
            trust_stores: BTreeMap::new(),
        };
        let mut second = first.clone();
        second.listeners = BTreeMap::from([listener(PORT, [(&a, 5), (&b, 5)])]);
        let attributes = &mut second.listeners.get_mut(&PORT).unwrap().attributes;
        attributes.insert("tcp.idle_timeout.seconds".into(), "500".into());
        let SecurityGroups::Managed(managed) = &mut second.balancer.security_groups else {
            panic!("it is ours");
        };
        managed.ingress = [ingress(PORT)].into();
        let attributes = &mut second.balancer.attributes;
        attributes.insert(ROUTING.into(), "availability_zone_affinity".into());
        second.tags.insert("team".into(), "other".into());
        for group in second.target_groups.values_mut() {
            group.targets = place.pods[1..].iter().map(pod).collect();
        }
        // The port that a target group was made with cannot be changed.
        let group = second.target_groups.get_mut(&b).unwrap();
        group.name = "gw-mail-b2".into();
        group.fixed.port = SECOND;
        let third = alb::replaced(&second);
        vec![first, second, third]
    }

    fn request(target: &Target) -> Request {
        alb::request(target)
    }

    fn gateway(target: &Target) -> &ObjectName {
        &target.gateway
    }

    fn name(outcome: &Outcome) -> Option<String> {
        alb::name(outcome)
    }

    fn is_own(target: &Target, name: &str) -> bool {
        alb::is_own(target, name)
    }

    fn of_another_cluster(target: Target) -> Target {
        alb::of_another_cluster(target)
    }

    const QUESTION: Question = Question {
        host: "mail.example.com",
        path: "/",
        port: PORT,
    };
}
