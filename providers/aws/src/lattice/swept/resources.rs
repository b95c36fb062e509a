//! Quotas, tags and searches by them, certificates.

use super::Swept;
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Kind, Lattice, Resources, Tagged};
use crate::owner::{CLUSTER, GATEWAY, Tags};
use crate::swept::certificates::{is_same, lately};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::lattice::settings::Limits;
use std::collections::BTreeSet;
use std::time::Duration;

/// Resources of a page of `GetResources`.
const PAGE: usize = 100;

impl<C: Lattice> Swept<C> {
    /// Searches for what is this cluster's, unless that was done.
    pub(super) async fn search(&self, kind: Kind) -> Answer<()> {
        let _one = self.0.searching.lock().await;
        if self.known(|known| known.is_searched(kind)) {
            return Ok(());
        }
        let ticket = self.known(|known| known.ticket());
        let found = self.0.cloud.find_marked(kind, &self.marks()).await?;
        self.count(found.len() / PAGE + 1);
        self.known(|known| known.searched(kind, found, ticket));
        Ok(())
    }
}

impl<C: Lattice> Swept<C> {
    /// A certificate with such tags that is too new for searches by tags.
    async fn imported(&self, tags: &Tags) -> Answer<Option<Arn>> {
        let lag = self.known(|known| known.lag());
        for arn in self.imported_within(lately(lag)).await? {
            if self.known(|known| known.is_judged(&arn)) {
                continue;
            }
            let Some(found) = self.imported_tags(&arn).await? else {
                continue;
            };
            if is_same(&found, tags) {
                self.known(|known| known.made(Kind::Certificate, &arn, &found));
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }
}

impl<C: Lattice> Resources for Swept<C> {
    /// An account keeps them for some minutes.
    async fn lattice_limits(&self) -> Answer<Limits> {
        self.0.cloud.lattice_limits().await
    }

    fn lattice_pace(&self) -> f64 {
        self.0.cloud.lattice_pace()
    }

    async fn find_marked(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        if marks.get(CLUSTER) != Some(&self.0.mark) {
            self.count(1);
            return self.0.cloud.find_marked(kind, marks).await;
        }
        self.search(kind).await?;
        Ok(self.known(|known| known.found(kind, marks)))
    }

    /// Asked of what has a name that is wanted: what turns out to be a Gateway's of this cluster is found from then on.
    async fn tags_of(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.count(1);
        let found = self.0.cloud.tags_of(arn).await?;
        let ours = found
            .as_ref()
            .filter(|tags| tags.get(CLUSTER) == Some(&self.0.mark) && tags.contains_key(GATEWAY));
        if let (Some(tags), Some(kind)) = (ours, kind_of(arn)) {
            self.known(|known| known.made(kind, arn, tags));
        }
        Ok(found)
    }

    async fn tag(&self, kind: Kind, arn: &Arn, tags: &Tags) -> Answer<()> {
        let heard = self.unheard(kind);
        let answer = self.write(arn, |_| {}, self.0.cloud.tag(kind, arn, tags)).await;
        heard.answer();
        answer?;
        self.known(|known| known.retagged(kind, arn, |found| found.extend(tags.clone())));
        Ok(())
    }

    async fn untag(&self, kind: Kind, arn: &Arn, keys: &BTreeSet<Str>) -> Answer<()> {
        let heard = self.unheard(kind);
        let answer = self.write(arn, |_| {}, self.0.cloud.untag(kind, arn, keys)).await;
        heard.answer();
        answer?;
        self.known(|known| known.retagged(kind, arn, |found| found.retain(|key, _| !keys.contains(key))));
        Ok(())
    }

    async fn imported_within(&self, age: Duration) -> Answer<Vec<Arn>> {
        self.count(1);
        self.0.cloud.imported_within(age).await
    }

    async fn imported_tags(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.count(1);
        self.0.cloud.imported_tags(arn).await
    }

    /// AWS makes another one each time. So one that is there is looked for before, which a search does not show yet: the
    /// answer was lost, or the process before ended, or another call failed and what was known is doubtful.
    async fn import(&self, over: Option<&Arn>, import: &Import, tags: &Tags) -> Answer<Arn> {
        if over.is_none()
            && let Some(arn) = self.imported(tags).await?
        {
            return Ok(arn);
        }
        let write = self.0.cloud.import(over, import, tags);
        match over {
            None => self.make(Kind::Certificate, tags, write).await,
            Some(over) => self.write(over, |_| {}, write).await,
        }
    }

    async fn delete_imported(&self, arn: &Arn) -> Answer<()> {
        let heard = self.unheard(Kind::Certificate);
        let answer = self.write(arn, |_| {}, self.0.cloud.delete_imported(arn)).await;
        heard.answer();
        answer?;
        self.known(|known| known.deleted(arn));
        Ok(())
    }
}

/// What an ARN is of
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonvpclattice.html#amazonvpclattice-resources-for-iam-policies>).
fn kind_of(arn: &Arn) -> Option<Kind> {
    let resource = arn.0.splitn(6, ':').nth(5)?;
    let (kind, id) = resource.split_once('/')?;
    match kind {
        "servicenetwork" => Some(Kind::Network),
        "service" if !id.contains('/') => Some(Kind::Service),
        "targetgroup" => Some(Kind::TargetGroup),
        "certificate" => Some(Kind::Certificate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_tell_what_they_are_of() {
        let of = |resource: &str| {
            kind_of(&Arn(
                format!("arn:aws:vpc-lattice:r:123456789012:{resource}").into()
            ))
        };
        assert_eq!(of("servicenetwork/sn-1"), Some(Kind::Network));
        assert_eq!(of("service/svc-1"), Some(Kind::Service));
        assert_eq!(of("service/svc-1/listener/listener-1"), None);
        assert_eq!(of("targetgroup/tg-1"), Some(Kind::TargetGroup));
        assert_eq!(of("servicenetworkvpcassociation/snva-1"), None);
    }
}
