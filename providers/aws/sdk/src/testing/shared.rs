//! The security group that load balancers share, and rules of nodes' groups, on the simulator and under the policy.

use super::drive::{inventory, writes};
use super::network::{echo, settle, target_group};
use super::simulator::simulator;
use super::until::PATIENCE;
use super::{Setup, account};
use crate::calls::{Grant, policy};
use crate::ec2::Filter;
use crate::limiter::{Bucket, Figures};
use gatewright_aws::BalancerKind;
use gatewright_aws::alb::{ElbDriver, Settings};
use gatewright_aws::cloud::{Arn, Network as _, Tagging as _};
use gatewright_aws::owner::{NODES, Tags};
use gatewright_aws_core::access::{Access, Backend, Ports, SharedGroup};
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::{Action, Forward};
use gatewright_aws_core::alb::{Balancer, Target};
use gatewright_aws_core::network::{
    Ingress, IpAddressType, ManagedGroup, Scheme, SecurityGroups, Subnet, TOO_LONG,
};
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, remove};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_let_load_balancers_in_where_their_owner_says_so_and_on_no_other_port() {
    let granted = policy(Grant::ALL, "aws", Some("test"));
    let running = simulator(Some(&granted)).await;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (cloud, seen) = account(&format!("http://{}", running.services), setup);
    let named = Filter::exactly("group-name", "eks-cluster-sg-gatewright-1");
    let found = cloud.ec2().security_groups(&[named]).await.unwrap();
    let (vpc, nodes) = (found[0].vpc.clone(), Arn(found[0].id.as_str().into()));

    // Nobody gave it over.
    assert_eq!(cloud.node_groups("test").await.unwrap(), []);
    let ports = BTreeSet::from([Ports::one("tcp", 8080)]);
    let refused = cloud.admit(&nodes, &nodes, &ports).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Forbidden, "{refused:?}");
    let tags = Tags::from([(NODES.into(), "test".into())]);
    let groups = [nodes.clone()];
    let kind = gatewright_aws::cloud::Kind::SecurityGroup;
    // Nor can the controller.
    let refused = cloud.add_tags(kind, &groups, &tags).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Forbidden, "{refused:?}");
    let policy = running.simulator.inner().policy.take();
    cloud.add_tags(kind, &groups, &tags).await.unwrap();
    running.simulator.inner().policy = policy;
    let before = cloud.node_groups("test").await.unwrap();
    assert_eq!(before.iter().map(|group| &group.id).collect::<Vec<_>>(), [&nodes]);
    assert_eq!(cloud.node_groups("others").await.unwrap(), []);

    let subnets = cloud.subnets(&vpc).await.unwrap();
    let subnet = subnets.iter().find(|subnet| !subnet.public).unwrap();
    let pod = echo("pod").await;
    let group = TargetGroupId("a/tcp".into());
    let listener = Listener {
        port: 5672,
        transport: Transport::Tcp,
        tls: None,
        attributes: BTreeMap::new(),
        default: Action::Forward(Forward {
            groups: BTreeMap::from([(group.clone(), 1)]),
            stickiness_s: None,
        }),
        rules: Vec::new(),
    };
    let ingress = |protocol: &str, port| Ingress {
        protocol: protocol.into(),
        port,
        source: "10.0.0.0/8".into(),
    };
    let mut target = Target {
        gateway: ObjectName::new("shop", "mail"),
        balancer: Balancer {
            name: "gw-shop-mail".into(),
            kind: BalancerKind::Network,
            scheme: Scheme::Internal,
            vpc: vpc.as_str().into(),
            ip_address_type: IpAddressType::Ipv4,
            ipam_pool: None,
            customer_owned_pool: None,
            subnets: [Subnet {
                id: subnet.id.clone(),
                zone: subnet.zone.clone(),
            }]
            .into(),
            addresses: BTreeMap::new(),
            ipv6: gatewright_aws_core::network::Ipv6::default(),
            security_groups: SecurityGroups::Managed(ManagedGroup {
                name: "gw-shop-mail".into(),
                ingress: [ingress("tcp", 5672), ingress(TOO_LONG[0], 0)].into(),
            }),
            access: Access {
                backend: Some(Backend::Shared(SharedGroup {
                    name: "gw-backends-test".into(),
                    nodes: [nodes.0.clone()].into(),
                })),
                private_link: Some(false),
            },
            attributes: BTreeMap::new(),
        },
        listeners: BTreeMap::from([(5672, listener)]),
        target_groups: BTreeMap::from([(group, target_group("gw-mail-a", &[pod]))]),
        given_groups: BTreeMap::new(),
        web_acl: None,
        shield: false,
        capacity: None,
        certificates: BTreeMap::new(),
        tags: BTreeMap::new(),
        trust_stores: BTreeMap::new(),
    };
    let settings = Settings {
        cluster: "test".into(),
        drain: Duration::ZERO,
        vpc: None,
    };
    let driver = ElbDriver::of(BalancerKind::Network, cloud.clone(), settings, || 1);
    settle(&driver, &target).await;
    let now = cloud.node_groups("test").await.unwrap();
    let let_in: Vec<String> = now[0]
        .from_groups
        .difference(&before[0].from_groups)
        .map(|(_, ports)| ports.to_string())
        .collect();
    assert_eq!(let_in, [format!("tcp/{}", pod.port())]);
    // An unchanged world is not written to.
    let written = writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(writes(&seen).len(), written);
    target.balancer.access.private_link = Some(true);
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[written..], ["SetSecurityGroups"]);

    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = remove(&driver, &target.gateway).await;
        if outcome.is_converged() && outcome.changes.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(inventory(&cloud).await, [0; 5]);
    assert_eq!(cloud.node_groups("test").await.unwrap(), before);
    running.stop().await.unwrap();
}
