//! Where public addresses come from.

use super::forms::{account, http, settle, writes};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::network::Scheme;

fn form(pool: Option<&str>) -> Target {
    let mut target = http(&[("/a", &[("a", 1)])]);
    target.balancer.scheme = Scheme::InternetFacing;
    target.balancer.ipam_pool = pool.map(Into::into);
    target
}

#[test]
fn a_pool_is_set_changed_and_taken_away_in_place() {
    let memory = account();
    settle(&memory, &form(Some("ipam-pool-1")));
    let pools = || {
        let state = memory.state();
        let kept = state.balancers.values();
        kept.map(|kept| kept.of.ipam_pool.clone()).collect::<Vec<_>>()
    };
    assert_eq!(pools(), [Some("ipam-pool-1".into())]);
    assert_eq!(writes(&memory, &form(Some("ipam-pool-1"))), Vec::<&str>::new());
    assert_eq!(writes(&memory, &form(Some("ipam-pool-2"))), ["ModifyIpPools"]);
    assert_eq!(writes(&memory, &form(None)), ["ModifyIpPools"]);
    assert_eq!(pools(), [None]);
    assert_eq!(writes(&memory, &form(None)), Vec::<&str>::new());
}
