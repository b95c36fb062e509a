//! How long what was read of VPC Lattice holds.

use crate::cloud::Arn;
use crate::lattice::cloud::{
    Listener, Network, Rule, Service, ServiceAssociation, Status, TargetGroup, VpcAssociation,
};
use crate::swept::shelf::{Holds, Lasts};
use gatewright_aws_core::Str;
use std::collections::BTreeMap;

impl Holds for Vec<Listener> {}
impl Holds for Vec<Rule> {}
impl Holds for BTreeMap<Arn, Str> {}

fn settled(is: bool) -> Lasts {
    if is { Lasts::Settled } else { Lasts::Busy }
}

/// What does not exist: what is new is not told at once everywhere.
impl Holds for Option<Network> {
    fn lasts(&self) -> Lasts {
        settled(self.is_some())
    }
}

impl Holds for Option<Service> {
    fn lasts(&self) -> Lasts {
        settled(
            self.as_ref()
                .is_some_and(|service| service.status == Status::Active),
        )
    }
}

impl Holds for Option<TargetGroup> {
    fn lasts(&self) -> Lasts {
        settled(self.as_ref().is_some_and(|group| group.status == Status::Active))
    }
}

impl Holds for Vec<VpcAssociation> {
    fn lasts(&self) -> Lasts {
        settled(self.iter().all(|of| of.status == Status::Active))
    }
}

impl Holds for Vec<ServiceAssociation> {
    fn lasts(&self) -> Lasts {
        settled(self.iter().all(|of| of.status == Status::Active))
    }
}
