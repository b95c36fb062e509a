//! Tags.

use super::certificates::tags_to_acm;
use super::convert::{Tags, pairs, tags_to_elb, texts};
use super::{ELB, existing, failed, odd};
use crate::Account;
use crate::calls::Service;
use crate::ec2::Filter;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use gatewright_aws::cloud::{Answer, Arn, Kind, Tagged, Tagging};
use gatewright_aws_core::Str;
use std::collections::{BTreeMap, BTreeSet};

/// How the tagging API calls a kind, and how ARNs of it continue after account and colon.
const fn listed(kind: Kind) -> Option<(&'static str, &'static [&'static str])> {
    match kind {
        // Classic and Gateway Load Balancers are of the same type.
        Kind::Balancer => Some((
            "elasticloadbalancing:loadbalancer",
            &["loadbalancer/app/", "loadbalancer/net/"],
        )),
        Kind::TargetGroup => Some(("elasticloadbalancing:targetgroup", &["targetgroup/"])),
        Kind::Certificate => Some(("acm:certificate", &["certificate/"])),
        Kind::TrustStore | Kind::SecurityGroup | Kind::Listener | Kind::Rule => None,
    }
}

impl Tagging for Account {
    async fn find(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        if kind == Kind::SecurityGroup {
            return self.marked_groups(marks).await;
        }
        if kind == Kind::TrustStore {
            return self.marked_stores(marks).await;
        }
        let operation = "GetResources";
        let Some((resource_type, begins)) = listed(kind) else {
            return Err(odd(operation, format_args!("{kind:?} is not listed by tags")));
        };
        let mut request = self.tagging.get_resources().resource_type_filters(resource_type);
        for (key, value) in marks {
            let filter = TagFilter::builder().key(&**key);
            let filter = if value.is_empty() {
                filter
            } else {
                filter.values(&**value)
            };
            request = request.tag_filters(filter.build());
        }
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(resource) = pages.next().await {
            let resource = resource.map_err(failed(Service::Tagging, operation))?;
            let Some(arn) = resource
                .resource_arn()
                .filter(|arn| begins.iter().any(|begin| resource_part(arn).starts_with(begin)))
            else {
                continue;
            };
            found.push(Tagged {
                arn: Arn(arn.into()),
                tags: pairs(
                    resource
                        .tags()
                        .iter()
                        .map(|tag| (Some(tag.key()), Some(tag.value()))),
                ),
            });
        }
        Ok(found)
    }

    async fn tags(&self, arns: &[Arn]) -> Answer<BTreeMap<Arn, Tags>> {
        let wanted = texts(arns);
        let described = existing(&wanted, |arns| async move {
            let answer = self
                .elb
                .describe_tags()
                .set_resource_arns(Some(arns))
                .send()
                .await;
            let answer = answer.map_err(failed(ELB, "DescribeTags"))?;
            Ok(answer.tag_descriptions.unwrap_or_default())
        });
        let described = described.await?.into_iter().filter_map(|one| {
            let arn = Arn(one.resource_arn()?.into());
            Some((arn, pairs(one.tags().iter().map(|tag| (tag.key(), tag.value())))))
        });
        Ok(described.collect())
    }

    async fn add_tags(&self, kind: Kind, arns: &[Arn], tags: &Tags) -> Answer<()> {
        match kind {
            Kind::SecurityGroup => {
                let ids: Vec<&str> = arns.iter().map(|arn| &*arn.0).collect();
                let tags = tags.iter().map(|(key, value)| (&**key, &**value));
                self.ec2.create_tags(&ids, tags).await
            }
            Kind::Certificate => {
                let operation = "AddTagsToCertificate";
                for arn in arns {
                    let request = self.acm.add_tags_to_certificate().certificate_arn(&*arn.0);
                    let request = request.set_tags(Some(tags_to_acm(operation, tags)?));
                    request.send().await.map_err(failed(Service::Acm, operation))?;
                }
                Ok(())
            }
            Kind::TrustStore | Kind::TargetGroup | Kind::Balancer | Kind::Listener | Kind::Rule => {
                let request = self.elb.add_tags().set_resource_arns(Some(texts(arns)));
                let request = request.set_tags(tags_to_elb(tags));
                request.send().await.map_err(failed(ELB, "AddTags"))?;
                Ok(())
            }
        }
    }

    async fn remove_tags(&self, kind: Kind, arns: &[Arn], keys: &BTreeSet<Str>) -> Answer<()> {
        match kind {
            Kind::SecurityGroup => {
                let ids: Vec<&str> = arns.iter().map(|arn| &*arn.0).collect();
                let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
                self.ec2.delete_tags(&ids, &keys).await
            }
            Kind::Certificate => {
                let operation = "RemoveTagsFromCertificate";
                for arn in arns {
                    let mut request = self.acm.remove_tags_from_certificate().certificate_arn(&*arn.0);
                    for key in keys {
                        let tag = aws_sdk_acm::types::Tag::builder().key(&**key).build();
                        request = request.tags(tag.map_err(|error| odd(operation, error))?);
                    }
                    request.send().await.map_err(failed(Service::Acm, operation))?;
                }
                Ok(())
            }
            Kind::TrustStore | Kind::TargetGroup | Kind::Balancer | Kind::Listener | Kind::Rule => {
                let keys = keys.iter().map(ToString::to_string).collect();
                let request = self.elb.remove_tags().set_resource_arns(Some(texts(arns)));
                request
                    .set_tag_keys(Some(keys))
                    .send()
                    .await
                    .map_err(failed(ELB, "RemoveTags"))?;
                Ok(())
            }
        }
    }
}

impl Account {
    /// EC2 knows its own tags at once, the tagging API only some time later.
    async fn marked_groups(&self, marks: &Tags) -> Answer<Vec<Tagged>> {
        let filters: Vec<Filter> = marks
            .iter()
            .map(|(key, value)| Filter::exactly(format!("tag:{key}"), value))
            .collect();
        let groups = self.ec2.security_groups(&filters).await?;
        let tagged = groups.into_iter().map(|group| Tagged {
            arn: Arn(group.id.into()),
            tags: group
                .tags
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        });
        Ok(tagged.collect())
    }
}

/// `loadbalancer/app/…` of `arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/…`.
fn resource_part(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or_default()
}
