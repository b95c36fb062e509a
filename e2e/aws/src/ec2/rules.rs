//! Adding, removing and describing rules of security groups.

use super::describe::{ById, Kind, describe as describe_rows};
use super::group::{GROUP_ID, Group};
use super::permission::{Peer, Rule, Wanted, render_permissions, wanted};
use super::{State, tags};
use crate::error::ApiError;
use crate::input::texts;
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};

/// Which rules of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    fn of(self, group: &Group) -> &Vec<Rule> {
        match self {
            Self::Ingress => &group.ingress,
            Self::Egress => &group.egress,
        }
    }

    fn of_mut(self, group: &mut Group) -> &mut Vec<Rule> {
        match self {
            Self::Ingress => &mut group.ingress,
            Self::Egress => &mut group.egress,
        }
    }
}

/// [AuthorizeSecurityGroupIngress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html).
pub fn authorize_ingress(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    authorize(account, context, input, Direction::Ingress)
}

/// [AuthorizeSecurityGroupEgress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html).
pub fn authorize_egress(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    authorize(account, context, input, Direction::Egress)
}

/// [RevokeSecurityGroupIngress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html).
pub fn revoke_ingress(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    revoke(account, context, input, Direction::Ingress)
}

/// [RevokeSecurityGroupEgress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupEgress.html).
pub fn revoke_egress(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    revoke(account, context, input, Direction::Egress)
}

/// All rules of the call or none.
fn authorize(
    account: &mut Account,
    context: &Context,
    input: &Value,
    direction: Direction,
) -> Result<Value, ApiError> {
    let rules = wanted(input)?;
    let most = account.quotas.value(quotas::RULES_PER_SECURITY_GROUP);
    let state = &mut account.ec2;
    let id = state.named_group(input, context)?;
    if rules.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "The request must contain the parameter ipPermissions",
        ));
    }
    for rule in &rules {
        state.check_peer(&id, rule, context)?;
    }
    let new_tags = tags::specified(input, "security-group-rule")?;
    let Some(group) = state.groups.get(&id) else {
        return Err(GROUP_ID.not_found(&id));
    };
    let held = direction.of(group);
    for rule in &rules {
        if held.iter().any(|old| old.same(&rule.traffic, &rule.peer)) {
            return Err(ApiError::new(
                "InvalidPermission.Duplicate",
                format!("the specified rule \"{}\" already exists", rule.describe()),
            ));
        }
    }
    let peers = || {
        held.iter()
            .map(|rule| &rule.peer)
            .chain(rules.iter().map(|rule| &rule.peer))
    };
    for v6 in [false, true] {
        if peers().map(|peer| state.weight(peer, v6)).sum::<u64>() > most {
            return Err(ApiError::new(
                "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.",
            ));
        }
    }
    let mut made = Vec::new();
    for rule in rules {
        made.push(Rule {
            id: state.identifier("sgr-"),
            traffic: rule.traffic,
            peer: rule.peer,
            description: rule.description,
            tags: new_tags.clone(),
        });
    }
    let answered: Vec<Value> = made
        .iter()
        .map(|rule| state.render(&id, rule, direction))
        .collect();
    if let Some(group) = state.groups.get_mut(&id) {
        direction.of_mut(group).extend(made);
    }
    Ok(json!({"Return": true, "SecurityGroupRules": answered}))
}

/// By identifier, or by properties, which must match exactly. What matches nothing is an error, but in a
/// default VPC it is only told.
fn revoke(
    account: &mut Account,
    context: &Context,
    input: &Value,
    direction: Direction,
) -> Result<Value, ApiError> {
    let rules = wanted(input)?;
    let ids = texts(input, "SecurityGroupRuleIds");
    let state = &mut account.ec2;
    let group_id = state.named_group(input, context)?;
    let Some(group) = state.groups.get(&group_id) else {
        return Err(GROUP_ID.not_found(&group_id));
    };
    if rules.is_empty() && ids.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
        ));
    }
    if !rules.is_empty() && !ids.is_empty() {
        return Err(ApiError::new(
            "InvalidParameterCombination",
            "The parameter 'securityGroupRuleIds' may not be used in combination with 'ipPermissions'",
        ));
    }
    let held = direction.of(group);
    let mut doomed = Vec::new();
    let mut unknown = Vec::new();
    for id in ids {
        match held.iter().find(|rule| rule.id == id) {
            Some(rule) => doomed.push(rule.clone()),
            None => {
                return Err(ApiError::new(
                    "InvalidSecurityGroupRuleId.NotFound",
                    format!("The security group rule ID '{id}' does not exist"),
                ));
            }
        }
    }
    let lenient = state.vpcs.get(&group.vpc).is_some_and(|vpc| vpc.is_default);
    for rule in rules {
        match held.iter().find(|old| old.same(&rule.traffic, &rule.peer)) {
            Some(old) => doomed.push(old.clone()),
            None if lenient => unknown.push(Rule {
                id: String::new(),
                traffic: rule.traffic,
                peer: rule.peer,
                description: rule.description,
                tags: super::Tags::new(),
            }),
            None => {
                return Err(ApiError::new(
                    "InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.",
                ));
            }
        }
    }
    let revoked: Vec<Value> = doomed
        .iter()
        .map(|rule| {
            let mut told = state.render(&group_id, rule, direction);
            if let Some(members) = told.as_object_mut() {
                // The shape of a removed rule is flatter than that of one that is there.
                let named = members.remove("ReferencedGroupInfo");
                if let Some(id) = named.as_ref().and_then(|info| info.get("GroupId")) {
                    members.insert("ReferencedGroupId".to_owned(), id.clone());
                }
                for member in ["GroupOwnerId", "SecurityGroupRuleArn", "Tags"] {
                    members.remove(member);
                }
            }
            told
        })
        .collect();
    let owner = state.account.clone();
    if let Some(group) = state.groups.get_mut(&group_id) {
        direction
            .of_mut(group)
            .retain(|rule| !doomed.iter().any(|gone| gone.id == rule.id));
    }
    Ok(json!({
        "Return": true,
        "UnknownIpPermissions": (!unknown.is_empty()).then(|| render_permissions(&unknown, &owner)),
        "RevokedSecurityGroupRules": revoked,
    }))
}

impl State {
    /// A named group lies in the same VPC, a named prefix list exists.
    fn check_peer(&self, group: &str, rule: &Wanted, context: &Context) -> Result<(), ApiError> {
        match &rule.peer {
            Peer::V4(_) | Peer::V6(_) => Ok(()),
            Peer::Group { id } => {
                let named = self.group(id, context).ok_or_else(|| GROUP_ID.not_found(id))?;
                if self.groups.get(group).is_some_and(|own| own.vpc == named.vpc) {
                    Ok(())
                } else {
                    Err(ApiError::new(
                        "InvalidGroup.NotFound",
                        "You have specified two resources that belong to different networks.",
                    ))
                }
            }
            Peer::Prefixes(id) if self.prefix_lists.contains_key(id) => Ok(()),
            Peer::Prefixes(id) => Err(ApiError::new(
                "InvalidPrefixListID.NotFound",
                format!("The prefix list ID '{id}' does not exist"),
            )),
        }
    }

    /// What a rule counts towards the quota of its group, which holds for IPv4 and IPv6 apart: references to
    /// groups count in both, those to prefix lists as often as the list has entries
    /// ([quotas](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups)).
    fn weight(&self, peer: &Peer, v6: bool) -> u64 {
        match peer {
            Peer::V4(_) => u64::from(!v6),
            Peer::V6(_) => u64::from(v6),
            Peer::Group { .. } => 1,
            Peer::Prefixes(id) => self.prefix_lists.get(id).copied().unwrap_or(1).into(),
        }
    }

    fn render(&self, group: &str, rule: &Rule, direction: Direction) -> Value {
        let (v4, v6, prefixes, referenced) = match &rule.peer {
            Peer::V4(range) => (Some(range), None, None, None),
            Peer::V6(range) => (None, Some(range), None, None),
            Peer::Prefixes(id) => (None, None, Some(id), None),
            Peer::Group { id } => (None, None, None, Some(id)),
        };
        json!({
            "SecurityGroupRuleId": rule.id,
            "SecurityGroupRuleArn": self.arn(&format!("security-group-rule/{}", rule.id)),
            "GroupId": group,
            "GroupOwnerId": self.account,
            "IsEgress": direction == Direction::Egress,
            "IpProtocol": rule.traffic.protocol,
            "FromPort": rule.traffic.ports.map_or(-1, |ports| ports.0),
            "ToPort": rule.traffic.ports.map_or(-1, |ports| ports.1),
            "CidrIpv4": v4,
            "CidrIpv6": v6,
            "PrefixListId": prefixes,
            "ReferencedGroupInfo": referenced.map(|id| json!({
                "GroupId": id,
                "UserId": self.account,
                "VpcId": self.groups.get(id).map(|named| named.vpc.clone()),
            })),
            "Description": rule.description,
            "Tags": tags::render(&rule.tags),
        })
    }
}

const RULES: Kind = Kind {
    list: "SecurityGroupRules",
    id: "SecurityGroupRuleId",
    by_id: Some(ById {
        member: "SecurityGroupRuleIds",
        prefix: "sgr-",
        malformed: "InvalidSecurityGroupRuleId.Malformed",
        missing: "InvalidSecurityGroupRuleId.NotFound",
        what: "security group rule ID",
    }),
    most: 1000,
    tags: Some("Tags"),
    filters: &[
        ("group-id", "GroupId"),
        ("security-group-rule-id", "SecurityGroupRuleId"),
    ],
};

/// [DescribeSecurityGroupRules](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html).
pub fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let mut rows = Vec::new();
    for group in state.groups.values().filter(|group| group.visible(context)) {
        for direction in [Direction::Ingress, Direction::Egress] {
            for rule in direction.of(group) {
                rows.push(state.render(&group.id, rule, direction));
            }
        }
    }
    describe_rows(&RULES, rows, input)
}
