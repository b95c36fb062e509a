//! Many Gateways in one account and region, in virtual time: within AWS's buckets, and silent when nothing changes.
//!
//! AWS in memory keeps buckets of its own with the documented figures (assumed where none are, as the limiter says),
//! and refuses what exceeds them; each call takes a tenth of a second. In front of it are the real parts: driver, what
//! is known already, limiter. Account quotas are raised: 1,000 load balancers are beyond the default of 50.

mod aws;

use crate::limiter::Bucket;
use aws::Aws;
use gatewright_aws::alb::{AlbDriver, Request, Settings};
use gatewright_aws::memory::{Connection, Delays, Memory};
use gatewright_aws::swept::{Ages, PACE, Swept};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::{Action, Conditions, FixedResponse, Forward, Rule, Transforms, Values};
use gatewright_aws_core::alb::{Balancer, Target};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::{
    BalancerKind, Ingress, IpAddressType, ManagedGroup, Scheme, SecurityGroups, Subnet,
};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target as Pod, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Outcome, converge};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Gateways worked on at the same time, as in the controller.
const WORKERS: usize = 8;

type Driver = AlbDriver<Swept<Connection>>;

fn now() -> u64 {
    0
}

/// A Gateway with so many routes, each with a backend of its own.
fn gateway(number: usize, routes: usize) -> Target {
    let name = format!("gw-{number}");
    let mut target = Target {
        gateway: ObjectName::new("infra", &format!("edge-{number}")),
        balancer: Balancer {
            name: name.as_str().into(),
            kind: BalancerKind::Application,
            addresses: BTreeMap::new(),
            ipv6: gatewright_aws_core::network::Ipv6::default(),
            scheme: Scheme::Internal,
            vpc: "vpc-1".into(),
            ip_address_type: IpAddressType::Ipv4,
            ipam_pool: None,
            customer_owned_pool: None,
            subnets: ["a", "b"]
                .map(|zone| Subnet {
                    id: format!("subnet-{zone}").into(),
                    zone: format!("eu-central-1{zone}").into(),
                })
                .into(),
            access: gatewright_aws_core::access::Access::default(),
            security_groups: SecurityGroups::Managed(ManagedGroup {
                name: name.as_str().into(),
                ingress: BTreeSet::from([Ingress {
                    protocol: "tcp".into(),
                    port: 80,
                    source: "10.0.0.0/8".into(),
                }]),
            }),
            attributes: BTreeMap::new(),
        },
        listeners: BTreeMap::new(),
        target_groups: BTreeMap::new(),
        given_groups: BTreeMap::new(),
        web_acl: None,
        shield: false,
        capacity: None,
        certificates: BTreeMap::new(),
        trust_stores: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    target.listeners.insert(
        80,
        Listener {
            port: 80,
            transport: Transport::Http,
            tls: None,
            attributes: BTreeMap::new(),
            default: Action::Fixed(FixedResponse::bare(404)),
            rules: Vec::new(),
        },
    );
    for route in 0..routes {
        let backend = format!("backend-{route}");
        add_route(&mut target, &format!("/{route}/*"), &[(&backend, 1)]);
    }
    target
}

fn add_route(target: &mut Target, path: &str, backends: &[(&str, u16)]) {
    let mut groups = BTreeMap::new();
    for (backend, weight) in backends {
        let id = TargetGroupId(format!("Service/shop/{backend}:80/http1").into());
        let name: Str = format!("{}-{backend}", target.balancer.name).into();
        target
            .target_groups
            .entry(id.clone())
            .or_insert_with(|| group(name));
        groups.insert(id, *weight);
    }
    let rule = Rule {
        origins: BTreeSet::new(),
        conditions: Conditions {
            path: Some(Values::Wildcards([path.into()].into())),
            ..Conditions::default()
        },
        before: None,
        transforms: Transforms::default(),
        action: Action::Forward(Forward {
            groups,
            stickiness_s: None,
        }),
        parts: Vec::new(),
    };
    target.listeners.get_mut(&80).unwrap().rules.push(rule);
}

fn group(name: Str) -> TargetGroup {
    TargetGroup {
        name,
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 8080,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck::default(),
        attributes: [("deregistration_delay.timeout_seconds".into(), "30".into())].into(),
        targets: [1, 2]
            .map(|pod| Pod {
                id: TargetAddress::Ip([10, 0, 0, pod].into()),
                port: 8080,
                zone: None,
                quic_server: None,
            })
            .into(),
    }
}

fn process(aws: &Arc<Aws>, memory: &Arc<Memory>) -> Arc<Driver> {
    let cloud = Swept::new(Connection(Arc::clone(memory)), "blue", Ages::default());
    let settings = Settings {
        cluster: "blue".into(),
        vpc: None,
        drain: Duration::ZERO,
    };
    aws.begin();
    Arc::new(AlbDriver::new(cloud, settings, now))
}

async fn run(driver: &Driver, target: &Target) -> Outcome {
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    Box::pin(converge(driver, &request)).await
}

/// Works on all Gateways until each has its address and nothing failed; answers what failed meanwhile.
async fn work(driver: &Arc<Driver>, targets: &[Target]) -> usize {
    type Queue = VecDeque<(Instant, usize, u32)>;
    let queue: Queue = (0..targets.len())
        .map(|number| (Instant::now(), number, 0))
        .collect();
    let (queue, failed) = (Arc::new(Mutex::new(queue)), Arc::new(Mutex::new(0)));
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(targets.len()));
    let targets: Arc<[Target]> = targets.into();
    let workers = (0..WORKERS).map(|_| {
        let (driver, queue, failed) = (Arc::clone(driver), Arc::clone(&queue), Arc::clone(&failed));
        let (left, targets) = (Arc::clone(&left), Arc::clone(&targets));
        tokio::spawn(async move {
            while left.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let next = queue.lock().unwrap().pop_front();
                let Some((due, number, failures)) = next else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                if due > Instant::now() {
                    queue.lock().unwrap().push_back((due, number, failures));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                let outcome = run(&driver, &targets[number]).await;
                let again = if !outcome.is_converged() {
                    *failed.lock().unwrap() += 1;
                    outcome
                        .retry_after(failures + 1)
                        .map(|pause| (pause, failures + 1))
                } else if outcome.addresses.fault.is_some() {
                    Some((outcome.again.unwrap_or(Duration::from_secs(15)), 0))
                } else {
                    None
                };
                match again {
                    Some((pause, failures)) => {
                        queue
                            .lock()
                            .unwrap()
                            .push_back((Instant::now() + pause, number, failures));
                    }
                    None => {
                        left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    for worker in workers {
        worker.await.unwrap();
    }
    *failed.lock().unwrap()
}

/// Writes of one Gateway's change.
async fn writes(aws: &Aws, driver: &Driver, target: &Target) -> usize {
    let before = aws.writes();
    let outcome = run(driver, target).await;
    assert!(outcome.is_converged(), "{outcome:?}");
    aws.writes() - before
}

/// A report in lines of a table: phase, virtual time, calls by bucket.
async fn scale(gateways: usize, routes: usize) -> String {
    let limits = AlbLimits {
        balancers: 5_000,
        region_target_groups: 50_000,
        ..AlbLimits::default()
    };
    // A load balancer takes minutes: in calls, because that is the time of AWS in memory.
    let delays = Delays {
        provisioning: 500,
        ..Delays::default()
    };
    let aws = Arc::new(Aws::default());
    let turns: Arc<dyn gatewright_aws::memory::Turns> = Arc::<Aws>::clone(&aws);
    let memory = Arc::new(Memory::new(limits, delays).with_turns(turns));
    let mut targets: Vec<Target> = (0..gateways).map(|number| gateway(number, routes)).collect();
    let mut report = String::new();
    let mut line = |phase: &str, aws: &Aws| {
        writeln!(report, "| {phase} | {}", aws.report()).unwrap();
        assert_eq!(aws.throttled(), 0, "{phase}");
    };

    let driver = process(&aws, &memory);
    let failed = work(&driver, &targets).await;
    assert_eq!(failed, 0);
    let each = aws.writes() / gateways;
    assert!(each <= 6 + 4 * routes, "{each} writes for each Gateway");
    line(&format!("cold start, {each} writes for each Gateway"), &aws);

    aws.begin();
    assert_eq!(work(&driver, &targets).await, 0);
    assert_eq!(aws.writes(), 0);
    line("every Gateway looked at again", &aws);

    aws.begin();
    let sweep = driver
        .cloud()
        .sweep(PACE, Duration::from_secs(36_000))
        .await
        .unwrap();
    assert_eq!(work(&driver, &targets).await, 0);
    assert_eq!(aws.writes(), 0, "a steady state is silent");
    let reads = gateways * (2 + 2 + (1 + routes).div_ceil(20) + 2 * routes);
    assert!(
        usize::try_from(sweep.calls).unwrap() <= reads + reads / 10 + 20,
        "{} calls",
        sweep.calls
    );
    line("a sweep, and every Gateway looked at", &aws);

    aws.begin();
    for target in targets.iter_mut().step_by(10) {
        if let Action::Forward(forward) = &mut target.listeners.get_mut(&80).unwrap().rules[0].action {
            let other = TargetGroupId("Service/shop/backend-1:80/http1".into());
            forward.groups.insert(other, 9);
        }
        assert!(writes(&aws, &driver, target).await <= 1, "an edit of a rule");
    }
    line("a rule edited on every tenth Gateway", &aws);
    aws.begin();
    for target in targets.iter_mut().step_by(10) {
        add_route(target, "/known", &[("backend-1", 1)]);
        assert!(
            writes(&aws, &driver, target).await <= 2,
            "a route to a known backend"
        );
    }
    line("a route to a known backend added there", &aws);
    aws.begin();
    for target in targets.iter_mut().step_by(10) {
        add_route(target, "/new", &[("backend-new", 1)]);
        assert!(
            writes(&aws, &driver, target).await <= 4,
            "a route to a new backend"
        );
    }
    line("a route to a new backend added there", &aws);

    let next = process(&aws, &memory);
    assert_eq!(work(&next, &targets).await, 0);
    assert_eq!(aws.writes(), 0, "another process takes over");
    line("another process takes over", &aws);
    report
}

/// A change takes as long as its own calls do, also while everything is read anew as fast as AWS answers.
#[tokio::test(start_paused = true)]
async fn a_change_does_not_wait_for_a_sweep() {
    let aws = Arc::new(Aws::default());
    let turns: Arc<dyn gatewright_aws::memory::Turns> = Arc::<Aws>::clone(&aws);
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()).with_turns(turns));
    let mut targets: Vec<Target> = (0..40).map(|number| gateway(number, 10)).collect();
    let driver = process(&aws, &memory);
    assert_eq!(work(&driver, &targets).await, 0);
    aws.begin();
    let sweeping = Arc::clone(&driver);
    let sweep = tokio::spawn(async move {
        let settled = Duration::from_secs(36_000);
        sweeping.cloud().sweep(1_000.0, settled).await.unwrap()
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut slowest = Duration::ZERO;
    for target in targets.iter_mut().take(10) {
        add_route(target, "/known", &[("backend-1", 1)]);
        let begun = Instant::now();
        assert!(writes(&aws, &driver, target).await <= 2);
        slowest = slowest.max(begun.elapsed());
        assert!(!sweep.is_finished());
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    assert!(slowest <= Duration::from_secs(3), "{slowest:?}");
    let sweep = sweep.await.unwrap();
    assert!(sweep.took >= Duration::from_secs(60), "{sweep:?}");
    assert_eq!(aws.throttled(), 0);
}

/// The same in small, with every test run.
#[tokio::test(start_paused = true)]
async fn a_hundred_gateways_start_within_the_buckets_and_are_silent_then() {
    let report = scale(100, 10).await;
    assert_eq!(report.lines().count(), 7, "{report}");
    assert!(Bucket::ALL.len() > 5);
}

/// Most memory of the controller with 1,000 Gateways of ten routes, in KiB. AWS in memory is in it here, and Kubernetes' objects
/// are not.
const MOST_MEMORY: u64 = 300 * 1024;

/// The figures of `docs/benchmarks/aws.md`.
#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: cargo test --release -p gatewright-aws-sdk a_thousand_gateways -- --ignored --nocapture"]
async fn a_thousand_gateways_start_within_the_buckets_and_are_silent_then() {
    let begun = std::time::Instant::now();
    let report = scale(1_000, 10).await;
    let peak = peak();
    println!(
        "{report}\nin {:.0} s of this machine; memory at most {} MiB",
        begun.elapsed().as_secs_f64(),
        peak.map_or_else(|| "unknown".to_owned(), |kib| (kib / 1024).to_string())
    );
    assert!(peak.is_none_or(|kib| kib < MOST_MEMORY), "{peak:?} KiB");
}

/// Most memory of this process so far, with AWS in it, in KiB; none where the kernel does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
