//! `API_ModifyCapacityReservation`, `guide/request-capacity-unit-reservation`.

use super::Bench;
use serde_json::{Value, json};

fn ask(arn: &str, units: u64) -> Value {
    json!({"LoadBalancerArn": arn, "MinimumLoadBalancerCapacity": {"CapacityUnits": units}})
}

#[test]
fn capacity_is_reserved_and_let_go() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    let describe = json!({"LoadBalancerArn": arn});
    let told = bench.ok("DescribeCapacityReservation", describe.clone());
    assert_eq!(told["MinimumLoadBalancerCapacity"], Value::Null);
    assert_eq!(told["DecreaseRequestsRemaining"], 2);
    let made = bench.ok("ModifyCapacityReservation", ask(&arn, 200));
    assert_eq!(made["MinimumLoadBalancerCapacity"]["CapacityUnits"], 200);
    let told = bench.ok("DescribeCapacityReservation", describe.clone());
    assert_eq!(told["MinimumLoadBalancerCapacity"]["CapacityUnits"], 200);
    let zones = told["CapacityReservationState"].as_array().unwrap();
    assert!(zones.len() > 1 && zones.iter().all(|zone| zone["AvailabilityZone"].is_string()));
    let reset = json!({"LoadBalancerArn": arn, "ResetCapacityReservation": true});
    bench.account.elb.balancer_mut(&arn).unwrap().capacity.settle();
    bench.ok("ModifyCapacityReservation", reset);
    let told = bench.ok("DescribeCapacityReservation", describe);
    assert_eq!(told["MinimumLoadBalancerCapacity"], Value::Null);
}

/// "To update an existing reservation, the previous request must be provisioned or failed. You can increase reserved
/// capacity as many times as you need, however you can only decrease the reserved capacity two times per day."
#[test]
fn a_request_waits_for_the_one_before_and_few_decrease() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    bench.ok("ModifyCapacityReservation", ask(&arn, 200));
    bench.account.elb.balancer_mut(&arn).unwrap().capacity.delay();
    assert_eq!(
        bench.code("ModifyCapacityReservation", ask(&arn, 300)),
        "CapacityReservationPending"
    );
    for units in [300, 400, 300, 200] {
        bench.account.elb.balancer_mut(&arn).unwrap().capacity.settle();
        bench.ok("ModifyCapacityReservation", ask(&arn, units));
    }
    bench.account.elb.balancer_mut(&arn).unwrap().capacity.settle();
    assert_eq!(
        bench.code("ModifyCapacityReservation", ask(&arn, 100)),
        "CapacityDecreaseRequestLimitExceeded"
    );
    bench.ok("ModifyCapacityReservation", ask(&arn, 500));
}

#[test]
fn what_is_asked_for_must_be_clear() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    let code = |bench: &mut Bench, input| bench.code("ModifyCapacityReservation", input);
    assert_eq!(
        code(&mut bench, json!({"LoadBalancerArn": arn})),
        "ValidationError"
    );
    assert_eq!(code(&mut bench, ask(&arn, 0)), "InvalidConfigurationRequest");
    let mut both = ask(&arn, 100);
    super::merge(&mut both, json!({"ResetCapacityReservation": true}));
    assert_eq!(code(&mut bench, both), "ValidationError");
    let gone = arn.replace("shop", "gone");
    assert_eq!(code(&mut bench, ask(&gone, 100)), "LoadBalancerNotFound");
}
