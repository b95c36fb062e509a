//! Capacity that is reserved for load balancers.

use super::Connection;
use super::check::valid;
use super::state::found;
use crate::cloud::{Answer, Arn, Capacities, Capacity};
use gatewright_provider_api::contract::Action;

const MISSING: &str = "LoadBalancerNotFound";

impl Capacities for Connection {
    async fn capacity(&self, balancer: &Arn) -> Answer<Option<Capacity>> {
        self.read("DescribeCapacityReservation", |state| {
            found(state.balancers.get(balancer), MISSING)?;
            Ok(state.capacities.get(balancer).cloned())
        })
        .await
    }

    async fn set_capacity(&self, balancer: &Arn, units: Option<u32>) -> Answer<()> {
        let what = (Action::Update, balancer.0.clone());
        self.write("ModifyCapacityReservation", what, |state| {
            found(state.balancers.get(balancer), MISSING)?;
            valid(units != Some(0))?;
            match units {
                Some(units) => {
                    let capacity = Capacity { units, failed: None };
                    state.capacities.insert(balancer.clone(), capacity);
                }
                None => {
                    state.capacities.remove(balancer);
                }
            }
            Ok(())
        })
        .await
    }
}
