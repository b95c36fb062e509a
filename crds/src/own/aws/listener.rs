//! Settings of single listeners.

use super::merged;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the listener on one port, whatever number of Gateway listeners share it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.quic) && self.quic && has(self.gateway))")
        .message("quic and gateway exclude each other: an Application Load Balancer takes no datagrams"),
    validation = Rule::new("!has(self.attributes) || self.attributes.all(k, size(k) <= 256 && size(self.attributes[k]) <= 1024)")
        .message("attributes: a key has at most 256 characters, a value at most 1024"),
    validation = Rule::new("(has(self.mutualTls) && self.mutualTls == 'Verify') == has(self.trustStore)")
        .message("trustStore belongs to mutualTls: Verify, and that needs one")
)]
pub struct ListenerParameters {
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Security policy of an HTTPS or TLS listener; `spec.sslPolicy` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = "^ELBSecurityPolicy-[A-Za-z0-9-]{1,100}$"))]
    pub ssl_policy: Option<String>,
    /// Certificates in ACM, by ARN, beside those that the Gateway's listeners name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 25),
        inner(
            length(max = 200),
            regex(pattern = "^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$")
        )
    )]
    pub certificates: Option<Vec<String>>,
    /// Client certificates that `spec.tls.frontend` of the Gateway says nothing about. `Off` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_tls: Option<MutualTls>,
    /// Trust store that exists, by ARN, for `mutualTls: Verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 200),
        regex(
            pattern = "^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:truststore/[A-Za-z0-9-]+/[0-9a-f]+$"
        )
    )]
    pub trust_store: Option<String>,
    /// Whether client certificates that have run out are accepted where they are checked. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_client_certificate_expiry: Option<bool>,
    /// Whether clients are told which authorities are known where certificates are checked. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise_authorities: Option<bool>,
    /// Attributes of the listener, in AWS's words. Those that are not named here stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Protocols that a TLS listener of a Network Load Balancer agrees on with clients (ALPN). None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn_policy: Option<AlpnPolicy>,
    /// Whether datagrams of this port of a Network Load Balancer are QUIC, which find their target by the server's id in
    /// them: of a target with the address `10.1.2.3` that is `0x000000000a010203`, of one with an IPv6 address the last
    /// eight bytes of that. Such a load balancer has no security groups, one such port, and takes no other datagrams. Off by
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quic: Option<bool>,
    /// Gateway of the same namespace whose Application Load Balancer gets the connections of this port of a Network Load
    /// Balancer, in place of those of a route. It must have a listener on the same port and stand in the same VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub gateway: Option<String>,
}

/// Protocols that a TLS listener agrees on with clients (ALPN), in AWS's words. `None` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlpnPolicy {
    /// HTTP/1.1 and HTTP/1.0 alone.
    #[serde(rename = "HTTP1Only")]
    Http1Only,
    /// HTTP/2 alone.
    #[serde(rename = "HTTP2Only")]
    Http2Only,
    /// Rather HTTP/1.1 than HTTP/2.
    #[serde(rename = "HTTP2Optional")]
    Http2Optional,
    /// Rather HTTP/2 than HTTP/1.1.
    #[serde(rename = "HTTP2Preferred")]
    Http2Preferred,
    /// No agreement.
    None,
}

impl AlpnPolicy {
    /// `AlpnPolicy`; none for no agreement.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Http1Only => Some("HTTP1Only"),
            Self::Http2Only => Some("HTTP2Only"),
            Self::Http2Optional => Some("HTTP2Optional"),
            Self::Http2Preferred => Some("HTTP2Preferred"),
            Self::None => None,
        }
    }
}

/// What is done with client certificates that `spec.tls.frontend` of the Gateway says nothing about. `Off` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MutualTls {
    /// They are not asked for.
    #[default]
    Off,
    /// They are passed on in headers, unchecked.
    Passthrough,
    /// They are checked by `trustStore`.
    Verify,
}

impl ListenerParameters {
    /// These settings where set, else `base`'s.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            port,
            ssl_policy,
            certificates,
            mutual_tls,
            trust_store,
            ignore_client_certificate_expiry,
            advertise_authorities,
            attributes,
            alpn_policy,
            quic,
            gateway,
        } = self;
        // Each belongs to the other: a level that sets one sets both.
        let (mutual_tls, trust_store) = match (mutual_tls, trust_store) {
            (None, None) => (base.mutual_tls, base.trust_store.clone()),
            own => own,
        };
        Self {
            port,
            ssl_policy: ssl_policy.or_else(|| base.ssl_policy.clone()),
            certificates: certificates.or_else(|| base.certificates.clone()),
            mutual_tls,
            trust_store,
            ignore_client_certificate_expiry: ignore_client_certificate_expiry
                .or(base.ignore_client_certificate_expiry),
            advertise_authorities: advertise_authorities.or(base.advertise_authorities),
            attributes: merged(attributes, base.attributes.as_ref()),
            alpn_policy: alpn_policy.or(base.alpn_policy),
            quic: quic.or(base.quic),
            gateway: gateway.or_else(|| base.gateway.clone()),
        }
    }

    /// Port by port.
    pub(super) fn all_over(mine: Vec<Self>, base: &[Self]) -> Vec<Self> {
        let mut all: BTreeMap<u16, Self> = base.iter().map(|found| (found.port, found.clone())).collect();
        for own in mine {
            let settings = match all.remove(&own.port) {
                Some(base) => own.over(&base),
                None => own,
            };
            all.insert(settings.port, settings);
        }
        all.into_values().collect()
    }
}
