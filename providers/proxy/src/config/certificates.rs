//! Certificates of one load balancer, loaded.

use super::Refusals;
use super::diff::{Change, changes};
use crate::tls::certificates::{self, CertificateSet};
use crate::tls::upstream::ClientIdentity;
use gatewright_model::LoadBalancer;
use gatewright_model::certificate::Certificate;
use gatewright_model::key::CertificateKey;
use rustls::sign::CertifiedKey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A certificate that can sign.
#[derive(Clone, Debug)]
struct Loaded {
    model: Arc<Certificate>,
    key: Arc<CertifiedKey>,
}

/// Usable certificates by key; where the newest cannot be used, the last good one.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    loaded: BTreeMap<CertificateKey, Loaded>,
    /// Why the newest form of a certificate is not in use.
    faults: BTreeMap<CertificateKey, String>,
}

impl Certificates {
    /// Loads what changed. Answers the keys whose certificate in use is another one now.
    pub(super) fn update(
        &mut self,
        old: Option<&LoadBalancer>,
        new: &LoadBalancer,
    ) -> BTreeSet<CertificateKey> {
        let mut touched = BTreeSet::new();
        for change in changes(old.map(|old| &old.certificates), &new.certificates) {
            match change {
                Change::Added(key, model) | Change::Changed(key, model) => match certificates::load(model) {
                    Ok(loaded) => {
                        self.faults.remove(key);
                        self.loaded.insert(
                            key.clone(),
                            Loaded {
                                model: Arc::clone(model),
                                key: loaded,
                            },
                        );
                        touched.insert(key.clone());
                    }
                    Err(error) => {
                        self.faults.insert(key.clone(), error.to_string());
                    }
                },
                Change::Removed(key, _) => {
                    self.faults.remove(key);
                    self.loaded.remove(key);
                    touched.insert(key.clone());
                }
            }
        }
        touched
    }

    /// Says what is not in use and why.
    pub(super) fn report(&self, refusals: &mut Refusals) {
        for (key, fault) in &self.faults {
            let kept = if self.loaded.contains_key(key) {
                "; its last good form stays in use"
            } else {
                ""
            };
            refusals.add(key, format_args!("{fault}{kept}"));
        }
    }

    /// The usable ones among a listener's certificates.
    pub(super) fn set<'a>(&self, keys: impl IntoIterator<Item = &'a CertificateKey>) -> CertificateSet {
        let found: Vec<&Loaded> = keys.into_iter().filter_map(|key| self.loaded.get(key)).collect();
        CertificateSet::new(
            found
                .into_iter()
                .map(|loaded| (&*loaded.model, Arc::clone(&loaded.key))),
        )
    }

    /// A certificate to show to backends.
    pub(super) fn client(&self, key: &CertificateKey) -> Option<ClientIdentity> {
        self.loaded.get(key).map(|loaded| ClientIdentity {
            fingerprint: Arc::clone(&loaded.model.fingerprint),
            key: Arc::clone(&loaded.key),
        })
    }
}
