//! Listeners.

use super::action;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Arn, Clients, Listener, ListenerTls};

/// Protocol as the SDK takes it.
pub(in crate::cloud) const fn protocol(tls: Option<&ListenerTls>) -> sdk::ProtocolEnum {
    if tls.is_some() {
        sdk::ProtocolEnum::Https
    } else {
        sdk::ProtocolEnum::Http
    }
}

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
    let tls = match listener.protocol() {
        Some(sdk::ProtocolEnum::Http) => None,
        Some(sdk::ProtocolEnum::Https) => Some(ListenerTls {
            policy: listener.ssl_policy().unwrap_or_default().into(),
            certificate: Arn(default_certificate(listener).unwrap_or_default().into()),
            clients: clients(listener.mutual_authentication()).ok_or("MutualAuthentication")?,
        }),
        _ => return Err("Protocol"),
    };
    Ok(Listener {
        arn: Arn(listener.listener_arn().ok_or("ListenerArn")?.into()),
        port: listener
            .port()
            .and_then(|port| u16::try_from(port).ok())
            .ok_or("Port")?,
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
