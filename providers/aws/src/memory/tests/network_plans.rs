//! Plans of edits of Network Load Balancers, word by word: `goldens/plans/nlb-…`.

use super::forms::{account, certificate, pod, settle, subnet, tls};
use super::network::{driver, guarded, net, standing, with};
use super::plans::priority;
use crate::goldens;
use crate::memory::Memory;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Transport;
use gatewright_aws_core::target_group::TargetGroupId;
use std::sync::Arc;

type Edit = fn(Target) -> Option<Target>;

const EDITS: &[(&str, Edit)] = &[
    ("nothing", Some),
    ("weight", |target| {
        Some(with(target, 80, Transport::Tcp, &[("a", 1), ("b", 9)]))
    }),
    ("backend", |target| {
        Some(with(target, 80, Transport::Tcp, &[("a", 9), ("new", 1)]))
    }),
    ("pods", |mut target| {
        let id = TargetGroupId("Service/shop/a:80/tcp".into());
        let group = target.target_groups.get_mut(&id).unwrap();
        group.targets.remove(&pod(1));
        group.targets.insert(pod(9));
        Some(target)
    }),
    ("port", |target| {
        Some(guarded(with(target, 53, Transport::Udp, &[("dns", 1)])))
    }),
    ("protocol", |mut target| {
        target.listeners.remove(&80);
        target.target_groups.clear();
        Some(guarded(with(
            target,
            80,
            Transport::TcpUdp,
            &[("a", 9), ("b", 1)],
        )))
    }),
    ("tls", |mut target| {
        let shop = certificate(&mut target, "shop", "RSA-1");
        target.listeners.get_mut(&80).unwrap().tls = Some(tls(shop, &[]));
        Some(target)
    }),
    ("zone", |mut target| {
        target.balancer.subnets.insert(subnet("b"));
        Some(target)
    }),
    ("addresses", |target| {
        let Target { listeners, .. } = target;
        let public = standing(net(), &[("a", 1), ("b", 2)]);
        let public = with(public, 80, Transport::Tcp, &[("a", 9), ("b", 1)]);
        assert_eq!(listeners.len(), public.listeners.len());
        Some(guarded(public))
    }),
    ("gone", |_| None),
];

#[test]
fn edits_are_planned_as_their_goldens_say() {
    let first = guarded(with(net(), 80, Transport::Tcp, &[("a", 9), ("b", 1)]));
    let mut wrong = Vec::new();
    let mut compare = |name: &str, memory: &Arc<Memory>, wanted: Option<&Target>| {
        let found = goldens::plan(&driver(memory), (&first.gateway, wanted), priority);
        goldens::compare(&format!("plans/nlb-{name}"), &found, &mut wrong);
    };
    compare("new", &account(), Some(&first));
    for (name, edit) in EDITS {
        let memory = account();
        settle(&memory, &first);
        compare(name, &memory, edit(first.clone()).as_ref());
    }
    goldens::none(&wrong);
}
