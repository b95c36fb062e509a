//! `gatewright explain`: who would serve a request, and why nobody better does.

use super::ExplainArgs;
use super::exit::Exit;
use super::options::Output;
use crate::offline::Offline;
use crate::output::{problems, style, table};
use anyhow::{Context, Result, bail};
use gatewright_core::backend::ExternalNames;
use gatewright_model::backend::{BackendTarget, Endpoints};
use gatewright_model::explain::{Explanation, explain};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::ListenerKey;
use gatewright_model::listener::Listener;
use gatewright_model::route::HttpRule;
use gatewright_model::router::{ListenerRouter, ListenerSelector, Request, RoutePayload};
use gatewright_model::{LoadBalancer, host, path};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Serialize;
use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

/// Better placed candidates that are shown; the rest is counted.
const REJECTIONS: usize = 50;

/// Runs the command.
pub fn run(args: &ExplainArgs, out: &mut dyn Write) -> Result<Exit> {
    let question = Question::parse(&args.request, &args.headers)?;
    let offline = Offline::load(&args.input, ExternalNames::Allow, jiff::Timestamp::now())?;
    problems::print(&offline.problems, &mut anstream::stderr().lock())?;
    let answers: Vec<Answer> = offline
        .balancers()
        .filter(|balancer| {
            args.gateway
                .as_ref()
                .is_none_or(|wanted| *wanted == balancer.gateway.to_string())
        })
        .map(|balancer| answer(balancer, &question))
        .collect();
    if answers.is_empty() {
        bail!(
            "the input has no Gateway of ours{}",
            args.gateway
                .as_ref()
                .map(|name| format!(" named {name}"))
                .unwrap_or_default()
        );
    }
    match args.output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&answers)?)?,
        Output::Yaml => write!(out, "{}", serde_yaml_ng::to_string(&answers)?)?,
        Output::Table => {
            for answer in &answers {
                answer.print(out)?;
            }
        }
    }
    let served = answers.iter().any(|answer| answer.served.is_some());
    Ok(if served { Exit::Success } else { Exit::InvalidInput })
}

/// A request as a client would send it.
struct Question {
    method: Method,
    tls: bool,
    host: String,
    port: u16,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

impl Question {
    /// Reads `METHOD URL` and `name: value` headers. A Host header overrides the URL's host, as it would for
    /// a client that connects to one name and asks for another.
    fn parse(request: &str, headers: &[String]) -> Result<Self> {
        let (method, url) = request
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or(("GET", request));
        let method: Method = method.parse().with_context(|| {
            format!("--request: found method `{method}`, accepted is a token such as GET")
        })?;
        let uri: Uri = url.trim().parse().with_context(|| {
            format!("--request: found `{url}`, accepted is a URL such as https://shop.example.com/cart?x=1")
        })?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            other => bail!("--request: found scheme {other:?}, accepted are http and https"),
        };
        let mut map = HeaderMap::new();
        for header in headers {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("--header: found `{header}`, accepted is `name: value`"))?;
            map.append(
                HeaderName::try_from(name.trim())
                    .with_context(|| format!("--header: found name `{name}`"))?,
                HeaderValue::try_from(value.trim())
                    .with_context(|| format!("--header: found value `{value}`"))?,
            );
        }
        let authority = match map.get(http::header::HOST) {
            Some(value) => value.as_bytes().to_vec(),
            None => uri
                .authority()
                .context("--request: the URL has no host")?
                .as_str()
                .as_bytes()
                .to_vec(),
        };
        let name = host::parse(&authority).map_err(|error| anyhow::anyhow!("--request: host: {error}"))?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let split = path::split_target(target.as_bytes(), &path::Policy::default())
            .map_err(|error| anyhow::anyhow!("--request: path: {error}"))?;
        Ok(Self {
            method,
            tls,
            host: name.name.to_string(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            path: split.path.into_owned(),
            query: split.query.map(ToOwned::to_owned),
            headers: map,
        })
    }
}

impl Request for Question {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?.as_bytes();
        let mut joined = Cow::Borrowed(first);
        for value in values {
            let joined = joined.to_mut();
            joined.push(b',');
            joined.extend_from_slice(value.as_bytes());
        }
        Some(joined)
    }
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
        served: None,
        explanation: None,
    };
    let on_port: Vec<&Arc<Listener>> = balancer
        .listeners
        .values()
        .filter(|listener| {
            listener.port == question.port
                && listener.protocol.is_http()
                && listener.tls.is_some() == question.tls
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
        answer.served = Some(served(balancer, &found.route.key.to_string(), found.rule));
    }
    answer.explanation = Some(explain(&router, &question.host, question, REJECTIONS));
    answer
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

fn served(balancer: &LoadBalancer, route: &str, rule: &HttpRule) -> Served {
    let total: u64 = rule
        .backends
        .iter()
        .map(|backend| u64::from(backend.weight))
        .sum();
    let backends = rule
        .backends
        .iter()
        .map(|backend| {
            let (name, endpoints) = match &backend.target {
                BackendTarget::Invalid(why) => (format!("invalid: {why}"), "answers 500".to_owned()),
                BackendTarget::Backend(key) => {
                    let endpoints = match balancer.backends.get(key).map(|backend| &backend.endpoints) {
                        Some(Endpoints::Static(list)) if list.is_empty() => {
                            "none ready: answers 503".to_owned()
                        }
                        Some(Endpoints::Static(list)) => list
                            .iter()
                            .map(|endpoint| {
                                std::net::SocketAddr::new(endpoint.address, endpoint.port).to_string()
                            })
                            .collect::<Vec<_>>()
                            .join(", "),
                        Some(Endpoints::Dns { hostname, port, .. }) => format!("{hostname}:{port} by DNS"),
                        None => "unknown".to_owned(),
                    };
                    (key.to_string(), endpoints)
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
        })
        .collect();
    Served {
        route: route.to_owned(),
        rule: rule.index,
        rule_name: rule.name.as_deref().map(ToOwned::to_owned),
        filters: rule
            .filters
            .iter()
            .map(|filter| filter.name().to_owned())
            .collect(),
        backends,
        fault: rule.fault.as_deref().map(ToOwned::to_owned),
    }
}

impl Answer {
    fn print(&self, out: &mut dyn Write) -> Result<()> {
        let name = style::NAME;
        writeln!(out, "{name}Gateway {}{name:#}", self.gateway)?;
        if let Some(refused) = &self.refused {
            writeln!(out, "  {0}not served{0:#}: {refused}", style::WARNING)?;
            return Ok(());
        }
        if let Some(listener) = &self.listener {
            writeln!(out, "  listener  {listener}")?;
        }
        match &self.served {
            None => writeln!(out, "  {0}no route matches{0:#}: answers 404", style::WARNING)?,
            Some(served) => {
                let rule = served
                    .rule_name
                    .as_ref()
                    .map(|name| format!(" \"{name}\""))
                    .unwrap_or_default();
                writeln!(
                    out,
                    "  route     {0}{1}{0:#}, rule {2}{rule}",
                    style::GOOD,
                    served.route,
                    served.rule
                )?;
                if !served.filters.is_empty() {
                    writeln!(out, "  filters   {}", served.filters.join(", "))?;
                }
                if let Some(fault) = &served.fault {
                    writeln!(out, "  {0}fault{0:#}     {fault}: answers 500", style::ERROR)?;
                }
                if !served.backends.is_empty() {
                    let mut backends = table::table(&["  BACKEND", "WEIGHT", "SHARE", "ENDPOINTS"]);
                    for share in &served.backends {
                        backends.add_row([
                            format!("  {}", share.backend),
                            share.weight.to_string(),
                            format!("{:.1} %", share.percent),
                            share.endpoints.clone(),
                        ]);
                    }
                    writeln!(out, "{backends}")?;
                }
            }
        }
        if let Some(explanation) = &self.explanation
            && !explanation.rejected.is_empty()
        {
            writeln!(out, "  better placed, but not matching:")?;
            for rejection in &explanation.rejected {
                let candidate = &rejection.candidate;
                let rule = candidate
                    .rule_name
                    .as_ref()
                    .map(|name| format!(" \"{name}\""))
                    .unwrap_or_default();
                writeln!(
                    out,
                    "    {} rule {}{rule} match {}: {}",
                    candidate.route, candidate.rule, candidate.match_index, rejection.reason
                )?;
            }
            if explanation.omitted > 0 {
                writeln!(out, "    ... and {} more", explanation.omitted)?;
            }
        }
        Ok(())
    }
}
