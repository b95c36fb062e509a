//! Every call that is made, with the permission that it needs.
//!
//! The IAM policy that users install is generated from this table. Actions, resource types and condition keys:
//! "Actions, resources, and condition keys" of each service in the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

mod clients;
mod grant;
mod policy;
mod table;

use crate::limiter::Bucket;
pub(crate) use clients::{ec2, quotas, s3, shield, sts, waf};
pub use grant::Grant;
pub use policy::policy;
pub use table::{ALL, IMPLIED};

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Elastic Load Balancing v2.
    ElasticLoadBalancing,
    /// VPC Lattice.
    VpcLattice,
    /// EC2.
    Ec2,
    /// Certificate Manager.
    Acm,
    /// Resource Groups Tagging.
    Tagging,
    /// Service Quotas.
    Quotas,
    /// S3.
    S3,
    /// AWS WAF.
    Waf,
    /// AWS Shield.
    Shield,
    /// Security Token Service.
    Sts,
}

impl Service {
    /// Its id in the SDK's metadata.
    pub const fn id(self) -> &'static str {
        match self {
            Self::ElasticLoadBalancing => "Elastic Load Balancing v2",
            Self::VpcLattice => "VPC Lattice",
            Self::Ec2 => "EC2",
            Self::Acm => "ACM",
            Self::Tagging => "Resource Groups Tagging API",
            Self::Quotas => "Service Quotas",
            Self::S3 => "S3",
            Self::Waf => "WAFV2",
            Self::Shield => "Shield",
            Self::Sts => "STS",
        }
    }

    /// Its name in `User-Agent`, where a space would end it.
    pub(crate) const fn user_agent(self) -> &'static str {
        match self {
            Self::ElasticLoadBalancing => "elasticloadbalancingv2",
            Self::VpcLattice => "vpclattice",
            Self::Ec2 => "ec2",
            Self::Acm => "acm",
            Self::Tagging => "resourcegroupstagging",
            Self::Quotas => "servicequotas",
            Self::S3 => "s3",
            Self::Waf => "wafv2",
            Self::Shield => "shield",
            Self::Sts => "sts",
        }
    }

    /// How its IAM actions begin; none for STS: "No permissions are required" for `GetCallerIdentity`,
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
    pub const fn prefix(self) -> Option<&'static str> {
        match self {
            Self::ElasticLoadBalancing => Some("elasticloadbalancing"),
            Self::VpcLattice => Some("vpc-lattice"),
            Self::Ec2 => Some("ec2"),
            Self::Acm => Some("acm"),
            Self::Tagging => Some("tag"),
            Self::Quotas => Some("servicequotas"),
            Self::S3 => Some("s3"),
            Self::Waf => Some("wafv2"),
            Self::Shield => Some("shield"),
            Self::Sts => None,
        }
    }
}

/// One operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// Service.
    pub service: Service,
    /// Operation, as in the service's API reference.
    pub operation: &'static str,
    /// What it is allowed on.
    pub on: &'static [Kind],
    /// Under which condition.
    pub scope: Scope,
    /// Which calls it shares its rate with.
    pub bucket: Bucket,
    /// What it is for.
    pub why: &'static str,
}

impl Call {
    /// Its IAM action; none where no permission is needed.
    pub fn action(&self) -> Option<String> {
        self.service
            .prefix()
            .map(|prefix| format!("{prefix}:{}", self.operation))
    }

    /// The part of the policy that allows it; none where no permission is needed.
    pub const fn grant(&self) -> Option<Grant> {
        self.service.grant()
    }

    /// Whether requests carry a private key: what AWS says about them is not passed on.
    pub fn confidential(&self) -> bool {
        self.operation == "ImportCertificate"
    }

    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        !["Describe", "Get", "List"]
            .iter()
            .any(|read| self.operation.starts_with(read))
    }
}

/// An action that a call needs beside its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Implied {
    /// IAM action.
    pub action: &'static str,
    /// The part of the policy that allows it.
    pub grant: Grant,
    /// What it is allowed on.
    pub on: &'static [Kind],
    /// Under which condition.
    pub scope: Scope,
    /// A further condition: key and value, compared as equal strings.
    pub condition: Option<(&'static str, &'static str)>,
    /// What it is for.
    pub why: &'static str,
}

/// A type of resource in IAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The action knows no resources.
    Any,
    /// An Application or Network Load Balancer.
    LoadBalancer,
    /// An Application Load Balancer.
    ApplicationLoadBalancer,
    /// A web ACL of AWS WAF.
    WebAcl,
    /// A protection by AWS Shield Advanced.
    Protection,
    /// Its listener.
    Listener,
    /// A listener's rule.
    Rule,
    /// A target group.
    TargetGroup,
    /// A service network of VPC Lattice.
    LatticeNetwork,
    /// Its association with a VPC.
    LatticeVpcAssociation,
    /// Its association with a service.
    LatticeServiceAssociation,
    /// A service of VPC Lattice.
    LatticeService,
    /// Its listener.
    LatticeListener,
    /// A listener's rule.
    LatticeRule,
    /// A target group of VPC Lattice.
    LatticeTargetGroup,
    /// A subscription to access logs.
    LatticeLog,
    /// A security group.
    SecurityGroup,
    /// A VPC.
    Vpc,
    /// A certificate in ACM.
    Certificate,
    /// A trust store.
    TrustStore,
    /// A bundle of authorities in S3, in a bucket of that purpose.
    Bundle,
    /// The role of Elastic Load Balancing.
    ServiceLinkedRole,
}

impl Kind {
    /// Its ARNs in a policy, in any region and account. Policies must name their partition: IAM refuses `*` there.
    /// Rules are made at listeners of Application Load Balancers alone.
    pub fn arns(self, partition: &str) -> Vec<String> {
        let rest: &[&str] = match self {
            Self::Any => return vec!["*".into()],
            Self::LoadBalancer => &[
                "elasticloadbalancing:*:*:loadbalancer/app/*/*",
                "elasticloadbalancing:*:*:loadbalancer/net/*/*",
            ],
            Self::ApplicationLoadBalancer => &["elasticloadbalancing:*:*:loadbalancer/app/*/*"],
            Self::WebAcl => &["wafv2:*:*:regional/webacl/*/*"],
            Self::Protection => &["shield::*:protection/*"],
            Self::Listener => &[
                "elasticloadbalancing:*:*:listener/app/*/*/*",
                "elasticloadbalancing:*:*:listener/net/*/*/*",
            ],
            Self::Rule => &["elasticloadbalancing:*:*:listener-rule/app/*/*/*/*"],
            Self::TargetGroup => &["elasticloadbalancing:*:*:targetgroup/*/*"],
            Self::LatticeNetwork => &["vpc-lattice:*:*:servicenetwork/*"],
            Self::LatticeVpcAssociation => &["vpc-lattice:*:*:servicenetworkvpcassociation/*"],
            Self::LatticeServiceAssociation => &["vpc-lattice:*:*:servicenetworkserviceassociation/*"],
            Self::LatticeService => &["vpc-lattice:*:*:service/*"],
            Self::LatticeListener => &["vpc-lattice:*:*:service/*/listener/*"],
            Self::LatticeRule => &["vpc-lattice:*:*:service/*/listener/*/rule/*"],
            Self::LatticeTargetGroup => &["vpc-lattice:*:*:targetgroup/*"],
            Self::LatticeLog => &["vpc-lattice:*:*:accesslogsubscription/*"],
            Self::SecurityGroup => &["ec2:*:*:security-group/*"],
            Self::Vpc => &["ec2:*:*:vpc/*"],
            Self::Certificate => &["acm:*:*:certificate/*"],
            Self::TrustStore => &["elasticloadbalancing:*:*:truststore/*/*"],
            Self::Bundle => &["s3:::gatewright-*/gatewright/*"],
            Self::ServiceLinkedRole => &["iam::*:role/aws-service-role/elasticloadbalancing.amazonaws.com/*"],
        };
        rest.iter()
            .map(|rest| format!("arn:{partition}:{rest}"))
            .collect()
    }
}

/// Condition under which an action is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// None: reads, and what knows no tags.
    Always,
    /// The request marks what it makes as ours: `aws:RequestTag/gatewright.dev/cluster` is there.
    Marks,
    /// The same, and what it is made in is marked as ours.
    MarksWithin,
    /// What it is done to is marked as ours: `aws:ResourceTag/gatewright.dev/cluster` is there.
    Ours,
    /// What it is done to is marked as ours, or its owner gave it over to the cluster:
    /// `aws:ResourceTag/gatewright.dev/nodes` is there.
    OursOrGiven,
    /// The request marks as ours, or what it is done to is marked already.
    MarksOrOurs,
    /// What it is done to is ours by its name.
    Named,
    /// None: an action that it needs beside its own ([`IMPLIED`]) has the condition that counts.
    Joined,
    /// Tags what is just being made by these actions, or what is marked as ours already.
    Tags(&'static [&'static str]),
}

/// The call of a service's operation, by the id of the service in the SDK.
pub fn find(service: &str, operation: &str) -> Option<&'static Call> {
    ALL.iter()
        .copied()
        .find(|call| call.service.id() == service && call.operation == operation)
}

#[cfg(test)]
mod tests;
