//! What is in the region, whoever made it, as far as quotas of the region count it: told by lists that are read anyway.

use super::Swept;
use super::balancers::PAGE;
use super::known::Known;
use crate::cloud::{Answer, Arn, Balancer, Census, Cloud, Freshness, Listing, TargetGroup};
use gatewright_aws_core::network::BalancerKind;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Everything of a kind in the region: what was listed, and what we did since.
#[derive(Debug)]
pub struct Roll<T>(Option<(Instant, BTreeMap<Arn, T>)>);

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Roll<T> {
    /// Whether it was listed within this time.
    pub fn is_fresh(&self, age: Duration) -> bool {
        self.0.as_ref().is_some_and(|(at, _)| at.elapsed() < age)
    }

    /// All of them, listed from a moment on.
    pub fn set(&mut self, at: Instant, all: impl IntoIterator<Item = (Arn, T)>) {
        self.0 = Some((at, all.into_iter().collect()));
    }

    /// We made one.
    pub fn add(&mut self, arn: &Arn, value: T) {
        if let Some((_, all)) = &mut self.0 {
            all.insert(arn.clone(), value);
        }
    }

    /// One is gone.
    pub fn remove(&mut self, arn: &Arn) {
        if let Some((_, all)) = &mut self.0 {
            all.remove(arn);
        }
    }

    /// Forgets what was listed before.
    pub fn drop_older(&mut self, than: Instant) {
        if self.0.as_ref().is_some_and(|(at, _)| *at < than) {
            self.0 = None;
        }
    }

    fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|(_, all)| all.values())
    }
}

impl<C: Cloud> Swept<C> {
    /// Lists load balancers, and notes how many there are.
    pub(super) async fn list_balancers(&self) -> Answer<Vec<Balancer>> {
        let at = Instant::now();
        let all = self.0.cloud.all_balancers().await?;
        self.count(all.len() / PAGE + 1);
        let roll = all.iter().map(|found| (found.arn.clone(), found.kind));
        let roll: Vec<(Arn, BalancerKind)> = roll.collect();
        self.known(|known| known.balancer_roll.set(at, roll));
        Ok(all)
    }

    /// The same of target groups.
    pub(super) async fn list_target_groups(&self) -> Answer<Vec<TargetGroup>> {
        let at = Instant::now();
        let all = self.0.cloud.all_target_groups().await?;
        self.count(all.len() / PAGE + 1);
        let roll: Vec<(Arn, ())> = all.iter().map(|found| (found.arn.clone(), ())).collect();
        self.known(|known| known.group_roll.set(at, roll));
        Ok(all)
    }
}

impl<C: Cloud> Listing for Swept<C> {
    async fn all_balancers(&self) -> Answer<Vec<Balancer>> {
        self.list_balancers().await
    }

    async fn all_target_groups(&self) -> Answer<Vec<TargetGroup>> {
        self.list_target_groups().await
    }

    async fn census(&self, freshness: Freshness) -> Answer<Census> {
        let _one = self.0.listing.lock().await;
        let age = |known: &Known| known.age_of_counts(freshness);
        if !self.known(|known| known.balancer_roll.is_fresh(age(known))) {
            self.list_balancers().await?;
        }
        if !self.known(|known| known.group_roll.is_fresh(age(known))) {
            self.list_target_groups().await?;
        }
        Ok(self.known(|known| {
            let kinds = known.balancer_roll.values().copied();
            Census::of(kinds, known.group_roll.values().count())
        }))
    }
}
