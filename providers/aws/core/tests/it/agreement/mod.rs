//! The rules of a load balancer and the router give every request to the same rule of a route, before the rules are
//! compacted and after.
//!
//! Random listeners and routes of what an ALB expresses exactly, random requests; the rules are executed by the
//! simulator of AWS ([`execute`]), which knows nothing of the router.

mod execute;
mod generate;

use execute::Executed;
use gatewright_aws_core::alb::compact::compact;
use gatewright_aws_core::alb::listener::Listener;
use gatewright_aws_core::alb::lower::lower;
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::alb::settings::{Settings, Surroundings};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::Subnet;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::ListenerKey;
use gatewright_model::router::{ListenerSelector, RequestView, Router};
use generate::{Request, World};

const WORLDS: u64 = 200;
const REQUESTS: usize = 500;

/// Where the values of a rule are not counted: that a match takes too many is another test's.
fn surroundings() -> Surroundings {
    let subnet = |id: &str, zone: &str| Subnet {
        id: id.into(),
        zone: zone.into(),
    };
    Surroundings {
        vpc: "vpc-1".into(),
        subnets: [subnet("subnet-a", "a"), subnet("subnet-b", "b")].into(),
        limits: AlbLimits {
            values_per_rule: 99,
            ..AlbLimits::default()
        },
        ..Surroundings::default()
    }
}

/// The backend that the router's rule names; none for 404.
struct Routed {
    router: Router<String>,
    selector: ListenerSelector<ListenerKey>,
}

impl Routed {
    fn new(balancer: &LoadBalancer) -> Self {
        let router = Router::build(balancer, |_, rule| match &rule.backends[0].target {
            BackendTarget::Backend(key) => key.to_string(),
            BackendTarget::Invalid(why) => panic!("{why}"),
        });
        let listeners = balancer.listeners.values();
        Self {
            router,
            selector: listeners
                .map(|listener| (listener.hostname.clone(), listener.key.clone()))
                .collect(),
        }
    }

    fn serve(&self, request: &Request) -> Option<String> {
        let listener = self.selector.select(request.host)?;
        let view = RequestView {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: &request.headers,
        };
        let found = self.router.listener(listener)?.find(request.host, &view)?;
        Some(found.payload.clone())
    }
}

/// The backend that an action names; none for 404.
fn backend(action: &Action) -> Option<String> {
    match action {
        Action::Forward(forward) => {
            let id = forward.groups.keys().next().unwrap().to_string();
            Some(id.rsplit_once('/').unwrap().0.to_owned())
        }
        Action::Fixed(fixed) if fixed.status == 404 => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rules_and_router_agree() {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut served, mut guards) = (0usize, 0usize);
    let (mut rules, mut compacted) = (0usize, 0usize);
    for world in 0..WORLDS {
        let World { balancer } = generate::world(&mut random);
        let lowered = lower(&balancer, &Settings::new("main"), &surroundings());
        let refused: Vec<String> = lowered
            .unsupported
            .iter()
            .filter(|item| !item.approximated)
            .map(ToString::to_string)
            .collect();
        assert_eq!(refused, Vec::<String>::new(), "world {world}");
        let listener = &lowered.target.listeners[&generate::PORT];
        let fewer = Listener {
            rules: compact(listener.rules.clone(), &AlbLimits::default()),
            ..listener.clone()
        };
        rules += listener.rules.len();
        compacted += fewer.rules.len();
        guards += listener
            .rules
            .iter()
            .filter(|rule| rule.origins.is_empty())
            .count();
        let routed = Routed::new(&balancer);
        let executed = [listener, &fewer].map(|listener| (listener, Executed::new(listener)));
        for _ in 0..REQUESTS {
            let request = generate::request(&mut random);
            let expected = routed.serve(&request);
            for (listener, executed) in &executed {
                let rule = executed.serve(&request).map(|at| &listener.rules[at]);
                let found = backend(rule.map_or(&listener.default, |rule| &rule.action));
                assert_eq!(
                    found, expected,
                    "world {world}, {request:?}\nrule {rule:#?}\nof {:#?}\nfor {:#?}",
                    listener.rules, balancer.http_routes
                );
            }
            served += usize::from(expected.is_some());
        }
    }
    // The worlds are worth something: many requests meet a rule, listeners had to be kept apart, rules became fewer.
    assert!(served > 20_000, "{served}");
    assert!(guards > 50, "{guards}");
    assert!(compacted * 10 < rules * 9, "{compacted} of {rules}");
}
