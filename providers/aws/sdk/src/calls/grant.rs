//! The parts of the policy.
//!
//! One managed policy for everything would be too long for IAM, and not everybody uses everything. Names are keys of the
//! outputs of `terraform/aws/permissions`, and of files in `deploy/aws/iam`.

use super::Service;

/// A part of the policy, installed as a managed policy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Load balancers, listeners, rules, target groups.
    LoadBalancing,
    /// VPC Lattice.
    Lattice,
    /// VPCs, subnets, security groups.
    Network,
    /// Certificates in ACM.
    Certificates,
    /// Web ACLs, and protections by Shield Advanced.
    Protection,
    /// What an account has: tags, quotas.
    Account,
}

impl Grant {
    /// All parts.
    pub const ALL: &'static [Self] = &[
        Self::LoadBalancing,
        Self::Lattice,
        Self::Network,
        Self::Certificates,
        Self::Protection,
        Self::Account,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoadBalancing => "load-balancing",
            Self::Lattice => "lattice",
            Self::Network => "network",
            Self::Certificates => "certificates",
            Self::Protection => "protection",
            Self::Account => "account",
        }
    }

    /// The Terraform output that grants it, as a user finds it.
    pub fn terraform_output(self) -> String {
        format!("policy_arns[\"{}\"]", self.name())
    }
}

impl Service {
    /// The part of the policy that has its actions; none where no permission is needed.
    pub const fn grant(self) -> Option<Grant> {
        match self {
            // S3 has the bundles of trust stores.
            Self::ElasticLoadBalancing | Self::S3 => Some(Grant::LoadBalancing),
            Self::VpcLattice => Some(Grant::Lattice),
            Self::Ec2 => Some(Grant::Network),
            Self::Acm => Some(Grant::Certificates),
            Self::Waf | Self::Shield => Some(Grant::Protection),
            Self::Tagging | Self::Quotas => Some(Grant::Account),
            Self::Sts => None,
        }
    }
}
