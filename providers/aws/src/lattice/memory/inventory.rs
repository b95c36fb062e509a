//! Everything that exists, in a form without what differs between equal runs; and trouble behind everybody's back.

use super::{Memory, State, VpcLink};
use crate::cloud::Arn;
use crate::lattice::cloud::{Action, Auth, NewListener, NewRule, NewService, SeenHealth};
use crate::owner::{FINGERPRINT, RESOURCE, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::names::PREFIX;
use gatewright_aws_core::lattice::{Match, PathMatch, Protocol};
use gatewright_provider_api::contract::Resource;
use std::collections::{BTreeMap, BTreeSet};

impl Memory {
    /// Everything that exists, by kind and name.
    pub fn contents(&self) -> BTreeMap<Resource, String> {
        let state = self.state();
        let names = names(&state);
        let mut listed = BTreeMap::new();
        for (arn, resource) in &names {
            let text = state.describe(arn, &names);
            let mut resource = resource.clone();
            // Two that are alike are told apart by their number.
            while listed.contains_key(&resource) {
                resource.id = format!("{}+", resource.id).into();
            }
            listed.insert(resource, format!("{text} tags {:?}", state.tags.get(arn)));
        }
        for (of, policy) in &state.policies {
            let name = names.get(of).map(ToString::to_string).unwrap_or_default();
            let id = format!("of {name}").into();
            listed.insert(
                Resource {
                    kind: "auth policy",
                    id,
                },
                policy.to_string(),
            );
        }
        listed
    }

    /// Puts resources there that have these tags, beside what anybody asks for.
    pub fn plant(&self, name: &str, tags: &Tags) {
        let mut state = self.state();
        let network = state.make("servicenetwork", tags);
        state.networks.insert(network.clone(), (name.into(), Auth::None));
        let service = state.make("service", tags);
        let new = NewService {
            name: name.into(),
            domain: None,
            certificate: None,
            auth: Auth::None,
            tags: tags.clone(),
        };
        state.services.insert(service.clone(), new);
        let link = state.make("servicenetworkserviceassociation", tags);
        state.links.insert(link, (network, service.clone()));
        let listener = state.make_in(&service, "listener", tags);
        let new = NewListener {
            name: "gw-http-80".into(),
            port: 80,
            protocol: Protocol::Http,
            default: Action::Fixed(404),
            tags: tags.clone(),
        };
        state.listeners.insert(listener, (service, new));
        let certificate = state.make("certificate", tags);
        state.certificates.insert(certificate, (name.into(), "EC".into()));
    }

    /// Adds a rule of somebody else's to all listeners of a service.
    pub fn add_foreign_rule(&self, service: &str, priority: u16) {
        let mut state = self.state();
        let listeners: Vec<Arn> = state
            .listeners
            .iter()
            .filter(|(_, (of, _))| state.services.get(of).is_some_and(|new| *new.name == *service))
            .map(|(arn, _)| arn.clone())
            .collect();
        for listener in listeners {
            let arn = state.make_in(&listener, "rule", &Tags::new());
            let new = NewRule {
                name: format!("theirs-{priority}").into(),
                priority,
                conditions: Match {
                    path: Some(PathMatch::Exact("/theirs".into())),
                    ..Match::default()
                },
                action: Action::Fixed(404),
                tags: Tags::new(),
            };
            state.rules.insert(arn, (listener, new));
        }
    }

    /// Removes one thing, with what cannot be without it.
    pub fn lose(&self, resource: &Resource) {
        let mut state = self.state();
        let names = names(&state);
        if resource.kind == "auth policy" {
            let of = names
                .iter()
                .find(|(_, name)| format!("of {name}") == *resource.id)
                .map(|(arn, _)| arn.clone());
            if let Some(of) = of {
                state.policies.remove(&of);
            }
            return;
        }
        let found = names.iter().find(|(_, name)| *name == resource);
        let Some(arn) = found.map(|(arn, _)| arn.clone()) else {
            return;
        };
        // What others use goes with those: nobody can delete it before.
        let parts: Vec<Arn> = state
            .links
            .iter()
            .filter(|(_, (network, service))| *network == arn || *service == arn)
            .map(|(link, _)| link.clone())
            .chain(
                state
                    .vpcs
                    .iter()
                    .filter(|(_, link)| link.network == arn)
                    .map(|(link, _)| link.clone()),
            )
            .collect();
        parts.iter().for_each(|part| state.forget(part));
        let is_group = state.groups.contains_key(&arn);
        if is_group {
            let uses =
                |action: &Action| matches!(action, Action::Forward(groups) if groups.contains_key(&arn));
            let rules: Vec<Arn> = state
                .rules
                .iter()
                .filter(|(_, (_, rule))| uses(&rule.action))
                .map(|(arn, _)| arn.clone())
                .collect();
            rules.iter().for_each(|rule| state.forget(rule));
            for (_, listener) in state.listeners.values_mut() {
                if uses(&listener.default) {
                    listener.default = Action::Fixed(404);
                }
            }
        }
        if state.certificates.contains_key(&arn) {
            for service in state.services.values_mut() {
                if service.certificate.as_ref() == Some(&arn) {
                    service.certificate = None;
                }
            }
        }
        state.forget(&arn);
    }

    /// Changes one thing, as somebody might by hand.
    pub fn damage(&self, resource: &Resource) -> bool {
        let mut state = self.state();
        let names = names(&state);
        let found = names.iter().find(|(_, name)| *name == resource);
        let Some(arn) = found.map(|(arn, _)| arn.clone()) else {
            return false;
        };
        if let Some((_, auth)) = state.networks.get_mut(&arn) {
            *auth = match auth {
                Auth::None => Auth::Iam,
                Auth::Iam => Auth::None,
            };
            return true;
        }
        if let Some((_, listener)) = state.listeners.get_mut(&arn) {
            listener.default = Action::Fixed(if listener.default == Action::Fixed(500) {
                404
            } else {
                500
            });
            return true;
        }
        if let Some((_, rule)) = state.rules.get_mut(&arn) {
            rule.action = Action::Fixed(404);
            return true;
        }
        if let Some(group) = state.groups.get_mut(&arn) {
            group.targets.clear();
            group.health = SeenHealth {
                enabled: !group.health.enabled,
                ..group.health.clone()
            };
            return true;
        }
        false
    }
}

/// What each resource is called.
fn names(state: &State) -> BTreeMap<Arn, Resource> {
    let mut names = BTreeMap::new();
    let mut name = |arn: &Arn, kind: &'static str, id: Str| {
        names.insert(arn.clone(), Resource { kind, id });
    };
    let network = |arn: &Arn| state.networks.get(arn).map_or("", |(name, _)| name);
    let service = |arn: &Arn| state.services.get(arn).map_or("", |new| &*new.name);
    for (arn, (id, _)) in &state.networks {
        name(arn, "service network", id.clone());
    }
    for (arn, new) in &state.services {
        name(arn, "service", new.name.clone());
    }
    for (arn, link) in &state.vpcs {
        let id = format!("{} with {}", link.vpc, network(&link.network));
        name(arn, "VPC association", id.into());
    }
    for (arn, (of, with)) in &state.links {
        let id = format!("{} with {}", service(with), network(of));
        name(arn, "service association", id.into());
    }
    for (arn, (of, new)) in &state.listeners {
        name(arn, "listener", format!("{} of {}", new.port, service(of)).into());
    }
    for (arn, (of, new)) in &state.rules {
        let listener = state.listeners.get(of);
        // A rule keeps its name while it changes; of ours the place counts.
        let others = state.rules.values().filter(|(other, _)| other == of);
        let place = others.filter(|(_, other)| other.priority < new.priority).count();
        let what = if new.name.starts_with(PREFIX) {
            format!("#{place}")
        } else {
            new.name.to_string()
        };
        let id = listener.map(|(of, listener)| format!("{what} of {} of {}", listener.port, service(of)));
        name(arn, "rule", id.unwrap_or_default().into());
    }
    for (arn, group) in &state.groups {
        name(arn, "target group", group.new.name.clone());
    }
    for (arn, (of, to)) in &state.logs {
        let id = format!("of {}{} to {to}", network(of), service(of));
        name(arn, "access log", id.into());
    }
    for (arn, (pem, _)) in &state.certificates {
        let tags = state.tags.get(arn);
        let what = tags.and_then(|tags| tags.get(RESOURCE)).cloned();
        let print = tags.and_then(|tags| tags.get(FINGERPRINT)).cloned();
        let id = format!("{} {} {pem}", what.unwrap_or_default(), print.unwrap_or_default());
        name(arn, "certificate", id.into());
    }
    names
}

impl State {
    fn describe(&self, arn: &Arn, names: &BTreeMap<Arn, Resource>) -> String {
        let action = |action: &Action| match action {
            Action::Forward(groups) => {
                let words: BTreeSet<String> = groups
                    .iter()
                    .map(|(group, weight)| {
                        let name = names.get(group).map(|name| name.id.to_string());
                        format!("{}x{weight}", name.unwrap_or_default())
                    })
                    .collect();
                format!("{words:?}")
            }
            other => format!("{other:?}"),
        };
        if let Some((_, auth)) = self.networks.get(arn) {
            return format!("{auth:?}");
        }
        if let Some(NewService {
            domain,
            certificate,
            auth,
            ..
        }) = self.services.get(arn)
        {
            let certificate = certificate.as_ref().and_then(|arn| names.get(arn));
            return format!("{domain:?} {certificate:?} {auth:?}");
        }
        if let Some(VpcLink { groups, .. }) = self.vpcs.get(arn) {
            return format!("{groups:?}");
        }
        if let Some((_, listener)) = self.listeners.get(arn) {
            return format!(
                "{} {:?} {}",
                listener.name,
                listener.protocol,
                action(&listener.default)
            );
        }
        if let Some((_, rule)) = self.rules.get(arn) {
            return format!("{:?} {}", rule.conditions, action(&rule.action));
        }
        if let Some(group) = self.groups.get(arn) {
            return format!(
                "{:?} {} {:?} {:?} draining {}",
                group.new.fixed,
                group.new.vpc,
                group.health,
                group.targets,
                group.draining.len()
            );
        }
        String::new()
    }
}
