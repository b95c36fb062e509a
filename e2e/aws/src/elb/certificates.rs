//! Certificate lists of HTTPS listeners: `guide/https-listener-certificates`.

use super::balancer::Kind;
use super::limits::{CERTIFICATES, NETWORK_CERTIFICATES};
use super::{listener, page, surroundings};
use crate::error::ApiError;
use crate::input::{list, text};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The listener and the certificate of a call: "You can specify one certificate per call."
fn asked<'a>(account: &Account, input: &'a Value) -> Result<(&'a str, &'a Value), ApiError> {
    let arn = text(input, "ListenerArn").unwrap_or_default();
    listener::check(arn)?;
    if !listener::is_secure(&account.elb.listener(arn)?.protocol) {
        return Err(ApiError::validation(
            "Certificates can only be specified for HTTPS and TLS listeners",
        ));
    }
    match list(input, "Certificates") {
        [one] => Ok((arn, one)),
        _ => Err(ApiError::validation(
            "Exactly one certificate must be specified per call",
        )),
    }
}

/// `API_AddListenerCertificates`: "If the certificate in already in the certificate list, the call is successful but
/// the certificate is not added again."
pub(super) fn add(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (arn, one) = asked(account, input)?;
    let certificate = listener::certificate(account, context, one)?;
    let listener = account.elb.listener(arn)?;
    let balancer = listener.balancer.clone();
    let there = listener
        .certificates
        .iter()
        .skip(1)
        .any(|own| *own == certificate);
    if !there {
        // "Certificates per Application Load Balancer (not counting default certificates)".
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for listener in account.elb.listeners_of(&balancer) {
            all.extend(listener.certificates.iter().skip(1).map(String::as_str));
        }
        all.insert(&certificate);
        let most = account
            .elb
            .limits
            .get(match account.elb.balancer(&balancer)?.kind {
                Kind::Application => CERTIFICATES,
                Kind::Network => NETWORK_CERTIFICATES,
            });
        if all.len() as u64 > most {
            let message = format!("You have reached the limit of {most} certificates per load balancer");
            return Err(ApiError::new("TooManyCertificates", message));
        }
        account
            .elb
            .listener_mut(arn)?
            .certificates
            .push(certificate.clone());
        surroundings::use_certificates(account, &balancer);
    }
    Ok(json!({"Certificates": [{"CertificateArn": certificate, "IsDefault": false}]}))
}

/// `API_RemoveListenerCertificates`: the default certificate is replaced by `ModifyListener`, not removed here.
pub(super) fn remove(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (arn, one) = asked(account, input)?;
    let certificate = text(one, "CertificateArn").unwrap_or_default();
    let listener = account.elb.listener(arn)?;
    let balancer = listener.balancer.clone();
    let place = listener
        .certificates
        .iter()
        .skip(1)
        .position(|own| own == certificate);
    match place {
        Some(place) => {
            account.elb.listener_mut(arn)?.certificates.remove(place + 1);
        }
        None if listener
            .certificates
            .first()
            .is_some_and(|default| default == certificate) =>
        {
            return Err(ApiError::new(
                "OperationNotPermitted",
                "Default certificate cannot be removed",
            ));
        }
        None => {}
    }
    surroundings::use_certificates(account, &balancer);
    Ok(json!({}))
}

/// `API_DescribeListenerCertificates`: "If the default certificate is also in the certificate list, it appears twice
/// in the results (once with IsDefault set to true and once with IsDefault set to false)."
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "ListenerArn").unwrap_or_default();
    listener::check(arn)?;
    let certificates = account.elb.listener(arn)?.certificates.iter().enumerate();
    let told = certificates.map(|(index, arn)| json!({"CertificateArn": arn, "IsDefault": index == 0}));
    page::answer("Certificates", told.collect(), context, input)
}
