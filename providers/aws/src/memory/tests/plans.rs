//! Plans of edits, word by word, as `gatewright plan` shows them: `goldens/plans`. `GATEWRIGHT_BLESS=1` writes them; then
//! they are read.

use super::forms::{
    account, add_listener, certificate, driver, forward, http, managed, pod, settle, tls, verified,
};
use crate::alb::step::{Call, Step};
use crate::goldens;
use crate::memory::Memory;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::ListenerTls;
use gatewright_aws_core::alb::rule::{Origin, Rule};
use gatewright_aws_core::network::Scheme;
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_model::key::{ObjectName, RouteKey, RouteKind};
use std::sync::Arc;

const RULES: &[(&str, &[(&str, u16)])] = &[
    ("/a/*", &[("a", 9), ("b", 1)]),
    ("/b/*", &[("b", 1)]),
    ("/c/*", &[("c", 1)]),
];

/// What there is, and what is wanted then; `None`: the Gateway goes.
type Edit = fn(Target) -> Option<Target>;

/// Edits of a Gateway with [`RULES`] on port 80.
const EDITS: &[(&str, Edit)] = &[
    ("nothing", Some),
    ("weight", |mut target| {
        let rule = route(&mut target, "/a/*", &[("a", 1), ("b", 9)]);
        rules(&mut target)[0] = rule;
        Some(target)
    }),
    ("path", |mut target| {
        let rule = route(&mut target, "/bb/*", &[("b", 1)]);
        rules(&mut target)[1] = rule;
        Some(target)
    }),
    ("route-to-a-known-backend", |mut target| {
        let rule = route(&mut target, "/new/*", &[("c", 1)]);
        rules(&mut target).insert(0, rule);
        Some(target)
    }),
    ("route-to-a-new-backend", |mut target| {
        let rule = route(&mut target, "/new/*", &[("new", 1)]);
        rules(&mut target).push(rule);
        Some(target)
    }),
    ("route-gone", |mut target| {
        rules(&mut target).remove(2);
        target.target_groups.remove(&backend("c"));
        Some(target)
    }),
    ("pods", |mut target| {
        let group = target.target_groups.get_mut(&backend("b")).unwrap();
        group.targets.remove(&pod(1));
        group.targets.insert(pod(9));
        Some(target)
    }),
    ("attributes", |mut target| {
        let idle = ("idle_timeout.timeout_seconds".into(), "90".into());
        target.balancer.attributes.extend([idle]);
        let group = target.target_groups.get_mut(&backend("b")).unwrap();
        group.health.interval_s = Some(7);
        Some(target)
    }),
    ("labels", |mut target| {
        target.tags.insert("team".into(), "shop".into());
        Some(target)
    }),
    ("https", |mut target| {
        target = managed(target, &[80, 443]);
        add_listener(&mut target, 443, &[("/a/*", &[("a", 1)])]);
        let shop = certificate(&mut target, "shop", "RSA-1");
        target.listeners.get_mut(&443).unwrap().tls = Some(tls(shop, &[]));
        Some(target)
    }),
    ("client-certificates", |mut target| {
        target = managed(target, &[80, 443]);
        add_listener(&mut target, 443, &[("/a/*", &[("a", 1)])]);
        let shop = certificate(&mut target, "shop", "RSA-1");
        let clients = verified(&mut target, "first");
        target.listeners.get_mut(&443).unwrap().tls = Some(ListenerTls {
            clients: Some(clients),
            ..tls(shop, &[])
        });
        Some(target)
    }),
    ("scheme", |mut target| {
        target.balancer.scheme = Scheme::InternetFacing;
        target.balancer.name = "gw-public".into();
        for group in target.target_groups.values_mut() {
            group.name = group.name.replace("gw-internal", "gw-public").into();
        }
        Some(target)
    }),
    // What no request can match both needs no order.
    ("rules-in-another-order", |mut target| {
        rules(&mut target).rotate_left(1);
        Some(target)
    }),
    ("gone", |_| None),
];

/// A rule of the route that its path is named after.
fn route(target: &mut Target, path: &str, backends: &[(&str, u16)]) -> Rule {
    let name = path.trim_matches(['/', '*']);
    let origin = Origin {
        route: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("shop", name),
        },
        rule: 0,
        matched: 0,
    };
    Rule {
        origins: [origin].into(),
        ..forward(target, path, backends)
    }
}

/// The Gateway before each edit.
fn before() -> Target {
    let mut target = http(&[]);
    for (path, backends) in RULES {
        let rule = route(&mut target, path, backends);
        rules(&mut target).push(rule);
    }
    target
}

fn rules(target: &mut Target) -> &mut Vec<Rule> {
    &mut target.listeners.get_mut(&80).unwrap().rules
}

fn backend(name: &str) -> TargetGroupId {
    TargetGroupId(format!("Service/shop/{name}:80/http1").into())
}

/// The plan of one look.
fn plan(memory: &Arc<Memory>, of: &Target, wanted: Option<&Target>) -> String {
    goldens::plan(&driver(memory, 300), (&of.gateway, wanted), priority)
}

/// The priority that a step gives to a new rule.
pub(super) fn priority(step: &Step) -> Option<u16> {
    match step.call {
        Call::CreateRule { priority, .. } => Some(priority),
        _ => None,
    }
}

fn compare(name: &str, found: &str, wrong: &mut Vec<String>) {
    goldens::compare(&format!("plans/{name}"), found, wrong);
}

#[test]
fn edits_are_planned_as_their_goldens_say() {
    let mut wrong = Vec::new();
    let memory = account();
    let first = before();
    compare("new", &plan(&memory, &first, Some(&first)), &mut wrong);
    for (name, edit) in EDITS {
        let memory = account();
        settle(&memory, &first);
        let wanted = edit(first.clone());
        compare(name, &plan(&memory, &first, wanted.as_ref()), &mut wrong);
    }
    // Another certificate in the same Secret, of the same kind of key and of another.
    let (_, https) = EDITS.iter().find(|(name, _)| *name == "https").unwrap();
    let secure = https(first).unwrap();
    for (name, version) in [("certificate", "RSA-2"), ("certificate-of-another-key", "EC-2")] {
        let memory = account();
        settle(&memory, &secure);
        let mut rotated = secure.clone();
        certificate(&mut rotated, "shop", version);
        compare(name, &plan(&memory, &secure, Some(&rotated)), &mut wrong);
    }
    goldens::none(&wrong);
}
