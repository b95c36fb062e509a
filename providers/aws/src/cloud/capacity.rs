//! Capacity that is reserved for load balancers.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/capacity-unit-reservation.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/capacity-unit-reservation.html>.

use super::{Answer, Arn};
use gatewright_aws_core::Str;
use std::future::Future;

/// A reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// `MinimumLoadBalancerCapacity.CapacityUnits`, as it was asked for.
    pub units: u32,
    /// Why it could not be provided in some zone (`CapacityReservationState`).
    pub failed: Option<Str>,
}

/// Calls about reserved capacity.
pub trait Capacities {
    /// `DescribeCapacityReservation`.
    fn capacity(&self, balancer: &Arn) -> impl Future<Output = Answer<Option<Capacity>>> + Send;

    /// `ModifyCapacityReservation`: so many units, or none reserved any more.
    fn set_capacity(&self, balancer: &Arn, units: Option<u32>) -> impl Future<Output = Answer<()>> + Send;
}
