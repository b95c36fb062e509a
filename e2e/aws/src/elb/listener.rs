//! Listeners: their creation.

use super::actions::{self, Listening};
use super::balancer::{Balancer, Kind};
use super::limits::VERIFYING_LISTENERS;
use super::rule::Rule;
use super::wire::MutualAuthentication;
use super::{State, arn, attributes, policies, surroundings, tags, trust_store};
use crate::error::ApiError;
use crate::input::{list, number, text, texts, tidy};
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    /// Its ARN.
    pub arn: String,
    /// Its load balancer.
    pub balancer: String,
    /// `Port`.
    pub port: u16,
    /// `Protocol`.
    pub protocol: String,
    /// `SslPolicy`, of an HTTPS listener.
    pub ssl_policy: Option<String>,
    /// Its default certificate, then its certificate list.
    pub certificates: Vec<String>,
    /// `MutualAuthentication`, of an HTTPS listener.
    pub mutual_authentication: Option<MutualAuthentication>,
    /// `AlpnPolicy`, of a TLS listener.
    #[serde(default)]
    pub alpn: Option<String>,
    /// Attributes, all of them.
    pub attributes: BTreeMap<String, String>,
    /// Its place in lists.
    pub number: u64,
}

/// What only HTTPS listeners have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Security {
    /// Policy.
    pub ssl_policy: Option<String>,
    /// Default certificate.
    pub certificate: Option<String>,
    /// Client certificates.
    pub mutual_authentication: Option<MutualAuthentication>,
    /// `AlpnPolicy`.
    pub alpn: Option<String>,
}

/// Whether a protocol terminates TLS.
pub(super) fn is_secure(protocol: &str) -> bool {
    ["HTTPS", "TLS"].contains(&protocol)
}

pub(super) fn missing(arn: &str) -> ApiError {
    ApiError::new("ListenerNotFound", format!("Listener '{arn}' not found"))
}

/// A listener's ARN must be one.
///
/// # Errors
///
/// `ValidationError`.
pub(super) fn check(arn: &str) -> Result<(), ApiError> {
    arn::check(arn, "listener")
}

/// `API_CreateListener`: "For Application Load Balancers, the supported protocols are HTTP and HTTPS. For Network Load
/// Balancers, the supported protocols are TCP, TLS, UDP, TCP_UDP, QUIC, and TCP_QUIC. You can't specify the UDP or TCP_UDP
/// protocol if dual-stack mode is enabled" unless the target group has IPv6 addresses, which [`super::usage`] checks.
///
/// # Errors
///
/// `UnsupportedProtocol`.
pub(super) fn check_protocol(kind: Kind, protocol: &str) -> Result<(), ApiError> {
    let known: &[&str] = match kind {
        Kind::Application => &["HTTPS", "HTTP"],
        Kind::Network => &["TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"],
    };
    if known.contains(&protocol) {
        return Ok(());
    }
    let message = format!(
        "Listener protocol '{protocol}' must be one of '{}'",
        known.join(", ")
    );
    Err(ApiError::new("UnsupportedProtocol", message))
}

/// What QUIC listeners go together with (network/create-listener, "Prerequisites"): no dual stack, no security groups, one
/// for each load balancer, and none beside UDP and TCP_UDP.
///
/// # Errors
///
/// `InvalidConfigurationRequest`.
pub(super) fn check_quic(
    state: &State,
    balancer: &Balancer,
    (listener, protocol): (&str, &str),
) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(ApiError::new("InvalidConfigurationRequest", message));
    let quic = |protocol: &str| ["QUIC", "TCP_QUIC"].contains(&protocol);
    let datagrams = |protocol: &str| !["TCP", "TLS"].contains(&protocol);
    if balancer.kind != Kind::Network {
        return Ok(());
    }
    for other in state
        .listeners_of(&balancer.arn)
        .filter(|other| other.arn != listener)
    {
        let other = other.protocol.as_str();
        if (quic(protocol) && datagrams(other)) || (quic(other) && datagrams(protocol)) {
            return refuse("A listener with QUIC is the only one of its load balancer that takes datagrams");
        }
    }
    if quic(protocol) && balancer.ip_address_type != "ipv4" {
        return refuse("QUIC listeners are not allowed on dualstack load balancers");
    }
    if quic(protocol) && !balancer.security_groups.is_empty() {
        return refuse("QUIC listeners are not allowed on load balancers with associated security groups");
    }
    Ok(())
}

/// What a call says of security for a protocol.
///
/// # Errors
///
/// Those of `API_CreateListener` on certificates, policies and mutual authentication.
pub(super) fn security(
    account: &Account,
    context: &Context,
    protocol: &str,
    input: &Value,
) -> Result<Security, ApiError> {
    let certificates = list(input, "Certificates");
    let alpn = match (texts(input, "AlpnPolicy").as_slice(), protocol) {
        ([], _) => None,
        ([policy], "TLS") if ALPN.contains(policy) => Some((*policy).to_owned()),
        ([policy], "TLS") => {
            return Err(ApiError::new(
                "ALPNPolicyNotSupported",
                format!("The ALPN policy '{policy}' is not supported"),
            ));
        }
        _ => {
            return Err(ApiError::validation(
                "One ALPN policy can be specified, for TLS listeners",
            ));
        }
    };
    if protocol == "TLS" && input.get("MutualAuthentication").is_some() {
        return Err(ApiError::validation(
            "MutualAuthentication cannot be specified for a listener with protocol 'TLS'",
        ));
    }
    if !is_secure(protocol) {
        let own = ["Certificates", "SslPolicy", "MutualAuthentication"];
        if let Some(member) = own.iter().find(|member| input.get(**member).is_some()) {
            return Err(ApiError::validation(format!(
                "{member} cannot be specified for a listener with protocol '{protocol}'"
            )));
        }
        return Ok(Security::default());
    }
    let ssl_policy = text(input, "SslPolicy");
    ssl_policy.map_or(Ok(()), policies::check)?;
    let certificate = match certificates {
        [] => None,
        [only] => Some(certificate(account, context, only)?),
        // "You must provide exactly one certificate."
        _ => {
            return Err(ApiError::validation(
                "Exactly one default certificate must be specified",
            ));
        }
    };
    Ok(Security {
        ssl_policy: ssl_policy.map(ToOwned::to_owned),
        certificate,
        mutual_authentication: mutual(account, context, input)?,
        alpn,
    })
}

/// `AlpnPolicy`: `API_CreateListener`.
const ALPN: [&str; 5] = [
    "HTTP1Only",
    "HTTP2Only",
    "HTTP2Optional",
    "HTTP2Preferred",
    "None",
];

/// A certificate of a call: "Set CertificateArn to the certificate ARN but do not set IsDefault."
///
/// # Errors
///
/// `ValidationError`, `CertificateNotFound`, `UnsupportedCertificate`.
pub(super) fn certificate(account: &Account, context: &Context, asked: &Value) -> Result<String, ApiError> {
    if asked.get("IsDefault").is_some() {
        return Err(ApiError::validation(
            "IsDefault cannot be specified for a certificate",
        ));
    }
    let arn = text(asked, "CertificateArn")
        .ok_or_else(|| ApiError::validation("A certificate ARN must be specified"))?;
    surroundings::certificate(account, context, arn)?;
    Ok(arn.to_owned())
}

/// `API_MutualAuthenticationAttributes`: "Options are off, passthrough or verify."
fn mutual(
    account: &Account,
    context: &Context,
    input: &Value,
) -> Result<Option<MutualAuthentication>, ApiError> {
    let Some(asked) = input.get("MutualAuthentication") else {
        return Ok(None);
    };
    let asked: MutualAuthentication = serde_json::from_value(asked.clone())
        .map_err(|error| ApiError::validation(format!("MutualAuthentication cannot be read: {error}")))?;
    let mode = asked.mode.clone().unwrap_or_else(|| "off".to_owned());
    match (mode.as_str(), &asked.trust_store_arn) {
        ("verify", Some(arn)) => {
            account
                .elb
                .trust_store(arn)
                .ok_or_else(|| trust_store::missing(arn))?
                .ready(context.now)?;
            Ok(Some(MutualAuthentication {
                mode: Some(mode),
                ignore_client_certificate_expiry: Some(
                    asked.ignore_client_certificate_expiry.unwrap_or_default(),
                ),
                advertise_trust_store_ca_names: asked
                    .advertise_trust_store_ca_names
                    .or(Some("off".to_owned())),
                ..asked
            }))
        }
        ("verify", None) => Err(ApiError::validation(
            "A trust store must be specified for mutual authentication mode 'verify'",
        )),
        ("off" | "passthrough", None) => {
            if asked.ignore_client_certificate_expiry.is_some()
                || asked.advertise_trust_store_ca_names.is_some()
            {
                let message = format!("Mutual authentication mode '{mode}' takes no further settings");
                return Err(ApiError::validation(message));
            }
            Ok(Some(MutualAuthentication {
                mode: Some(mode),
                ..MutualAuthentication::default()
            }))
        }
        ("off" | "passthrough", Some(_)) => Err(ApiError::validation(format!(
            "A trust store cannot be specified for mutual authentication mode '{mode}'"
        ))),
        _ => Err(ApiError::validation(format!(
            "Mutual authentication mode '{mode}' must be one of 'off, passthrough, verify'"
        ))),
    }
}

/// "Number of listeners using mutual TLS verify mode per Application Load Balancer": 2, not adjustable
/// (`guide/load-balancer-limits`). The code of the error is that of too many listeners: assumed.
///
/// # Errors
///
/// `TooManyListeners`.
pub(super) fn room_to_verify(state: &State, listener: &Listener) -> Result<(), ApiError> {
    let most = state.limits.get(VERIFYING_LISTENERS);
    let others = state.listeners_of(&listener.balancer);
    let others = others.filter(|other| other.arn != listener.arn && other.verifies());
    if listener.verifies() && others.count() as u64 >= most {
        let message = format!(
            "You have reached the limit of {most} listeners that use mutual TLS verify mode per load balancer"
        );
        return Err(ApiError::new("TooManyListeners", message));
    }
    Ok(())
}

impl Listener {
    /// Whether it verifies client certificates.
    fn verifies(&self) -> bool {
        let mutual = self.mutual_authentication.as_ref();
        mutual.is_some_and(|mutual| mutual.mode.as_deref() == Some("verify"))
    }

    /// As answers have it.
    pub(super) fn told(&self, state: &State) -> Value {
        let default = state.rules_of(&self.arn).find(|rule| rule.priority.is_none());
        let certificates = self
            .certificates
            .first()
            .map(|arn| json!([{"CertificateArn": arn}]));
        tidy(json!({
            "ListenerArn": self.arn,
            "LoadBalancerArn": self.balancer,
            "Port": self.port,
            "Protocol": self.protocol,
            "Certificates": certificates,
            "SslPolicy": self.ssl_policy,
            "DefaultActions": default.map(|rule| &rule.actions),
            "MutualAuthentication": self.mutual_authentication,
            "AlpnPolicy": self.alpn.as_ref().map(|policy| json!([policy])),
        }))
    }

    /// Sets what only HTTPS listeners have, with its defaults.
    ///
    /// # Errors
    ///
    /// `ValidationError` when an HTTPS listener has no certificate.
    pub(super) fn secure(&mut self, security: Security) -> Result<(), ApiError> {
        if !is_secure(&self.protocol) {
            self.alpn = None;
            self.ssl_policy = None;
            self.certificates.clear();
            self.mutual_authentication = None;
            return Ok(());
        }
        if let Some(certificate) = security.certificate {
            match self.certificates.first_mut() {
                Some(default) => *default = certificate,
                None => self.certificates.push(certificate),
            }
        }
        if self.certificates.is_empty() {
            return Err(ApiError::validation(
                "A certificate must be specified for HTTPS and TLS listeners",
            ));
        }
        let former = self.ssl_policy.take();
        self.ssl_policy = security
            .ssl_policy
            .or(former)
            .or_else(|| Some(policies::DEFAULT.to_owned()));
        if self.protocol == "TLS" {
            self.mutual_authentication = None;
            let former = self.alpn.take();
            self.alpn = security.alpn.or(former);
            return Ok(());
        }
        self.alpn = None;
        let off = MutualAuthentication {
            mode: Some("off".to_owned()),
            ..MutualAuthentication::default()
        };
        let former = self.mutual_authentication.take();
        self.mutual_authentication = security.mutual_authentication.or(former).or(Some(off));
        Ok(())
    }
}

/// `API_CreateListener`: "If you attempt to create multiple listeners with the same settings, each call succeeds."
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let balancer = text(input, "LoadBalancerArn").unwrap_or_default();
    arn::check(balancer, "loadbalancer")?;
    let owner = account.elb.balancer(balancer)?.clone();
    let protocol = text(input, "Protocol")
        .ok_or_else(|| ApiError::validation("A listener protocol must be specified"))?;
    let port = number(input, "Port").and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| ApiError::validation("A listener port must be specified"))?;
    check_protocol(owner.kind, protocol)?;
    let mut listener = Listener {
        arn: String::new(),
        balancer: balancer.to_owned(),
        port,
        protocol: protocol.to_owned(),
        ssl_policy: None,
        certificates: Vec::new(),
        mutual_authentication: None,
        alpn: None,
        attributes: attributes::of_listener(protocol, &BTreeMap::new()),
        number: 0,
    };
    listener.secure(security(account, context, protocol, input)?)?;
    let labels = tags::read(input)?;
    let there = account
        .elb
        .listeners_of(balancer)
        .find(|there| there.port == port)
        .cloned();
    let default = there.as_ref().and_then(|there| {
        account
            .elb
            .rules_of(&there.arn)
            .find(|rule| rule.priority.is_none())
            .cloned()
    });
    let listening = Listening {
        balancer: &owner,
        protocol,
        port,
        // A listener that is there already uses its groups itself.
        replaced: default.as_ref().map(|rule| rule.arn.as_str()),
        source: None,
    };
    let actions = actions::read(&account.elb, list(input, "DefaultActions"), listening)?;
    if let Some(there) = there {
        let same = there.protocol == listener.protocol
            && there.ssl_policy == listener.ssl_policy
            && there.certificates.first() == listener.certificates.first()
            && there.mutual_authentication == listener.mutual_authentication
            && there.alpn == listener.alpn
            && default.is_some_and(|rule| rule.actions == actions)
            && account.elb.tags_of(&there.arn) == labels;
        if same {
            return Ok(json!({"Listeners": [there.told(&account.elb)]}));
        }
        let message = format!("A listener already exists on this port for this load balancer '{balancer}'");
        return Err(ApiError::new("DuplicateListener", message));
    }
    check_quic(&account.elb, &owner, ("", protocol))?;
    let most = account.elb.limits.get(match owner.kind {
        Kind::Application => "listeners-per-application-load-balancer",
        Kind::Network => "listeners-per-network-load-balancer",
    });
    if account.elb.listeners_of(balancer).count() as u64 >= most {
        let message = format!("You have reached the limit of {most} listeners per load balancer");
        return Err(ApiError::new("TooManyListeners", message));
    }
    room_to_verify(&account.elb, &listener)?;
    listener.number = account.elb.next();
    listener.arn = format!(
        "{}{}",
        arn::listeners_of(balancer),
        arn::id(context, listener.number)
    );
    let rule_number = account.elb.next();
    let rule = Rule {
        arn: format!(
            "{}{}",
            arn::rules_of(&listener.arn),
            arn::id(context, rule_number)
        ),
        priority: None,
        conditions: Vec::new(),
        actions,
        transforms: Vec::new(),
        number: rule_number,
    };
    if !labels.is_empty() {
        account.elb.tags.insert(listener.arn.clone(), labels);
    }
    account.elb.rules.insert(rule.arn.clone(), rule);
    account
        .elb
        .listeners
        .insert(listener.arn.clone(), listener.clone());
    account.elb.recount(balancer);
    surroundings::use_certificates(account, balancer);
    Ok(json!({"Listeners": [listener.told(&account.elb)]}))
}
