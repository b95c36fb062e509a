//! Target groups with AWS's agent at their targets.

use super::forms::{account, http, settle, writes};
use crate::memory::Memory;
use gatewright_aws_core::alb::Target;

fn form(port: Option<u16>) -> Target {
    let mut target = http(&[("/a", &[("a", 1)])]);
    for group in target.target_groups.values_mut() {
        group.fixed.control_port = port;
        // As lowering has it: what cannot change is part of the name.
        if let Some(port) = port {
            group.name = format!("{}-{port}", group.name).into();
        }
    }
    target
}

fn ports(memory: &Memory) -> Vec<Option<u16>> {
    let state = memory.state();
    let groups = state.target_groups.values();
    groups.map(|kept| kept.of.fixed.control_port).collect()
}

/// "Target control port once specified cannot be modified" (no operation but `CreateTargetGroup` takes it): another group takes
/// over, and is there before the rule leads to it and the one before goes.
#[test]
fn another_port_is_another_group_that_takes_over() {
    let memory = account();
    settle(&memory, &form(None));
    for port in [Some(3000), Some(3001), None] {
        memory.calls().reset();
        settle(&memory, &form(port));
        let done: Vec<&str> = memory
            .calls()
            .writes()
            .into_iter()
            .map(|(_, resource)| resource.kind)
            .collect();
        let at = |operation: &str| done.iter().position(|made| *made == operation).unwrap();
        assert!(at("CreateTargetGroup") < at("ModifyRule"), "{done:?}");
        assert!(at("ModifyRule") < at("DeleteTargetGroup"), "{done:?}");
        assert_eq!(ports(&memory), [port]);
        assert_eq!(writes(&memory, &form(port)), Vec::<&str>::new());
    }
}
