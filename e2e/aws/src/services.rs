//! The services that are served.

use crate::service::Service;
use crate::{acm, ec2, elb, lattice, quotas, s3, shield, sts, tagging, waf};

/// All of them. Which one a call is for is told by its target, path or version.
pub const SERVICES: &[Service] = &[
    Service {
        id: "elbv2",
        model: include_str!("../models/elbv2.json"),
        operations: elb::OPERATIONS,
    },
    Service {
        id: "ec2",
        model: include_str!("../models/ec2.json"),
        operations: ec2::OPERATIONS,
    },
    Service {
        id: "acm",
        model: include_str!("../models/acm.json"),
        operations: acm::OPERATIONS,
    },
    Service {
        id: "s3",
        model: include_str!("../models/s3.json"),
        operations: s3::OPERATIONS,
    },
    Service {
        id: "sts",
        model: include_str!("../models/sts.json"),
        operations: sts::OPERATIONS,
    },
    Service {
        id: "tagging",
        model: include_str!("../models/tagging.json"),
        operations: tagging::OPERATIONS,
    },
    Service {
        id: "lattice",
        model: include_str!("../models/lattice.json"),
        operations: lattice::OPERATIONS,
    },
    Service {
        id: "shield",
        model: include_str!("../models/shield.json"),
        operations: shield::OPERATIONS,
    },
    Service {
        id: "waf",
        model: include_str!("../models/waf.json"),
        operations: waf::OPERATIONS,
    },
    Service {
        id: "quotas",
        model: include_str!("../models/quotas.json"),
        operations: quotas::OPERATIONS,
    },
];
