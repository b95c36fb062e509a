//! Importing certificates, for the first time and again in place.
//!
//! Rules and codes: [ImportCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_ImportCertificate.html)
//! (`InvalidParameterException`, `LimitExceededException`, `ResourceNotFoundException`), what is looked at in a
//! certificate: `inspect`. Which code a broken rule answers is not said there: `InvalidParameterException`,
//! "An input parameter was invalid."

use super::inspect::{Facts, Material, inspect, invalid};
use super::{Certificate, Origin, Secret, named_arn, not_found, tags};
use crate::error::ApiError;
use crate::input::{list, text};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn blob(input: &Value, member: &str) -> Result<Option<Vec<u8>>, ApiError> {
    text(input, member)
        .map(|encoded| STANDARD.decode(encoded))
        .transpose()
        .map_err(|_| invalid(format!("{member} is not base64")))
}

fn pem(bytes: &[u8]) -> Result<String, ApiError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| invalid("PEM is not text"))
}

/// [ImportCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_ImportCertificate.html), and
/// again for the same certificate by the rules of
/// [reimporting](https://docs.aws.amazon.com/acm/latest/userguide/import-reimport.html).
pub fn import(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let certificate = blob(input, "Certificate")?.unwrap_or_default();
    let key = blob(input, "PrivateKey")?.unwrap_or_default();
    let chain = blob(input, "CertificateChain")?;
    let new_tags = tags::parse(list(input, "Tags"))?;
    let again = match text(input, "CertificateArn") {
        None => None,
        Some(_) => {
            let arn = named_arn(context, input)?;
            let old = account.acm.certificate(arn).ok_or_else(|| not_found(arn))?;
            // "The Amazon Resource Name (ARN) of an imported certificate to replace."
            if old.origin != Origin::Imported {
                return Err(invalid(format!("The certificate {arn} is not an imported one.")));
            }
            // "You cannot apply tags when reimporting a certificate."
            if !new_tags.is_empty() {
                return Err(invalid(
                    "Tagging is not permitted on re-import. Please use AddTagsToCertificate instead.",
                ));
            }
            Some(old.clone())
        }
    };
    let facts = inspect(
        &Material {
            certificate: &certificate,
            key: &key,
            chain: chain.as_deref(),
        },
        context.now,
    )?;
    let (certificate, key) = (pem(&certificate)?, Secret(pem(&key)?));
    let chain = chain.as_deref().map(pem).transpose()?.unwrap_or_default();
    let state = &mut account.acm;
    if let Some(old) = again {
        replaceable(&old.facts, &facts)?;
        let arn = old.arn.clone();
        state.certificates.insert(
            arn.clone(),
            Certificate {
                facts,
                certificate,
                chain,
                key,
                imported: Some(context.now),
                ..old
            },
        );
        // Load balancers that use it show the new one.
        let users: Vec<String> = state.used_by(&arn).into_iter().map(str::to_owned).collect();
        users.iter().for_each(|user| {
            account.elb.renew(user);
            account.lattice.renew(user);
        });
        return Ok(json!({"CertificateArn": arn}));
    }
    let imported = |certificate: &&Certificate| certificate.origin == Origin::Imported;
    let count = state.certificates.values().filter(imported).count() as u64;
    // `LimitExceededException`: "An ACM quota has been exceeded."
    if count >= account.quotas.value(quotas::IMPORTED_CERTIFICATES) {
        return Err(ApiError::new(
            "LimitExceededException",
            "You have reached the maximum number of imported certificates.",
        ));
    }
    let (arn, number) = state.next_arn(context);
    state.certificates.insert(
        arn.clone(),
        Certificate {
            arn: arn.clone(),
            origin: Origin::Imported,
            facts,
            certificate,
            chain,
            key,
            number,
            created: context.now,
            imported: Some(context.now),
            forced: None,
            tags: new_tags,
        },
    );
    Ok(json!({"CertificateArn": arn}))
}

/// What an imported certificate can be replaced by
/// (<https://docs.aws.amazon.com/acm/latest/userguide/import-reimport.html>). The extended usage for clients may go, as
/// authorities do not give it any more.
fn replaceable(old: &Facts, new: &Facts) -> Result<(), ApiError> {
    if old.key_algorithm != new.key_algorithm {
        return Err(invalid(format!(
            "The key type and size of a certificate cannot be changed on re-import: it has {}, not {}.",
            old.key_algorithm, new.key_algorithm
        )));
    }
    if let Some(gone) = old
        .key_usages
        .iter()
        .find(|usage| !new.key_usages.contains(usage))
    {
        return Err(invalid(format!(
            "The key usage {gone} cannot be removed on re-import."
        )));
    }
    let gone = old
        .extended_usages
        .iter()
        .filter(|(name, _)| name != "TLS_WEB_CLIENT_AUTHENTICATION")
        .find(|usage| !new.extended_usages.contains(usage));
    if let Some((name, oid)) = gone {
        return Err(invalid(format!(
            "The extended key usage {name} ({oid}) cannot be removed on re-import."
        )));
    }
    Ok(())
}
