//! Parameters of load balancers on AWS: what the Gateway API has no field for.
//!
//! `AwsLoadBalancerParameters` and `AwsLatticeParameters` belong to a GatewayClass or a Gateway, `AwsTargetGroupParameters`
//! to Services, `AwsRouteParameters` to rules of routes. `AwsBackend` is a backend on AWS. An `AwsTargetGroupBinding` has pods
//! in what somebody else made.

mod access;
mod account;
mod backend;
mod balancer;
mod binding;
mod fixed;
mod ipv6;
mod lattice;
mod listener;
mod merging;
mod rewrite;
mod route;
mod target_group;
#[cfg(test)]
mod tests;

pub use access::AccessParameters;
pub use account::AwsAccount;
pub use backend::{AwsBackend, AwsBackendSpec, ExistingTargetGroup, LambdaFunction};
pub use balancer::{
    AwsLoadBalancerParameters, AwsLoadBalancerParametersSpec, IpAddressType, Scheme, SubnetChoice,
};
pub use binding::{
    AwsTargetGroupBinding, AwsTargetGroupBindingSpec, AwsTargetGroupBindingStatus, BoundService, BoundTarget,
    TargetGroupReference,
};
pub use fixed::{ContentType, FixedResponse};
pub use ipv6::Ipv6Parameters;
pub use lattice::{
    AwsLatticeParameters, AwsLatticeParametersSpec, LatticeAccess, LatticeService, VpcAssociation,
};
pub use listener::{AlpnPolicy, ListenerParameters, MutualTls};
pub use merging::MergingMode;
pub use rewrite::RegexRewrite;
pub use route::{
    AwsRouteParameters, AwsRouteParametersSpec, Claim, ClaimFormat, ClientSecretReference, CognitoPool,
    Login, OidcProvider, TokenValidation, Unauthenticated,
};
pub use target_group::{
    AwsTargetGroupParameters, AwsTargetGroupParametersSpec, HealthCheck, HealthCheckProtocol,
    HealthCheckVersion, ServiceReference, TargetGroupSettings, TargetProtocol, TargetType,
};

use std::collections::BTreeMap;

/// `mine` over `base`, key by key.
fn merged(
    mine: Option<BTreeMap<String, String>>,
    base: Option<&BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    match (mine, base) {
        (Some(mine), Some(base)) => {
            let mut all = base.clone();
            all.extend(mine);
            Some(all)
        }
        (mine, base) => mine.or_else(|| base.cloned()),
    }
}
