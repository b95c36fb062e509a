//! Trust stores: `guide/mutual-authentication`, `guide/configuring-mtls-with-elb`.

use super::{arn, page, tags};
use crate::error::ApiError;
use crate::input::{text, texts};
use crate::service::Context;
use crate::state::Account;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// "Trust stores per Region" and "CA certificates per trust store" (`guide/load-balancer-limits`).
const MOST: usize = 20;
const MOST_AUTHORITIES: usize = 25;

/// A trust store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrustStore {
    /// `Name`.
    pub name: String,
    /// The authorities, PEM: a copy, what becomes of the object in S3 does not matter.
    pub bundle: String,
    /// When it can be used, milliseconds since 1970.
    pub active_at: u64,
    number: u64,
}

impl TrustStore {
    /// `API_ModifyListener`: `TrustStoreNotReady`, "The specified trust store is not active".
    ///
    /// # Errors
    ///
    /// While it is being made.
    pub fn ready(&self, now: u64) -> Result<(), ApiError> {
        if now < self.active_at {
            return Err(ApiError::new(
                "TrustStoreNotReady",
                format!("Trust store '{}' is not active", self.name),
            ));
        }
        Ok(())
    }

    fn told(&self, arn: &str, now: u64) -> Value {
        json!({
            "Name": self.name,
            "TrustStoreArn": arn,
            "Status": if now < self.active_at { "CREATING" } else { "ACTIVE" },
            "NumberOfCaCertificates": authorities(&self.bundle).map_or(0, |all| all.len()),
            "TotalRevokedEntries": 0,
        })
    }
}

pub(super) fn missing(arn: &str) -> ApiError {
    ApiError::new("TrustStoreNotFound", format!("Trust store '{arn}' not found"))
}

/// The certificates of a bundle; none when it is no bundle.
fn authorities(bundle: &str) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(bundle.as_bytes())
        .collect::<Result<_, _>>()
        .ok()?;
    let read = all.iter().all(|der| X509Certificate::from_der(der).is_ok());
    (read && !all.is_empty()).then_some(all)
}

/// "The name must be unique per region and can't be changed after creation", 1 to 32 letters, digits and hyphens
/// (`API_CreateTrustStore`, pattern of `Name`: `^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`).
fn check_name(name: &str) -> Result<(), ApiError> {
    let parts = name
        .split('-')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if name.len() <= 32 && parts {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "'{name}' is not a valid trust store name"
    )))
}

/// `API_CreateTrustStore`.
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "Name").unwrap_or_default();
    check_name(name)?;
    let tags = tags::read(input)?;
    if account.elb.trust_stores.values().any(|store| store.name == name) {
        return Err(ApiError::new(
            "DuplicateTrustStoreName",
            format!("A trust store with the name '{name}' already exists"),
        ));
    }
    if account.elb.trust_stores.len() >= MOST {
        return Err(ApiError::new(
            "TooManyTrustStores",
            format!("You have reached the limit of {MOST} trust stores"),
        ));
    }
    let place = (
        text(input, "CaCertificatesBundleS3Bucket").unwrap_or_default(),
        text(input, "CaCertificatesBundleS3Key").unwrap_or_default(),
    );
    let bundle = account.s3.object(context, place).ok_or_else(|| {
        ApiError::new(
            "CaCertificatesBundleNotFound",
            format!(
                "The CA certificates bundle s3://{}/{} was not found",
                place.0, place.1
            ),
        )
    })?;
    let invalid = |why: &str| ApiError::new("InvalidCaCertificatesBundle", why.to_owned());
    let bundle = String::from_utf8(bundle).map_err(|_| invalid("The CA certificates bundle is not PEM"))?;
    let all = authorities(&bundle)
        .ok_or_else(|| invalid("The CA certificates bundle holds no valid certificates"))?;
    if all.len() > MOST_AUTHORITIES {
        return Err(invalid("The CA certificates bundle holds too many certificates"));
    }
    let number = account.elb.next();
    let arn = arn::trust_store(context, name, &arn::id(context, number));
    let store = TrustStore {
        name: name.to_owned(),
        bundle,
        active_at: context
            .now
            .saturating_add(context.settings.trust_store_creation_ms),
        number,
    };
    let told = store.told(&arn, context.now);
    account.elb.tags.insert(arn.clone(), tags);
    account.elb.trust_stores.insert(arn, store);
    Ok(json!({"TrustStores": [told]}))
}

/// `API_DescribeTrustStores`.
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (arns, names) = (texts(input, "TrustStoreArns"), texts(input, "Names"));
    for wanted in &arns {
        arn::check(wanted, "truststore")?;
        account.elb.trust_store(wanted).ok_or_else(|| missing(wanted))?;
    }
    let stores = &account.elb.trust_stores;
    for wanted in &names {
        if !stores.values().any(|store| store.name == *wanted) {
            return Err(missing(wanted));
        }
    }
    let all = arns.is_empty() && names.is_empty();
    let mut found: Vec<(&String, &TrustStore)> = stores
        .iter()
        .filter(|(arn, store)| all || arns.contains(&arn.as_str()) || names.contains(&store.name.as_str()))
        .collect();
    found.sort_by_key(|(_, store)| store.number);
    let told = found.into_iter().map(|(arn, store)| store.told(arn, context.now));
    page::answer("TrustStores", told.collect(), context, input)
}

/// `API_DeleteTrustStore`: `TrustStoreInUse`, "The specified trust store is currently in use".
pub(super) fn delete(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let wanted = text(input, "TrustStoreArn").unwrap_or_default();
    arn::check(wanted, "truststore")?;
    account.elb.trust_store(wanted).ok_or_else(|| missing(wanted))?;
    let used = account.elb.listeners.values().any(|listener| {
        let mutual = listener.mutual_authentication.as_ref();
        mutual.and_then(|mutual| mutual.trust_store_arn.as_deref()) == Some(wanted)
    });
    if used {
        return Err(ApiError::new(
            "TrustStoreInUse",
            format!("Trust store '{wanted}' is currently in use by a listener"),
        ));
    }
    account.elb.trust_stores.remove(wanted);
    account.elb.tags.remove(wanted);
    Ok(json!({}))
}
