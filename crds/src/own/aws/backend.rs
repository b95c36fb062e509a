//! `AwsBackend`.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// A backend on AWS that no Service stands for. A rule of an HTTPRoute or GRPCRoute names it in `backendRefs`, without a
/// port; from another namespace with a ReferenceGrant. Other classes treat it as a backend that is not there.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "AwsBackend",
    plural = "awsbackends",
    namespaced,
    category = "gatewright",
    doc = "A backend on AWS: a target group that exists, or a Lambda function.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.targetGroup) != has(self.lambda)")
        .message("exactly one of targetGroup and lambda is needed")
)]
pub struct AwsBackendSpec {
    /// A target group that somebody else keeps: it gets requests, and nothing of it is ever changed or deleted. AWS lets one
    /// load balancer alone use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group: Option<ExistingTargetGroup>,
    /// A Lambda function. It must let Elastic Load Balancing invoke it (`lambda:InvokeFunction` for
    /// `elasticloadbalancing.amazonaws.com`), which is not done here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<LambdaFunction>,
}

/// A target group of the load balancer's account and region.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("has(self.arn) != has(self.name)")
        .message("exactly one of arn and name is needed")
)]
pub struct ExistingTargetGroup {
    /// ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 256),
        regex(
            pattern = "^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]+$"
        )
    )]
    pub arn: Option<String>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[A-Za-z0-9-]+$"))]
    pub name: Option<String>,
}

/// A Lambda function.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LambdaFunction {
    /// ARN of the function, of a version or of an alias of it.
    #[schemars(
        length(max = 256),
        regex(
            pattern = "^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$"
        )
    )]
    pub function_arn: String,
    /// Whether headers and query parameters are passed with all of their values. Off by default: the last one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_value_headers: Option<bool>,
}
