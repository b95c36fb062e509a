//! Network Load Balancers in front of Application Load Balancers.

use super::forms::{account, add_listener, certificate, http, settle, tls, verified};
use super::network::driver;
use crate::alb::Request;
use crate::memory::Memory;
use gatewright_aws_core::alb::listener::MutualAuthentication;
use gatewright_aws_core::target_group::{TargetAddress, TargetGroup};
use gatewright_core::graph::parameters::{AwsAlb, Parameters};
use gatewright_crds::own::aws::{ListenerParameters, SubnetChoice};
use gatewright_model::LoadBalancer;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName};
use gatewright_model::listener::{Listener, Protocol};
use gatewright_provider_api::contract::{self, Prepare, converge};
use gatewright_provider_api::suite::drive;
use std::sync::Arc;

/// The Application Load Balancer of Gateway `infra/web`, with listeners on 80 and 443.
fn web(memory: &Arc<Memory>, clients: bool) {
    let mut web = http(&[("/*", &[("front", 1)])]);
    web.gateway = ObjectName::new("infra", "web");
    add_listener(&mut web, 443, &[("/*", &[("front", 1)])]);
    let shown = certificate(&mut web, "shop", "RSA-1");
    let clients: Option<MutualAuthentication> = clients.then(|| verified(&mut web, "first"));
    let listener = web.listeners.get_mut(&443).unwrap();
    listener.tls = Some(gatewright_aws_core::alb::listener::ListenerTls {
        clients,
        ..tls(shown, &[])
    });
    settle(memory, &web);
}

/// What a Network Load Balancer is to be, each of whose ports leads to that of `infra/web`.
fn in_front(memory: &Arc<Memory>, ports: &[u16]) -> Request {
    let gateway = ObjectName::new("infra", "edge");
    let mut balancer = LoadBalancer::bare(gateway.clone(), "nlb", "gatewright.dev/aws-nlb");
    let mut parameters = AwsAlb::default();
    parameters.balancer.subnets = Some(SubnetChoice {
        ids: Some(vec!["subnet-a".to_owned()]),
        tags: None,
    });
    for port in ports {
        let key = ListenerKey {
            parent: ListenerParent::Gateway(gateway.clone()),
            name: format!("p{port}").into(),
        };
        let listener = Listener {
            key: key.clone(),
            port: *port,
            protocol: Protocol::Tcp,
            hostname: HostPattern::Any,
            tls: None,
            filters: Vec::new(),
        };
        balancer.listeners.insert(key, Arc::new(listener));
        let own = parameters.balancer.listeners.get_or_insert_default();
        own.push(ListenerParameters {
            port: *port,
            gateway: Some("web".to_owned()),
            ..ListenerParameters::default()
        });
    }
    let asked = contract::Request {
        balancer: Arc::new(balancer),
        uid: "".into(),
        parameters: Parameters::AwsAlb(Arc::new(parameters)),
    };
    drive(driver(memory).prepare(&asked)).unwrap().unwrap()
}

fn group(request: &Request, port: u16) -> &TargetGroup {
    let groups = request.target.target_groups.values();
    let mut found = groups.filter(|group| group.fixed.port == port);
    found.next().unwrap()
}

/// "The target group must have a single Application Load Balancer with a listener on the same port"
/// (application-load-balancer-target.html).
#[test]
fn each_port_leads_to_the_listener_of_that_port() {
    let memory = account();
    web(&memory, false);
    let prepared = in_front(&memory, &[80, 443]);
    assert_eq!(prepared.fault, None);
    assert_eq!(prepared.unsupported, []);
    assert_eq!(prepared.target.target_groups.len(), 2);
    for (port, asked) in [(80, "HTTP"), (443, "HTTPS")] {
        let group = group(&prepared, port);
        assert_eq!(&*group.fixed.protocol, "TCP");
        let targets: Vec<(u16, bool)> = group
            .targets
            .iter()
            .map(|target| (target.port, matches!(target.id, TargetAddress::Id(_))))
            .collect();
        assert_eq!(targets, [(port, true)]);
        assert_eq!(group.health.protocol.as_deref(), Some(asked));
    }
    let outcome = drive(converge(&driver(&memory), &prepared)).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
}

/// One that asks clients for certificates would fail every check by TLS: it is asked in plain, and answers 400.
#[test]
fn a_listener_that_checks_clients_is_asked_in_plain() {
    let memory = account();
    web(&memory, true);
    let prepared = in_front(&memory, &[443]);
    let health = &group(&prepared, 443).health;
    assert_eq!(health.protocol.as_deref(), Some("HTTP"));
    assert_eq!(health.codes.as_deref(), Some("200-499"));
}

/// The other ports are served, and the Gateway says which listener is not there.
#[test]
fn a_port_without_a_listener_behind_it_hurts_itself_alone() {
    let memory = account();
    web(&memory, false);
    let prepared = in_front(&memory, &[80, 8080]);
    let ports: Vec<u16> = prepared.target.listeners.keys().copied().collect();
    assert_eq!(ports, [80]);
    let fault = prepared.fault.as_ref().unwrap();
    assert!(fault.message.contains("port 8080"), "{}", fault.message);
    assert_eq!(prepared.unsupported.len(), 1, "{:?}", prepared.unsupported);
}
