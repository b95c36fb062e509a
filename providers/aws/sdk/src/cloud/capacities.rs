//! Capacity that is reserved for load balancers.

use super::{ELB, failed, odd};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Answer, Arn, Capacities, Capacity};
use gatewright_aws_core::Str;

const DESCRIBE: &str = "DescribeCapacityReservation";

/// The first zone that has not got it, and why.
fn shortage(zones: &[sdk::ZonalCapacityReservationState]) -> Option<Str> {
    zones.iter().find_map(|zone| {
        let state = zone.state()?;
        if state.code() != Some(&sdk::CapacityReservationStateEnum::Failed) {
            return None;
        }
        let reason = state.reason().unwrap_or("AWS gives no reason");
        let zone = zone.availability_zone().unwrap_or("some zone");
        Some(format!("{zone}: {reason}").into())
    })
}

impl Capacities for Account {
    async fn capacity(&self, balancer: &Arn) -> Answer<Option<Capacity>> {
        let request = self.elb.describe_capacity_reservation();
        let request = request.load_balancer_arn(&*balancer.0);
        let answer = request.send().await.map_err(failed(ELB, DESCRIBE))?;
        let minimum = answer.minimum_load_balancer_capacity();
        let Some(units) = minimum.and_then(sdk::MinimumLoadBalancerCapacity::capacity_units) else {
            return Ok(None);
        };
        let units = u32::try_from(units).map_err(|_| odd(DESCRIBE, "CapacityUnits is negative"))?;
        Ok((units > 0).then(|| Capacity {
            units,
            failed: shortage(answer.capacity_reservation_state()),
        }))
    }

    async fn set_capacity(&self, balancer: &Arn, units: Option<u32>) -> Answer<()> {
        let request = self.elb.modify_capacity_reservation();
        let request = request.load_balancer_arn(&*balancer.0);
        let request = match units {
            Some(units) => {
                let units = i32::try_from(units).unwrap_or(i32::MAX);
                let minimum = sdk::MinimumLoadBalancerCapacity::builder().capacity_units(units);
                request.minimum_load_balancer_capacity(minimum.build())
            }
            None => request.reset_capacity_reservation(true),
        };
        let answer = request.send().await;
        answer.map_err(failed(ELB, "ModifyCapacityReservation"))?;
        Ok(())
    }
}
