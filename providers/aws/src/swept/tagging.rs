//! Tags, and searches by them.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn, Cloud, Kind, Tagged, Tagging};
use crate::owner::{CLUSTER, GATEWAY, Tags};
use gatewright_aws_core::Str;
use std::collections::{BTreeMap, BTreeSet};

const ON: On<Option<Tags>> = |known| &mut known.tags;

/// Resources of a `DescribeTags`.
pub(super) const TOGETHER: usize = 20;

/// Resources of a page of `GetResources`.
const PAGE: usize = 100;

impl<C: Cloud> Swept<C> {
    /// Searches for what is this cluster's, unless that was done.
    pub(super) async fn search(&self, kind: Kind) -> Answer<()> {
        let _one = self.0.searching.lock().await;
        if self.known(|known| known.is_searched(kind)) {
            return Ok(());
        }
        let ticket = self.known(|known| known.ticket());
        let found = self.0.cloud.find(kind, &self.marks()).await?;
        self.count(found.len() / PAGE + 1);
        self.known(|known| known.searched(kind, found, ticket));
        Ok(())
    }
}

impl<C: Cloud> Tagging for Swept<C> {
    async fn find(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        if marks.get(CLUSTER) != Some(&self.0.mark) {
            self.count(1);
            return self.0.cloud.find(kind, marks).await;
        }
        self.search(kind).await?;
        let unproven = self.known(|known| known.unproven(kind));
        if kind == Kind::Certificate {
            self.prove_certificates(&unproven).await?;
        } else if !unproven.is_empty() {
            self.tags(&unproven).await?;
        }
        Ok(self.known(|known| known.found(kind, marks)))
    }

    async fn tags(&self, arns: &[Arn]) -> Answer<BTreeMap<Arn, Tags>> {
        let (due, ticket) = self.known(|known| {
            let due: Vec<Arn> = arns.iter().filter(|arn| !known.fresh(ON, arn)).cloned().collect();
            (due, known.ticket())
        });
        if !due.is_empty() {
            self.count(due.len().div_ceil(TOGETHER));
            let mut found = self.0.cloud.tags(&due).await?;
            self.known(|known| {
                for arn in due {
                    let tags = found.remove(&arn);
                    match &tags {
                        Some(tags) => known.tagged(&arn, tags),
                        None => known.disproved(&arn),
                    }
                    known.put(ON, &arn, tags, ticket);
                }
            });
        }
        Ok(self.known(|known| {
            let found = arns.iter().filter_map(|arn| {
                let tags = known.tags.get(arn)?.0.clone()?;
                Some((arn.clone(), tags))
            });
            found.collect()
        }))
    }

    /// What its owner gave a Gateway of this cluster since the last search is found from then on.
    async fn tags_now(&self, kind: Kind, arns: &[Arn]) -> Answer<BTreeMap<Arn, Tags>> {
        self.count(arns.len().div_ceil(TOGETHER));
        let found = self.0.cloud.tags_now(kind, arns).await?;
        for (arn, tags) in &found {
            if tags.get(CLUSTER) == Some(&self.0.mark) && tags.contains_key(GATEWAY) {
                self.known(|known| {
                    known.drop(ON, arn);
                    known.made(kind, arn, tags);
                });
            }
        }
        Ok(found)
    }

    async fn add_tags(&self, kind: Kind, arns: &[Arn], tags: &Tags) -> Answer<()> {
        let touch = |known: &mut Known| {
            for arn in arns {
                known.retagging(kind, arn);
            }
        };
        let about: Vec<&Arn> = arns.iter().collect();
        self.write(&about, touch, self.0.cloud.add_tags(kind, arns, tags))
            .await?;
        self.known(|known| {
            for arn in arns {
                known.retagged(kind, arn, |found| found.extend(tags.clone()));
            }
        });
        Ok(())
    }

    async fn remove_tags(&self, kind: Kind, arns: &[Arn], keys: &BTreeSet<Str>) -> Answer<()> {
        let touch = |known: &mut Known| {
            for arn in arns {
                known.retagging(kind, arn);
            }
        };
        let about: Vec<&Arn> = arns.iter().collect();
        self.write(&about, touch, self.0.cloud.remove_tags(kind, arns, keys))
            .await?;
        self.known(|known| {
            for arn in arns {
                known.retagged(kind, arn, |found| found.retain(|key, _| !keys.contains(key)));
            }
        });
        Ok(())
    }
}
