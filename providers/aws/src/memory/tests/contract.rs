//! The contract suite of providers.

use super::forms::{
    add_listener, bare, certificate, driver, http, managed, oidc, request, swept_driver, tls, verified,
    web_acl,
};
use crate::alb::{AlbDriver, Request, plan};
use crate::memory::{Connection, Delays, Memory};
use crate::owner::{CLUSTER, GATEWAY, RESOURCE, Tags};
use crate::swept::Swept;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::before::Before;
use gatewright_aws_core::alb::listener::ListenerTls;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::Scheme;
use gatewright_aws_core::target_group::ProtocolVersion;
use gatewright_provider_api::contract::Resource;
use gatewright_provider_api::suite::{Calls, World, run};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// Forms of one Gateway.
trait Stages: Send + Sync + 'static {
    fn stages() -> Vec<Target>;
}

struct InMemory<S>(Arc<Memory>, PhantomData<S>);

impl<S: Stages> World for InMemory<S> {
    type Driver = AlbDriver<Connection>;

    fn empty() -> Self {
        let memory = Memory::new(AlbLimits::default(), Delays::default());
        Self(Arc::new(memory), PhantomData)
    }

    fn copy(&self) -> Self {
        Self(Arc::new(self.0.copy()), PhantomData)
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }

    fn driver(&self) -> Self::Driver {
        driver(&self.0, 0)
    }

    fn stages() -> Vec<Request> {
        S::stages().into_iter().map(request).collect()
    }

    fn calls(&self) -> &Calls {
        self.0.calls()
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        self.0.contents()
    }

    fn plant_foreign(&self) {
        let marks = |cluster: &str, gateway: &str| {
            Tags::from([
                (CLUSTER.into(), cluster.into()),
                (GATEWAY.into(), gateway.into()),
                (RESOURCE.into(), "load balancer".into()),
            ])
        };
        self.0.plant("nobodys", &Tags::new());
        self.0.plant("other-gateway", &marks("blue", "infra/edge-2"));
        self.0.plant("other-namespace", &marks("blue", "shop/edge"));
        self.0.plant("other-cluster", &marks("green", "infra/edge"));
        let half = Tags::from([(GATEWAY.into(), "infra/edge".into())]);
        self.0.plant("half-marked", &half);
    }

    fn lose(&self, resource: &Resource) {
        if is_given(resource) {
            return;
        }
        self.0.lose(resource);
    }

    fn damage(&self, resource: &Resource) -> bool {
        !is_given(resource) && self.0.damage(resource)
    }

    fn order() -> &'static [&'static str] {
        &plan::ORDER
    }
}

/// The same, with a driver that reads through what it knows already.
struct Remembered<S>(InMemory<S>);

impl<S: Stages> World for Remembered<S> {
    type Driver = AlbDriver<Swept<Connection>>;

    fn empty() -> Self {
        Self(InMemory::empty())
    }

    fn copy(&self) -> Self {
        Self(self.0.copy())
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }

    fn driver(&self) -> Self::Driver {
        swept_driver(&self.0.0)
    }

    fn stages() -> Vec<Request> {
        InMemory::<S>::stages()
    }

    fn calls(&self) -> &Calls {
        self.0.calls()
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        self.0.contents()
    }

    fn plant_foreign(&self) {
        self.0.plant_foreign();
    }

    fn lose(&self, resource: &Resource) {
        self.0.lose(resource);
    }

    fn damage(&self, resource: &Resource) -> bool {
        self.0.damage(resource)
    }

    fn order() -> &'static [&'static str] {
        InMemory::<S>::order()
    }
}

/// Security groups that somebody else keeps.
fn is_given(resource: &Resource) -> bool {
    resource.id.starts_with("sg-given")
}

/// The first rule of port 443 asks this of users.
fn asks(target: &mut Target, before: &Before) {
    let rules = target.listeners.get_mut(&443).map(|listener| &mut listener.rules);
    rules.unwrap()[0].before = Some(before.clone());
}

/// Routes, certificates, tags, networks and secrets of clients change.
struct Growing;
impl Stages for Growing {
    fn stages() -> Vec<Target> {
        let small = http(&[("/cart/*", &[("cart", 1)]), ("/*", &[("front", 1)])]);
        let mut large = http(&[
            ("/cart/*", &[("cart", 9), ("cart-next", 1)]),
            ("/help", &[("help", 1)]),
            ("/*", &[("front", 1)]),
        ]);
        large = managed(large, &[80, 443]);
        add_listener(&mut large, 443, &[("/*", &[("front", 1)])]);
        let shop = certificate(&mut large, "shop", "RSA-1");
        let help = certificate(&mut large, "help", "RSA-1");
        let clients = verified(&mut large, "first");
        large.listeners.get_mut(&443).unwrap().tls = Some(ListenerTls {
            clients: Some(clients),
            ..tls(shop, &[help])
        });
        asks(&mut large, &oidc("first"));
        large.web_acl = Some(web_acl("first"));
        large.tags.insert("team".into(), "net".into());
        let mut other = managed(bare(), &[443]);
        other.balancer.subnets.insert(super::forms::subnet("c"));
        add_listener(
            &mut other,
            443,
            &[("/*", &[("front", 1)]), ("/cart/*", &[("cart", 1)])],
        );
        let shop = certificate(&mut other, "shop", "RSA-2");
        let help = certificate(&mut other, "help", "EC-2");
        // Other authorities: another trust store takes the place.
        let clients = verified(&mut other, "second");
        other.listeners.get_mut(&443).unwrap().tls = Some(ListenerTls {
            clients: Some(clients),
            ..tls(help, &[shop])
        });
        asks(&mut other, &oidc("second"));
        other.web_acl = Some(web_acl("second"));
        other.shield = true;
        other.capacity = Some(200);
        other.tags.insert("cost".into(), "7".into());
        // What nobody asks for any more is left as it is: every form asks for it.
        let mut forms = vec![small, large, other, bare()];
        for (form, seconds) in forms.iter_mut().zip(["60", "120", "61", "60"]) {
            form.balancer
                .attributes
                .insert("idle_timeout.timeout_seconds".into(), seconds.into());
        }
        forms
    }
}

#[test]
fn growing_and_shrinking_keeps_the_contract() {
    let report = run::<InMemory<Growing>>();
    assert_eq!(report.failed, 0, "{report}");
    assert!(report.checks > 1000, "{report}");
}

#[test]
fn what_is_known_already_keeps_the_contract() {
    let report = run::<Remembered<Replaced>>();
    assert_eq!(report.failed, 0, "{report}");
}

/// What cannot change differs: another takes the place.
struct Replaced;
impl Stages for Replaced {
    fn stages() -> Vec<Target> {
        let form = |name: &str, scheme| {
            let mut target = bare();
            target.balancer.name = name.into();
            target.balancer.scheme = scheme;
            let mut target = managed(target, &[80]);
            add_listener(
                &mut target,
                80,
                &[("/cart/*", &[("cart", 1)]), ("/*", &[("front", 1)])],
            );
            target
        };
        let internal = form("gw-internal", Scheme::Internal);
        // Another protocol to the backend: another group under the same load balancer.
        let mut other = internal.clone();
        for group in other.target_groups.values_mut() {
            group.name = format!("{}-h2", group.name).into();
            group.fixed.version = Some(ProtocolVersion::Http2);
        }
        other.web_acl = Some(web_acl("first"));
        other.shield = true;
        other.capacity = Some(200);
        let mut public = form("gw-public", Scheme::InternetFacing);
        public.web_acl = Some(web_acl("second"));
        public.shield = true;
        public.capacity = Some(300);
        vec![internal, other, public]
    }
}

#[test]
fn replacing_keeps_the_contract() {
    let report = run::<InMemory<Replaced>>();
    assert_eq!(report.failed, 0, "{report}");
}
