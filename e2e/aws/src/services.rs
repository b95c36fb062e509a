//! The services that are served.

use crate::elb;
use crate::service::Service;

/// All of them. Which one a call is for is told by its target, path or version.
pub const SERVICES: &[Service] = &[Service {
    id: "elbv2",
    model: include_str!("../models/elbv2.json"),
    operations: elb::OPERATIONS,
}];
