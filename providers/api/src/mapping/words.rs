//! Words about fields that no feature stands for: the mapping tables have them, and conditions say the same.

/// Why a field comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Why.
    pub why: &'static str,
    /// What to do instead; empty when there is nothing.
    pub instead: &'static str,
}

/// Annotations of a Gateway's `infrastructure`, of clouds in which nothing is made in the cluster.
pub const ANNOTATIONS: Words = Words {
    why: "annotations are for objects in the cluster, and none are made",
    instead: "labels become tags",
};

/// Hostnames that a value of `host-header` does not take: what differs.
pub const HOST_BY_EXPRESSION: &str = "a value of host-header needs a dot, and letters alone behind the last one, so that it becomes an expression; whether expressions on hosts heed case is not documented";

/// Options of a listener's TLS, of load balancers.
pub const TLS_OPTIONS: Words = Words {
    why: "no option is known",
    instead: "security policies are in the parameters: `listeners[].sslPolicy`",
};

/// A Service's `trafficDistribution`, of target groups whose targets get requests from all zones.
pub const NEARNESS: Words = Words {
    why: "targets of all zones get traffic, wherever it comes from",
    instead: "the attribute load_balancing.cross_zone.enabled: \"false\" of its target groups (AwsTargetGroupParameters) keeps traffic in the zone of the load balancer's node that took it",
};

/// The same, of those whose targets do not: what differs.
pub const NEARNESS_BY_ZONE: &str =
    "each node of the load balancer sends to targets of its own zone alone, however few they are";

/// The same, of VPC Lattice.
pub const NEARNESS_OF_LATTICE: Words = Words {
    why: "a target group does not know which of its targets are near",
    instead: "",
};

/// Options of a listener's TLS, of VPC Lattice.
pub const TLS_OPTIONS_OF_LATTICE: Words = Words {
    why: "no option is known",
    instead: "",
};
