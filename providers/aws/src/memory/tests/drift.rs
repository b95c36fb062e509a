//! What an Event says when others changed something: which resource, which field, what it was and what it is again.
//! `goldens/drift`, a section for each thing that others can do.

use super::forms::{
    account, add_listener, bare, certificate, driver, managed, pod, request, settle, subnet, tls, web_acl,
};
use super::network;
use crate::alb::ElbDriver;
use crate::cloud::{Action, Seen};
use crate::goldens;
use crate::memory::state::{KeptGroup, State};
use crate::memory::{Connection, Memory};
use crate::owner::FINGERPRINT;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Transport;
use gatewright_aws_core::alb::rule::{FixedResponse, Values};
use gatewright_aws_core::network::{Ingress, StaticAddress};
use gatewright_provider_api::contract::Resource;
use std::sync::Arc;

/// What others do.
type Deed = fn(&Memory);

fn state(memory: &Memory, with: impl FnOnce(&mut State)) {
    with(&mut memory.state());
}

/// What others do to one target group.
fn group(memory: &Memory, name: &str, with: impl FnOnce(&mut KeptGroup)) {
    let mut state = memory.state();
    let mut groups = state.target_groups.values_mut();
    with(groups.find(|kept| &*kept.of.name == name).unwrap());
}

fn lose(memory: &Memory, kind: &'static str, id: &str) {
    memory.lose(&Resource { kind, id: id.into() });
}

/// What others do to the tags of the load balancer.
fn tag(memory: &Memory, value: Option<&str>) {
    state(memory, |state| {
        let balancer = state.balancers.keys().next().unwrap().clone();
        let tags = state.tags.get_mut(&balancer).unwrap();
        match value {
            Some(value) => tags.insert("team".into(), value.into()),
            None => tags.remove("team"),
        };
    });
}

fn ingress(port: u16) -> Ingress {
    Ingress {
        protocol: "tcp".into(),
        port,
        source: "0.0.0.0/0".into(),
    }
}

fn open(memory: &Memory, port: u16, is_open: bool) {
    state(memory, |state| {
        let mut groups = state.security_groups.values_mut();
        let clients = groups.find(|group| &*group.name == "gw-clients").unwrap();
        if is_open {
            clients.ingress.insert(ingress(port));
        } else {
            clients.ingress.remove(&ingress(port));
        }
    });
}

fn teapot() -> Seen<Action> {
    Seen::Known(Action::Fixed(FixedResponse {
        content_type: FixedResponse::TEXT.into(),
        status: 418,
        body: "".into(),
    }))
}

/// Everybody gets the same share, where there are several: one alone gets all, whatever its weight.
fn level(action: &mut Seen<Action>) {
    if let Seen::Known(Action::Forward(forward)) = action
        && forward.groups.len() > 1
    {
        forward.groups.values_mut().for_each(|weight| *weight = 5);
    }
}

/// Of an Application Load Balancer.
const DEEDS: &[(&str, Deed)] = &[
    ("an attribute of the load balancer is changed", |memory| {
        state(memory, |state| {
            let kept = state.balancers.values_mut().next().unwrap();
            kept.attributes
                .insert("idle_timeout.timeout_seconds".into(), "4000".into());
        });
    }),
    ("its subnets are changed", |memory| {
        state(memory, |state| {
            let kept = state.balancers.values_mut().next().unwrap();
            kept.of.subnets = ["subnet-b".into(), "subnet-c".into()].into();
        });
    }),
    ("its web ACL is taken away", |memory| {
        memory.set_web_acl("gw-internal", None);
    }),
    ("the value of a tag is changed", |memory| {
        tag(memory, Some("theirs"));
    }),
    ("a tag is taken away", |memory| tag(memory, None)),
    ("the security group lets more in", |memory| open(memory, 22, true)),
    ("the security group lets less in", |memory| {
        open(memory, 443, false);
    }),
    ("an attribute of a listener is changed", |memory| {
        state(memory, |state| {
            let mut listeners = state.listeners.values_mut();
            let kept = listeners.find(|kept| kept.of.port == 80).unwrap();
            let key = "routing.http.response.server.enabled".into();
            kept.attributes.insert(key, "true".into());
        });
    }),
    ("a listener answers otherwise", |memory| {
        state(memory, |state| {
            let mut listeners = state.listeners.values_mut();
            listeners.find(|kept| kept.of.port == 80).unwrap().of.default = teapot();
        });
    }),
    ("a listener is deleted", |memory| {
        lose(memory, "listener", "gw-internal:80");
    }),
    ("another security policy", |memory| {
        state(memory, |state| {
            for kept in state.listeners.values_mut() {
                if let Some(tls) = &mut kept.of.tls {
                    tls.policy = "ELBSecurityPolicy-2016-08".into();
                }
            }
        });
    }),
    ("a certificate is taken from a listener", |memory| {
        state(memory, |state| {
            for kept in state.listeners.values_mut() {
                kept.certificates.clear();
            }
        });
    }),
    ("another certificate is the default", |memory| {
        state(memory, |state| {
            for kept in state.listeners.values_mut() {
                if let Some(tls) = &mut kept.of.tls {
                    let mut others = state.certificates.keys();
                    let shown = tls.certificate.clone();
                    tls.certificate = others.find(|arn| **arn != shown).unwrap().clone();
                }
            }
        });
    }),
    (
        "the tag of a certificate is changed, by which it is compared",
        |memory| {
            state(memory, |state| {
                let arn = state.certificates.keys().next().unwrap();
                let tags = state.tags.get_mut(arn).unwrap();
                tags.insert(FINGERPRINT.into(), "theirs".into());
            });
        },
    ),
    ("weights of a rule are changed", |memory| {
        state(memory, |state| {
            for kept in state.rules.values_mut() {
                if let Seen::Known(settings) = &mut kept.of.settings {
                    let mut action = Seen::Known(settings.action.clone());
                    level(&mut action);
                    if let Seen::Known(action) = action {
                        settings.action = action;
                    }
                }
            }
        });
    }),
    ("a rule takes other paths", |memory| {
        state(memory, |state| {
            let kept = state.rules.values_mut().next().unwrap();
            if let Seen::Known(settings) = &mut kept.of.settings {
                settings.conditions.path = Some(Values::Wildcards(["/theirs/*".into()].into()));
            }
        });
    }),
    ("rules change places", |memory| {
        state(memory, |state| {
            let mut listeners = state.listeners.iter();
            let (listener, _) = listeners.find(|(_, kept)| kept.of.port == 80).unwrap();
            let mut rules = state.rules.values_mut().filter(|kept| kept.listener == *listener);
            let (one, other) = (rules.next().unwrap(), rules.next().unwrap());
            std::mem::swap(&mut one.of.priority, &mut other.of.priority);
        });
    }),
    ("a rule is deleted", |memory| {
        lose(memory, "rule", "gw-internal:80 0");
    }),
    ("an attribute of a target group is changed", |memory| {
        group(memory, "gw-internal-a", |kept| {
            let key = "deregistration_delay.timeout_seconds".into();
            kept.attributes.insert(key, "3600".into());
        });
    }),
    ("a health check is changed", |memory| {
        group(memory, "gw-internal-a", |kept| {
            kept.of.health.path = Some("/theirs".into());
        });
    }),
    ("targets are changed", |memory| {
        group(memory, "gw-internal-a", |kept| {
            kept.targets.remove(&pod(1));
            kept.targets.insert(pod(99), 0);
        });
    }),
    ("a target group is deleted", |memory| {
        lose(memory, "target group", "gw-internal-b");
    }),
];

/// Of a Network Load Balancer.
const NETWORK_DEEDS: &[(&str, Deed)] = &[
    ("an attribute of the load balancer is changed", |memory| {
        state(memory, |state| {
            let kept = state.balancers.values_mut().next().unwrap();
            let key = "load_balancing.cross_zone.enabled".into();
            kept.attributes.insert(key, "false".into());
        });
    }),
    ("an address is another", |memory| {
        state(memory, |state| {
            let kept = state.balancers.values_mut().next().unwrap();
            let theirs = StaticAddress {
                ip: [203, 0, 113, 4].into(),
                allocation: Some("eipalloc-4".into()),
            };
            kept.of.addresses.insert("subnet-b".into(), theirs);
        });
    }),
    ("the value of a tag is changed", |memory| {
        tag(memory, Some("theirs"));
    }),
    ("the security group lets more in", |memory| open(memory, 22, true)),
    ("weights of a listener are changed", |memory| {
        state(memory, |state| {
            let mut listeners = state.listeners.values_mut();
            level(&mut listeners.find(|kept| kept.of.port == 80).unwrap().of.default);
        });
    }),
    ("another ALPN policy", |memory| {
        state(memory, |state| {
            for kept in state.listeners.values_mut() {
                if let Some(tls) = &mut kept.of.tls {
                    tls.alpn = Some("HTTP1Only".into());
                }
            }
        });
    }),
    ("a listener is deleted", |memory| {
        lose(memory, "listener", "gw-net-public:80");
    }),
    ("an attribute of a target group is changed", |memory| {
        group(memory, "gw-net-public-a-tcp", |kept| {
            kept.attributes
                .insert("proxy_protocol_v2.enabled".into(), "false".into());
        });
    }),
    ("targets are changed", |memory| {
        group(memory, "gw-net-public-a-tcp", |kept| {
            kept.targets.remove(&pod(1));
        });
    }),
];

fn application() -> Target {
    let mut target = managed(bare(), &[80, 443]);
    let rules: &[(&str, &[(&str, u16)])] = &[("/a/*", &[("a", 9), ("b", 1)]), ("/*", &[("b", 1)])];
    add_listener(&mut target, 80, rules);
    add_listener(&mut target, 443, &[("/a/*", &[("a", 1)])]);
    let shop = certificate(&mut target, "shop", "RSA-1");
    let help = certificate(&mut target, "help", "RSA-1");
    target.listeners.get_mut(&443).unwrap().tls = Some(tls(shop, &[help]));
    let listener = target.listeners.get_mut(&80).unwrap();
    let server: (Str, Str) = ("routing.http.response.server.enabled".into(), "false".into());
    listener.attributes.extend([server]);
    let idle = ("idle_timeout.timeout_seconds".into(), "90".into());
    target.balancer.attributes.extend([idle]);
    target.web_acl = Some(web_acl("shop"));
    target.tags.insert("team".into(), "shop".into());
    target
}

fn network_one() -> Target {
    let mut target = network::standing(network::net(), &[("a", 1), ("b", 2)]);
    target = network::with(target, 80, Transport::Tcp, &[("a", 3), ("b", 1)]);
    target = network::with(target, 443, Transport::Tcp, &[("web", 1)]);
    let shop = certificate(&mut target, "shop", "RSA-1");
    let mut secure = tls(shop, &[]);
    secure.alpn = Some("HTTP2Preferred".into());
    target.listeners.get_mut(&443).unwrap().tls = Some(secure);
    let zones = ("load_balancing.cross_zone.enabled".into(), "true".into());
    target.balancer.attributes.extend([zones]);
    target.balancer.subnets = [subnet("a"), subnet("b")].into();
    target.tags.insert("team".into(), "net".into());
    network::guarded(target)
}

/// What Events say of each deed, one after the other. What is mended is as it was.
fn told(
    wanted: &Target,
    deeds: &[(&str, Deed)],
    driver: fn(&Arc<Memory>) -> ElbDriver<Connection>,
) -> String {
    let mut text = String::new();
    for (what, deed) in deeds {
        let memory = account();
        settle(&memory, wanted);
        let before = memory.contents();
        deed(&memory);
        let process = driver(&memory);
        goldens::mended(&mut text, what, (&process, &request(wanted.clone())));
        settle(&memory, wanted);
        assert_eq!(memory.contents(), before, "{what}");
    }
    text
}

#[test]
fn events_say_what_others_changed() {
    let mut wrong = Vec::new();
    let of_application = told(&application(), DEEDS, |memory| driver(memory, 0));
    goldens::compare("drift/alb", &of_application, &mut wrong);
    let of_network = told(&network_one(), NETWORK_DEEDS, network::driver);
    goldens::compare("drift/nlb", &of_network, &mut wrong);
    goldens::none(&wrong);
}
