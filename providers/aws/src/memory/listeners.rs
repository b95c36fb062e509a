//! Listeners.

use super::check::{self, quota, valid};
use super::state::{KeptListener, State, found};
use super::{Connection, Outcome};
use crate::cloud::{self, Answer, Arn, Attributes, Listener, ListenerSettings, Listeners, NewListener, Seen};
use gatewright_aws_core::alb::listener::Transport;
use gatewright_aws_core::network::{BalancerKind, IpAddressType};
use gatewright_provider_api::contract::{Action, ErrorKind};
use std::collections::BTreeSet;

const MISSING: &str = "ListenerNotFound";

impl State {
    fn create_listener(&mut self, new: &NewListener) -> Outcome<Arn> {
        if !self.balancers.contains_key(&new.balancer) {
            return Err((ErrorKind::NotFound, "LoadBalancerNotFound"));
        }
        check::tags(&new.tags)?;
        let others = self.listeners_of(&new.balancer);
        let at_port = others
            .iter()
            .filter_map(|arn| self.listeners.get(arn))
            .find(|kept| kept.of.port == new.port);
        if let Some(kept) = at_port {
            let same = kept.of.transport == new.settings.transport
                && kept.of.tls == new.settings.tls
                && kept.of.default == Seen::Known(new.settings.default.clone());
            return if same {
                Ok(kept.of.arn.clone())
            } else {
                Err((ErrorKind::NotOurs, "DuplicateListener"))
            };
        }
        self.check_listener(&new.settings)?;
        self.check_transport(&new.settings, &new.balancer, None)?;
        self.check_action(&new.settings.default, &new.balancer, None)?;
        let most = match new.settings.transport {
            Transport::Http => self.limits.listeners,
            _ => self.network_limits.listeners,
        };
        quota(
            others.len() < usize::try_from(most).unwrap_or(usize::MAX),
            "TooManyListeners",
        )?;
        let arn = self.make("listener", &new.tags);
        let of = Listener {
            arn: arn.clone(),
            port: new.port,
            transport: new.settings.transport,
            tls: new.settings.tls.clone(),
            default: Seen::Known(new.settings.default.clone()),
        };
        let kept = KeptListener {
            balancer: new.balancer.clone(),
            of,
            certificates: BTreeSet::new(),
            attributes: Attributes::from([("routing.http.response.server.enabled".into(), "true".into())]),
        };
        self.listeners.insert(arn.clone(), kept);
        Ok(arn)
    }

    /// Protocols that go together: those of listeners with the kind of the load balancer, with those of target groups
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html>), and QUIC with
    /// nothing else (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-listener.html>).
    fn check_transport(
        &self,
        settings: &ListenerSettings,
        balancer: &Arn,
        instead_of: Option<&Arn>,
    ) -> Outcome<()> {
        let Some(kept) = self.balancers.get(balancer) else {
            return Ok(());
        };
        let application = kept.of.kind == BalancerKind::Application;
        if application != settings.transport.is_http() {
            return Err((ErrorKind::Invalid, "UnsupportedProtocol"));
        }
        if application {
            return Ok(());
        }
        let protocol = settings.transport.protocol(settings.tls.is_some());
        let fits = |group: &str| match protocol {
            "TCP" => matches!(group, "TCP" | "TCP_UDP"),
            "TLS" => matches!(group, "TCP" | "TLS"),
            "UDP" => matches!(group, "UDP" | "TCP_UDP"),
            other => group == other,
        };
        let cloud::Action::Forward(forward) = &settings.default else {
            return Err((ErrorKind::Invalid, "InvalidLoadBalancerAction"));
        };
        for group in forward.groups.keys() {
            let group = found(self.target_groups.get(group), "TargetGroupNotFound")?;
            if !fits(&group.of.fixed.protocol) {
                return Err((ErrorKind::Invalid, "IncompatibleProtocols"));
            }
            // "You can't use an IPv4 target group with a UDP listener for a dualstack load balancer" (create-listener.html),
            // "You can't use an IPv6 target group with an IPv4 load balancer" (load-balancer-target-groups.html).
            let dual = kept.of.ip_address_type != IpAddressType::Ipv4;
            let ipv6 = group.of.fixed.ipv6;
            valid(dual || !ipv6)?;
            valid(!dual || !settings.transport.is_udp() || (ipv6 && kept.of.ipv6.source_nat))?;
        }
        let others = self
            .listeners
            .values()
            .filter(|other| other.balancer == *balancer && Some(&other.of.arn) != instead_of)
            .map(|other| other.of.transport);
        let quic = |transport: Transport| matches!(transport, Transport::Quic | Transport::TcpQuic);
        let datagrams = |transport: Transport| !matches!(transport, Transport::Tcp);
        for other in others {
            let clash = (quic(settings.transport) && datagrams(other))
                || (quic(other) && datagrams(settings.transport));
            valid(!clash)?;
        }
        valid(!quic(settings.transport) || kept.of.security_groups.is_empty())
    }

    fn check_listener(&self, settings: &ListenerSettings) -> Outcome<()> {
        if let Some(tls) = &settings.tls
            && !self.certificates.contains_key(&tls.certificate)
        {
            return Err((ErrorKind::NotFound, "CertificateNotFound"));
        }
        let store = settings.tls.as_ref().and_then(|tls| tls.clients.trust_store());
        if store.is_some_and(|store| !self.trust_stores.contains_key(store)) {
            return Err((ErrorKind::NotFound, "TrustStoreNotFound"));
        }
        Ok(())
    }

    fn listener(&mut self, arn: &Arn) -> Outcome<&mut KeptListener> {
        found(self.listeners.get_mut(arn), MISSING)
    }
}

impl Listeners for Connection {
    async fn listeners(&self, balancer: &Arn) -> Answer<Vec<Listener>> {
        self.read("DescribeListeners", |state| {
            found(state.balancers.get(balancer), "LoadBalancerNotFound")?;
            let listeners = state.listeners.values().filter(|kept| kept.balancer == *balancer);
            Ok(listeners.map(|kept| kept.of.clone()).collect())
        })
        .await
    }

    async fn listener_certificates(&self, listener: &Arn) -> Answer<BTreeSet<Arn>> {
        self.read("DescribeListenerCertificates", |state| {
            Ok(state.listener(listener)?.certificates.clone())
        })
        .await
    }

    async fn listener_attributes(&self, listener: &Arn) -> Answer<Attributes> {
        self.read("DescribeListenerAttributes", |state| {
            Ok(state.listener(listener)?.attributes.clone())
        })
        .await
    }

    async fn create_listener(&self, new: &NewListener) -> Answer<Arn> {
        let what = (Action::Create, format!("{}:{}", new.balancer, new.port).into());
        self.write("CreateListener", what, |state| state.create_listener(new))
            .await
    }

    async fn modify_listener(&self, listener: &Arn, settings: &ListenerSettings) -> Answer<()> {
        let what = (Action::Update, listener.0.clone());
        self.write("ModifyListener", what, |state| {
            let balancer = state.listener(listener)?.balancer.clone();
            state.check_listener(settings)?;
            state.check_transport(settings, &balancer, Some(listener))?;
            state.check_action(&settings.default, &balancer, Some(listener))?;
            let kept = state.listener(listener)?;
            if settings.tls.is_none() {
                kept.certificates.clear();
            }
            kept.of.transport = settings.transport;
            kept.of.tls.clone_from(&settings.tls);
            kept.of.default = Seen::Known(settings.default.clone());
            Ok(())
        })
        .await
    }

    async fn set_listener_attributes(&self, listener: &Arn, attributes: &Attributes) -> Answer<()> {
        let what = (Action::Update, listener.0.clone());
        self.write("ModifyListenerAttributes", what, |state| {
            state.listener(listener)?.attributes.extend(attributes.clone());
            Ok(())
        })
        .await
    }

    async fn add_listener_certificate(&self, listener: &Arn, certificate: &Arn) -> Answer<()> {
        let what = (Action::Update, listener.0.clone());
        self.write("AddListenerCertificates", what, |state| {
            found(state.certificates.get(certificate), "CertificateNotFound")?;
            let most = usize::try_from(state.limits.certificates).unwrap_or(usize::MAX);
            let balancer = state.listener(listener)?.balancer.clone();
            let of_balancer = state.listeners_of(&balancer);
            let present: usize = of_balancer
                .iter()
                .filter_map(|arn| state.listeners.get(arn))
                .map(|kept| kept.certificates.len())
                .sum();
            let kept = state.listener(listener)?;
            valid(kept.of.tls.is_some())?;
            let new = usize::from(!kept.certificates.contains(certificate));
            quota(present + new <= most, "TooManyCertificates")?;
            kept.certificates.insert(certificate.clone());
            Ok(())
        })
        .await
    }

    async fn remove_listener_certificate(&self, listener: &Arn, certificate: &Arn) -> Answer<()> {
        let what = (Action::Update, listener.0.clone());
        self.write("RemoveListenerCertificates", what, |state| {
            state.listener(listener)?.certificates.remove(certificate);
            Ok(())
        })
        .await
    }

    async fn delete_listener(&self, listener: &Arn) -> Answer<()> {
        let what = (Action::Delete, listener.0.clone());
        self.write("DeleteListener", what, |state| {
            state.listener(listener)?;
            state.delete_listener(listener);
            Ok(())
        })
        .await
    }
}
