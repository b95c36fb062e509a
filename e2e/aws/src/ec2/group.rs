//! Security groups.

use super::describe::{ById, Kind, describe as describe_rows};
use super::network::VPC_ID;
use super::permission::{Peer, Rule, render_permissions};
use super::{State, Tags, tags};
use crate::error::ApiError;
use crate::input::text;
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its identifier.
    pub id: String,
    /// Its name, unique within the VPC.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its VPC.
    pub vpc: String,
    /// When it was made, in ms; none for those that were there from the beginning.
    pub created: Option<u64>,
    /// Rules for what comes in.
    pub ingress: Vec<Rule>,
    /// Rules for what goes out.
    pub egress: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
}

impl Group {
    /// True once all of EC2 knows the group.
    pub(super) fn visible(&self, context: &Context) -> bool {
        self.created.is_none_or(|created| {
            context.now >= created.saturating_add(context.settings.security_group_visible_ms)
        })
    }

    /// True when a rule of this group names another group.
    fn names(&self, id: &str) -> bool {
        self.ingress
            .iter()
            .chain(&self.egress)
            .any(|rule| matches!(&rule.peer, Peer::Group { id: named } if named == id))
    }
}

/// How groups are asked for.
pub const GROUP_ID: ById = ById {
    member: "GroupIds",
    prefix: "sg-",
    malformed: "InvalidGroupId.Malformed",
    missing: "InvalidGroup.NotFound",
    what: "security group",
};

const GROUPS: Kind = Kind {
    list: "SecurityGroups",
    id: "GroupId",
    by_id: Some(GROUP_ID),
    most: 1000,
    tags: Some("Tags"),
    filters: &[
        ("description", "Description"),
        ("egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"),
        ("egress.ip-permission.from-port", "IpPermissionsEgress.FromPort"),
        (
            "egress.ip-permission.group-id",
            "IpPermissionsEgress.UserIdGroupPairs.GroupId",
        ),
        (
            "egress.ip-permission.group-name",
            "IpPermissionsEgress.UserIdGroupPairs.GroupName",
        ),
        (
            "egress.ip-permission.ipv6-cidr",
            "IpPermissionsEgress.Ipv6Ranges.CidrIpv6",
        ),
        (
            "egress.ip-permission.prefix-list-id",
            "IpPermissionsEgress.PrefixListIds.PrefixListId",
        ),
        ("egress.ip-permission.protocol", "IpPermissionsEgress.IpProtocol"),
        ("egress.ip-permission.to-port", "IpPermissionsEgress.ToPort"),
        (
            "egress.ip-permission.user-id",
            "IpPermissionsEgress.UserIdGroupPairs.UserId",
        ),
        ("group-id", "GroupId"),
        ("group-name", "GroupName"),
        ("ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"),
        ("ip-permission.from-port", "IpPermissions.FromPort"),
        ("ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"),
        (
            "ip-permission.group-name",
            "IpPermissions.UserIdGroupPairs.GroupName",
        ),
        ("ip-permission.ipv6-cidr", "IpPermissions.Ipv6Ranges.CidrIpv6"),
        (
            "ip-permission.prefix-list-id",
            "IpPermissions.PrefixListIds.PrefixListId",
        ),
        ("ip-permission.protocol", "IpPermissions.IpProtocol"),
        ("ip-permission.to-port", "IpPermissions.ToPort"),
        ("ip-permission.user-id", "IpPermissions.UserIdGroupPairs.UserId"),
        ("owner-id", "OwnerId"),
        ("vpc-id", "VpcId"),
    ],
};

/// [DescribeSecurityGroups](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html).
pub fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let names = crate::input::texts(input, "GroupNames");
    let visible = || state.groups.values().filter(|group| group.visible(context));
    if !names.is_empty() {
        // Names are for the default VPC only.
        let known = |name: &str| {
            visible().any(|group| {
                group.name == name && state.vpcs.get(&group.vpc).is_some_and(|vpc| vpc.is_default)
            })
        };
        if let Some(missing) = names.iter().find(|name| !known(name)) {
            return Err(ApiError::new(
                "InvalidGroup.NotFound",
                format!("The security group '{missing}' does not exist in default VPC"),
            ));
        }
    }
    let rows = visible()
        .filter(|group| names.is_empty() || names.contains(&group.name.as_str()))
        .map(|group| {
            json!({
                "GroupId": group.id,
                "SecurityGroupArn": state.arn(&format!("security-group/{}", group.id)),
                "GroupName": group.name,
                "Description": group.description,
                "OwnerId": state.account,
                "VpcId": group.vpc,
                "IpPermissions": render_permissions(&group.ingress, &state.account),
                "IpPermissionsEgress": render_permissions(&group.egress, &state.account),
                "Tags": tags::render(&group.tags),
            })
        })
        .collect();
    describe_rows(&GROUPS, rows, input)
}

/// What names and descriptions may consist of.
pub(super) fn allowed(text: &str) -> bool {
    text.chars().count() <= 255
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c))
}

/// [CreateSecurityGroup](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html).
pub fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "GroupName").unwrap_or_default();
    let description = text(input, "Description").unwrap_or_default();
    let refused = |message: String| Err(ApiError::new("InvalidParameterValue", message));
    if name.is_empty() || !allowed(name) {
        return refused(format!(
            "Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are not supported."
        ));
    }
    if name.starts_with("sg-") {
        return refused(format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
        ));
    }
    if name.eq_ignore_ascii_case("default") {
        return refused(format!("Cannot use reserved security group name: {name}"));
    }
    if description.is_empty() || !allowed(description) {
        return refused(format!(
            "Value ({description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not \
             supported."
        ));
    }
    let most = account.quotas.value(quotas::SECURITY_GROUPS);
    let state = &mut account.ec2;
    let vpc = match text(input, "VpcId") {
        Some(id) => state.vpcs.get(id).ok_or_else(|| VPC_ID.not_found(id))?,
        None => state
            .vpcs
            .values()
            .find(|vpc| vpc.is_default)
            .ok_or_else(|| ApiError::new("VPCIdNotSpecified", "No default VPC for this user"))?,
    };
    let (vpc, ipv6) = (vpc.id.clone(), vpc.ipv6.is_some());
    let same = |group: &&Group| group.vpc == vpc && group.name.eq_ignore_ascii_case(name);
    if state.groups.values().find(same).is_some() {
        return Err(ApiError::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ));
    }
    if state.groups.len() as u64 >= most {
        return Err(ApiError::new(
            "SecurityGroupLimitExceeded",
            "The maximum number of security groups has been reached.",
        ));
    }
    let tags = tags::specified(input, "security-group")?;
    let group = state.new_group(name, description, &vpc, ipv6);
    let (id, answered) = (group.id.clone(), tags::render(&tags));
    state.groups.insert(
        id.clone(),
        Group {
            tags,
            created: Some(context.now),
            ..group
        },
    );
    Ok(json!({
        "GroupId": id,
        "SecurityGroupArn": state.arn(&format!("security-group/{id}")),
        "Tags": answered,
    }))
}

impl State {
    /// A group with the rule that every new one has: everything may go out.
    pub(super) fn new_group(&mut self, name: &str, description: &str, vpc: &str, ipv6: bool) -> Group {
        let mut egress = vec![Rule::all(
            self.identifier("sgr-"),
            Peer::V4("0.0.0.0/0".to_owned()),
        )];
        if ipv6 {
            egress.push(Rule::all(self.identifier("sgr-"), Peer::V6("::/0".to_owned())));
        }
        Group {
            id: self.identifier("sg-"),
            name: name.to_owned(),
            description: description.to_owned(),
            vpc: vpc.to_owned(),
            created: None,
            ingress: Vec::new(),
            egress,
            tags: Tags::new(),
        }
    }

    /// The group that a call names, by identifier or, in a default VPC, by name.
    pub(super) fn named_group(&self, input: &Value, context: &Context) -> Result<String, ApiError> {
        match (text(input, "GroupId"), text(input, "GroupName")) {
            (Some(id), _) => self
                .group(id, context)
                .map(|group| group.id.clone())
                .ok_or_else(|| GROUP_ID.not_found(id)),
            (None, Some(name)) => self
                .groups
                .values()
                .find(|group| {
                    group.name == name
                        && group.visible(context)
                        && self.vpcs.get(&group.vpc).is_some_and(|vpc| vpc.is_default)
                })
                .map(|group| group.id.clone())
                .ok_or_else(|| {
                    ApiError::new(
                        "InvalidGroup.NotFound",
                        format!("The security group '{name}' does not exist in default VPC"),
                    )
                }),
            (None, None) => Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter groupName or groupId",
            )),
        }
    }
}

/// [DeleteSecurityGroup](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html):
/// not while an interface has the group or a rule of another names it.
pub fn delete(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.ec2;
    let id = state.named_group(input, context)?;
    if state.groups.get(&id).is_some_and(|group| group.name == "default") {
        return Err(ApiError::new(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let held = state
        .interfaces
        .values()
        .any(|interface| interface.groups.contains(&id));
    let named = state
        .groups
        .values()
        .any(|group| group.id != id && group.names(&id));
    if held || named {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("resource {id} has a dependent object"),
        ));
    }
    state.groups.remove(&id);
    Ok(json!({"Return": true, "GroupId": id}))
}
