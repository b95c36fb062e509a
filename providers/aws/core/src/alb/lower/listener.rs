//! The listener of a port: TLS, rules, default.

use super::action::{self, Done};
use super::conditions::{Wanted, of_host};
use super::context::{Context, On};
use super::extension;
use super::groups::Groups;
use super::ports::{Member, Port, overlap, place};
use super::redirect::Origin;
use super::report::{Consequence, Place, Report, Verdict};
use super::{Waits, answer, misfits, tls};
use crate::alb::listener::{Certificate, CertificateId, Listener, Transport};
use crate::alb::rule::{Conditions, Origin as From, Rule, Transforms, Values};
use crate::alb::settings::PortSettings;
use crate::trust_store::{TrustStore, TrustStoreId};
use gatewright_model::hostname::HostPattern;
use gatewright_model::listener;
use gatewright_model::precedence::{Ranked, ranked};
use gatewright_provider_api::mapping::words::HOST_BY_EXPRESSION;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that several listeners share.
pub(crate) struct Shared<'r> {
    pub groups: Groups,
    pub certificates: BTreeMap<CertificateId, Certificate>,
    pub trust_stores: BTreeMap<TrustStoreId, TrustStore>,
    /// Ports that check client certificates.
    pub verifying: u32,
    pub waits: Waits,
    pub report: &'r mut Report,
}

/// The listener of a port; none when it cannot be, which is reported.
pub(crate) fn lower(port: &Port<'_>, context: &Context<'_>, shared: &mut Shared<'_>) -> Option<Listener> {
    let defaults = PortSettings::default();
    let settings = context.settings.ports.get(&port.number).unwrap_or(&defaults);
    let tls = if port.https {
        Some(tls::tls(port, settings, context, shared)?)
    } else {
        let mut verdict = Verdict::Served;
        for member in &port.listeners {
            let of_member = misfits::unchecked(member.listener, context.settings, shared.report);
            verdict = verdict.and(of_member);
        }
        if verdict.is_refused() {
            return None;
        }
        None
    };
    let on = On {
        context: *context,
        origin: Origin {
            port: port.number,
            https: port.https,
        },
    };
    let mut rules = Rules::default();
    for at in 0..port.listeners.len() {
        rules.add_listener(at, port, &on, shared);
    }
    Some(Listener {
        port: port.number,
        transport: Transport::Http,
        tls,
        attributes: settings.attributes.clone(),
        default: answer(404),
        rules: rules.found,
    })
}

/// Rules in their order.
#[derive(Default)]
struct Rules {
    found: Vec<Rule>,
    /// Conditions that a rule before has: no request gets to a second one.
    seen: BTreeSet<Conditions>,
}

impl Rules {
    fn push(&mut self, rule: Rule) {
        if self.seen.insert(rule.conditions.clone()) {
            self.found.push(rule);
        }
    }

    /// A rule that answers every request for a listener's hosts.
    fn guard(&mut self, of: &listener::Listener, status: u16, report: &mut Report) {
        let place = place(of, Consequence::Ignored);
        match of_host(&of.hostname) {
            Ok(conditions) => {
                if matches!(conditions.host, Some(Values::Regex(_))) {
                    // It stays in any case: without it hosts of the listener fall to others.
                    report.note(&place.at(".hostname"), HOST_BY_EXPRESSION);
                }
                self.push(Rule {
                    origins: BTreeSet::new(),
                    conditions,
                    before: None,
                    transforms: Transforms::default(),
                    action: answer(status),
                    parts: Vec::new(),
                });
            }
            Err(why) => {
                let why = format!("{why}: less specific listeners of its port serve what its routes do not");
                let _ = report.refuse(&place.at(".hostname"), &why, "use a shorter hostname");
            }
        }
    }

    /// Adds the rules of a port's listener, by its position there.
    fn add_listener(&mut self, at: usize, port: &Port<'_>, on: &On<'_>, shared: &mut Shared<'_>) {
        let (before, rest) = port.listeners.split_at_checked(at).unwrap_or_default();
        let Some((member, behind)) = rest.split_first() else {
            return;
        };
        let listener = member.listener;
        if member.closed {
            self.guard(listener, 500, shared.report);
            return;
        }
        let mut closed = false;
        let everywhere = BTreeSet::new();
        for found in ranked(&listener.key, on.context.balancer.http_routes.values()) {
            let settings = extension::of(&found.route.key, found.rule, on);
            let wanted = Wanted {
                host: &found.rank.host.effective,
                kind: found.route.key.kind,
                conditions: found.conditions,
                sources: settings.map_or(&everywhere, |settings| &settings.sources),
            };
            if is_owned(wanted.host, before) {
                continue;
            }
            if let Some(rule) = rule(&found, &wanted, on, shared) {
                closed |= *wanted.host == listener.hostname && wanted.takes_all();
                self.push(rule);
            }
        }
        // The next listener whose hosts hold these: where it cannot take them, neither can those behind it, for which
        // it has a guard of its own.
        let mut around = (at + 1..)
            .zip(behind)
            .filter(|(_, other)| overlap(&other.listener.hostname, &listener.hostname));
        if !closed
            && let Some((next, other)) = around.next()
            && reaches(
                other,
                port.listeners.get(..next).unwrap_or_default(),
                listener,
                on,
            )
        {
            self.guard(listener, 404, shared.report);
        }
    }
}

/// Whether all hosts of a pattern belong to listeners: no request for them gets to a less specific one.
fn is_owned(host: &HostPattern, by: &[Member<'_>]) -> bool {
    by.iter()
        .any(|member| member.listener.hostname.intersect(host).as_ref() == Some(host))
}

/// Whether a less specific listener, whose hosts hold those of another, has rules that could take them. `before` are the
/// listeners that are more specific than it.
fn reaches(less: &Member<'_>, before: &[Member<'_>], more: &listener::Listener, on: &On<'_>) -> bool {
    if less.closed {
        return true;
    }
    let routes = on.context.balancer.http_routes.values();
    let attachments = routes.flat_map(|route| &route.attachments);
    let mut hosts = attachments
        .filter(|attachment| attachment.listener == less.listener.key)
        .flat_map(|attachment| &attachment.hosts)
        .map(|host| &host.effective);
    hosts.any(|host| overlap(host, &more.hostname) && !is_owned(host, before))
}

/// The rule of one match for one hostname; none when its conditions cannot be expressed.
fn rule(found: &Ranked<'_>, wanted: &Wanted<'_>, on: &On<'_>, shared: &mut Shared<'_>) -> Option<Rule> {
    let route = &found.route.key;
    let object = format!("{} {}", route.kind.as_str(), route.object);
    let field = format!("spec.rules[{}]", found.rule.index);
    let matched = Place::new(
        &object,
        &format!("{field}.matches[{}]", found.rank.match_index),
        Consequence::MatchLeftOut,
    );
    let limits = &on.context.surroundings.limits;
    let mut apart = shared.report.apart();
    let conditions = wanted.lower(limits, &matched, &mut apart);
    shared.report.absorb(apart, verdict(conditions.as_ref()));
    let conditions = conditions?;
    let place = Place::new(&object, &field, Consequence::Answers500);
    let mut apart = shared.report.apart();
    let collected = (&mut shared.groups, &place, &mut apart);
    let done = action::lower(found.rule, found.conditions, route, on, collected);
    shared.report.absorb(apart, verdict(done.as_ref()));
    let Done {
        before,
        transforms,
        action,
    } = done.unwrap_or_else(Done::failure);
    Some(Rule {
        origins: BTreeSet::from([From {
            route: route.clone(),
            rule: found.rule.index,
            matched: found.rank.match_index,
        }]),
        conditions,
        before,
        transforms,
        action,
        parts: Vec::new(),
    })
}

fn verdict<T>(found: Option<&T>) -> Verdict {
    if found.is_some() {
        Verdict::Served
    } else {
        Verdict::Refused
    }
}
