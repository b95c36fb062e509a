//! Listeners.

use super::rules::RulePlan;
use super::{
    LISTENER, LISTENER_ATTRIBUTES, LISTENER_CERTIFICATES, Note, Phase, Planner, certificates, fields,
    resource, trust_stores, words,
};
use crate::alb::canonical::{forwards_to, is_action};
use crate::alb::observed::{SeenBalancer, SeenListener};
use crate::alb::step::{Call, Id};
use crate::cloud::{self, Arn, Attributes, Clients, Kind, ListenerSettings, Seen};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::{CertificateId, Listener, ListenerTls, MutualAuthentication};
use gatewright_aws_core::alb::rule::{Action, FixedResponse};
use gatewright_aws_core::trust_store::TrustStoreId;
use gatewright_provider_api::contract::{FieldChange, Resource};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The default certificate in words of changes.
const CERTIFICATE_FIELD: &str = "certificate";

impl Planner<'_> {
    pub(super) fn listeners(&mut self) {
        let (target, observed) = (self.target, self.observed);
        let balancer = observed.balancer(&target.balancer.name);
        let listeners = self.for_now();
        let mut rules = Vec::new();
        for (port, wanted) in &listeners {
            let seen = balancer.and_then(|balancer| balancer.listener(*port));
            match seen.filter(|seen| seen.ours) {
                // Also where others have one: AWS refuses, and the error says so.
                None => {
                    self.make_listener(wanted);
                    rules.push(RulePlan::new(wanted, None, &self.groups));
                }
                Some(seen) => {
                    self.change_listener(wanted, seen);
                    rules.push(RulePlan::new(wanted, Some(seen), &self.groups));
                }
            }
        }
        let unwanted = balancer.into_iter().flat_map(|balancer| &balancer.listeners);
        for seen in unwanted.filter(|seen| seen.ours && !target.listeners.contains_key(&seen.listener.port)) {
            self.end_listener(seen);
        }
        self.rules(rules, balancer.map_or(0, SeenBalancer::rules));
    }

    fn make_listener(&mut self, wanted: &Listener) {
        let of = self::of(wanted.port);
        let balancer = self.balancer_resource();
        let mut needs = self.changes.only_made([balancer]);
        needs.extend(self.guard());
        // Another one can be shown in its place until it can be had.
        if wanted.tls.as_ref().is_none_or(|tls| tls.others.is_empty()) {
            needs.extend(self.certificate_needed(wanted));
        }
        needs.extend(self.default_needs(wanted));
        let tags = self.owner.tags(&of.to_string(), &self.target.tags);
        self.push(
            Phase::Build,
            Note::create(of.clone(), "the Gateway listens on this port").needs(needs),
            Call::CreateListener(Arc::new(bare(wanted)), tags),
        );
        if !wanted.attributes.is_empty() {
            let (set, fields) = fields::attributes(&wanted.attributes, &Attributes::new());
            let note =
                Note::update(attributes(wanted.port), fields, "they are wanted so").needs([of.clone()]);
            self.push(Phase::Build, note, Call::SetListenerAttributes(wanted.port, set));
        }
        if let Some(tls) = &wanted.tls {
            self.add_certificates(wanted.port, tls.others.iter().collect(), vec![of]);
        }
    }

    fn change_listener(&mut self, wanted: &Listener, seen: &SeenListener) {
        let listener = &seen.listener;
        self.exists(Id::Listener(wanted.port), &listener.arn);
        let of = self::of(wanted.port);
        let mut changes = self.tls_changes(wanted, seen);
        if !is_action(&listener.default, &wanted.default, &self.groups) {
            changes.push(self.default_change(seen, &wanted.default));
        }
        if !changes.is_empty() {
            self.release_default(seen, &of);
            let mut certificate = self.certificate_needed(wanted);
            let needs = self.default_needs(wanted);
            if !certificate.is_empty()
                && let Some(meanwhile) = self.meanwhile(wanted, seen)
            {
                let (later, now): (Vec<_>, Vec<_>) = changes
                    .into_iter()
                    .partition(|change| change.field == CERTIFICATE_FIELD);
                changes = later;
                if !now.is_empty() {
                    let note = Note::update(of.clone(), now, "it differs").needs(needs.clone());
                    let call = Call::ModifyListener(listener.arn.clone(), Arc::new(meanwhile));
                    self.push(Phase::Build, note, call);
                }
            }
            certificate.extend(needs);
            let note = Note::update(of.clone(), changes, "it differs").needs(certificate);
            let call = Call::ModifyListener(listener.arn.clone(), Arc::new(bare(wanted)));
            self.push(Phase::Build, note, call);
        }
        let (set, fields) = fields::attributes(&wanted.attributes, &seen.attributes);
        if !set.is_empty() {
            let note = Note::update(attributes(wanted.port), fields, "they differ");
            self.push(Phase::Build, note, Call::SetListenerAttributes(wanted.port, set));
        }
        if let Some(tls) = &wanted.tls {
            self.change_certificates(wanted.port, tls, seen);
        }
        let tags = self.owner.tags(&of.to_string(), &self.target.tags);
        self.compare_tags((Kind::Listener, &listener.arn), &of, &seen.tags, &tags);
    }

    /// Others' rules stay; everything else is answered with 404.
    pub(super) fn close_listener(&mut self, seen: &SeenListener) {
        let nothing = Action::Fixed(FixedResponse::bare(404));
        let listener = &seen.listener;
        if is_action(&listener.default, &nothing, &self.groups) {
            return;
        }
        let of = self::of(listener.port);
        let change = self.default_change(seen, &nothing);
        self.release_action(seen, &of);
        self.push(
            Phase::LetGo,
            Note::update(
                of,
                vec![change],
                "no listener of the Gateway has this port, but others have rules on it",
            ),
            Call::CloseListener(listener.arn.clone(), closed(listener)),
        );
    }

    fn default_change(&self, seen: &SeenListener, wanted: &Action) -> FieldChange {
        let names = self.names();
        match &seen.listener.default {
            Seen::Known(action) => {
                fields::change("default", Some(&words::action(action, &names)), Some(wanted))
            }
            Seen::Other(description) => fields::change("default", Some(description), Some(wanted)),
        }
    }

    /// The listener's main part lets go of what it forwards to.
    fn release_action(&mut self, seen: &SeenListener, of: &Resource) {
        let listener = &seen.listener;
        if let Seen::Known(action) = &listener.default {
            for group in forwards_to(action) {
                self.changes.release(&listener.arn, group, of);
            }
        }
    }

    /// The listener's main part lets go of what it forwards to and shows.
    fn release_default(&mut self, seen: &SeenListener, of: &Resource) {
        self.release_action(seen, of);
        let listener = &seen.listener;
        if let Some(tls) = &listener.tls {
            self.changes.release(&listener.arn, &tls.certificate, of);
            if let Some(store) = tls.clients.trust_store() {
                self.changes.release(&listener.arn, store, of);
            }
        }
    }

    /// The default certificate, where this plan has to get it first.
    fn certificate_needed(&self, wanted: &Listener) -> Vec<Resource> {
        let tls = wanted.tls.iter();
        self.changes
            .only_made(tls.map(|tls| certificates::of(&tls.default)))
    }

    /// The wanted listener with the certificate that is shown now: what else changes of it does not wait for one that AWS
    /// may not take.
    fn meanwhile(&self, wanted: &Listener, seen: &SeenListener) -> Option<Listener> {
        let shown = &seen.listener.tls.as_ref()?.certificate;
        let mut meanwhile = bare(wanted);
        let id = CertificateId::Arn(shown.0.clone());
        self.changes
            .ledger
            .note(Id::Certificate(id.clone()), shown.clone());
        meanwhile.tls.as_mut()?.default = id;
        Some(meanwhile)
    }

    /// What the listener's main part must wait for, beside its certificate.
    fn default_needs(&self, wanted: &Listener) -> Vec<Resource> {
        let mut needs = match &wanted.default {
            Action::Forward(forward) => self.waits_for(forward.groups.keys()),
            Action::Redirect(_) | Action::Fixed(_) => Vec::new(),
        };
        if let Some(tls) = &wanted.tls {
            let store = tls.trust_store().map(trust_stores::of);
            needs.extend(self.changes.only_made(store));
        }
        needs
    }

    fn tls_changes(&self, listener: &Listener, seen: &SeenListener) -> Vec<FieldChange> {
        let wanted = listener.tls.as_ref();
        let mut changes = Vec::new();
        let mut compare = |field: &str, from: Option<String>, to: Option<String>| {
            if from != to {
                changes.push(fields::change(field, from.as_ref(), to.as_ref()));
            }
        };
        let found = seen.listener.tls.as_ref();
        compare(
            "protocol",
            Some(seen.listener.transport.protocol(found.is_some()).to_owned()),
            Some(listener.transport.protocol(wanted.is_some()).to_owned()),
        );
        compare(
            "sslPolicy",
            found.map(|tls| tls.policy.to_string()),
            wanted.map(|tls| tls.policy.to_string()),
        );
        compare(
            CERTIFICATE_FIELD,
            found.map(|tls| tls.certificate.to_string()),
            wanted.map(|tls| self.certificate_words(&tls.default)),
        );
        compare(
            "alpnPolicy",
            found.and_then(|tls| tls.alpn.as_ref()).map(ToString::to_string),
            wanted.and_then(|tls| tls.alpn.as_ref()).map(ToString::to_string),
        );
        compare(
            "clientCertificates",
            found.map(|tls| seen_clients(&tls.clients)),
            wanted.map(|tls| self.wanted_clients(tls.clients.as_ref())),
        );
        changes
    }

    /// Its ARN if it has one already.
    fn certificate_words(&self, id: &CertificateId) -> String {
        match self.changes.ledger.get(&Id::Certificate(id.clone())) {
            Some(arn) => arn.to_string(),
            None => certificates::of(id).id.to_string(),
        }
    }

    fn change_certificates(&mut self, port: u16, wanted: &ListenerTls, seen: &SeenListener) {
        let arn_of = |id: &CertificateId| self.changes.ledger.get(&Id::Certificate(id.clone()));
        let missing: Vec<&CertificateId> = wanted
            .others
            .iter()
            .filter(|id| !arn_of(id).is_some_and(|arn| seen.certificates.contains(&arn)))
            .collect();
        let kept: BTreeSet<Arn> = wanted
            .others
            .iter()
            .chain([&wanted.default])
            .filter_map(arn_of)
            .collect();
        let gone: BTreeSet<Arn> = seen.certificates.difference(&kept).cloned().collect();
        self.add_certificates(port, missing, Vec::new());
        for certificate in gone {
            let of = resource(LISTENER_CERTIFICATES, format!("{port} without {certificate}"));
            self.changes.release(&seen.listener.arn, &certificate, &of);
            let change = fields::change("certificates", Some(&certificate), None::<&Str>);
            let note = Note::update(of, vec![change], "no hostname needs it");
            let call = Call::RemoveCertificate(seen.listener.arn.clone(), certificate);
            self.push(Phase::LetGo, note, call);
        }
    }

    /// Each on its own: AWS takes one a call, and one that fails hurts only itself.
    fn add_certificates(&mut self, port: u16, ids: Vec<&CertificateId>, needs: Vec<Resource>) {
        for id in ids {
            let shown = certificates::of(id);
            let of = resource(LISTENER_CERTIFICATES, format!("{port} {}", shown.id));
            let change = fields::change("certificates", None::<&Str>, Some(&shown.id));
            let made = self.changes.only_made([shown]);
            let note = Note::update(of, vec![change], "a hostname needs it")
                .needs(needs.clone())
                .needs(made);
            self.push(Phase::Build, note, Call::AddCertificate(port, id.clone()));
        }
    }

    fn wanted_clients(&self, clients: Option<&MutualAuthentication>) -> String {
        let verification = match clients {
            None => return "off".to_owned(),
            Some(MutualAuthentication::Passthrough) => return "passthrough".to_owned(),
            Some(MutualAuthentication::Verify(verification)) => verification,
        };
        let store = match &verification.store {
            TrustStoreId::Arn(arn) => arn.to_string(),
            made @ TrustStoreId::Made(_) => match self.changes.ledger.get(&Id::TrustStore(made.clone())) {
                Some(arn) => arn.to_string(),
                None => made.to_string(),
            },
        };
        verified(&store, verification.ignore_expiry, verification.advertise)
    }
}

/// A listener that only the rules of others answer on.
pub(super) fn closed(listener: &cloud::Listener) -> ListenerSettings {
    ListenerSettings {
        transport: listener.transport,
        tls: listener.tls.clone(),
        default: cloud::Action::Fixed(FixedResponse::bare(404)),
    }
}

/// A listener without its rules.
fn bare(wanted: &Listener) -> Listener {
    Listener {
        port: wanted.port,
        transport: wanted.transport,
        tls: wanted.tls.clone(),
        attributes: Attributes::new(),
        default: wanted.default.clone(),
        rules: Vec::new(),
    }
}

pub(super) fn of(port: u16) -> Resource {
    resource(LISTENER, port.to_string())
}

fn attributes(port: u16) -> Resource {
    resource(LISTENER_ATTRIBUTES, port.to_string())
}

fn seen_clients(clients: &Clients) -> String {
    match clients {
        Clients::Off => "off".to_owned(),
        Clients::Passthrough => "passthrough".to_owned(),
        Clients::Verify {
            trust_store,
            ignore_expiry,
            advertise,
        } => verified(&trust_store.0, *ignore_expiry, *advertise),
    }
}

fn verified(store: &str, ignore_expiry: bool, advertise: bool) -> String {
    let expiry = if ignore_expiry { ", expiry ignored" } else { "" };
    let told = if advertise { ", authorities told" } else { "" };
    format!("verified by {store}{expiry}{told}")
}
