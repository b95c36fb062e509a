//! Tags of EC2's resources:
//! [restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).

use super::describe::{Kind, describe as describe_rows};
use super::{State, Tags};
use crate::error::ApiError;
use crate::input::{list, text, texts};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Tags that one resource can have; those of AWS itself do not count.
const MOST_TAGS: usize = 50;
/// Resources and tags that one call can name.
const MOST_NAMED: usize = 1000;

/// The form of tags in answers.
pub fn render(tags: &Tags) -> Vec<Value> {
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

/// Reads tags of an input.
fn parse(tags: &[Value]) -> Result<Tags, ApiError> {
    let mut parsed = BTreeMap::new();
    for tag in tags {
        let key = text(tag, "Key").unwrap_or_default();
        let value = text(tag, "Value").unwrap_or_default();
        let refused = |message: String| Err(ApiError::new("InvalidParameterValue", message));
        if key.is_empty() {
            return refused("Tag key cannot be null or empty.".to_owned());
        }
        if key.len() >= 4
            && key
                .get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return refused("Tag keys starting with 'aws:' are reserved for internal use".to_owned());
        }
        if key.chars().count() > 128 {
            return refused(format!(
                "Tag key exceeds the maximum length of 128 characters: '{key}'"
            ));
        }
        if value.chars().count() > 256 {
            return refused(format!(
                "Tag value exceeds the maximum length of 256 characters: '{value}'"
            ));
        }
        if parsed.insert(key.to_owned(), value.to_owned()).is_some() {
            return refused(format!("Duplicate tag key '{key}' specified."));
        }
    }
    within(&parsed)?;
    Ok(parsed)
}

fn within(tags: &Tags) -> Result<(), ApiError> {
    let own = tags.keys().filter(|key| !key.starts_with("aws:")).count();
    if own > MOST_TAGS {
        return Err(ApiError::new(
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        ));
    }
    Ok(())
}

/// The tags that a call gives to what it makes.
pub fn specified(input: &Value, kind: &str) -> Result<Tags, ApiError> {
    let mut tags = BTreeMap::new();
    for specification in list(input, "TagSpecifications") {
        let named = text(specification, "ResourceType").unwrap_or_default();
        if named != kind {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("'{named}' is not a valid taggable resource type for this operation."),
            ));
        }
        tags.extend(parse(list(specification, "Tags"))?);
    }
    within(&tags)?;
    Ok(tags)
}

impl State {
    /// The tags of a resource and its kind, by its identifier.
    fn tags_mut(&mut self, id: &str, context: &Context) -> Result<&mut Tags, ApiError> {
        let missing =
            |code: &str, what: &str| ApiError::new(code, format!("The {what} '{id}' does not exist"));
        let prefix = id.split('-').next().unwrap_or_default();
        match prefix {
            "vpc" => self
                .vpcs
                .get_mut(id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidVpcID.NotFound", "vpc ID")),
            "subnet" => self
                .subnets
                .get_mut(id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidSubnetID.NotFound", "subnet ID")),
            "rtb" => self
                .tables
                .get_mut(id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidRouteTableID.NotFound", "routeTable ID")),
            "igw" => self
                .gateways
                .get_mut(id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidInternetGatewayID.NotFound", "internetGateway ID")),
            "sg" => self
                .groups
                .get_mut(id)
                .filter(|group| group.visible(context))
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidGroup.NotFound", "security group")),
            "sgr" => self
                .groups
                .values_mut()
                .flat_map(|group| group.ingress.iter_mut().chain(&mut group.egress))
                .find(|rule| rule.id == id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidSecurityGroupRuleId.NotFound", "security group rule ID")),
            "eni" => self
                .interfaces
                .get_mut(id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidNetworkInterfaceID.NotFound", "networkInterface ID")),
            "i" => self
                .instances
                .get_mut(id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidInstanceID.NotFound", "instance ID")),
            "eipalloc" => self
                .addresses
                .get_mut(id)
                .map(|found| &mut found.tags)
                .ok_or_else(|| missing("InvalidAllocationID.NotFound", "allocation ID")),
            _ => Err(ApiError::new("InvalidID", format!("The ID '{id}' is not valid"))),
        }
    }
}

fn limited(input: &Value) -> Result<(), ApiError> {
    if list(input, "Resources").len() > MOST_NAMED || list(input, "Tags").len() > MOST_NAMED {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!("At most {MOST_NAMED} resources and tags can be named in a request."),
        ));
    }
    Ok(())
}

/// [CreateTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html): all resources or
/// none.
pub fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    limited(input)?;
    let tags = parse(list(input, "Tags"))?;
    let ids = texts(input, "Resources");
    for id in &ids {
        let mut all = account.ec2.tags_mut(id, context)?.clone();
        all.extend(tags.clone());
        within(&all)?;
    }
    for id in ids {
        account.ec2.tags_mut(id, context)?.extend(tags.clone());
    }
    Ok(json!({}))
}

/// [DeleteTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html): a key alone
/// deletes whatever its value, a key with a value only that; no tags at all delete those of the user.
pub fn delete(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    limited(input)?;
    let doomed = list(input, "Tags");
    let ids = texts(input, "Resources");
    for id in &ids {
        account.ec2.tags_mut(id, context)?;
    }
    for id in ids {
        account.ec2.tags_mut(id, context)?.retain(|key, value| {
            if key.starts_with("aws:") {
                return true;
            }
            let named = doomed.iter().any(|tag| {
                text(tag, "Key") == Some(key) && text(tag, "Value").is_none_or(|wanted| wanted == value)
            });
            !(named || doomed.is_empty())
        });
    }
    Ok(json!({}))
}

const TAGS: Kind = Kind {
    list: "Tags",
    id: "Order",
    by_id: None,
    most: 1000,
    tags: None,
    filters: &[
        ("key", "Key"),
        ("resource-id", "ResourceId"),
        ("resource-type", "ResourceType"),
        ("value", "Value"),
    ],
};

impl State {
    /// Everything that has tags: its identifier, kind and tags.
    fn owners(&self) -> impl Iterator<Item = (&String, &'static str, &Tags)> {
        let rules = self
            .groups
            .values()
            .flat_map(|group| group.ingress.iter().chain(&group.egress));
        (self.vpcs.values().map(|r| (&r.id, "vpc", &r.tags)))
            .chain(self.subnets.values().map(|r| (&r.id, "subnet", &r.tags)))
            .chain(self.tables.values().map(|r| (&r.id, "route-table", &r.tags)))
            .chain(
                self.gateways
                    .values()
                    .map(|r| (&r.id, "internet-gateway", &r.tags)),
            )
            .chain(self.groups.values().map(|r| (&r.id, "security-group", &r.tags)))
            .chain(rules.map(|r| (&r.id, "security-group-rule", &r.tags)))
            .chain(
                self.interfaces
                    .values()
                    .map(|r| (&r.id, "network-interface", &r.tags)),
            )
            .chain(self.instances.values().map(|r| (&r.id, "instance", &r.tags)))
            .chain(self.addresses.values().map(|r| (&r.id, "elastic-ip", &r.tags)))
    }

    /// Names in AWS's scheme and tags of all resources, for the tagging API.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        self.owners()
            .map(|(id, kind, tags)| (self.arn(&format!("{kind}/{id}")), tags.clone()))
            .collect()
    }
}

/// [DescribeTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html).
pub fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let hidden = |id: &str| state.groups.get(id).is_some_and(|group| !group.visible(context));
    let rows = state
        .owners()
        .filter(|(id, _, _)| !hidden(id))
        .flat_map(|(id, kind, tags)| {
            tags.iter().map(move |(key, value)| {
                json!({
                    "Order": format!("{id} {key}"),
                    "ResourceId": id,
                    "ResourceType": kind,
                    "Key": key,
                    "Value": value,
                })
            })
        })
        .collect();
    let mut answer = describe_rows(&TAGS, rows, input)?;
    if let Some(rows) = answer.get_mut("Tags").and_then(Value::as_array_mut) {
        for row in rows {
            if let Some(members) = row.as_object_mut() {
                members.remove("Order");
            }
        }
    }
    Ok(answer)
}
