//! Client certificates of a port (`Gateway.spec.tls.frontend`, GEP-91) as `MutualAuthentication`.
//!
//! - `AllowValidOnly` is `verify` with a trust store of the authorities.
//! - `AllowInsecureFallback` is `passthrough`: clients are asked for a certificate, and whatever they show, or nothing,
//!   they come in; targets get it in a header.
//! - Without either it is what the parameters say.
//!
//! One `MutualAuthentication` is for the whole port, as `spec.tls.frontend` is. Where it cannot be as the Gateway asks,
//! nobody may come in unasked: nothing listens.

use super::certificates::pem;
use super::context::Context;
use super::listener::Shared;
use super::ports::{Port, place};
use super::report::Consequence;
use crate::alb::listener::{MutualAuthentication, Verification};
use crate::alb::settings::{ClientCertificates, PortSettings};
use crate::names;
use crate::trust_store::{FOLDER, Place, TrustStore, TrustStoreId};
use gatewright_model::certificate::TrustAnchors;
use gatewright_model::listener::{ClientValidation, ClientValidationMode, ListenerTls};
use gatewright_provider_api::Feature;
use gatewright_provider_api::support::USE_SOFTWARE;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// Bytes of a fingerprint that its name shows.
const SHORT: usize = 16;

/// Clients of this port cannot be treated as the Gateway asks, which is reported.
#[derive(Debug)]
pub(super) struct Closed;

/// What is done with client certificates of a port; none when they are not asked for.
pub(super) fn clients(
    port: &Port<'_>,
    settings: &PortSettings,
    context: &Context<'_>,
    shared: &mut Shared<'_>,
) -> Result<Option<MutualAuthentication>, Closed> {
    let Some(validation) = validation(port) else {
        return by_parameters(port, settings, context, shared);
    };
    if validation.mode == ClientValidationMode::AllowInsecureFallback {
        for member in &port.listeners {
            let place = place(member.listener, Consequence::ListenerLeftOut).at(".tls");
            if shared
                .report
                .uses(Feature::ClientValidationFallback, &place)
                .is_refused()
            {
                return Err(Closed);
            }
        }
        return Ok(Some(MutualAuthentication::Passthrough));
    }
    let TrustAnchors::Certificates(authorities) = &validation.trust else {
        return Err(close(
            port,
            shared,
            ("an ALB has no authorities of its own", USE_SOFTWARE),
        ));
    };
    let most = context.surroundings.limits.authorities_per_trust_store as usize;
    if authorities.len() > most {
        let why = format!(
            "a trust store has at most {most} authorities, and {} are asked for",
            authorities.len()
        );
        return Err(close(port, shared, (&why, "name fewer authorities")));
    }
    let Some(bucket) = &context.settings.trust_store_bucket else {
        let why = "the authorities of clients are put into a trust store, whose bundle has to lie in S3";
        let instead = "name a bucket in trustStoreBucket of AwsLoadBalancerParameters";
        return Err(close(port, shared, (why, instead)));
    };
    room(port, context, shared)?;
    let fingerprint = fingerprint(authorities);
    let id = TrustStoreId::Made(fingerprint.as_str().into());
    let settings_of = context.settings;
    let gateway = &context.balancer.gateway;
    let key = format!(
        "{FOLDER}/{}/{}/{}/{fingerprint}.pem",
        settings_of.cluster, gateway.namespace, gateway.name
    );
    shared
        .trust_stores
        .entry(id.clone())
        .or_insert_with(|| TrustStore {
            name: names::trust_store(&settings_of.cluster, gateway, &fingerprint),
            place: Place {
                bucket: bucket.clone(),
                key: key.into(),
            },
            bundle: authorities
                .iter()
                .map(|der| pem("CERTIFICATE", der))
                .collect::<String>()
                .into(),
        });
    Ok(Some(verify(id, settings)))
}

fn verify(store: TrustStoreId, settings: &PortSettings) -> MutualAuthentication {
    MutualAuthentication::Verify(Verification {
        store,
        ignore_expiry: settings.ignore_client_expiry,
        advertise: settings.advertise_authorities,
    })
}

/// The validation of a port: all its listeners have the same (`spec.tls.frontend` is by port).
fn validation<'a>(port: &Port<'a>) -> Option<&'a ClientValidation> {
    port.listeners
        .iter()
        .find_map(|member| match &member.listener.tls {
            Some(ListenerTls::Terminate(tls)) => tls.client_validation.as_deref(),
            _ => None,
        })
}

fn by_parameters(
    port: &Port<'_>,
    settings: &PortSettings,
    context: &Context<'_>,
    shared: &mut Shared<'_>,
) -> Result<Option<MutualAuthentication>, Closed> {
    match &settings.clients {
        ClientCertificates::Off => Ok(None),
        ClientCertificates::Passthrough => Ok(Some(MutualAuthentication::Passthrough)),
        ClientCertificates::Verify(arn) => {
            room(port, context, shared)?;
            Ok(Some(verify(TrustStoreId::Arn(arn.clone()), settings)))
        }
    }
}

/// "Number of listeners using mutual TLS verify mode per Application Load Balancer" (load-balancer-limits).
fn room(port: &Port<'_>, context: &Context<'_>, shared: &mut Shared<'_>) -> Result<(), Closed> {
    let most = context.surroundings.limits.verifying_listeners;
    if shared.verifying >= most {
        let why = format!(
            "a load balancer checks the client certificates of at most {most} ports, and ports before this one take them"
        );
        return Err(close(port, shared, (&why, "use another Gateway for the port")));
    }
    shared.verifying += 1;
    Ok(())
}

fn close(port: &Port<'_>, shared: &mut Shared<'_>, (why, instead): (&str, &str)) -> Closed {
    for member in &port.listeners {
        let place = place(member.listener, Consequence::ListenerLeftOut).at(".tls");
        let _ = shared.report.refuse(&place, why, instead);
    }
    Closed
}

/// SHA-256 over all authorities, shortened.
fn fingerprint(authorities: &[Arc<[u8]>]) -> String {
    let mut hasher = Sha256::new();
    for der in authorities {
        hasher.update((der.len() as u64).to_be_bytes());
        hasher.update(der);
    }
    let mut text = String::with_capacity(2 * SHORT);
    for byte in hasher.finalize().iter().take(SHORT) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
