//! Everything that exists, in a form without what differs between equal runs; and trouble behind everybody's back.

use super::Memory;
use super::state::{State, groups_of};
use crate::cloud::{
    Action, Arn, Balancer, Clients, Group, Kind, Listener, ListenerTls, Rule, RuleSettings, Seen,
    State as Phase, SubnetDetails, TargetGroup,
};
use crate::owner::{FINGERPRINT, RESOURCE, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::rule::FixedResponse;
use gatewright_aws_core::network::{BalancerKind, Ingress, IpAddressType, Ipv6, Scheme};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target, TargetAddress, TargetKind,
};
use gatewright_provider_api::contract::Resource;
use std::collections::{BTreeMap, BTreeSet};

impl Memory {
    /// Everything that exists, by kind and name.
    pub fn contents(&self) -> BTreeMap<Resource, String> {
        let state = self.state();
        let names = names(&state);
        let listed = names.iter().map(|(arn, resource)| {
            let text = state.describe(arn, &names);
            (resource.clone(), format!("{text} tags {:?}", state.tags.get(arn)))
        });
        listed.collect()
    }

    /// Writes one attribute of a load balancer, as its owner would.
    pub fn set_balancer_attribute(&self, name: &str, key: &str, value: &str) {
        let mut state = self.state();
        if let Some(kept) = state.balancers.values_mut().find(|kept| &*kept.of.name == name) {
            kept.attributes.insert(key.into(), value.into());
        }
    }

    /// Adds a rule of somebody else's to a listener of a load balancer.
    pub fn add_foreign_rule(&self, (name, port): (&str, u16), priority: u16, settings: RuleSettings) {
        let mut state = self.state();
        let balancer = state.balancers.values().find(|kept| &*kept.of.name == name);
        let Some(balancer) = balancer.map(|kept| kept.of.arn.clone()) else {
            return;
        };
        let listener = state
            .listeners
            .values()
            .find(|kept| kept.balancer == balancer && kept.of.port == port)
            .map(|kept| kept.of.arn.clone());
        let Some(listener) = listener else { return };
        let arn = state.make("listener-rule", &Tags::new());
        let of = Rule {
            arn: arn.clone(),
            priority,
            settings: Seen::Known(settings),
        };
        state.rules.insert(arn, super::state::KeptRule { listener, of });
    }

    /// Puts resources there that have these tags, beside what anybody asks for.
    pub fn plant(&self, name: &str, tags: &Tags) {
        let mut state = self.state();
        let group = state.make("sg", tags);
        state.security_groups.insert(
            group.clone(),
            Group {
                id: group.clone(),
                name: name.into(),
                vpc: "vpc-1".into(),
                ingress: BTreeSet::new(),
                from_groups: BTreeSet::new(),
                tags: Tags::new(),
            },
        );
        let arn = state.make("loadbalancer", tags);
        let of = Balancer {
            arn: arn.clone(),
            name: name.into(),
            kind: BalancerKind::Application,
            scheme: Scheme::Internal,
            vpc: "vpc-1".into(),
            ip_address_type: IpAddressType::Ipv4,
            ipam_pool: None,
            customer_owned_pool: None,
            subnets: ["subnet-a".into(), "subnet-b".into()].into(),
            addresses: BTreeMap::new(),
            ipv6: Ipv6::default(),
            security_groups: [group].into(),
            private_link: None,
            dns_name: "others.example".into(),
            state: Phase::Active,
        };
        let attributes = BTreeMap::new();
        state.balancers.insert(arn, super::state::Kept { of, attributes });
        let certificate = state.make("certificate", tags);
        state.certificates.insert(
            certificate,
            super::state::KeptCertificate {
                pem: name.into(),
                key: "EC".into(),
            },
        );
    }

    /// The owner of the group `sg-given-2` gives it over to rules for load balancers of a cluster.
    pub fn give_nodes(&self, cluster: &str) {
        self.give_nodes_of("sg-given-2", cluster);
    }

    /// The owner of a group does.
    pub fn give_nodes_of(&self, group: &str, cluster: &str) {
        let mut state = self.state();
        let tags = state.tags.entry(Arn(group.into())).or_default();
        tags.insert(crate::owner::NODES.into(), cluster.into());
    }

    /// All subnets have IPv6 addresses as well: `2001:db8::/64` and the next ones.
    pub fn give_ipv6(&self) {
        let mut state = self.state();
        for (number, subnet) in state.subnets.values_mut().enumerate() {
            subnet.ipv6 = true;
            subnet.block6 = format!("2001:db8:0:{number:x}::/64").into();
        }
    }

    /// A subnet of an AWS Outpost, in a zone that others are in as well.
    pub fn plant_outpost(&self, id: &str) {
        let mut state = self.state();
        let subnet = SubnetDetails {
            id: id.into(),
            vpc: "vpc-1".into(),
            zone: "eu-central-1a".into(),
            block: "10.0.9.0/24".into(),
            free_addresses: 250,
            ipv6: false,
            block6: "".into(),
            outpost: true,
            public: true,
            tags: Tags::new(),
        };
        state.subnets.insert(subnet.id.clone(), subnet);
    }

    /// Has a load balancer protected, as its owner would.
    pub fn plant_protection(&self, balancer: &str, name: &str) {
        let mut state = self.state();
        let found = state.balancers.values().find(|kept| &*kept.of.name == balancer);
        let Some(balancer) = found.map(|kept| kept.of.arn.clone()) else {
            return;
        };
        let id = state.make("protection", &Tags::new());
        let kept = super::state::KeptProtection {
            name: name.into(),
            balancer,
        };
        state.protections.insert(id, kept);
    }

    /// Puts a web ACL in front of a load balancer, as its owner would; or takes it away.
    pub fn set_web_acl(&self, name: &str, acl: Option<&str>) {
        let mut state = self.state();
        let found = state.balancers.values().find(|kept| &*kept.of.name == name);
        let Some(arn) = found.map(|kept| kept.of.arn.clone()) else {
            return;
        };
        match acl {
            Some(acl) => state.web_acls.insert(arn, acl.into()),
            None => state.web_acls.remove(&arn),
        };
    }

    /// A target group that somebody made, with a pod of theirs.
    pub fn plant_group(&self, name: &str) -> Arn {
        let mut state = self.state();
        let arn = state.make("targetgroup", &Tags::new());
        let of = TargetGroup {
            arn: arn.clone(),
            name: name.into(),
            fixed: Fixed {
                protocol: "HTTP".into(),
                version: Some(ProtocolVersion::Http1),
                port: 80,
                kind: TargetKind::Ip,
                ipv6: false,
                control_port: None,
            },
            vpc: "vpc-1".into(),
            health: HealthCheck::default(),
            balancers: BTreeSet::new(),
        };
        let theirs = Target {
            id: TargetAddress::Ip([10, 0, 8, 8].into()),
            port: 8080,
            zone: None,
            quic_server: None,
        };
        let kept = super::state::KeptGroup {
            of,
            attributes: BTreeMap::new(),
            targets: BTreeMap::from([(theirs, 0)]),
            draining: BTreeMap::new(),
        };
        state.target_groups.insert(arn.clone(), kept);
        arn
    }

    /// Removes one thing, with what cannot be without it.
    pub fn lose(&self, resource: &Resource) {
        let mut state = self.state();
        let names = names(&state);
        let found = names.iter().find(|(_, name)| *name == resource);
        if let Some((arn, _)) = found {
            state.lose(arn);
        }
    }

    /// Changes one thing, as somebody might by hand.
    pub fn damage(&self, resource: &Resource) -> bool {
        let mut state = self.state();
        let names = names(&state);
        let found = names.iter().find(|(_, name)| *name == resource);
        found.is_some_and(|(arn, _)| state.damage(arn))
    }
}

/// What each resource is called.
fn names(state: &State) -> BTreeMap<Arn, Resource> {
    let mut names = BTreeMap::new();
    let mut name = |arn: &Arn, kind: &'static str, id: Str| {
        names.insert(arn.clone(), Resource { kind, id });
    };
    let mut balancers = BTreeMap::new();
    for (arn, kept) in &state.balancers {
        name(arn, "load balancer", kept.of.name.clone());
        balancers.insert(arn, kept.of.name.clone());
    }
    for (arn, kept) in &state.target_groups {
        name(arn, "target group", kept.of.name.clone());
    }
    for (id, kept) in &state.protections {
        name(id, "protection", kept.name.clone());
    }
    for (id, group) in &state.security_groups {
        name(id, "security group", group.name.clone());
    }
    let mut before: BTreeMap<Str, usize> = BTreeMap::new();
    for (arn, kept) in &state.certificates {
        let tags = state.tags.get(arn);
        let id = tags
            .and_then(|tags| tags.get(RESOURCE))
            .unwrap_or(&kept.pem)
            .clone();
        let count = before.entry(id.clone()).or_default();
        name(arn, "certificate", format!("{id} {count}").into());
        *count += 1;
    }
    for (arn, kept) in &state.trust_stores {
        name(arn, "trust store", kept.name.clone());
    }
    for (arn, kept) in &state.listeners {
        let balancer = balancers.get(&kept.balancer).map_or("", |name| name);
        name(arn, "listener", format!("{balancer}:{}", kept.of.port).into());
        let mut rules: Vec<&Rule> = state
            .rules
            .values()
            .filter(|rule| rule.listener == *arn)
            .map(|rule| &rule.of)
            .collect();
        rules.sort_by_key(|rule| rule.priority);
        for (index, rule) in rules.into_iter().enumerate() {
            name(
                &rule.arn,
                "rule",
                format!("{balancer}:{} {index}", kept.of.port).into(),
            );
        }
    }
    names
}

impl State {
    fn describe(&self, arn: &Arn, names: &BTreeMap<Arn, Resource>) -> String {
        let named = |arn: &Arn| {
            names
                .get(arn)
                .map_or_else(|| arn.to_string(), ToString::to_string)
        };
        if let Some(kept) = self.balancers.get(arn) {
            let Balancer {
                kind,
                addresses,
                ipv6,
                scheme,
                vpc,
                ip_address_type,
                ipam_pool,
                customer_owned_pool,
                subnets,
                security_groups,
                private_link,
                ..
            } = &kept.of;
            let groups: BTreeSet<String> = security_groups.iter().map(named).collect();
            return format!(
                "{kind:?} {addresses:?} {ipv6:?} {scheme:?} {vpc} {ip_address_type:?} {ipam_pool:?} {customer_owned_pool:?} {subnets:?} {groups:?} {private_link:?} {:?} {:?} {:?}",
                kept.attributes,
                self.capacities.get(arn),
                self.web_acls.get(arn)
            );
        }
        if let Some(kept) = self.target_groups.get(arn) {
            let TargetGroup {
                fixed, vpc, health, ..
            } = &kept.of;
            let targets: Vec<&Target> = kept.targets.keys().collect();
            return format!("{fixed:?} {vpc} {health:?} {:?} {targets:?}", kept.attributes);
        }
        if let Some(kept) = self.protections.get(arn) {
            return format!("of {}", named(&kept.balancer));
        }
        if let Some(group) = self.security_groups.get(arn) {
            let from: BTreeSet<String> = group
                .from_groups
                .iter()
                .map(|(from, ports)| format!("{ports} from {}", named(from)))
                .collect();
            return format!("{} {:?} {from:?}", group.vpc, group.ingress);
        }
        if let Some(kept) = self.certificates.get(arn) {
            return format!("{kept:?}");
        }
        if let Some(kept) = self.trust_stores.get(arn) {
            return format!("{kept:?}");
        }
        if let Some(kept) = self.listeners.get(arn) {
            let Listener {
                transport,
                tls,
                default,
                ..
            } = &kept.of;
            // The default one may stand in the list as well.
            let shown = tls.as_ref().map(|tls| &tls.certificate);
            let others = kept.certificates.iter().filter(|arn| Some(*arn) != shown);
            let certificates: BTreeSet<String> = others.map(named).collect();
            let tls = tls.as_ref().map(|tls| {
                let ListenerTls {
                    policy,
                    certificate,
                    alpn,
                    clients,
                } = tls;
                let store = clients.trust_store().map(named);
                let clients = match clients {
                    Clients::Verify {
                        ignore_expiry,
                        advertise,
                        ..
                    } => format!("verify {ignore_expiry} {advertise}"),
                    other => format!("{other:?}"),
                };
                format!("{policy} {} {alpn:?} {clients} {store:?}", named(certificate))
            });
            return format!(
                "{transport:?} {tls:?} {certificates:?} {} {:?}",
                action(default_of(default), &named),
                kept.attributes
            );
        }
        match self.rules.get(arn).map(|kept| &kept.of.settings) {
            Some(Seen::Known(settings)) => format!(
                "{:?} {:?} {:?} {}",
                settings.conditions,
                settings.transforms,
                settings.before,
                action(Some(&settings.action), &named)
            ),
            other => format!("{other:?}"),
        }
    }

    fn lose(&mut self, arn: &Arn) {
        if self.protections.remove(arn).is_some() {
            self.tags.remove(arn);
            return;
        }
        if self.balancers.contains_key(arn) {
            // Whoever takes it away by hand takes its protection away, too.
            self.protections.retain(|_, kept| kept.balancer != *arn);
            self.delete_balancer(arn);
            return;
        }
        if self.listeners.contains_key(arn) {
            self.delete_listener(arn);
            return;
        }
        if self.rules.remove(arn).is_some() {
            self.forget(Kind::Rule, arn);
            return;
        }
        // What is in use cannot go: its users go first.
        for kept in self.balancers.values_mut() {
            kept.of.security_groups.remove(arn);
        }
        let users: Vec<Arn> = self
            .actions()
            .into_iter()
            .filter(|(_, _, action)| groups_of(action).any(|group| group == arn))
            .map(|(_, holder, _)| holder)
            .collect();
        let showing = self.listeners.values().filter(|kept| {
            let tls = kept.of.tls.as_ref();
            tls.is_some_and(|tls| tls.certificate == *arn || tls.clients.trust_store() == Some(arn))
        });
        let showing: Vec<Arn> = showing.map(|kept| kept.of.arn.clone()).collect();
        for user in users.into_iter().chain(showing) {
            if self.listeners.contains_key(&user) {
                self.delete_listener(&user);
            } else if self.rules.remove(&user).is_some() {
                self.forget(Kind::Rule, &user);
            }
        }
        for kept in self.listeners.values_mut() {
            kept.certificates.remove(arn);
        }
        if self.target_groups.remove(arn).is_some() {
            self.forget(Kind::TargetGroup, arn);
        } else if self.security_groups.remove(arn).is_some() {
            for group in self.security_groups.values_mut() {
                group.from_groups.retain(|(from, _)| from != arn);
            }
            self.forget(Kind::SecurityGroup, arn);
        } else if self.certificates.remove(arn).is_some() {
            self.forget(Kind::Certificate, arn);
        } else if self.trust_stores.remove(arn).is_some() {
            self.forget(Kind::TrustStore, arn);
        }
    }

    fn damage(&mut self, arn: &Arn) -> bool {
        let teapot = || Action::Fixed(FixedResponse::bare(418));
        // Nothing of it is looked at but its name, by which it is ours.
        if self.protections.contains_key(arn) {
            return false;
        }
        if let Some(kept) = self.balancers.get_mut(arn) {
            kept.of.ip_address_type = IpAddressType::Dualstack;
            kept.of.subnets = ["subnet-b".into(), "subnet-c".into()].into();
        } else if let Some(kept) = self.listeners.get_mut(arn) {
            kept.of.default = Seen::Known(teapot());
            kept.certificates.clear();
        } else if let Some(kept) = self.rules.get_mut(arn) {
            if let Seen::Known(settings) = &mut kept.of.settings {
                settings.action = teapot();
                settings.before = None;
            }
        } else if let Some(kept) = self.target_groups.get_mut(arn) {
            kept.targets.clear();
            let stranger = Target {
                id: TargetAddress::Ip([10, 0, 9, 9].into()),
                port: 9,
                zone: None,
                quic_server: None,
            };
            kept.targets.insert(stranger, 0);
        } else if let Some(group) = self.security_groups.get_mut(arn) {
            let stranger = Ingress {
                protocol: "tcp".into(),
                port: 22,
                source: "0.0.0.0/0".into(),
            };
            group.ingress = [stranger].into();
        } else if self.trust_stores.contains_key(arn) {
            // Nothing of it can be changed but its bundle, which nobody compares.
            return self.tags.get(arn).is_some_and(|tags| tags.contains_key("team"));
        } else if let Some(tags) = self.tags.get_mut(arn) {
            tags.insert(FINGERPRINT.into(), "changed".into());
        }
        // And somebody writes over a tag.
        if let Some(tags) = self.tags.get_mut(arn)
            && let Some(value) = tags.get_mut("team")
        {
            *value = "theirs".into();
        }
        true
    }
}

fn default_of(seen: &Seen<Action>) -> Option<&Action> {
    match seen {
        Seen::Known(action) => Some(action),
        Seen::Other(_) => None,
    }
}

fn action(action: Option<&Action>, named: &impl Fn(&Arn) -> String) -> String {
    match action {
        Some(Action::Forward(forward)) => {
            let groups: BTreeMap<String, u16> = forward
                .groups
                .iter()
                .map(|(arn, weight)| (named(arn), *weight))
                .collect();
            format!("{groups:?} {:?}", forward.stickiness_s)
        }
        other => format!("{other:?}"),
    }
}
