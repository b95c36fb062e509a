//! Certificates and trust bundles: what a Secret, ConfigMap or ClusterTrustBundle holds, checked.
//!
//! Everything here is a pure function of the object's contents. Faults are typed
//! ([`CertificateError`], [`AuthorityError`]) so that the caller picks the condition reason that the
//! referring object documents; their text goes into the condition's message and never holds key
//! material.

mod authority;
mod error;
mod key;
mod overlap;
mod pem;
mod server;

pub use authority::{CaBundle, from_cluster_trust_bundle, from_config_map, from_secret};
pub use error::{AuthorityError, CertificateError, KeyError};
pub use overlap::{Overlap, OverlapKind, TlsHost, overlapping};
pub use server::{CheckedCertificate, Warning, check};

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
