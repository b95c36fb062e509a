//! The quotas that are known here.

use super::Quota;

/// Rules of an ALB, without default rules.
pub const RULES_PER_ALB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-7EED9B64",
    limit: Some("rules-per-application-load-balancer"),
    name: "Rules per Application Load Balancer",
    default: 100,
    adjustable: true,
};
/// Target groups that an ALB's rules name.
pub const TARGET_GROUPS_PER_ALB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-822D1B1B",
    limit: Some("target-groups-per-application-load-balancer"),
    name: "Target Groups per Application Load Balancer",
    default: 100,
    adjustable: false,
};
/// Target groups of one action of an ALB.
pub const TARGET_GROUPS_PER_ACTION: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-057ECE54",
    limit: Some("target-groups-per-action-on-application-load-balancer"),
    name: "Target Groups per Action per Application Load Balancer",
    default: 5,
    adjustable: false,
};
/// Listeners of an ALB.
pub const LISTENERS_PER_ALB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-B6DF7632",
    limit: Some("listeners-per-application-load-balancer"),
    name: "Listeners per Application Load Balancer",
    default: 50,
    adjustable: true,
};
/// Certificates of an ALB, without default ones.
pub const CERTIFICATES_PER_ALB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-9365A611",
    limit: Some("certificates-per-application-load-balancer"),
    name: "Certificates per Application Load Balancer",
    default: 25,
    adjustable: true,
};
/// Targets of an ALB.
pub const TARGETS_PER_ALB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-7E6692B2",
    limit: Some("targets-per-application-load-balancer"),
    name: "Targets per Application Load Balancer",
    default: 1000,
    adjustable: true,
};
/// How often a target can be registered with an ALB.
pub const REGISTRATIONS_PER_TARGET: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-4E7B68E9",
    limit: Some("registrations-per-target-per-application-load-balancer"),
    name: "Number of times a target can be registered per Application Load Balancer",
    default: 1000,
    adjustable: false,
};
/// Values of the conditions of a rule.
pub const VALUES_PER_RULE: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-EBC0C08B",
    limit: Some("condition-values-per-alb-rule"),
    name: "Condition Values per Rule",
    default: 5,
    adjustable: false,
};
/// Wildcards in the conditions of a rule.
pub const WILDCARDS_PER_RULE: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-A012D4E8",
    limit: Some("condition-wildcards-per-alb-rule"),
    name: "Condition Wildcards per Rule",
    default: 5,
    adjustable: false,
};
/// ALBs of a region.
pub const ALBS: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-53DA6B97",
    limit: Some("application-load-balancers"),
    name: "Application Load Balancers per Region",
    default: 50,
    adjustable: true,
};
/// NLBs of a region.
pub const NLBS: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-69A177A2",
    limit: Some("network-load-balancers"),
    name: "Network Load Balancers per Region",
    default: 50,
    adjustable: true,
};
/// Target groups of a region.
pub const TARGET_GROUPS: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-B22855CB",
    limit: Some("target-groups"),
    name: "Target Groups per Region",
    default: 3000,
    adjustable: true,
};
/// Targets of a target group.
pub const TARGETS_PER_GROUP: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-A0D0B863",
    limit: Some("targets-per-target-group"),
    name: "Targets per Target Group per Region",
    default: 1000,
    adjustable: true,
};
/// Listeners of an NLB.
pub const LISTENERS_PER_NLB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-57A373D6",
    limit: Some("listeners-per-network-load-balancer"),
    name: "Listeners per Network Load Balancer",
    default: 50,
    adjustable: false,
};
/// Certificates of an NLB.
pub const CERTIFICATES_PER_NLB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-52964454",
    limit: Some("certificates-per-network-load-balancer"),
    name: "Certificates per Network Load Balancer",
    default: 25,
    adjustable: true,
};
/// Targets of an NLB in a zone.
pub const TARGETS_PER_ZONE_OF_NLB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-B211E961",
    limit: Some("targets-per-availability-zone-per-network-load-balancer"),
    name: "Targets per Availability Zone per Network Load Balancer",
    default: 500,
    adjustable: true,
};
/// Targets of an NLB.
pub const TARGETS_PER_NLB: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-EEF1AD04",
    limit: Some("targets-per-network-load-balancer"),
    name: "Targets per Network Load Balancer",
    default: 3000,
    adjustable: true,
};
/// Network interfaces of NLBs in a VPC.
pub const INTERFACES_OF_NLBS_PER_VPC: Quota = Quota {
    service: "elasticloadbalancing",
    code: "L-23568085",
    limit: None,
    name: "Network Load Balancer ENIs per VPC",
    default: 1200,
    adjustable: true,
};
/// Elastic IP addresses of a region.
pub const ELASTIC_ADDRESSES: Quota = Quota {
    service: "ec2",
    code: "L-0263D0A3",
    limit: None,
    name: "EC2-VPC Elastic IPs",
    default: 5,
    adjustable: true,
};
/// Security groups of a region.
pub const SECURITY_GROUPS: Quota = Quota {
    service: "vpc",
    code: "L-E79EC296",
    limit: None,
    name: "VPC security groups per Region",
    default: 2500,
    adjustable: true,
};
/// Rules of a security group in one direction, for IPv4 and IPv6 apart.
pub const RULES_PER_SECURITY_GROUP: Quota = Quota {
    service: "vpc",
    code: "L-0EA8095F",
    limit: None,
    name: "Inbound or outbound rules per security group",
    default: 60,
    adjustable: true,
};
/// Security groups of a network interface, and so of a load balancer.
pub const GROUPS_PER_INTERFACE: Quota = Quota {
    service: "vpc",
    code: "L-2AFB9258",
    limit: None,
    name: "Security groups per network interface",
    default: 5,
    adjustable: true,
};
/// Network interfaces of a region.
pub const INTERFACES: Quota = Quota {
    service: "vpc",
    code: "L-DF5E4CA3",
    limit: None,
    name: "Network interfaces per Region",
    default: 5000,
    adjustable: true,
};
/// Certificates of a region.
pub const CERTIFICATES: Quota = Quota {
    service: "acm",
    code: "L-F141DD1D",
    limit: None,
    name: "ACM certificates",
    default: 2500,
    adjustable: true,
};
/// Imported certificates of a region.
pub const IMPORTED_CERTIFICATES: Quota = Quota {
    service: "acm",
    code: "L-D2CB7DE9",
    limit: None,
    name: "Imported certificates",
    default: 2500,
    adjustable: true,
};
/// Names of a requested certificate.
pub const DOMAINS_PER_CERTIFICATE: Quota = Quota {
    service: "acm",
    code: "L-FB94F0B0",
    limit: None,
    name: "Domain names per ACM certificate",
    default: 10,
    adjustable: true,
};

/// Rules of a listener of VPC Lattice, without its default one. Codes of Lattice's quotas are not documented: these are
/// ours. <https://docs.aws.amazon.com/vpc-lattice/latest/ug/quotas.html>
pub const LATTICE_RULES: Quota = lattice("VPC-LATTICE-RULES", "Rules per listener", 10, true);
/// Listeners of a service.
pub const LATTICE_LISTENERS: Quota = lattice("VPC-LATTICE-LISTENERS", "Listeners per service", 2, false);
/// Targets of a target group.
pub const LATTICE_TARGETS: Quota = lattice("VPC-LATTICE-TARGETS", "Targets per target group", 1000, true);
/// Target groups of a region.
pub const LATTICE_GROUPS: Quota = lattice("VPC-LATTICE-GROUPS", "Target groups per Region", 500, true);
/// Services of a region.
pub const LATTICE_SERVICES: Quota = lattice("VPC-LATTICE-SERVICES", "Services per Region", 500, true);
/// Services of a network.
pub const LATTICE_SERVICES_PER_NETWORK: Quota = lattice(
    "VPC-LATTICE-NETWORK-SERVICES",
    "Services per service network",
    500,
    true,
);
/// Service networks of a region.
pub const LATTICE_NETWORKS: Quota = lattice("VPC-LATTICE-NETWORKS", "Service networks per Region", 10, true);

const fn lattice(code: &'static str, name: &'static str, default: u64, adjustable: bool) -> Quota {
    Quota {
        service: "vpc-lattice",
        code,
        limit: None,
        name,
        default,
        adjustable,
    }
}

/// All of them.
pub const ALL: &[Quota] = &[
    RULES_PER_ALB,
    TARGET_GROUPS_PER_ALB,
    TARGET_GROUPS_PER_ACTION,
    LISTENERS_PER_ALB,
    CERTIFICATES_PER_ALB,
    TARGETS_PER_ALB,
    REGISTRATIONS_PER_TARGET,
    VALUES_PER_RULE,
    WILDCARDS_PER_RULE,
    ALBS,
    NLBS,
    TARGET_GROUPS,
    TARGETS_PER_GROUP,
    LISTENERS_PER_NLB,
    CERTIFICATES_PER_NLB,
    TARGETS_PER_ZONE_OF_NLB,
    TARGETS_PER_NLB,
    INTERFACES_OF_NLBS_PER_VPC,
    ELASTIC_ADDRESSES,
    SECURITY_GROUPS,
    RULES_PER_SECURITY_GROUP,
    GROUPS_PER_INTERFACE,
    INTERFACES,
    CERTIFICATES,
    IMPORTED_CERTIFICATES,
    DOMAINS_PER_CERTIFICATE,
    LATTICE_RULES,
    LATTICE_LISTENERS,
    LATTICE_TARGETS,
    LATTICE_GROUPS,
    LATTICE_SERVICES,
    LATTICE_SERVICES_PER_NETWORK,
    LATTICE_NETWORKS,
];

/// Services by their code, and what they are called.
pub const SERVICES: &[(&str, &str)] = &[
    ("acm", "AWS Certificate Manager (ACM)"),
    ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"),
    ("elasticloadbalancing", "Elastic Load Balancing (ELB)"),
    ("vpc-lattice", "Amazon VPC Lattice"),
    ("vpc", "Amazon Virtual Private Cloud (Amazon VPC)"),
];
