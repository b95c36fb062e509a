//! What a call asks permission for: actions, resources and keys of conditions, as the
//! [service authorization reference](https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html)
//! lists them.

use crate::input::{list, text, texts};
use crate::service::Context;
use crate::state::Account;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request for permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `elasticloadbalancing:CreateRule` and so on.
    pub action: String,
    /// The resource's name, or `*` where an action has no resources.
    pub resource: String,
    /// Keys of conditions, in lower case up to the name of a tag, and their values.
    keys: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// The values of a key; names of tags are told apart by case, keys are not.
    pub(super) fn values(&self, key: &str) -> Option<&[String]> {
        self.keys.get(&normal(key)).map(Vec::as_slice)
    }
}

fn normal(key: &str) -> String {
    match key.split_once('/') {
        Some((key, tag)) => format!("{}/{tag}", key.to_ascii_lowercase()),
        None => key.to_ascii_lowercase(),
    }
}

/// The prefix of a service's actions; none for operations that need no permission.
fn prefix(service: &str, operation: &str) -> Option<&'static str> {
    match (service, operation) {
        ("sts", "GetCallerIdentity" | "AssumeRoleWithWebIdentity") => None,
        ("sts", _) => Some("sts"),
        ("elbv2", _) => Some("elasticloadbalancing"),
        ("ec2", _) => Some("ec2"),
        ("acm", _) => Some("acm"),
        ("s3", _) => Some("s3"),
        ("tagging", _) => Some("tag"),
        ("quotas", _) => Some("servicequotas"),
        ("lattice", _) => Some("vpc-lattice"),
        ("waf", _) => Some("wafv2"),
        ("shield", _) => Some("shield"),
        _ => None,
    }
}

/// All permissions that a call needs.
pub(super) fn requests(
    account: &Account,
    context: &Context,
    (service, operation): (&str, &str),
    input: &Value,
) -> Vec<Request> {
    let Some(prefix) = prefix(service, operation) else {
        return Vec::new();
    };
    let tags = tags_of(input);
    let resources = resources(account, context, (service, operation), input);
    let mut found = Vec::new();
    for resource in &resources {
        let keys = keys(account, context, resource, tags.as_deref());
        found.push(Request {
            action: format!("{prefix}:{operation}"),
            resource: resource.clone(),
            keys,
        });
    }
    // Making something with tags needs the permission to tag it.
    let tagging = match (service, operation) {
        ("elbv2", made) if made.starts_with("Create") => {
            Some(("elasticloadbalancing:AddTags", "elasticloadbalancing"))
        }
        ("ec2", made) if made != "CreateTags" && tags.is_some() => Some(("ec2:CreateTags", "ec2")),
        ("acm", "ImportCertificate" | "RequestCertificate") => Some(("acm:AddTagsToCertificate", "acm")),
        ("shield", "CreateProtection") => Some(("shield:TagResource", "shield")),
        ("lattice", made) if made.starts_with("Create") => Some(("vpc-lattice:TagResource", "vpc-lattice")),
        _ => None,
    };
    if let (Some((action, service)), Some(tags), Some(made)) = (tagging, &tags, resources.first())
        && !tags.is_empty()
    {
        // What is new has no tags yet, so that only those of the call count.
        let made = match service {
            "vpc-lattice" => made.clone(),
            _ => made_by(context, operation, input).unwrap_or_else(|| made.clone()),
        };
        let mut keys = keys(account, context, &made, Some(tags));
        keys.insert(format!("{service}:createaction"), vec![operation.to_owned()]);
        found.push(Request {
            action: action.to_owned(),
            resource: made,
            keys,
        });
    }
    let pool = operation == "CreateLoadBalancer" && text(input, "CustomerOwnedIpv4Pool").is_some();
    let looks = looks(service, operation)
        .iter()
        .chain(LOOKS_AT_POOLS.iter().filter(|_| pool));
    found.extend(looks.map(|action| Request {
        action: (*action).to_owned(),
        resource: "*".to_owned(),
        keys: BTreeMap::new(),
    }));
    // `API_CreateTrustStore`: the bundle is read as whoever calls it.
    if (service, operation) == ("elbv2", "CreateTrustStore") {
        let part = |member| text(input, member).unwrap_or("*");
        let resource = format!(
            "arn:{}:s3:::{}/{}",
            context.partition(),
            part("CaCertificatesBundleS3Bucket"),
            part("CaCertificatesBundleS3Key")
        );
        found.push(Request {
            action: "s3:GetObject".to_owned(),
            keys: keys(account, context, &resource, None),
            resource,
        });
    }
    found.extend(waf(account, context, (service, operation), input));
    found
}

/// What is looked at for a pool of customer-owned addresses, as the policy of the AWS Load Balancer Controller has it (assumed).
const LOOKS_AT_POOLS: &[&str] = &["ec2:DescribeCoipPools", "ec2:GetCoipPoolUsage"];

/// What an operation of Elastic Load Balancing looks at with the caller's rights
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html>).
fn looks(service: &str, operation: &str) -> &'static [&'static str] {
    match (service, operation) {
        ("elbv2", "CreateLoadBalancer") => &[
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAddresses",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        ("elbv2", "CreateTargetGroup") => &["ec2:DescribeInternetGateways", "ec2:DescribeVpcs"],
        ("elbv2", "RegisterTargets") => &[
            "ec2:DescribeInstances",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        // As the policy of the AWS Load Balancer Controller has it (assumed).
        ("elbv2", "ModifyIpPools") => &["ec2:DescribeIpamPools"],
        ("elbv2", "SetIpAddressType" | "SetSubnets") => &["ec2:DescribeSubnets"],
        _ => &[],
    }
}

/// What calls about web ACLs of load balancers need beside their own action ("Actions that require additional permissions
/// settings", <https://docs.aws.amazon.com/waf/latest/developerguide/security_iam_service-with-iam.html>).
fn waf(
    account: &Account,
    context: &Context,
    (service, operation): (&str, &str),
    input: &Value,
) -> Option<Request> {
    if service != "waf" {
        return None;
    }
    let balancer = text(input, "ResourceArn")?;
    let (action, resource) = match operation {
        "AssociateWebACL" | "DisassociateWebACL" => ("elasticloadbalancing:SetWebACL", balancer),
        // "This call uses GetWebACL, to verify that your account has permission" (`API_GetWebACLForResource`).
        "GetWebACLForResource" => ("wafv2:GetWebACL", account.waf.of(balancer)?.0),
        _ => return None,
    };
    Some(Request {
        action: action.to_owned(),
        resource: resource.to_owned(),
        keys: keys(account, context, resource, None),
    })
}

/// Tags in the input of a call; none when it cannot have any.
fn tags_of(input: &Value) -> Option<Vec<(String, String)>> {
    let of = |tags: &[Value]| -> Vec<(String, String)> {
        tags.iter()
            .filter_map(|tag| {
                let key = text(tag, "Key")?.to_owned();
                Some((key, text(tag, "Value").unwrap_or_default().to_owned()))
            })
            .collect()
    };
    if input.get("Tags").is_some() {
        return Some(of(list(input, "Tags")));
    }
    if let Some(keys) = input.get("TagKeys").and_then(Value::as_array) {
        let keys = keys.iter().filter_map(Value::as_str);
        return Some(keys.map(|key| (key.to_owned(), String::new())).collect());
    }
    if let Some(tags) = input.get("tags").and_then(Value::as_object) {
        let tag =
            |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
        return Some(tags.iter().map(tag).collect());
    }
    if let Some(keys) = input.get("tagKeys").and_then(Value::as_array) {
        let keys = keys.iter().filter_map(Value::as_str);
        return Some(keys.map(|key| (key.to_owned(), String::new())).collect());
    }
    input.get("TagSpecifications").map(|_| {
        list(input, "TagSpecifications")
            .iter()
            .flat_map(|specification| of(list(specification, "Tags")))
            .collect()
    })
}

/// The name that what an operation makes will have; its hash is not known yet.
fn made_by(context: &Context, operation: &str, input: &Value) -> Option<String> {
    let name = text(input, "Name").unwrap_or("*");
    let elb = |rest: String| Some(context.arn("elasticloadbalancing", &rest));
    // The middle of the names of what is in a load balancer.
    let within = |member: &str| {
        let arn = text(input, member)?;
        arn.split_once("loadbalancer/")
            .or_else(|| arn.split_once("listener/"))
            .map(|(_, rest)| rest.to_owned())
    };
    match operation {
        "CreateLoadBalancer" => {
            let kind = if text(input, "Type") == Some("network") {
                "net"
            } else {
                "app"
            };
            elb(format!("loadbalancer/{kind}/{name}/0000000000000000"))
        }
        "CreateTargetGroup" => elb(format!("targetgroup/{name}/0000000000000000")),
        "CreateTrustStore" => elb(format!("truststore/{name}/0000000000000000")),
        "CreateListener" => elb(format!(
            "listener/{}/0000000000000000",
            within("LoadBalancerArn")?
        )),
        "CreateRule" => elb(format!(
            "listener-rule/{}/0000000000000000",
            within("ListenerArn")?
        )),
        "CreateSecurityGroup" => Some(context.arn("ec2", "security-group/*")),
        "AllocateAddress" => Some(context.arn("ec2", "elastic-ip/*")),
        "ImportCertificate" | "RequestCertificate" if text(input, "CertificateArn").is_none() => {
            Some(context.arn("acm", "certificate/*"))
        }
        _ => None,
    }
}

/// Names of the resources that a call is about.
fn resources(
    account: &Account,
    context: &Context,
    (service, operation): (&str, &str),
    input: &Value,
) -> Vec<String> {
    let reads = ["Describe", "List", "Get"]
        .iter()
        .any(|verb| operation.starts_with(verb));
    let anything = || vec!["*".to_owned()];
    let one = |resource: String| vec![resource];
    match (service, operation) {
        // Reading is not limited to resources, but in ACM.
        ("elbv2" | "ec2" | "tagging" | "quotas" | "sts" | "lattice" | "waf" | "shield", _) if reads => {
            anything()
        }
        ("sts", _) => one(text(input, "RoleArn").unwrap_or("*").to_owned()),
        ("s3", _) => {
            let part = |member| text(input, member).unwrap_or("*");
            let partition = context.partition();
            one(format!("arn:{partition}:s3:::{}/{}", part("Bucket"), part("Key")))
        }
        ("elbv2", "CreateLoadBalancer" | "CreateTargetGroup" | "CreateTrustStore") => {
            made_by(context, operation, input).map_or_else(anything, one)
        }
        ("elbv2", "SetRulePriorities") => list(input, "RulePriorities")
            .iter()
            .filter_map(|pair| text(pair, "RuleArn").map(str::to_owned))
            .collect(),
        ("elbv2", "AddTags" | "RemoveTags") => texts(input, "ResourceArns")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        ("elbv2", _) => [
            "RuleArn",
            "ListenerArn",
            "TargetGroupArn",
            "LoadBalancerArn",
            "TrustStoreArn",
        ]
        .iter()
        .find_map(|member| text(input, member))
        .map_or_else(anything, |arn| one(arn.to_owned())),
        ("ec2", "CreateSecurityGroup") => {
            let vpc = text(input, "VpcId").map(|id| context.arn("ec2", &format!("vpc/{id}")));
            made_by(context, operation, input)
                .into_iter()
                .chain(vpc)
                .collect()
        }
        ("ec2", "AllocateAddress") => made_by(context, operation, input).map_or_else(anything, one),
        ("ec2", "ReleaseAddress") => {
            let id = text(input, "AllocationId").unwrap_or("*");
            one(context.arn("ec2", &format!("elastic-ip/{id}")))
        }
        ("ec2", "CreateTags" | "DeleteTags") => texts(input, "Resources")
            .into_iter()
            .map(|id| arn_of_id(account, context, id))
            .collect(),
        ("ec2", _) => text(input, "GroupId").map_or_else(anything, |id| {
            one(context.arn("ec2", &format!("security-group/{id}")))
        }),
        ("shield", "CreateProtection") => one(crate::shield::arn(context, "*")),
        ("shield", "DeleteProtection") => one(crate::shield::arn(
            context,
            text(input, "ProtectionId").unwrap_or("*"),
        )),
        ("waf", "AssociateWebACL") => ["WebACLArn", "ResourceArn"]
            .iter()
            .filter_map(|member| text(input, member).map(str::to_owned))
            .collect(),
        ("lattice", _) => lattice(account, context, operation, input),
        ("acm", "ListCertificates") => anything(),
        ("acm", _) => match text(input, "CertificateArn") {
            Some(arn) => one(arn.to_owned()),
            None => made_by(context, operation, input).map_or_else(anything, one),
        },
        _ => anything(),
    }
}

/// Resources of calls of VPC Lattice
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonvpclattice.html>): what is made first, then
/// what it is made of.
fn lattice(account: &Account, context: &Context, operation: &str, input: &Value) -> Vec<String> {
    let arn = |id: &str| match account.lattice.arn_of(id) {
        Some(arn) => arn.to_owned(),
        None => context.arn("vpc-lattice", &format!("*/{id}")),
    };
    let named = |member: &str| text(input, member).map(arn);
    let made = |rest: &str| context.arn("vpc-lattice", rest);
    // Ids are 17 letters and digits, and not known yet.
    let below = |member: &str, rest: &str| format!("{}/{rest}", named(member).unwrap_or_default());
    match operation {
        "CreateServiceNetwork" => vec![made("servicenetwork/sn-00000000000000000")],
        "CreateService" => vec![made("service/svc-00000000000000000")],
        "CreateTargetGroup" => vec![made("targetgroup/tg-00000000000000000")],
        "CreateAccessLogSubscription" => vec![made("accesslogsubscription/als-00000000000000000")],
        "CreateListener" => vec![below("serviceIdentifier", "listener/listener-00000000000000000")],
        "CreateRule" => vec![below("listenerIdentifier", "rule/rule-00000000000000000")],
        "CreateServiceNetworkVpcAssociation" => {
            let association = made("servicenetworkvpcassociation/snva-00000000000000000");
            [Some(association), named("serviceNetworkIdentifier")]
                .into_iter()
                .flatten()
                .collect()
        }
        "CreateServiceNetworkServiceAssociation" => {
            let association = made("servicenetworkserviceassociation/snsa-00000000000000000");
            let parts = [named("serviceNetworkIdentifier"), named("serviceIdentifier")];
            [Some(association)].into_iter().chain(parts).flatten().collect()
        }
        "BatchUpdateRule" => list(input, "rules")
            .iter()
            .filter_map(|rule| text(rule, "ruleIdentifier").map(arn))
            .collect(),
        _ => [
            "resourceArn",
            "ruleIdentifier",
            "listenerIdentifier",
            "targetGroupIdentifier",
            "accessLogSubscriptionIdentifier",
            "serviceNetworkVpcAssociationIdentifier",
            "serviceNetworkServiceAssociationIdentifier",
            "resourceIdentifier",
            "serviceIdentifier",
            "serviceNetworkIdentifier",
        ]
        .iter()
        .find_map(|member| named(member))
        .into_iter()
        .collect(),
    }
}

fn arn_of_id(account: &Account, context: &Context, id: &str) -> String {
    let end = format!("/{id}");
    account
        .ec2
        .tagged()
        .into_iter()
        .find(|(arn, _)| arn.ends_with(&end))
        .map_or_else(|| context.arn("ec2", &format!("*/{id}")), |(arn, _)| arn)
}

/// Keys of conditions for a resource and the tags of a call.
fn keys(
    account: &Account,
    context: &Context,
    resource: &str,
    tags: Option<&[(String, String)]>,
) -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::from([
        ("aws:requestedregion".to_owned(), vec![context.region.clone()]),
        (
            "aws:principalaccount".to_owned(),
            vec![context.identity.account.clone()],
        ),
        ("aws:principalarn".to_owned(), vec![context.identity.arn.clone()]),
    ]);
    for (tag, value) in tags.unwrap_or_default() {
        keys.insert(format!("aws:requesttag/{tag}"), vec![value.clone()]);
        keys.entry("aws:tagkeys".to_owned())
            .or_default()
            .push(tag.clone());
    }
    let all = account
        .elb
        .tagged()
        .into_iter()
        .chain(account.ec2.tagged())
        .chain(account.acm.tagged())
        .chain(account.lattice.tagged())
        .chain(account.shield.tagged());
    for (tag, value) in all.filter(|(arn, _)| arn == resource).flat_map(|(_, tags)| tags) {
        for service in ["aws", "ec2", "elasticloadbalancing"] {
            let own = service == "aws" || resource.contains(&format!(":{service}:"));
            if own {
                keys.insert(format!("{service}:resourcetag/{tag}"), vec![value.clone()]);
            }
        }
    }
    if let Some(group) = resource
        .rsplit('/')
        .next()
        .and_then(|id| account.ec2.group(id, context))
    {
        keys.insert(
            "ec2:vpc".to_owned(),
            vec![context.arn("ec2", &format!("vpc/{}", group.vpc))],
        );
    }
    keys
}
