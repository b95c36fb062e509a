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

/// Options of a listener's TLS, of load balancers.
pub const TLS_OPTIONS: Words = Words {
    why: "no option is known",
    instead: "security policies are in the parameters: `listeners[].sslPolicy`",
};

/// The same, of VPC Lattice.
pub const TLS_OPTIONS_OF_LATTICE: Words = Words {
    why: "no option is known",
    instead: "",
};
