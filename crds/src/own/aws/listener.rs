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
    validation = Rule::new("!has(self.attributes) || self.attributes.all(k, size(k) <= 256 && size(self.attributes[k]) <= 1024)")
        .message("attributes: a key has at most 256 characters, a value at most 1024"),
    validation = Rule::new("(has(self.mutualTls) && self.mutualTls == 'Verify') == has(self.trustStore)")
        .message("trustStore belongs to mutualTls: Verify, and that needs one")
)]
pub struct ListenerParameters {
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Security policy of an HTTPS listener; `spec.sslPolicy` by default.
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
