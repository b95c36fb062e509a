//! Certificates that are imported.

use super::{CERTIFICATE, Note, Phase, Planner, change, resource};
use crate::cloud::Arn;
use crate::lattice::cloud::Kind;
use crate::lattice::step::{Call, Id};
use crate::owner::{FINGERPRINT, RESOURCE, Tags};
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Import};
use gatewright_provider_api::contract::Resource;
use std::collections::BTreeSet;

impl Planner<'_> {
    pub(super) fn certificates(&mut self) {
        let target = self.target;
        let mut wanted = BTreeSet::new();
        for (id, certificate) in &target.certificates {
            match certificate {
                Certificate::Existing => {
                    if let CertificateId::Arn(arn) = id {
                        self.exists(Id::Certificate(id.clone()), &Arn(arn.clone()));
                    }
                }
                Certificate::Import(import) => wanted.extend(self.import(id, import)),
            }
        }
        let observed = self.observed;
        for (arn, tags) in &observed.certificates {
            let used = observed
                .services
                .values()
                .any(|seen| seen.service.certificate.as_ref() == Some(arn));
            // What a service still shows goes when it shows another.
            if !wanted.contains(arn) && !used {
                let note = Note::delete(seen_resource(arn, tags), "no service shows it");
                self.delete(note, (Kind::Certificate, arn));
            }
        }
    }

    /// The one that exists, if any.
    fn import(&mut self, id: &CertificateId, import: &Import) -> Option<Arn> {
        let of = of(id);
        let mut tags = self.owner.tags(&of.id, &self.target.tags);
        tags.insert(FINGERPRINT.into(), import.fingerprint.clone());
        let named = tags.get(RESOURCE).cloned();
        let mut same = self
            .observed
            .certificates
            .iter()
            .filter(|(_, seen)| seen.get(RESOURCE) == named.as_ref());
        let is_current = |seen: &Tags| seen.get(FINGERPRINT) == Some(&import.fingerprint);
        // A second one of the same Secret is left of an import whose answer was lost, or of a key of another kind.
        let current = same.clone().find(|(_, seen)| is_current(seen));
        let Some((arn, seen)) = current.or_else(|| same.next()) else {
            self.push(
                Phase::Build,
                Note::create(of, "a service shows it"),
                Call::Import {
                    id: id.clone(),
                    over: None,
                    import: import.clone(),
                    tags,
                },
            );
            return None;
        };
        self.exists(Id::Certificate(id.clone()), arn);
        if !is_current(seen) {
            let differs = change("fingerprint", seen.get(FINGERPRINT), Some(&import.fingerprint));
            self.push(
                Phase::Build,
                Note::update(of.clone(), vec![differs], "the Secret has another one"),
                Call::Import {
                    id: id.clone(),
                    over: Some(arn.clone()),
                    import: import.clone(),
                    tags: tags.clone(),
                },
            );
            // The import writes it.
            tags.remove(FINGERPRINT);
        }
        self.compare_tags((Kind::Certificate, arn), &of, seen, &tags);
        Some(arn.clone())
    }
}

/// How a certificate is called in changes.
pub(super) fn of(id: &CertificateId) -> Resource {
    match id {
        CertificateId::Imported(key) => resource(CERTIFICATE, key.to_string()),
        CertificateId::Arn(arn) => resource(CERTIFICATE, arn.clone()),
    }
}

/// How one that exists is called when it goes.
pub(super) fn seen_resource(arn: &Arn, tags: &Tags) -> Resource {
    let what = tags.get(RESOURCE).map_or("", |what| what);
    resource(CERTIFICATE, format!("{what} ({arn})"))
}
