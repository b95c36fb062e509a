//! The providers and the controller names that select them.

use crate::feature::Feature;
use crate::support::Support;
use crate::tables;
use serde::Serialize;

/// Infrastructure that a GatewayClass names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// The bundled proxy.
    Software,
    /// Application Load Balancer.
    AwsAlb,
    /// Network Load Balancer.
    AwsNlb,
    /// VPC Lattice.
    AwsLattice,
    /// Google Cloud load balancing, global or regional external and internal.
    Gcp,
    /// Azure Application Gateway v2.
    AzureAppGateway,
    /// Azure Standard Load Balancer.
    AzureLoadBalancer,
}

impl Provider {
    /// All providers, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Software,
        Self::AwsAlb,
        Self::AwsNlb,
        Self::AwsLattice,
        Self::Gcp,
        Self::AzureAppGateway,
        Self::AzureLoadBalancer,
    ];

    /// `spec.controllerName` of its GatewayClasses.
    pub const fn controller_name(self) -> &'static str {
        match self {
            Self::Software => "gatewright.dev/software",
            Self::AwsAlb => "gatewright.dev/aws-alb",
            Self::AwsNlb => "gatewright.dev/aws-nlb",
            Self::AwsLattice => "gatewright.dev/aws-lattice",
            Self::Gcp => "gatewright.dev/gcp",
            Self::AzureAppGateway => "gatewright.dev/azure-appgw",
            Self::AzureLoadBalancer => "gatewright.dev/azure-lb",
        }
    }

    /// The provider of a controller name; `None` for other controllers' classes.
    pub fn from_controller_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.controller_name() == name)
    }

    /// Label of metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::AwsAlb => "aws-alb",
            Self::AwsNlb => "aws-nlb",
            Self::AwsLattice => "aws-lattice",
            Self::Gcp => "gcp",
            Self::AzureAppGateway => "azure-appgw",
            Self::AzureLoadBalancer => "azure-lb",
        }
    }

    /// Whether two providers find each other's resources by the same marks, so that a Gateway whose class changes from one
    /// to the other keeps them, and the new one replaces what is there.
    pub const fn shares_with(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::AwsAlb | Self::AwsNlb, Self::AwsAlb | Self::AwsNlb)
        ) || self as u8 == other as u8
    }

    /// Name in texts.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Software => "Bundled proxy",
            Self::AwsAlb => "AWS ALB",
            Self::AwsNlb => "AWS NLB",
            Self::AwsLattice => "AWS VPC Lattice",
            Self::Gcp => "Google Cloud",
            Self::AzureAppGateway => "Azure Application Gateway",
            Self::AzureLoadBalancer => "Azure Load Balancer",
        }
    }

    /// Whether all hosts of a Gateway, wildcards among them, are served at the Gateway's own address, on all of its ports. On
    /// VPC Lattice each host is a service with a name and at most two listeners of its own
    /// (<https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-custom-domain-name.html>).
    pub const fn has_one_address(self) -> bool {
        !matches!(self, Self::AwsLattice)
    }

    /// Whether there is nothing that it cannot serve.
    pub fn serves_everything(self) -> bool {
        Feature::ALL
            .into_iter()
            .all(|feature| self.support(feature) == Support::Full)
    }

    /// Whether and how it serves a feature.
    pub fn support(self, feature: Feature) -> Support {
        match self {
            Self::Software => tables::software(feature),
            Self::AwsAlb => tables::aws_alb::support(feature),
            Self::AwsNlb => tables::layer4::aws_nlb(feature),
            Self::AwsLattice => tables::aws_lattice::support(feature),
            Self::Gcp => tables::gcp::support(feature),
            Self::AzureAppGateway => tables::azure_appgw::support(feature),
            Self::AzureLoadBalancer => tables::layer4::azure_lb(feature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controller_names_are_unique_and_found_again() {
        for provider in Provider::ALL {
            assert_eq!(
                Provider::from_controller_name(provider.controller_name()),
                Some(provider)
            );
        }
        assert_eq!(Provider::from_controller_name("example.com/other"), None);
    }

    #[test]
    fn load_balancers_of_one_service_are_found_by_each_other() {
        for one in Provider::ALL {
            for other in Provider::ALL {
                let both = [one, other];
                let elastic = both
                    .iter()
                    .all(|found| matches!(found, Provider::AwsAlb | Provider::AwsNlb));
                assert_eq!(
                    one.shares_with(other),
                    elastic || one == other,
                    "{one:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn the_bundled_proxy_serves_everything() {
        for feature in Feature::ALL {
            assert_eq!(Provider::Software.support(feature), Support::Full, "{feature:?}");
        }
        assert!(Provider::Software.serves_everything());
        assert!(!Provider::AwsAlb.serves_everything());
    }
}
