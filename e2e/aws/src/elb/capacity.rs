//! Capacity that is reserved for a load balancer.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/request-capacity-unit-reservation.html>.

use super::arn;
use super::balancer::Balancer;
use crate::error::ApiError;
use crate::input::{seconds, text, tidy};
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// "You can only decrease the reserved capacity two times per day."
const DECREASES: u64 = 2;

const DAY_MS: u64 = 86_400_000;

/// A reservation, and what is left of its history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// `CapacityUnits`; none after a reset.
    units: Option<u64>,
    /// When it was changed last, in milliseconds.
    modified: u64,
    /// When it is there, in milliseconds.
    ready: u64,
    /// When it was decreased, in milliseconds: of the last day.
    decreases: Vec<u64>,
}

impl Capacity {
    fn remaining(&self, now: u64) -> u64 {
        let recent = self.decreases.iter().filter(|at| *at + DAY_MS > now).count();
        DECREASES.saturating_sub(recent as u64)
    }

    /// It is there now.
    #[cfg(test)]
    pub(super) fn settle(&mut self) {
        self.ready = 0;
    }

    /// It takes for ever.
    #[cfg(test)]
    pub(super) fn delay(&mut self) {
        self.ready = u64::MAX;
    }

    fn told(&self, balancer: &Balancer, now: u64) -> Value {
        let code = if now >= self.ready {
            "provisioned"
        } else {
            "pending"
        };
        let zones = balancer.zones.iter().map(|zone| {
            let share = self.units.unwrap_or_default() as f64 / balancer.zones.len() as f64;
            json!({"State": {"Code": code}, "AvailabilityZone": zone.name, "EffectiveCapacityUnits": share})
        });
        let zones: Vec<Value> = zones.filter(|_| self.units.is_some()).collect();
        tidy(json!({
            "LastModifiedTime": (self.modified > 0).then(|| seconds(self.modified)),
            "DecreaseRequestsRemaining": self.remaining(now),
            "MinimumLoadBalancerCapacity": self.units.map(|units| json!({"CapacityUnits": units})),
            "CapacityReservationState": zones,
        }))
    }
}

fn named<'a>(account: &'a Account, input: &Value) -> Result<&'a Balancer, ApiError> {
    let arn = text(input, "LoadBalancerArn").unwrap_or_default();
    arn::check(arn, "loadbalancer")?;
    account.elb.balancer(arn)
}

/// `API_DescribeCapacityReservation`.
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let balancer = named(account, input)?;
    Ok(balancer.capacity.told(balancer, context.now))
}

/// `API_ModifyCapacityReservation`: "you must include at least one MinimumLoadBalancerCapacity or
/// ResetCapacityReservation". "To update an existing reservation, the previous request must be provisioned or failed."
pub(super) fn modify(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let balancer = named(account, input)?.clone();
    let refuse = |code: &str, message: &str| Err(ApiError::new(code, message));
    let asked = input
        .get("MinimumLoadBalancerCapacity")
        .and_then(|minimum| minimum.get("CapacityUnits"));
    let reset = input.get("ResetCapacityReservation").and_then(Value::as_bool) == Some(true);
    let units = match (asked, reset) {
        (None, false) => {
            return Err(ApiError::validation(
                "You must specify MinimumLoadBalancerCapacity or ResetCapacityReservation",
            ));
        }
        // Which of them would win is not documented (assumed).
        (Some(_), true) => {
            return Err(ApiError::validation(
                "You cannot specify both MinimumLoadBalancerCapacity and ResetCapacityReservation",
            ));
        }
        (None, true) => None,
        (Some(units), false) => match units.as_u64().filter(|units| *units > 0) {
            Some(units) => Some(units),
            None => {
                return refuse(
                    "InvalidConfigurationRequest",
                    "The number of capacity units is not valid",
                );
            }
        },
    };
    let before = &balancer.capacity;
    if before.units.is_some() && context.now < before.ready {
        return refuse(
            "CapacityReservationPending",
            "There is a pending capacity reservation",
        );
    }
    let mut capacity = Capacity {
        units,
        modified: context.now,
        ready: context
            .now
            .saturating_add(context.settings.load_balancer_provisioning_ms),
        decreases: before.decreases.clone(),
    };
    capacity.decreases.retain(|at| at + DAY_MS > context.now);
    // A reset is no decrease (assumed).
    if units.is_some() && units < before.units {
        if before.remaining(context.now) == 0 {
            return refuse(
                "CapacityDecreaseRequestLimitExceeded",
                "You've exceeded the daily capacity decrease limit for this reservation",
            );
        }
        capacity.decreases.push(context.now);
    }
    let told = capacity.told(&balancer, context.now);
    account.elb.balancer_mut(&balancer.arn)?.capacity = capacity;
    Ok(told)
}
