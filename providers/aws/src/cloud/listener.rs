//! Listeners.

use super::{Action, Answer, Arn, Attributes, Seen};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Transport;
use std::collections::BTreeSet;
use std::future::Future;

/// A listener that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// `ListenerArn`.
    pub arn: Arn,
    /// Port.
    pub port: u16,
    /// `Protocol`, with what `tls` says.
    pub transport: Transport,
    /// What belongs to a `Protocol` that terminates TLS.
    pub tls: Option<ListenerTls>,
    /// `DefaultActions`.
    pub default: Seen<Action>,
}

/// TLS of a listener, without the certificates beside its default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// `SslPolicy`.
    pub policy: Str,
    /// ARN of the default certificate.
    pub certificate: Arn,
    /// `AlpnPolicy`; none where it is `None`.
    pub alpn: Option<Str>,
    /// `MutualAuthentication`.
    pub clients: Clients,
}

/// `MutualAuthentication`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Clients are not asked for certificates.
    Off,
    /// What they show is passed on.
    Passthrough,
    /// What they show is checked.
    Verify {
        /// `TrustStoreArn`.
        trust_store: Arn,
        /// `IgnoreClientCertificateExpiry`.
        ignore_expiry: bool,
        /// `AdvertiseTrustStoreCaNames`.
        advertise: bool,
    },
}

impl Clients {
    /// The trust store that they are checked by.
    pub const fn trust_store(&self) -> Option<&Arn> {
        match self {
            Self::Verify { trust_store, .. } => Some(trust_store),
            Self::Off | Self::Passthrough => None,
        }
    }
}

/// What a listener is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// `Protocol`, with what `tls` says.
    pub transport: Transport,
    /// TLS; `HTTP`, or `TCP`, without.
    pub tls: Option<ListenerTls>,
    /// What no rule matches.
    pub default: Action,
}

/// A listener to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewListener {
    /// Of this load balancer.
    pub balancer: Arn,
    /// Port.
    pub port: u16,
    /// What it is to be.
    pub settings: ListenerSettings,
    /// `Tags`.
    pub tags: Tags,
}

/// Calls about listeners.
pub trait Listeners {
    /// `DescribeListeners` of a load balancer.
    fn listeners(&self, balancer: &Arn) -> impl Future<Output = Answer<Vec<Listener>>> + Send;

    /// `DescribeListenerCertificates`, without the default one.
    fn listener_certificates(&self, listener: &Arn) -> impl Future<Output = Answer<BTreeSet<Arn>>> + Send;

    /// `DescribeListenerAttributes`.
    fn listener_attributes(&self, listener: &Arn) -> impl Future<Output = Answer<Attributes>> + Send;

    /// `CreateListener`.
    fn create_listener(&self, new: &NewListener) -> impl Future<Output = Answer<Arn>> + Send;

    /// `ModifyListener`: protocol, TLS and default action. The port stays.
    fn modify_listener(
        &self,
        listener: &Arn,
        settings: &ListenerSettings,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `ModifyListenerAttributes`: sets these, leaves others.
    fn set_listener_attributes(
        &self,
        listener: &Arn,
        attributes: &Attributes,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `AddListenerCertificates`: "You can specify one certificate per call".
    fn add_listener_certificate(
        &self,
        listener: &Arn,
        certificate: &Arn,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `RemoveListenerCertificates`: "You can specify one certificate per call".
    fn remove_listener_certificate(
        &self,
        listener: &Arn,
        certificate: &Arn,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteListener`, with its rules.
    fn delete_listener(&self, listener: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
