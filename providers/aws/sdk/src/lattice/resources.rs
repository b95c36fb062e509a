//! What all kinds of resources have: quotas, tags, and certificates of ACM.

use super::convert::{seen_tags, tags, texts};
use super::{LATTICE, existing};
use crate::Account;
use crate::calls::Service as Of;
use crate::cloud::failed;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use gatewright_aws::cloud;
use gatewright_aws::cloud::{Answer, Arn, Certificates as _, Tagging as _};
use gatewright_aws::lattice::cloud::{Kind, Resources, Tagged};
use gatewright_aws::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::lattice::settings::Limits;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Quotas change when somebody asks AWS for it.
const LIMITS_LAST: Duration = Duration::from_secs(300);

/// How the tagging API calls a kind, and how ARNs of it continue after account and colon.
const fn listed(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Network => Some(("vpc-lattice:servicenetwork", "servicenetwork/")),
        Kind::Service => Some(("vpc-lattice:service", "service/")),
        Kind::TargetGroup => Some(("vpc-lattice:targetgroup", "targetgroup/")),
        Kind::Certificate => None,
    }
}

impl Resources for Account {
    fn lattice_pace(&self) -> f64 {
        self.lattice_pace
    }

    /// By their names: codes are not documented. What is not told keeps its default.
    async fn lattice_limits(&self) -> Answer<Limits> {
        // Held while reading: who else asks meanwhile wants the same answer.
        let mut cached = self.lattice_limits.0.lock().await;
        if let Some((at, limits)) = &*cached
            && at.elapsed() < LIMITS_LAST
        {
            return Ok(limits.clone());
        }
        let mut limits = Limits::default();
        for quota in self.quotas().list("vpc-lattice").await? {
            // Whole numbers below 2^32 alone are quotas of these.
            let value = quota.value.clamp(0.0, f64::from(u32::MAX)) as u32;
            match quota.quota_name.to_ascii_lowercase().as_str() {
                "rules per listener" => limits.rules = value,
                "listeners per service" => limits.listeners = value,
                "targets per target group" => limits.targets = value,
                "services per service network" => limits.services = value,
                _ => {}
            }
        }
        *cached = Some((Instant::now(), limits.clone()));
        Ok(limits)
    }

    async fn find_marked(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        let Some((resource_type, begin)) = listed(kind) else {
            return self.find(cloud::Kind::Certificate, marks).await;
        };
        let mut request = self.tagging.get_resources().resource_type_filters(resource_type);
        for (key, value) in marks {
            request = request.tag_filters(TagFilter::builder().key(&**key).values(&**value).build());
        }
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(resource) = pages.next().await {
            let resource = resource.map_err(failed(Of::Tagging, "GetResources"))?;
            let part = |arn: &str| -> bool {
                let rest = arn.splitn(6, ':').nth(5).unwrap_or_default();
                // Listeners and rules are below their service.
                rest.strip_prefix(begin).is_some_and(|id| !id.contains('/'))
            };
            let Some(arn) = resource.resource_arn().filter(|arn| part(arn)) else {
                continue;
            };
            let tags = resource
                .tags()
                .iter()
                .map(|tag| (tag.key().into(), tag.value().into()));
            found.push(Tagged {
                arn: Arn(arn.into()),
                tags: tags.collect(),
            });
        }
        Ok(found)
    }

    async fn tags_of(&self, arn: &Arn) -> Answer<Option<Tags>> {
        let request = self.lattice.list_tags_for_resource().resource_arn(&*arn.0);
        let answer = request
            .send()
            .await
            .map_err(failed(LATTICE, "ListTagsForResource"));
        Ok(existing(answer)?.map(|found| seen_tags(found.tags())))
    }

    async fn tag(&self, kind: Kind, arn: &Arn, given: &Tags) -> Answer<()> {
        if kind == Kind::Certificate {
            let arns = std::slice::from_ref(arn);
            return self.add_tags(cloud::Kind::Certificate, arns, given).await;
        }
        let request = self.lattice.tag_resource().resource_arn(&*arn.0);
        done!(request.set_tags(tags(given)), "TagResource")
    }

    async fn untag(&self, kind: Kind, arn: &Arn, keys: &BTreeSet<Str>) -> Answer<()> {
        if kind == Kind::Certificate {
            let arns = std::slice::from_ref(arn);
            return self.remove_tags(cloud::Kind::Certificate, arns, keys).await;
        }
        let request = self.lattice.untag_resource().resource_arn(&*arn.0);
        done!(request.set_tag_keys(texts(keys)), "UntagResource")
    }

    async fn imported_within(&self, age: Duration) -> Answer<Vec<Arn>> {
        cloud::Certificates::imported_within(self, age).await
    }

    async fn imported_tags(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.certificate_tags(arn).await
    }

    async fn import(&self, over: Option<&Arn>, import: &Import, given: &Tags) -> Answer<Arn> {
        match over {
            None => self.import_certificate(import, given).await,
            Some(arn) => self.reimport_certificate(arn, import).await.map(|()| arn.clone()),
        }
    }

    async fn delete_imported(&self, arn: &Arn) -> Answer<()> {
        self.delete_certificate(arn).await
    }
}
