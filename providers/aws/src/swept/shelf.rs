//! What is known of one kind of thing, by ARN.

use super::texts::Texts;
use crate::cloud::{
    Arn, Attributes, Balancer, Capacity, Group, Health, Listener, Protection, Rule, Seen, State, TargetGroup,
};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::target_group::Target;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// How long something stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Until somebody changes it.
    Settled,
    /// AWS is busy with it.
    Busy,
}

/// Says of an answer how long it holds.
pub trait Holds {
    /// How long.
    fn lasts(&self) -> Lasts {
        Lasts::Settled
    }

    /// Takes the texts that others have too from there. It says the same as before.
    fn share(&mut self, _texts: &mut Texts) {}
}

impl Holds for Attributes {
    fn share(&mut self, texts: &mut Texts) {
        texts.share_map(self);
    }
}

impl Holds for BTreeSet<Arn> {
    fn share(&mut self, texts: &mut Texts) {
        texts.share_arns(self);
    }
}

impl Holds for Option<Str> {}
impl Holds for Option<Protection> {}
impl Holds for Option<Capacity> {}

impl Holds for Vec<Listener> {
    fn share(&mut self, texts: &mut Texts) {
        for listener in self {
            texts.share(&mut listener.arn.0);
            if let Seen::Known(action) = &mut listener.default {
                texts.share_action(action);
            }
        }
    }
}

impl Holds for Vec<Rule> {
    fn share(&mut self, texts: &mut Texts) {
        for rule in self {
            texts.share(&mut rule.arn.0);
            if let Seen::Known(settings) = &mut rule.settings {
                texts.share_action(&mut settings.action);
            }
        }
    }
}

/// What does not exist: it never will again, but what is new is not told at once everywhere.
impl Holds for Option<Balancer> {
    fn lasts(&self) -> Lasts {
        match self.as_ref().map(|balancer| &balancer.state) {
            Some(State::Active) => Lasts::Settled,
            _ => Lasts::Busy,
        }
    }

    fn share(&mut self, texts: &mut Texts) {
        if let Some(balancer) = self {
            texts.share(&mut balancer.arn.0);
            texts.share(&mut balancer.vpc);
            texts.share_arns(&mut balancer.security_groups);
        }
    }
}

impl Holds for Option<TargetGroup> {
    fn lasts(&self) -> Lasts {
        if self.is_some() {
            Lasts::Settled
        } else {
            Lasts::Busy
        }
    }

    fn share(&mut self, texts: &mut Texts) {
        if let Some(group) = self {
            texts.share(&mut group.arn.0);
            texts.share(&mut group.vpc);
            texts.share_arns(&mut group.balancers);
        }
    }
}

impl Holds for Option<Group> {
    fn lasts(&self) -> Lasts {
        if self.is_some() {
            Lasts::Settled
        } else {
            Lasts::Busy
        }
    }
}

impl Holds for Option<Tags> {
    fn lasts(&self) -> Lasts {
        if self.is_some() {
            Lasts::Settled
        } else {
            Lasts::Busy
        }
    }

    fn share(&mut self, texts: &mut Texts) {
        if let Some(tags) = self {
            texts.share_map(tags);
        }
    }
}

/// Targets that are all well stay what they are until they are registered or not; the health of others is news.
impl Holds for BTreeMap<Target, Health> {
    fn lasts(&self) -> Lasts {
        if self.values().all(|health| *health == Health::Healthy) {
            Lasts::Settled
        } else {
            Lasts::Busy
        }
    }
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    at: Instant,
}

/// What is known of one kind of thing.
#[derive(Debug)]
pub struct Shelf<T>(BTreeMap<Arn, Entry<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Holds> Shelf<T> {
    /// What was read, and when.
    pub fn get(&self, arn: &Arn) -> Option<(&T, Instant)> {
        self.0.get(arn).map(|entry| (&entry.value, entry.at))
    }

    pub fn put(&mut self, arn: Arn, value: T, at: Instant) {
        self.0.insert(arn, Entry { value, at });
    }

    pub fn drop(&mut self, arn: &Arn) {
        self.0.remove(arn);
    }

    /// Drops what was read before.
    pub fn drop_older(&mut self, arn: &Arn, than: Instant) {
        if self.0.get(arn).is_some_and(|entry| entry.at < than) {
            self.0.remove(arn);
        }
    }

    /// Leaves only these.
    pub fn retain(&mut self, keep: impl Fn(&Arn) -> bool) {
        self.0.retain(|arn, _| keep(arn));
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&Arn, &T)> {
        self.0.iter().map(|(arn, entry)| (arn, &entry.value))
    }
}
