//! Services and their listeners.

use super::action;
use super::conditions;
use super::listeners::{self, Member, place};
use super::{Context, Shared, own};
use crate::Str;
use crate::alb::listener::{Certificate, CertificateId};
use crate::alb::lower::certificates::import;
use crate::alb::lower::report::{Consequence, Place, Verdict};
use crate::alb::rule::Origin;
use crate::lattice::settings::ServiceSettings;
use crate::lattice::{Action, Listener, Match, Protocol, Rule, Service, ServiceId, names};
use gatewright_model::hostname::HostPattern;
use gatewright_model::listener::ListenerTls;
use gatewright_model::precedence::{Ranked, ranked};
use std::collections::{BTreeMap, BTreeSet};

/// What a rule of a service stands in.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    pub context: Context<'a>,
    /// What names of the service's target groups follow from.
    pub stem: &'a Str,
    /// Which service.
    pub id: &'a ServiceId,
    /// Tags of its own.
    pub tags: &'a BTreeMap<Str, Str>,
    /// Whether the listener terminates TLS.
    pub https: bool,
}

/// The Gateway's own service: every HTTP port has a listener, so that its address answers.
pub(super) fn own(context: &Context<'_>, shared: &mut Shared) -> Service {
    let id = ServiceId::own();
    let name = name(context, &id);
    let stem = own::stem(&name, &id, context);
    let tags = own::tags(&id, context, context.tags, &mut shared.report);
    let mut listeners = BTreeMap::new();
    for port in listeners::ports(context.members) {
        let nobodys = listeners::nobodys(context.members, port);
        let any = context.members.iter().find(|member| member.listener.port == port);
        let Some(member) = nobodys
            .or(any)
            .filter(|member| member.protocol != Protocol::TlsPassthrough)
        else {
            continue;
        };
        let mine: Vec<Ranked<'_>> = if nobodys.is_some() {
            let all = ranked(&member.listener.key, context.balancer.http_routes.values());
            let nameless = |found: &Ranked<'_>| found.rank.host.effective == HostPattern::Any;
            all.into_iter().filter(nameless).collect()
        } else {
            Vec::new()
        };
        if member.protocol == Protocol::Https && !mine.is_empty() {
            // "VPC Lattice will provision and manage a TLS certificate that is associated with the VPC Lattice generated
            // Fully Qualified Domain Name" (https-listeners.html).
            let at = place(member.listener, Consequence::ListenerLeftOut).at(".tls.certificateRefs");
            let difference =
                "clients that use the name that Lattice generates see Lattice's certificate for it";
            if shared.report.approximate(&at, difference).is_refused() {
                continue;
            }
        }
        let on = On {
            context: *context,
            stem: &stem,
            id: &id,
            tags: &tags,
            https: member.protocol == Protocol::Https,
        };
        listeners.insert(port, http(member, mine, &on, shared));
    }
    limit(&mut listeners, &id, context, shared);
    Service {
        standalone: own::is_standalone(&id, context, &mut shared.report),
        tags,
        domain: None,
        certificate: None,
        access: settings(context, &id).access,
        listeners,
        name,
        adopt: own::adoption(&id, context),
    }
}

/// The service of a hostname; none when nothing of it can be served, which is reported.
pub(super) fn of_host(host: &Str, context: &Context<'_>, shared: &mut Shared) -> Option<Service> {
    let id = ServiceId(host.clone());
    let name = name(context, &id);
    let stem = own::stem(&name, &id, context);
    let tags = own::tags(&id, context, context.tags, &mut shared.report);
    let mut listeners = BTreeMap::new();
    let mut certificate: Option<CertificateId> = None;
    for port in listeners::ports(context.members) {
        let Some(member) = listeners::owner(context.members, port, host) else {
            continue;
        };
        let on = On {
            context: *context,
            stem: &stem,
            id: &id,
            tags: &tags,
            https: member.protocol == Protocol::Https,
        };
        if member.protocol == Protocol::TlsPassthrough {
            if let Some(found) = passthrough(member, host, &on, shared) {
                listeners.insert(port, found);
            }
            continue;
        }
        let all = ranked(&member.listener.key, context.balancer.http_routes.values());
        let mine: Vec<Ranked<'_>> = all
            .into_iter()
            .filter(|found| found.rank.host.effective.matches(host))
            .collect();
        if mine.is_empty() {
            continue;
        }
        if on.https {
            let Some(found) = certificate
                .clone()
                .or_else(|| choose(member, host, context, shared))
            else {
                continue;
            };
            certificate = Some(found);
        }
        listeners.insert(port, http(member, mine, &on, shared));
    }
    limit(&mut listeners, &id, context, shared);
    if listeners.is_empty() {
        return None;
    }
    Some(Service {
        standalone: own::is_standalone(&id, context, &mut shared.report),
        tags,
        certificate: certificate.filter(|_| {
            listeners
                .values()
                .any(|listener| listener.protocol == Protocol::Https)
        }),
        access: settings(context, &id).access,
        domain: Some(host.clone()),
        listeners,
        name,
        adopt: own::adoption(&id, context),
    })
}

fn name(context: &Context<'_>, id: &ServiceId) -> Str {
    let own = context.names.get(id).cloned();
    own.unwrap_or_else(|| names::service(&context.settings.cluster, &context.balancer.gateway, id))
}

fn settings(context: &Context<'_>, id: &ServiceId) -> ServiceSettings {
    context.settings.services.get(&id.0).cloned().unwrap_or_default()
}

/// A listener of rules.
fn http(member: &Member<'_>, found: Vec<Ranked<'_>>, on: &On<'_>, shared: &mut Shared) -> Listener {
    let mut rules = Rules::default();
    if member.closed {
        rules.default = Some(Action::Fixed(500));
    }
    for found in found {
        if rules.default.is_some() {
            // What comes behind a rule for everything serves nobody.
            break;
        }
        rules.add(&found, on, shared);
    }
    Listener {
        name: names::listener(member.listener.port, member.protocol),
        protocol: member.protocol,
        default: rules.default.unwrap_or(Action::Fixed(404)),
        rules: rules.found,
    }
}

#[derive(Default)]
struct Rules {
    found: Vec<Rule>,
    seen: BTreeSet<Match>,
    /// A rule for everything is the default action, which no quota counts.
    default: Option<Action>,
}

impl Rules {
    fn add(&mut self, found: &Ranked<'_>, on: &On<'_>, shared: &mut Shared) {
        let route = &found.route.key;
        let object = format!("{} {}", route.kind.as_str(), route.object);
        let field = format!("spec.rules[{}]", found.rule.index);
        let matched = Place::new(
            &object,
            &format!("{field}.matches[{}]", found.rank.match_index),
            Consequence::MatchLeftOut,
        );
        let mut apart = shared.report.apart();
        let all = conditions::lower(found.conditions, route.kind, &matched, &mut apart);
        shared.report.absorb(apart, verdict(all.as_ref()));
        let Some(all) = all else {
            return;
        };
        let place = Place::new(&object, &field, Consequence::Answers500);
        let mut apart = shared.report.apart();
        let done = action::lower(
            found.rule,
            route.kind,
            on,
            (&mut shared.groups, &place, &mut apart),
        );
        shared.report.absorb(apart, verdict(done.as_ref()));
        let action = done.unwrap_or(Action::Fixed(500));
        for conditions in all {
            if conditions == Match::default() {
                self.default = Some(action);
                return;
            }
            if self.seen.insert(conditions.clone()) {
                self.found.push(Rule {
                    origin: Some(Origin {
                        route: route.clone(),
                        rule: found.rule.index,
                        matched: found.rank.match_index,
                    }),
                    conditions,
                    action: action.clone(),
                });
            }
        }
    }
}

fn verdict<T>(found: Option<&T>) -> Verdict {
    if found.is_some() {
        Verdict::Served
    } else {
        Verdict::Refused
    }
}

/// A TLS listener: its one action is that of the route that comes first.
fn passthrough(member: &Member<'_>, host: &Str, on: &On<'_>, shared: &mut Shared) -> Option<Listener> {
    let routes = on.context.balancer.stream_routes.values();
    let mut found: Vec<_> = routes
        .filter_map(|route| {
            let attachments = route
                .attachments
                .iter()
                .filter(|attachment| attachment.listener == member.listener.key);
            let best = attachments
                .flat_map(|attachment| &attachment.hosts)
                .map(|host| &host.effective)
                .filter(|pattern| pattern.matches(host) && **pattern != HostPattern::Any)
                .max_by_key(|pattern| pattern.specificity())?;
            Some((std::cmp::Reverse(best.specificity()), route.created, route))
        })
        .collect();
    found.sort_by(|(host, created, route), (other, later, second)| {
        (host, created)
            .cmp(&(other, later))
            .then_with(|| route.key.object.alphabetical(&second.key.object))
    });
    let (_, _, route) = found.first()?;
    let object = format!("{} {}", route.key.kind.as_str(), route.key.object);
    let place = Place::new(&object, "spec.rules[0]", Consequence::ListenerLeftOut);
    let action = action::stream(route, on, (&mut shared.groups, &place, &mut shared.report))?;
    Some(Listener {
        name: names::listener(member.listener.port, member.protocol),
        protocol: member.protocol,
        default: action,
        rules: Vec::new(),
    })
}

/// The certificate of a custom domain: "If you don't provide an SSL/TLS certificate that matches your custom domain name,
/// all HTTPS connections to your custom domain name will fail" (service-custom-domain-name.html).
fn choose(
    member: &Member<'_>,
    host: &Str,
    context: &Context<'_>,
    shared: &mut Shared,
) -> Option<CertificateId> {
    if let Some(arn) = settings(context, &ServiceId(host.clone())).certificate {
        let id = CertificateId::Arn(arn);
        shared.certificates.insert(id.clone(), Certificate::Existing);
        return Some(id);
    }
    let Some(ListenerTls::Terminate(tls)) = &member.listener.tls else {
        return None;
    };
    let place = place(member.listener, Consequence::Ignored).at(".tls.certificateRefs");
    let known = tls
        .certificates
        .iter()
        .filter_map(|key| context.balancer.certificates.get(key));
    for certificate in known.filter(|certificate| certificate.names.iter().any(|name| is_for(name, host))) {
        let id = CertificateId::Imported(certificate.key.clone());
        match import(certificate) {
            Ok(found) => {
                shared
                    .certificates
                    .entry(id.clone())
                    .or_insert(Certificate::Import(found));
                return Some(id);
            }
            Err((why, instead)) => {
                let why = format!("{}: {why}", certificate.key);
                let _ = shared.report.refuse(&place, &why, instead);
            }
        }
    }
    let why = format!("no certificate is for {host}, so that HTTPS is not served for it");
    let instead =
        "name a Secret that is, or a certificate in ACM in services[].certificateArn of AwsLatticeParameters";
    let _ = shared.report.refuse(&place, &why, instead);
    None
}

/// "VPC Lattice allows wildcard matches that are one level deep" (service-byoc.html).
fn is_for(name: &str, host: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == *host,
    }
}

/// Leaves out listeners that a service has no room for: the lowest ports stay.
fn limit(
    listeners: &mut BTreeMap<u16, Listener>,
    id: &ServiceId,
    context: &Context<'_>,
    shared: &mut Shared,
) {
    let most = context.surroundings.limits.listeners as usize;
    let over: Vec<u16> = listeners.keys().skip(most).copied().collect();
    for port in over {
        listeners.remove(&port);
        let of_port = context
            .members
            .iter()
            .filter(|member| member.listener.port == port);
        for member in of_port {
            let what = match &*id.0 {
                "*" => "the Gateway's own service".to_owned(),
                host => format!("the service of {host}"),
            };
            let why =
                format!("a service has at most {most} listeners, so that {what} has none on port {port}");
            let place = place(member.listener, Consequence::Ignored).at(".port");
            let _ = shared
                .report
                .refuse(&place, &why, "use fewer ports, or another Gateway");
        }
    }
}
