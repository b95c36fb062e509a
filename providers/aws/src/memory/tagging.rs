//! Tags.

use super::Connection;
use super::check::{self, valid};
use super::state::{State, found};
use crate::cloud::{Answer, Arn, Kind, Tagged, Tagging};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::Action;
use std::collections::{BTreeMap, BTreeSet};

fn has(tags: &Tags, marks: &Tags) -> bool {
    let is = |(key, value): (&Str, &Str)| {
        tags.get(key)
            .is_some_and(|found| value.is_empty() || found == value)
    };
    marks.iter().all(is)
}

impl State {
    fn of_kind(&self, kind: Kind) -> Vec<&Arn> {
        match kind {
            Kind::Certificate => self.certificates.keys().collect(),
            Kind::TrustStore => self.trust_stores.keys().collect(),
            Kind::SecurityGroup => self.security_groups.keys().collect(),
            Kind::TargetGroup => self.target_groups.keys().collect(),
            Kind::Balancer => self.balancers.keys().collect(),
            Kind::Listener => self.listeners.keys().collect(),
            Kind::Rule => self.rules.keys().collect(),
        }
    }

    /// What was made a moment ago is missing, what is gone a moment ago is there.
    fn search(&self, kind: Kind, marks: &Tags) -> Vec<Tagged> {
        let known = |arn: &&Arn| {
            let made = self.made.get(*arn).copied().unwrap_or_default();
            self.now > made + self.delays.search || self.delays.search == 0
        };
        let living = self.of_kind(kind).into_iter().filter(known).filter_map(|arn| {
            let tags = self.tags.get(arn)?;
            has(tags, marks).then(|| Tagged {
                arn: arn.clone(),
                tags: tags.clone(),
            })
        });
        let gone = self
            .ghosts
            .iter()
            .filter(|(of, _, tags, _)| *of == kind && has(tags, marks));
        let gone = gone.map(|(_, arn, tags, _)| Tagged {
            arn: arn.clone(),
            tags: tags.clone(),
        });
        living.chain(gone).collect()
    }
}

impl Tagging for Connection {
    async fn find(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        let operation = if kind == Kind::SecurityGroup {
            "DescribeSecurityGroups"
        } else {
            "GetResources"
        };
        self.read_many(operation, (100, 0), |state| Ok(state.search(kind, marks)))
            .await
    }

    async fn tags(&self, arns: &[Arn]) -> Answer<BTreeMap<Arn, Tags>> {
        let found = self.read_many("DescribeTags", (20, arns.len()), |state| {
            let found = arns
                .iter()
                .filter_map(|arn| Some((arn.clone(), state.tags.get(arn)?.clone())));
            Ok(found.collect())
        });
        Ok(found.await?.into_iter().collect())
    }

    async fn add_tags(&self, kind: Kind, arns: &[Arn], tags: &Tags) -> Answer<()> {
        let what = (Action::Update, names(arns));
        self.write("AddTags", what, |state| {
            valid(!arns.is_empty() && arns.len() <= most(kind))?;
            for arn in arns {
                let before = found(state.tags.get_mut(arn), "NotFound")?;
                let mut after = before.clone();
                after.extend(tags.clone());
                check::tags(&after)?;
                *before = after;
            }
            Ok(())
        })
        .await
    }

    async fn remove_tags(&self, kind: Kind, arns: &[Arn], keys: &BTreeSet<Str>) -> Answer<()> {
        let what = (Action::Update, names(arns));
        self.write("RemoveTags", what, |state| {
            valid(!arns.is_empty() && arns.len() <= most(kind))?;
            for arn in arns {
                found(state.tags.get_mut(arn), "NotFound")?.retain(|key, _| !keys.contains(key));
            }
            Ok(())
        })
        .await
    }
}

const fn most(kind: Kind) -> usize {
    match kind {
        Kind::Certificate | Kind::SecurityGroup => 1,
        Kind::TrustStore | Kind::TargetGroup | Kind::Balancer | Kind::Listener | Kind::Rule => 20,
    }
}

fn names(arns: &[Arn]) -> Str {
    let names: Vec<&str> = arns.iter().map(|arn| &*arn.0).collect();
    names.join(" ").into()
}
