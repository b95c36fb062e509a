//! Bundles of certificate authorities.

use super::error::AuthorityError;
use super::pem;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Certificates of one bundle in DER, sorted and without duplicates.
pub type CaBundle = Vec<Arc<[u8]>>;

/// Reads `ca.crt` of a ConfigMap (Core support, `BackendTLSPolicyValidation.caCertificateRefs`).
///
/// # Errors
/// [`AuthorityError`]; the reference is invalid then.
pub fn from_config_map(object: &ConfigMap) -> Result<CaBundle, AuthorityError> {
    let text = object
        .data
        .as_ref()
        .and_then(|data| data.get("ca.crt"))
        .map(String::as_bytes);
    let bytes = object
        .binary_data
        .as_ref()
        .and_then(|data| data.get("ca.crt"))
        .map(|bytes| bytes.0.as_slice());
    read(&describe("ConfigMap", &object.metadata), "ca.crt", text.or(bytes))
}

/// Reads `ca.crt` of a Secret (implementation-specific support, as most implementations offer).
///
/// # Errors
/// [`AuthorityError`]; the reference is invalid then.
pub fn from_secret(object: &Secret) -> Result<CaBundle, AuthorityError> {
    let text = object
        .string_data
        .as_ref()
        .and_then(|data| data.get("ca.crt"))
        .map(String::as_bytes);
    let bytes = object
        .data
        .as_ref()
        .and_then(|data| data.get("ca.crt"))
        .map(|bytes| bytes.0.as_slice());
    read(&describe("Secret", &object.metadata), "ca.crt", text.or(bytes))
}

/// Reads `spec.trustBundle` of a ClusterTrustBundle (GEP-5075): empty or unparsable is invalid.
///
/// # Errors
/// [`AuthorityError`]; the reference is invalid then.
pub fn from_cluster_trust_bundle(name: &str, trust_bundle: &str) -> Result<CaBundle, AuthorityError> {
    read(
        &format!("ClusterTrustBundle {name}"),
        "spec.trustBundle",
        Some(trust_bundle.as_bytes()),
    )
}

fn describe(kind: &str, metadata: &ObjectMeta) -> String {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    format!("{kind} {namespace}/{name}")
}

fn read(object: &str, key: &'static str, text: Option<&[u8]>) -> Result<CaBundle, AuthorityError> {
    let Some(text) = text.filter(|text| !text.trim_ascii().is_empty()) else {
        return Err(AuthorityError::Missing {
            object: object.to_owned(),
            key,
        });
    };
    if text.len() > pem::MAX_BYTES {
        let (object, found) = (object.to_owned(), text.len());
        return Err(AuthorityError::TooLarge {
            object,
            key,
            found,
            limit: pem::MAX_BYTES,
        });
    }
    let malformed = |why: String| AuthorityError::Malformed {
        object: object.to_owned(),
        key,
        why,
    };
    let mut bundle = pem::certificates(text).map_err(malformed)?;
    for (at, der) in bundle.iter().enumerate() {
        match X509Certificate::from_der(der) {
            Ok(([], _)) => {}
            Ok(_) => {
                return Err(malformed(format!(
                    "has bytes after certificate {} in its block",
                    at + 1
                )));
            }
            Err(error) => {
                return Err(malformed(format!(
                    "has no X.509 certificate in block {} ({error})",
                    at + 1
                )));
            }
        }
    }
    bundle.sort();
    bundle.dedup();
    Ok(bundle)
}
