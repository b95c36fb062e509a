//! Listeners.

use super::action;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Arn, Clients, Listener, ListenerTls};
use gatewright_aws_core::alb::listener::Transport;

/// Protocol as the SDK takes it.
pub(in crate::cloud) fn protocol(transport: Transport, tls: Option<&ListenerTls>) -> sdk::ProtocolEnum {
    transport.protocol(tls.is_some()).into()
}

/// ALPN policies as the SDK takes them: `None` stands for none, and of other listeners there is none to name.
pub(in crate::cloud) fn alpn(transport: Transport, tls: &ListenerTls) -> Option<Vec<String>> {
    let policy = tls.alpn.as_deref().unwrap_or(NO_ALPN);
    (!transport.is_http()).then(|| vec![policy.to_owned()])
}

/// `AlpnPolicy` without negotiation.
const NO_ALPN: &str = "None";

/// A certificate as the SDK takes it.
pub(in crate::cloud) fn certificate(arn: &Arn) -> sdk::Certificate {
    sdk::Certificate::builder().certificate_arn(&*arn.0).build()
}

/// Mutual authentication as the SDK takes it.
pub(in crate::cloud) fn clients_to_sdk(clients: &Clients) -> sdk::MutualAuthenticationAttributes {
    let attributes = sdk::MutualAuthenticationAttributes::builder();
    match clients {
        Clients::Off => attributes.mode("off"),
        Clients::Passthrough => attributes.mode("passthrough"),
        Clients::Verify {
            trust_store,
            ignore_expiry,
            advertise,
        } => attributes
            .mode("verify")
            .trust_store_arn(&*trust_store.0)
            .ignore_client_certificate_expiry(*ignore_expiry)
            .advertise_trust_store_ca_names(if *advertise {
                sdk::AdvertiseTrustStoreCaNamesEnum::On
            } else {
                sdk::AdvertiseTrustStoreCaNamesEnum::Off
            }),
    }
    .build()
}

/// A listener that AWS describes, or which of its fields we cannot read.
pub(in crate::cloud) fn from_sdk(listener: &sdk::Listener) -> Result<Listener, &'static str> {
    let protocol = listener.protocol().map(sdk::ProtocolEnum::as_str);
    let (transport, terminates) = protocol.and_then(Transport::of).ok_or("Protocol")?;
    let tls = if terminates {
        Some(ListenerTls {
            policy: listener.ssl_policy().unwrap_or_default().into(),
            certificate: Arn(default_certificate(listener).unwrap_or_default().into()),
            alpn: listener
                .alpn_policy()
                .first()
                .filter(|policy| **policy != NO_ALPN)
                .map(|policy| policy.as_str().into()),
            clients: clients(listener.mutual_authentication()).ok_or("MutualAuthentication")?,
        })
    } else {
        None
    };
    Ok(Listener {
        arn: Arn(listener.listener_arn().ok_or("ListenerArn")?.into()),
        port: listener
            .port()
            .and_then(|port| u16::try_from(port).ok())
            .ok_or("Port")?,
        transport,
        tls,
        default: action::from_sdk(listener.default_actions()),
    })
}

/// `DescribeListeners` gives the default certificate alone.
fn default_certificate(listener: &sdk::Listener) -> Option<&str> {
    listener.certificates().first()?.certificate_arn()
}

fn clients(attributes: Option<&sdk::MutualAuthenticationAttributes>) -> Option<Clients> {
    let Some(attributes) = attributes else {
        return Some(Clients::Off);
    };
    match attributes.mode() {
        None | Some("off") => Some(Clients::Off),
        Some("passthrough") => Some(Clients::Passthrough),
        Some("verify") => Some(Clients::Verify {
            trust_store: Arn(attributes.trust_store_arn()?.into()),
            ignore_expiry: attributes.ignore_client_certificate_expiry().unwrap_or_default(),
            advertise: attributes.advertise_trust_store_ca_names()
                == Some(&sdk::AdvertiseTrustStoreCaNamesEnum::On),
        }),
        Some(_) => None,
    }
}
