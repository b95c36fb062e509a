//! Where load balancers and services are made.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Account and region of what the Gateways of a GatewayClass become. By default those that the controller's own credentials
/// and environment lead to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.roleArn) || has(self.region)").message("one of roleArn and region must be set"),
    validation = Rule::new("has(self.roleArn) || !has(self.externalId)").message("externalId belongs to roleArn")
)]
pub struct AwsAccount {
    /// Role that the controller takes on, of this or another account, for example
    /// `arn:aws:iam::123456789012:role/gatewright`. Its trust policy must let the controller's own role assume it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 2048),
        regex(pattern = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,1000}$")
    )]
    pub role_arn: Option<String>,
    /// External id that the trust policy of the role asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224), regex(pattern = "^[A-Za-z0-9+=,.@:/_-]+$"))]
    pub external_id: Option<String>,
    /// Region, for example `eu-central-1`. That of the controller by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = "^[a-z]{2,}(-[a-z0-9]+)+$"))]
    pub region: Option<String>,
}
