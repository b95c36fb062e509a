//! Services of others that are taken over: refused in words, or taken without anybody who notices.

mod handed;

use super::super::memory::{Connection, Delays, Memory};
use super::formers::rolled_out;
use super::swept::process;
use super::{Pod, add_host, bare, driver, request};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{
    Action, Auth, Kind, Lattice, Listeners as _, Networks as _, NewListener, NewRule, NewService,
    NewTargetGroup, Resources as _, Services as _, TargetGroups as _,
};
use crate::lattice::driver::LatticeDriver;
use crate::owner::{ADOPTED, CLUSTER, GATEWAY, MANAGED_BY, OFFERED, RESOURCE, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_aws_core::lattice::{
    Adoption, CheckVersion, Health, Match, Network, PathMatch, Protocol, ServiceId, Target, names,
};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, ProtocolVersion, TargetAddress, TargetKind};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Outcome, Resource, converge, remove};
use gatewright_provider_api::suite::{Injected, drive};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

const HOST: &str = "shop.example";
const THEIRS: &str = "k8s-shop";
const CART: &str = "blue-gw-shop-example-cart-http";
const FRONT: &str = "blue-gw-shop-example-front-http";

type Process = LatticeDriver<Connection>;

fn done<T>(call: impl Future<Output = Answer<T>>) -> T {
    drive(call).unwrap().unwrap()
}

fn account() -> Arc<Memory> {
    Arc::new(Memory::new(Delays::default()))
}

fn cloud(memory: &Arc<Memory>) -> Connection {
    Connection(Arc::clone(memory))
}

/// What the AWS Gateway API Controller of another cluster made.
struct Theirs {
    service: Arn,
    listener: Arn,
    group: Arn,
    network: Arn,
}

/// Rules to its pods, or a default action.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rules,
    Default,
}

fn plant(memory: &Arc<Memory>, by: By) -> Theirs {
    let cloud = cloud(memory);
    let tags = Tags::from([(MANAGED_BY.into(), "123456789012/old/vpc-1".into())]);
    let network = done(cloud.create_network("shared", Auth::None, &tags));
    let group = done(cloud.create_group(&NewTargetGroup {
        name: THEIRS.into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 8080,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        vpc: "vpc-1".into(),
        health: Health::On(HealthCheck::default(), CheckVersion::Http1),
        tags: tags.clone(),
    }));
    let pod = Pod {
        id: TargetAddress::Ip([10, 9, 9, 9].into()),
        port: 8080,
        zone: None,
        quic_server: None,
    };
    done(cloud.register_targets(&group, &BTreeSet::from([pod])));
    let service = done(cloud.create_service(&NewService {
        name: "shop-default".into(),
        domain: Some(HOST.into()),
        certificate: None,
        auth: Auth::None,
        tags: tags.clone(),
    }));
    let to_pods = || Action::Forward(BTreeMap::from([(group.clone(), 1)]));
    let listener = done(cloud.create_service_listener(
        &service,
        &NewListener {
            name: "shop-default-80-http".into(),
            port: 80,
            protocol: Protocol::Http,
            default: match by {
                By::Rules => Action::Fixed(404),
                By::Default => to_pods(),
            },
            tags: tags.clone(),
        },
    ));
    let paths = [PathMatch::Exact("/cart".into()), PathMatch::Prefix("/".into())];
    let paths = paths.into_iter().filter(|_| by == By::Rules);
    for (path, priority) in paths.zip(1..) {
        let new = NewRule {
            name: format!("k8s-rule-{priority}").into(),
            priority,
            conditions: Match {
                path: Some(path),
                ..Match::default()
            },
            action: to_pods(),
            tags: tags.clone(),
        };
        done(cloud.create_service_rule(&listener, &new));
    }
    done(cloud.associate_service(&network, &service, &tags));
    Theirs {
        service,
        listener,
        group,
        network,
    }
}

/// Its owner lets somebody have it.
fn offer(memory: &Arc<Memory>, service: &Arn, to: &str) {
    let tags = Tags::from([(OFFERED.into(), to.into())]);
    done(cloud(memory).tag(Kind::Service, service, &tags));
}

/// A Gateway of the cluster "blue" with routes of the host, for which a service exists already.
fn wanted(service: &Arn, name: &str, network: &Arn) -> Target {
    let mut target = bare();
    target.network = Network::Given(network.0.clone());
    target.vpc = None;
    add_host(
        &mut target,
        HOST,
        &[("/cart", &[("cart", 1)]), ("/", &[("front", 1)])],
    );
    for group in target.target_groups.values_mut() {
        group.name = format!("blue-{}", group.name).into();
    }
    let of_host = target.services.get_mut(&ServiceId(HOST.into())).unwrap();
    of_host.name = name.into();
    of_host.adopt = Some(Adoption {
        arn: service.0.clone(),
        take: None,
    });
    target
}

fn adopting(theirs: &Theirs) -> Target {
    wanted(&theirs.service, "shop-default", &theirs.network)
}

/// What a controller does whenever something happens; none where it is killed.
fn round<C: Lattice>(
    process: &LatticeDriver<C>,
    wanted: &Target,
) -> Option<(Option<ProgrammingFault>, Outcome)> {
    let mut target = wanted.clone();
    let fault = drive(process.adopt(&mut target, &Limits::default()))?.unwrap();
    let mut asked = request(target);
    asked.fault.clone_from(&fault);
    Some((fault, drive(converge(process, &asked))?))
}

fn is_settled(outcome: &Outcome) -> bool {
    outcome.is_converged() && outcome.changes.is_empty() && outcome.again.is_none()
}

/// Goes on until nothing is left to do, or until the controller is killed.
fn settle<C: Lattice>(
    process: &LatticeDriver<C>,
    wanted: &Target,
    mut each: impl FnMut(),
) -> Option<Outcome> {
    let mut last = None;
    for _ in 0..40 {
        let (fault, outcome) = round(process, wanted)?;
        each();
        if is_settled(&outcome) {
            assert_eq!(fault, None, "{outcome:?}");
            return Some(outcome);
        }
        last = Some(outcome);
    }
    panic!("it does not come to an end: {last:?}");
}

/// Names of the target groups that a request to the service gets to.
fn found(memory: &Memory, service: &Arn, path: &str) -> BTreeSet<Str> {
    let state = memory.state();
    let mut listeners = state.listeners.iter();
    let (listener, (_, listens)) = listeners.find(|(_, (of, _))| of == service).unwrap();
    let rules = state.rules.values().filter(|(of, _)| of == listener);
    let mut rules: Vec<&NewRule> = rules.map(|(_, rule)| rule).collect();
    rules.sort_by_key(|rule| rule.priority);
    let matches = |rule: &&NewRule| match &rule.conditions.path {
        Some(PathMatch::Exact(exact)) => **exact == *path,
        Some(PathMatch::Prefix(prefix)) => path.starts_with(&**prefix),
        None => false,
    };
    let rule = rules.into_iter().find(matches);
    let action = rule.map_or(&listens.default, |rule| &rule.action);
    let Action::Forward(groups) = action else {
        return BTreeSet::new();
    };
    let weighs = |weight: u16| weight > 0 || groups.len() == 1;
    let lead = groups.iter().filter(|(_, weight)| weighs(**weight));
    let names = lead.map(|(arn, _)| {
        let group = &state.groups[arn];
        assert!(!group.targets.is_empty(), "{} is empty", group.new.name);
        group.new.name.clone()
    });
    names.collect()
}

/// A request gets to what it got to before, or to what is wanted, and the service never leaves its network.
fn check(memory: &Memory, service: &Arn, when: &str) {
    for (path, ours) in [("/cart", CART), ("/", FRONT)] {
        let names = found(memory, service, path);
        let right = [THEIRS, ours]
            .iter()
            .any(|name| names == [Str::from(*name)].into());
        assert!(right, "{path} leads to {names:?} {when}");
    }
    let association = Resource {
        kind: "service association",
        id: "shop-default with shared".into(),
    };
    let contents = memory.contents();
    assert!(contents.contains_key(&association), "{when}: {contents:?}");
}

/// Everything of a service, and of one target group.
fn picture(memory: &Memory, service: &Arn, group: Option<&Arn>) -> String {
    let state = memory.state();
    let listeners = state.listeners.iter().filter(|(_, (of, _))| of == service);
    let listeners: Vec<_> = listeners.collect();
    let of_listener = |of: &Arn| listeners.iter().any(|(arn, _)| *arn == of);
    let rules: Vec<_> = state
        .rules
        .iter()
        .filter(|(_, (of, _))| of_listener(of))
        .collect();
    let arns = [Some(service), group].into_iter().flatten();
    let arns = arns.chain(listeners.iter().map(|(arn, _)| *arn));
    let arns = arns.chain(rules.iter().map(|(arn, _)| *arn));
    let tags: Vec<_> = arns.map(|arn| state.tags.get(arn)).collect();
    let group = group.and_then(|group| state.groups.get(group));
    let service = state.services.get(service);
    format!("{service:?} {listeners:?} {rules:?} {group:?} {tags:?}")
}

#[test]
fn what_is_not_offered_or_does_not_fit_is_refused_in_words() {
    let memory = account();
    let theirs = plant(&memory, By::Rules);
    let why = |target: &Target, rules: u32| {
        let limits = Limits {
            rules,
            ..Limits::default()
        };
        let mut target = target.clone();
        let fault = drive(driver(&memory).adopt(&mut target, &limits))
            .unwrap()
            .unwrap();
        let adoption = target.services[&ServiceId(HOST.into())].adopt.clone();
        assert_eq!(adoption.unwrap().take.is_some(), fault.is_none());
        fault.map(|fault| fault.message)
    };
    let told = |found: Option<String>, part: &str| {
        let found = found.unwrap_or_default();
        let start = format!("services[hostname={HOST}].adopt: ");
        assert!(found.starts_with(&start) && found.contains(part), "{found}");
    };
    let usual = adopting(&theirs);
    let edit = |edit: fn(&mut gatewright_aws_core::lattice::Service)| {
        let mut target = usual.clone();
        edit(target.services.get_mut(&ServiceId(HOST.into())).unwrap());
        target
    };
    told(
        why(&usual, 10),
        "its owner has not offered it: accepted is the tag gatewright.dev/offered-to=blue/infra/edge, it has no such tag",
    );
    offer(&memory, &theirs.service, "blue/infra/edge-2");
    told(why(&usual, 10), "found blue/infra/edge-2");
    offer(&memory, &theirs.service, "blue/infra/edge");
    assert_eq!(why(&usual, 10), None);
    assert_eq!(why(&usual, 4), None);
    told(
        why(&usual, 3),
        "has 2 rules, which stay until the 2 of the Gateway serve, and a listener has at most 3",
    );
    told(
        why(&edit(|of_host| of_host.domain = Some("other.example".into())), 10),
        "its custom domain cannot change: accepted is other.example, found shop.example",
    );
    told(
        why(&edit(|of_host| of_host.domain = None), 10),
        "accepted is none, found shop.example",
    );
    told(
        why(&edit(|of_host| of_host.listeners.clear()), 10),
        "it listens on port 80, where the Gateway serves nothing of this hostname",
    );
    let secure = edit(|of_host| of_host.listeners.get_mut(&80).unwrap().protocol = Protocol::Https);
    told(
        why(&secure, 10),
        "its listener on port 80 is HTTP and cannot change, and the Gateway's is HTTPS",
    );
    let gone = edit(|of_host| of_host.adopt.as_mut().unwrap().arn = "service/none".into());
    told(why(&gone, 10), "it does not exist in this account and region");
    let tags = Tags::from([
        (CLUSTER.into(), "blue".into()),
        (GATEWAY.into(), "infra/edge".into()),
        (RESOURCE.into(), "service other.example".into()),
    ]);
    done(cloud(&memory).tag(Kind::Service, &theirs.service, &tags));
    told(
        why(&usual, 10),
        "it is the Gateway's \"service other.example\" already",
    );
}

/// Until it is offered nothing of it is touched, and no other is made in its place; all else of the Gateway is served.
#[test]
fn what_is_not_offered_stays_untouched() {
    let memory = account();
    let theirs = plant(&memory, By::Rules);
    let before = picture(&memory, &theirs.service, Some(&theirs.group));
    for _ in 0..6 {
        let (fault, outcome) = round(&driver(&memory), &adopting(&theirs)).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
        assert_eq!(outcome.addresses.fault, fault);
        assert_eq!(&*fault.unwrap().reason, "Invalid");
        assert_eq!(&*outcome.addresses.assigned[0].value, "gw-own.on.aws");
        assert_eq!(outcome.addresses.names, BTreeMap::new());
        assert!(outcome.again.is_some());
    }
    assert_eq!(picture(&memory, &theirs.service, Some(&theirs.group)), before);
    assert_eq!(memory.state().services.len(), 2);
}

/// Whenever the controller ends, each request gets to what it got to before or to what is wanted, and the next one goes on.
fn is_taken_over_without_a_gap(by: By) {
    let begin = || {
        let memory = account();
        let theirs = plant(&memory, by);
        offer(&memory, &theirs.service, "blue/infra/edge");
        (memory, theirs)
    };
    let (ideal, theirs) = begin();
    let group = ideal.state().groups[&theirs.group].clone();
    ideal.calls().reset();
    let outcome = settle(&driver(&ideal), &adopting(&theirs), || ()).unwrap();
    let calls = ideal.calls().made().len();
    assert!(calls > 40, "{calls}");

    // It is the Gateway's, and its generated name is as it was.
    assert_eq!(found(&ideal, &theirs.service, "/cart"), [CART.into()].into());
    assert_eq!(found(&ideal, &theirs.service, "/"), [FRONT.into()].into());
    let addresses = &outcome.addresses;
    assert_eq!(addresses.fault, None);
    assert_eq!(
        addresses.names,
        BTreeMap::from([(HOST.into(), "shop-default.on.aws".into())])
    );
    assert_eq!(addresses.resources.get(HOST), Some(&theirs.service.0));
    let of = |key: &str| ideal.state().tags[&theirs.service].get(key).cloned();
    assert_eq!(of(CLUSTER).as_deref(), Some("blue"));
    assert_eq!(of(GATEWAY).as_deref(), Some("infra/edge"));
    assert_eq!(of(RESOURCE).as_deref(), Some("service shop.example"));
    assert_eq!(of(ADOPTED).as_deref(), Some("true"));
    // So that the controller that made it leaves it alone.
    assert_eq!(of(MANAGED_BY).as_deref(), Some("gatewright.dev/blue"));
    let prefix = names::adopted("blue", &ObjectName::new("infra", "edge"));
    {
        let state = ideal.state();
        let rules = state.rules.values().filter(|(of, _)| *of == theirs.listener);
        let names: Vec<&Str> = rules.map(|(_, rule)| &rule.name).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().all(|name| name.starts_with(&*prefix)), "{names:?}");
        // Their target group stays theirs.
        assert_eq!(state.groups.get(&theirs.group), Some(&group));
        let tags = &state.tags[&theirs.group];
        assert_eq!(tags.len(), 1, "{tags:?}");
    }

    for at in 0..calls {
        let (memory, theirs) = begin();
        memory.calls().inject(at, Injected::Kill { carried_out: true });
        let wanted = adopting(&theirs);
        let mut rounds = 0;
        let ended = settle(&driver(&memory), &wanted, || {
            rounds += 1;
            check(&memory, &theirs.service, &format!("after round {rounds}"));
        });
        assert!(ended.is_none(), "call {at}: {ended:?}");
        check(&memory, &theirs.service, &format!("after call {at}"));
        memory.calls().reset();
        settle(&driver(&memory), &wanted, || ()).unwrap();
        check(&memory, &theirs.service, &format!("in the end, after call {at}"));
        assert_eq!(memory.contents(), ideal.contents(), "after call {at}");
    }

    // A service like any other from then on.
    let changed = rolled_out(adopting(&theirs));
    settle(&driver(&ideal), &changed, || ()).unwrap();
    for _ in 0..8 {
        drive(remove(&driver(&ideal), &changed.gateway)).unwrap();
    }
    let left: BTreeSet<&str> = ideal.contents().into_keys().map(|found| found.kind).collect();
    assert_eq!(left, ["service network", "target group"].into());
}

#[test]
fn a_service_with_rules_is_taken_over_without_a_gap() {
    is_taken_over_without_a_gap(By::Rules);
}

#[test]
fn a_service_with_a_default_action_is_taken_over_without_a_gap() {
    is_taken_over_without_a_gap(By::Default);
}

/// Rules of ours would come before their default action: they wait until targets have been checked, for which their groups stand there.
#[test]
fn groups_stand_beside_theirs_before_rules_lead_to_them() {
    let memory = account();
    let theirs = plant(&memory, By::Default);
    offer(&memory, &theirs.service, "blue/infra/edge");
    let mut beside = false;
    settle(&driver(&memory), &adopting(&theirs), || {
        let state = memory.state();
        let (_, listener) = &state.listeners[&theirs.listener];
        let Action::Forward(groups) = &listener.default else {
            return;
        };
        if groups.len() == 3 {
            assert_eq!(groups.get(&theirs.group), Some(&1));
            assert_eq!(groups.values().sum::<u16>(), 1, "{groups:?}");
            assert!(state.rules.is_empty(), "{:?}", state.rules);
            beside = true;
        }
    })
    .unwrap();
    assert!(beside);
}

/// As long as one of the groups cannot serve, theirs do, and the Gateway says what it waits for.
#[test]
fn theirs_serve_until_ours_can() {
    for by in [By::Rules, By::Default] {
        let memory = account();
        let theirs = plant(&memory, by);
        offer(&memory, &theirs.service, "blue/infra/edge");
        let mut early = adopting(&theirs);
        let mut groups = early.target_groups.values_mut();
        groups
            .find(|group| &*group.name == FRONT)
            .unwrap()
            .targets
            .clear();
        let process = driver(&memory);
        for _ in 0..12 {
            let (fault, outcome) = round(&process, &early).unwrap();
            assert_eq!(fault, None);
            assert!(outcome.is_converged(), "{outcome:?}");
            assert!(outcome.again.is_some());
            for path in ["/cart", "/"] {
                assert_eq!(found(&memory, &theirs.service, path), [THEIRS.into()].into());
            }
        }
        let (_, outcome) = round(&process, &early).unwrap();
        assert_eq!(outcome.changes, []);
        let told = outcome.addresses.fault.unwrap();
        assert_eq!(&*told.reason, "Pending");
        assert_eq!(
            told.message,
            format!(
                "the service of {HOST} is being taken over: what its former owner made serves on until targets of {FRONT} are \
                 healthy"
            )
        );
        settle(&driver(&memory), &adopting(&theirs), || {
            check(&memory, &theirs.service, "then");
        })
        .unwrap();
        assert_eq!(found(&memory, &theirs.service, "/"), [FRONT.into()].into());
    }
}

/// What is known already does not have it taken twice, nor taken for somebody else's once it is ours.
#[test]
fn a_controller_that_lives_on_takes_it_over_once() {
    let memory = account();
    let theirs = plant(&memory, By::Rules);
    let process = process(&memory, "blue");
    let target = adopting(&theirs);
    let (fault, _) = round(&process, &target).unwrap();
    assert!(fault.is_some());
    offer(&memory, &theirs.service, "blue/infra/edge");
    let mut tagged = Vec::new();
    settle(&process, &target, || {
        let writes = memory.calls().writes().into_iter();
        let of_service = writes.filter(|(_, what)| what.kind == "TagResource" && what.id == theirs.service.0);
        tagged.push(of_service.count());
    })
    .unwrap();
    // By its owner, and by us.
    assert_eq!(tagged.last(), Some(&2), "{tagged:?}");
    check(&memory, &theirs.service, "in the end");
    memory.calls().reset();
    let (_, outcome) = round(&process, &target).unwrap();
    assert_eq!(outcome.changes, []);
    assert!(memory.calls().made().is_empty(), "{:?}", memory.calls().made());
}

/// Who may call it stays as it was, until the Gateway says otherwise.
#[test]
fn access_that_is_not_asked_for_stays() {
    let memory = account();
    let theirs = plant(&memory, By::Rules);
    let process = cloud(&memory);
    let policy = r#"{"Version":"2012-10-17"}"#;
    done(process.put_policy(&theirs.service, policy));
    done(process.update_service(&theirs.service, None, Auth::Iam));
    done(process.log_to(&theirs.service, "arn:aws:s3:::theirs", &Tags::new()));
    offer(&memory, &theirs.service, "blue/infra/edge");
    let mut target = adopting(&theirs);
    let of_host = target.services.get_mut(&ServiceId(HOST.into())).unwrap();
    of_host.access.logs.insert("arn:aws:s3:::ours".into());
    settle(&driver(&memory), &target, || ()).unwrap();
    let service = done(process.service(&theirs.service)).unwrap();
    assert_eq!(service.auth, Auth::Iam);
    assert_eq!(done(process.policy(&theirs.service)).as_deref(), Some(policy));
    let logs = done(process.logs(&theirs.service));
    let logs: BTreeSet<&str> = logs.values().map(|to| &**to).collect();
    assert_eq!(logs, ["arn:aws:s3:::ours", "arn:aws:s3:::theirs"].into());
}
