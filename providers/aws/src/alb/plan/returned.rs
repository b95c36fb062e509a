//! Load balancers that their owners took back: what is ours on them goes, all else stays.

use super::listeners::closed;
use super::{Changes, LISTENER, Note, Phase, Planner, RULE, resource, words};
use crate::alb::canonical::forwards_to;
use crate::alb::observed::{SeenBalancer, SeenListener};
use crate::alb::step::Call;
use crate::cloud::{Arn, Kind, Seen};
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::Resource;

const WHY: &str = "the load balancer was taken back by its owner";

impl Planner<'_> {
    pub(super) fn returned(&mut self) {
        for seen in self.observed.returned.values() {
            give_back(&mut self.changes, seen);
        }
    }
}

/// Deletes our listeners and rules. A listener on which others have rules stays, closed.
pub(super) fn give_back(changes: &mut Changes, seen: &SeenBalancer) {
    for listener in &seen.listeners {
        let whole = listener.ours && listener.rules.iter().all(|rule| rule.ours);
        let of = listener_of(seen, listener);
        if whole {
            for held in held_by(listener) {
                changes.release(&listener.listener.arn, held, &of);
            }
        } else if listener.ours {
            close(changes, listener, &of);
        }
        for rule in listener.rules.iter().filter(|rule| rule.ours) {
            let conditions = words::seen_conditions(&rule.rule.settings);
            let id = format!(
                "{} of {}: {conditions}",
                listener.listener.port, seen.balancer.name
            );
            let of_rule = resource(RULE, id);
            let by = if whole { &of } else { &of_rule };
            if let Seen::Known(settings) = &rule.rule.settings {
                for group in forwards_to(&settings.action) {
                    changes.release(&rule.rule.arn, group, by);
                }
            }
            if !whole {
                let call = Call::Delete(Kind::Rule, rule.rule.arn.clone());
                changes.push(Phase::DeleteRules, Note::delete(of_rule, WHY), call);
            }
        }
        if whole {
            let call = Call::Delete(Kind::Listener, listener.listener.arn.clone());
            changes.push(Phase::DeleteListeners, Note::delete(of, WHY), call);
        }
    }
}

fn close(changes: &mut Changes, seen: &SeenListener, of: &Resource) {
    let Seen::Known(action) = &seen.listener.default else {
        return;
    };
    let groups: Vec<&Arn> = forwards_to(action).collect();
    if groups.is_empty() {
        return;
    }
    for group in groups {
        changes.release(&seen.listener.arn, group, of);
    }
    let call = Call::CloseListener(seen.listener.arn.clone(), closed(&seen.listener));
    changes.push(Phase::LetGo, Note::update(of.clone(), Vec::new(), WHY), call);
}

/// What goes with a listener but for its rules: target groups, certificates, trust stores.
fn held_by(seen: &SeenListener) -> Vec<&Arn> {
    let mut held: Vec<&Arn> = seen.certificates.iter().collect();
    if let Seen::Known(action) = &seen.listener.default {
        held.extend(forwards_to(action));
    }
    if let Some(tls) = &seen.listener.tls {
        held.push(&tls.certificate);
        held.extend(tls.clients.trust_store());
    }
    held
}

/// Ports of several load balancers may be the same.
fn listener_of(balancer: &SeenBalancer, seen: &SeenListener) -> Resource {
    let id: Str = format!("{} of {}", seen.listener.port, balancer.balancer.name).into();
    resource(LISTENER, id)
}
