//! From the state to what the data plane serves: only what changed is made anew.

use crate::elb::{Balancer, Group, Listener, Rule, State};
use crate::lattice;
use crate::service::Settings;
use crate::state::{Account, World};
use crate::traffic::config::{self, Config};
use ipnet::Ipv4Net;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Keeps what the data plane was told last.
#[derive(Debug)]
pub struct Publisher {
    network: Ipv4Net,
    told: Config,
    /// Whether everything is to be told anew.
    all: bool,
    /// Load balancers that are not active yet, and when they are.
    waiting: BTreeMap<String, u64>,
    /// Groups with targets that drain.
    draining: BTreeSet<String>,
}

impl Publisher {
    /// Load balancers get their addresses from a network.
    pub fn new(network: Ipv4Net) -> Self {
        Self {
            network,
            told: Config::default(),
            all: true,
            waiting: BTreeMap::new(),
            draining: BTreeSet::new(),
        }
    }

    /// Has everything told anew.
    pub fn forget(&mut self) {
        self.all = true;
    }

    /// What is to be served while nobody is there: nothing. All of it is told anew afterwards.
    pub fn close(&mut self) -> Config {
        self.all = true;
        self.told = Config {
            generation: self.told.generation + 1,
            ..Config::default()
        };
        self.told.clone()
    }

    /// What the data plane was told last.
    pub fn told(&self) -> &Config {
        &self.told
    }

    /// What is to be served now; none when nothing changed since the last time.
    pub fn publish(&mut self, world: &mut World, settings: &Settings, now: u64) -> Option<Config> {
        let World { accounts, addresses } = world;
        let mut changed = false;
        if std::mem::take(&mut self.all) {
            let generation = self.told.generation;
            self.told = Config {
                generation,
                ..Config::default()
            };
            self.waiting.clear();
            self.draining.clear();
            addresses.retain(|arn, _| accounts.values().any(|account| has(account, arn)));
            for account in accounts.values_mut() {
                account.elb.take_changed();
                let balancers: Vec<String> = account.elb.balancers().keys().cloned().collect();
                let groups: Vec<String> = account.elb.groups().keys().cloned().collect();
                balancers
                    .iter()
                    .for_each(|arn| self.balancer(account, addresses, arn, now));
                groups
                    .iter()
                    .for_each(|arn| self.group((account, addresses), settings, arn, now));
                account.lattice.take_changed(now);
                let services: Vec<String> = account.lattice.services().map(|(arn, _)| arn.clone()).collect();
                let groups: Vec<String> = account.lattice.groups().map(|(arn, _)| arn.clone()).collect();
                for arn in &services {
                    self.service((account, addresses), settings, arn, now);
                }
                groups
                    .iter()
                    .for_each(|arn| self.lattice_group(account, settings, arn));
            }
            changed = true;
        }
        for account in accounts.values_mut() {
            let mut due = account.elb.take_changed();
            let active: Vec<String> = self
                .waiting
                .iter()
                .filter(|(arn, at)| **at <= now && has(account, arn))
                .map(|(arn, _)| arn.clone())
                .collect();
            let (services, balancers): (Vec<String>, Vec<String>) = active
                .into_iter()
                .partition(|arn| account.lattice.service(arn).is_some());
            due.balancers.extend(balancers);
            let mut of_lattice = account.lattice.take_changed(now);
            of_lattice.services.extend(services);
            changed |= !of_lattice.services.is_empty() || !of_lattice.groups.is_empty();
            for arn in &of_lattice.services {
                self.service((account, addresses), settings, arn, now);
            }
            for arn in &of_lattice.groups {
                self.lattice_group(account, settings, arn);
            }
            let drained = account.elb.sweep(&self.draining, now);
            due.groups.extend(drained);
            changed |= !due.balancers.is_empty() || !due.groups.is_empty();
            due.balancers
                .iter()
                .for_each(|arn| self.balancer(account, addresses, arn, now));
            due.groups
                .iter()
                .for_each(|arn| self.group((account, addresses), settings, arn, now));
        }
        if !changed {
            return None;
        }
        self.told.generation += 1;
        Some(self.told.clone())
    }

    fn balancer(&mut self, account: &Account, addresses: &mut BTreeMap<String, u32>, arn: &str, now: u64) {
        self.waiting.remove(arn);
        let Some(balancer) = account.elb.balancers().get(arn) else {
            self.told.balancers.remove(arn);
            addresses.remove(arn);
            return;
        };
        let Some(address) = address(self.network, addresses, arn) else {
            tracing::error!(arn, network = %self.network, "no address is left for the load balancer: it does not serve");
            return;
        };
        if !balancer.active(now) {
            self.waiting.insert(arn.to_owned(), balancer.active_at);
        }
        let mut served = served(account, balancer, address, now);
        served.further = balancer.kept().map(IpAddr::V4).collect();
        self.told.balancers.insert(arn.to_owned(), Arc::new(served));
    }

    /// A service of VPC Lattice: it is served once it is in a service network.
    fn service(
        &mut self,
        (account, addresses): (&Account, &mut BTreeMap<String, u32>),
        settings: &Settings,
        arn: &str,
        now: u64,
    ) {
        self.waiting.remove(arn);
        if account.lattice.service(arn).is_none() {
            addresses.remove(arn);
        }
        let Some(at) = account.lattice.serves_at(arn, settings.lattice_status_ms) else {
            self.told.balancers.remove(arn);
            return;
        };
        let Some(address) = address(self.network, addresses, arn) else {
            tracing::error!(arn, network = %self.network, "no address is left for the service: it does not serve");
            return;
        };
        if at > now {
            self.waiting.insert(arn.to_owned(), at);
        }
        let place = (IpAddr::V4(address), at <= now);
        match account.lattice.served(account, arn, place) {
            Some(served) => self.told.balancers.insert(arn.to_owned(), Arc::new(served)),
            None => self.told.balancers.remove(arn),
        };
    }

    fn lattice_group(&mut self, account: &Account, settings: &Settings, arn: &str) {
        match account.lattice.group(arn) {
            Some(group) => {
                let told = lattice::target_group(account, settings, group);
                self.told.target_groups.insert(arn.to_owned(), Arc::new(told));
            }
            None => {
                self.told.target_groups.remove(arn);
            }
        }
    }

    fn group(
        &mut self,
        (account, addresses): (&Account, &mut BTreeMap<String, u32>),
        settings: &Settings,
        arn: &str,
        now: u64,
    ) {
        self.draining.remove(arn);
        let Some(group) = account.elb.groups().get(arn) else {
            self.told.target_groups.remove(arn);
            return;
        };
        if group.targets.iter().any(|target| target.draining_until.is_some()) {
            self.draining.insert(arn.to_owned());
        }
        let mut told = target_group(account, settings, group, now);
        // An Application Load Balancer as a target is where it serves.
        for target in told.targets.iter_mut().filter(|_| group.kind == "alb") {
            let there = account.elb.balancers().contains_key(&target.id);
            target.address = there
                .then(|| address(self.network, addresses, &target.id))
                .flatten()
                .map(IpAddr::V4);
        }
        self.told.target_groups.insert(arn.to_owned(), Arc::new(told));
    }
}

impl State {
    /// Forgets targets of some groups that have drained; which groups had any.
    fn sweep(&mut self, groups: &BTreeSet<String>, now: u64) -> Vec<String> {
        groups
            .iter()
            .filter(|arn| self.sweep_group(arn, now))
            .cloned()
            .collect()
    }
}

/// Whether a load balancer or service is an account's.
fn has(account: &Account, arn: &str) -> bool {
    account.elb.balancers().contains_key(arn) || account.lattice.service(arn).is_some()
}

/// The address of a load balancer: the one it has, or the lowest free one.
fn address(network: Ipv4Net, addresses: &mut BTreeMap<String, u32>, arn: &str) -> Option<Ipv4Addr> {
    let number = match addresses.get(arn) {
        Some(number) => *number,
        None => {
            // Addresses of load balancers that are gone come back last.
            let taken: BTreeSet<u32> = addresses.values().copied().collect();
            let after = taken.last().map_or(1, |last| last.saturating_add(1));
            let room = 1_u32
                .checked_shl(32 - u32::from(network.prefix_len()))
                .map_or(u32::MAX, |size| size.saturating_sub(1));
            let number = (after..room)
                .chain(1..room)
                .find(|number| !taken.contains(number))?;
            addresses.insert(arn.to_owned(), number);
            number
        }
    };
    let address = Ipv4Addr::from(u32::from(network.network()).checked_add(number)?);
    network.contains(&address).then_some(address)
}

fn served(account: &Account, balancer: &Balancer, address: Ipv4Addr, now: u64) -> config::Balancer {
    let listeners = account.elb.listeners_of(&balancer.arn);
    config::Balancer {
        kind: match balancer.kind.as_str() {
            "network" => config::Kind::Network,
            _ => config::Kind::Application,
        },
        address: IpAddr::V4(address),
        further: Vec::new(),
        blocks: account.waf.of(&balancer.arn).is_some_and(|(_, acl)| acl.blocks()),
        dns_name: balancer.dns_name.clone(),
        active: balancer.active(now),
        attributes: balancer.attributes.clone(),
        listeners: listeners.map(|listener| listening(account, listener)).collect(),
        lattice: None,
    }
}

fn listening(account: &Account, listener: &Listener) -> config::Listener {
    let certificates = listener.certificates.iter().filter_map(|arn| {
        let certificate = account.acm.certificate(arn)?;
        Some(config::Certificate {
            arn: arn.clone(),
            chain: certificate.full_chain(),
            key: certificate.key.reveal().to_owned(),
        })
    });
    config::Listener {
        arn: listener.arn.clone(),
        port: listener.port,
        protocol: listener.protocol.clone(),
        ssl_policy: listener.ssl_policy.clone(),
        alpn: listener.alpn.clone(),
        certificates: certificates.collect(),
        clients: clients(account, listener),
        attributes: listener.attributes.clone(),
        rules: account.elb.rules_of(&listener.arn).filter_map(rule).collect(),
    }
}

/// What a listener does with client certificates.
fn clients(account: &Account, listener: &Listener) -> Option<config::ClientCertificates> {
    let mutual = listener.mutual_authentication.as_ref()?;
    match mutual.mode.as_deref() {
        Some("passthrough") => Some(config::ClientCertificates::Passthrough),
        Some("verify") => {
            let store = account.elb.trust_store(mutual.trust_store_arn.as_deref()?)?;
            Some(config::ClientCertificates::Verify {
                bundle: store.bundle.clone(),
                ignore_expiry: mutual.ignore_client_certificate_expiry.unwrap_or_default(),
                advertise: mutual.advertise_trust_store_ca_names.as_deref() == Some("on"),
            })
        }
        _ => None,
    }
}

/// A rule in the data plane's types, which read the API's shapes.
fn rule(rule: &Rule) -> Option<config::Rule> {
    let read = serde_json::from_value(json!({
        "RuleArn": rule.arn,
        "Priority": rule.priority.map_or_else(|| "default".to_owned(), |number| number.to_string()),
        "Conditions": rule.conditions,
        "Actions": rule.actions,
        "Transforms": rule.transforms,
    }));
    match read {
        Ok(rule) => Some(rule),
        Err(error) => {
            tracing::error!(arn = rule.arn, %error, "the data plane cannot read the rule");
            None
        }
    }
}

fn target_group(account: &Account, settings: &Settings, group: &Group, now: u64) -> config::TargetGroup {
    let check = &group.check;
    let matcher = check.matcher.clone().unwrap_or_default();
    let milliseconds = |seconds: i64| {
        u64::try_from(seconds)
            .unwrap_or_default()
            .saturating_mul(settings.second_ms)
    };
    let count = |number: i64| u32::try_from(number).unwrap_or(1);
    let targets = group
        .targets
        .iter()
        .filter(|target| !target.gone(now))
        .map(|target| config::Target {
            id: target.id.clone(),
            port: target.port.unwrap_or_default(),
            server: target.server.clone(),
            address: match group.kind.as_str() {
                "ip" => target.id.parse().ok(),
                "instance" => account.ec2.instance_address(&target.id).map(IpAddr::V4),
                _ => None,
            },
            draining: target.draining_until.is_some(),
        });
    config::TargetGroup {
        protocol: match group.kind.as_str() {
            "lambda" => config::LAMBDA.to_owned(),
            _ => group.protocol.clone().unwrap_or_default(),
        },
        protocol_version: group.protocol_version.clone(),
        health: config::HealthCheck {
            enabled: check.enabled,
            protocol: check.protocol.clone().unwrap_or_default(),
            version: None,
            port: check.port.as_deref().and_then(|port| port.parse().ok()),
            path: check.path.clone().unwrap_or_default(),
            interval_ms: milliseconds(check.interval).max(1),
            timeout_ms: milliseconds(check.timeout).max(1),
            healthy: count(check.healthy),
            unhealthy: count(check.unhealthy),
            http_codes: matcher.http_code.unwrap_or_default(),
            grpc_codes: matcher.grpc_code.unwrap_or_default(),
        },
        attributes: group.attributes.clone(),
        functions: settings.functions,
        targets: targets.collect(),
    }
}
