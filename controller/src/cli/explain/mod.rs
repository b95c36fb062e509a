//! `gatewright explain`: who would serve a request, and why nobody better does.

mod print;
mod question;

pub use question::{Header, Target};

use super::ExplainArgs;
use super::exit::Exit;
use super::options::Output;
use crate::offline::Offline;
use crate::output::{problems, yaml};
use crate::serve::place;
use anyhow::Result;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{BackendTarget, Endpoints, WeightedBackend};
use gatewright_model::explain::{Explanation, explain};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ObjectName};
use gatewright_model::listener::{Listener, Protocol};
use gatewright_model::route::StreamRoute;
use gatewright_model::router::{ListenerRouter, ListenerSelector, RoutePayload, StreamEntry, StreamRouter};
use gatewright_proxy::listen::socket::Transport;
use question::Question;
use serde::Serialize;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// Better placed candidates that are shown; the rest is counted.
const REJECTIONS: usize = 50;

/// Runs the command.
pub fn run(args: &ExplainArgs, out: &mut dyn Write) -> Result<Exit> {
    let question = match Question::new(&args.request, &args.headers) {
        Ok(question) => question,
        Err(why) => {
            writeln!(anstream::stderr(), "not served: answers 400: {why}")?;
            return Ok(Exit::InvalidInput);
        }
    };
    let external_names = super::external_names(args.allow_external_name);
    let offline = Offline::load(&args.input, external_names, jiff::Timestamp::now())?;
    problems::print(&offline.problems, &mut anstream::stderr().lock())?;
    let taken = place::taken(&offline.placements);
    let answers: Vec<Answer> = offline
        .balancers()
        .filter(|balancer| {
            args.gateway
                .as_ref()
                .is_none_or(|wanted| *wanted == balancer.gateway.to_string())
        })
        .map(|balancer| {
            let mut answer = answer(balancer, &question);
            let port = (balancer.gateway.clone(), question.port, Transport::Tcp);
            answer.conflict = taken
                .get(&port)
                .filter(|_| answer.listener.is_some())
                .map(conflict);
            answer
        })
        .collect();
    if answers.is_empty() {
        let named = args.gateway.as_ref().map(|name| format!(" named {name}"));
        let named = named.unwrap_or_default();
        writeln!(anstream::stderr(), "the input has no Gateway of ours{named}")?;
        return Ok(Exit::InvalidInput);
    }
    match args.output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&answers)?)?,
        Output::Yaml => write!(out, "{}", yaml(&answers)?)?,
        Output::Table => {
            for answer in &answers {
                answer.print(out)?;
            }
        }
    }
    let served = answers
        .iter()
        .any(|answer| answer.served.is_some() && answer.conflict.is_none());
    Ok(if served { Exit::Success } else { Exit::InvalidInput })
}

/// What one Gateway does with the request.
#[derive(Serialize)]
struct Answer {
    gateway: String,
    /// Why no listener takes it, where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener: Option<String>,
    /// Why requests do not get to the listener, where another Gateway has its address and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<Served>,
    /// Better placed candidates that did not match, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// The winner.
#[derive(Serialize)]
struct Served {
    route: String,
    rule: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_name: Option<String>,
    filters: Vec<String>,
    backends: Vec<Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// One backend of the winner.
#[derive(Serialize)]
struct Share {
    backend: String,
    weight: u32,
    percent: f64,
    endpoints: String,
}

fn answer(balancer: &Arc<LoadBalancer>, question: &Question) -> Answer {
    let mut answer = Answer {
        gateway: balancer.gateway.to_string(),
        refused: None,
        listener: None,
        conflict: None,
        served: None,
        explanation: None,
    };
    let on_port: Vec<&Arc<Listener>> = balancer
        .listeners
        .values()
        .filter(|listener| {
            listener.port == question.port
                && match listener.protocol {
                    Protocol::Http => !question.tls,
                    Protocol::Https | Protocol::Tls => question.tls,
                    Protocol::Tcp | Protocol::Udp => false,
                }
        })
        .collect();
    if on_port.is_empty() {
        let scheme = if question.tls { "HTTPS" } else { "HTTP" };
        answer.refused = Some(format!(
            "no {scheme} listener on port {}; {}",
            question.port,
            offered(balancer)
        ));
        return answer;
    }
    let selector: ListenerSelector<ListenerKey> = on_port
        .iter()
        .map(|listener| (listener.hostname.clone(), listener.key.clone()))
        .collect();
    let Some(listener) = selector.select(&question.host) else {
        let hosts: Vec<String> = on_port
            .iter()
            .map(|listener| listener.hostname.to_string())
            .collect();
        answer.refused = Some(format!(
            "no listener on port {} serves host {}; served are {}",
            question.port,
            question.host,
            hosts.join(", ")
        ));
        return answer;
    };
    answer.listener = Some(listener.to_string());
    if on_port
        .iter()
        .any(|found| found.key == *listener && found.protocol == Protocol::Tls)
    {
        answer.served = stream(balancer, listener, &question.host).map(|route| Served {
            route: route.key.to_string(),
            rule: 0,
            rule_name: None,
            filters: Vec::new(),
            backends: shares(balancer, &route.backends),
            fault: None,
        });
        return answer;
    }
    let routes = balancer
        .http_routes
        .values()
        .filter(|route| {
            route
                .attachments
                .iter()
                .any(|attachment| attachment.listener == *listener)
        })
        .map(|route| RoutePayload::new(Arc::clone(route), |_| ()));
    let router = ListenerRouter::<()>::new(listener.clone()).with_changes(routes, []);
    if let Some(found) = router.find(&question.host, question) {
        let rule = found.rule;
        answer.served = Some(Served {
            route: found.route.key.to_string(),
            rule: rule.index,
            rule_name: rule.name.as_deref().map(ToOwned::to_owned),
            filters: rule
                .filters
                .iter()
                .map(|filter| filter.name().to_owned())
                .collect(),
            backends: shares(balancer, &rule.backends),
            fault: rule.fault.as_deref().map(ToOwned::to_owned),
        });
    }
    answer.explanation = Some(explain(&router, &question.host, question, REJECTIONS));
    answer
}

/// Gateways without `spec.addresses` share an address on one machine alone; those that ask for the same one do
/// everywhere.
fn conflict((address, owner): &(SocketAddr, ObjectName)) -> String {
    format!(
        "{address} goes to Gateway {owner}, which comes first; give one of the two another port or spec.addresses \
         (in a cluster, Gateways that name none have an address each)"
    )
}

fn offered(balancer: &LoadBalancer) -> String {
    let list: Vec<String> = balancer
        .listeners
        .values()
        .map(|listener| {
            let host = match &listener.hostname {
                HostPattern::Any => String::new(),
                host => format!(" for {host}"),
            };
            format!("{} on port {}{host}", listener.key.name, listener.port)
        })
        .collect();
    if list.is_empty() {
        "no listener of it can be programmed".to_owned()
    } else {
        format!("there are {}", list.join(", "))
    }
}

/// The TLSRoute that takes a connection for a server name.
fn stream<'a>(
    balancer: &'a LoadBalancer,
    listener: &ListenerKey,
    host: &str,
) -> Option<&'a Arc<StreamRoute>> {
    let router: StreamRouter<&Arc<StreamRoute>> = balancer
        .stream_routes
        .values()
        .flat_map(|route| {
            let here = route
                .attachments
                .iter()
                .filter(|attachment| attachment.listener == *listener);
            here.flat_map(|attachment| &attachment.hosts)
                .map(move |host| StreamEntry {
                    host: host.clone(),
                    created: route.created,
                    route: route.key.clone(),
                    payload: route,
                })
        })
        .collect();
    router.select(Some(host)).copied()
}

fn shares(balancer: &LoadBalancer, backends: &[WeightedBackend]) -> Vec<Share> {
    let total: u64 = backends.iter().map(|backend| u64::from(backend.weight)).sum();
    let share = |backend: &WeightedBackend| {
        let (name, endpoints) = match &backend.target {
            BackendTarget::Invalid(why) => (format!("invalid: {why}"), "answers 500".to_owned()),
            BackendTarget::Backend(key) => {
                let endpoints = balancer.backends.get(key).map(|backend| &backend.endpoints);
                (key.to_string(), addresses(endpoints))
            }
        };
        let percent = if total == 0 {
            0.0
        } else {
            f64::from(backend.weight) * 100.0 / total as f64
        };
        Share {
            backend: name,
            weight: backend.weight,
            percent,
            endpoints,
        }
    };
    backends.iter().map(share).collect()
}

fn addresses(endpoints: Option<&Endpoints>) -> String {
    match endpoints {
        Some(Endpoints::Static(list)) if list.is_empty() => "none ready: answers 503".to_owned(),
        Some(Endpoints::Static(list)) => {
            let each = list
                .iter()
                .map(|endpoint| std::net::SocketAddr::new(endpoint.address, endpoint.port).to_string());
            each.collect::<Vec<_>>().join(", ")
        }
        Some(Endpoints::Dns { hostname, port, .. }) => format!("{hostname}:{port} by DNS"),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests;
