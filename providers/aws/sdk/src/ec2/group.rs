//! Security groups.

use super::describe::{Filter, Page};
use super::tag::{TagSet, add_tags};
use super::{Ec2, Nothing, form};
use crate::calls::Call;
use crate::calls::ec2::{
    AUTHORIZE_SECURITY_GROUP_INGRESS, CREATE_SECURITY_GROUP, DELETE_SECURITY_GROUP, DESCRIBE_SECURITY_GROUPS,
    REVOKE_SECURITY_GROUP_INGRESS,
};
use crate::wire::Form;
use crate::wire::xml::Items;
use gatewright_aws::cloud::Answer;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `SecurityGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `GroupId`.
    pub id: String,
    /// `GroupName`.
    pub name: String,
    /// `VpcId`; empty outside of VPCs.
    pub vpc: String,
    /// `IpPermissions`, one for each source.
    pub ingress: BTreeSet<Permission>,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
}

/// A security group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecurityGroup<'a> {
    /// `GroupName`.
    pub name: &'a str,
    /// `GroupDescription`.
    pub description: &'a str,
    /// `VpcId`.
    pub vpc: &'a str,
    /// `TagSpecification`.
    pub tags: Vec<(&'a str, &'a str)>,
}

/// Traffic that a group lets in: an `IpPermission` with one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// `IpProtocol`: `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// Ports; none for all.
    pub ports: Option<Range>,
    /// From where.
    pub source: Source,
}

/// `FromPort` to `ToPort`; of ICMP type and code, -1 for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// First.
    pub from: i32,
    /// Last.
    pub to: i32,
}

/// Where traffic comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `IpRanges`.
    Ipv4(String),
    /// `Ipv6Ranges`.
    Ipv6(String),
    /// `UserIdGroupPairs`: a group's id.
    Group(String),
    /// `PrefixListIds`.
    PrefixList(String),
}

impl Ec2 {
    /// `DescribeSecurityGroups`.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn security_groups(&self, filters: &[Filter]) -> Answer<Vec<SecurityGroup>> {
        self.list::<GroupPage>(&DESCRIBE_SECURITY_GROUPS, filters).await
    }

    /// `CreateSecurityGroup`; answers its id.
    ///
    /// # Errors
    /// By kind: [`NotOurs`](gatewright_provider_api::contract::ErrorKind::NotOurs) when the VPC has one of this name.
    pub(crate) async fn create_security_group(&self, new: &NewSecurityGroup<'_>) -> Answer<String> {
        let mut form = form(&CREATE_SECURITY_GROUP);
        form.add("GroupName", new.name);
        form.add("GroupDescription", new.description);
        form.add("VpcId", new.vpc);
        if !new.tags.is_empty() {
            form.add("TagSpecification.1.ResourceType", "security-group");
            add_tags(&mut form, "TagSpecification.1.Tag", new.tags.iter().copied());
        }
        let made: Made = self.call(&CREATE_SECURITY_GROUP, form).await?;
        Ok(made.group_id)
    }

    /// `DeleteSecurityGroup`.
    ///
    /// # Errors
    /// By kind: [`InUse`](gatewright_provider_api::contract::ErrorKind::InUse) while an interface has it.
    pub(crate) async fn delete_security_group(&self, id: &str) -> Answer<()> {
        let mut form = form(&DELETE_SECURITY_GROUP);
        form.add("GroupId", id);
        let Nothing {} = self.call(&DELETE_SECURITY_GROUP, form).await?;
        Ok(())
    }

    /// `AuthorizeSecurityGroupIngress`: all of these or none.
    ///
    /// # Errors
    /// By kind: [`Conflict`](gatewright_provider_api::contract::ErrorKind::Conflict) when one of them is there.
    pub(crate) async fn authorize_ingress(&self, group: &str, ingress: &BTreeSet<Permission>) -> Answer<()> {
        self.change_ingress(&AUTHORIZE_SECURITY_GROUP_INGRESS, group, ingress)
            .await
    }

    /// `RevokeSecurityGroupIngress`.
    ///
    /// # Errors
    /// By kind: [`NotFound`](gatewright_provider_api::contract::ErrorKind::NotFound) when one of them is not there.
    pub(crate) async fn revoke_ingress(&self, group: &str, ingress: &BTreeSet<Permission>) -> Answer<()> {
        self.change_ingress(&REVOKE_SECURITY_GROUP_INGRESS, group, ingress)
            .await
    }

    async fn change_ingress(
        &self,
        call: &'static Call,
        group: &str,
        ingress: &BTreeSet<Permission>,
    ) -> Answer<()> {
        let mut form = form(call);
        form.add("GroupId", group);
        for (position, permission) in ingress.iter().enumerate() {
            permission.add_to(
                &mut form,
                &format!("IpPermissions.{}", position.saturating_add(1)),
            );
        }
        let Nothing {} = self.call(call, form).await?;
        Ok(())
    }
}

impl Permission {
    fn add_to(&self, form: &mut Form, prefix: &str) {
        form.add(&format!("{prefix}.IpProtocol"), &self.protocol);
        if let Some(Range { from, to }) = self.ports {
            form.add(&format!("{prefix}.FromPort"), &from.to_string());
            form.add(&format!("{prefix}.ToPort"), &to.to_string());
        }
        let (field, value) = match &self.source {
            Source::Ipv4(block) => ("IpRanges.1.CidrIp", block),
            Source::Ipv6(block) => ("Ipv6Ranges.1.CidrIpv6", block),
            Source::Group(id) => ("Groups.1.GroupId", id),
            Source::PrefixList(id) => ("PrefixListIds.1.PrefixListId", id),
        };
        form.add(&format!("{prefix}.{field}"), value);
    }
}

#[derive(Deserialize)]
struct Made {
    #[serde(rename = "groupId")]
    group_id: String,
}

#[derive(Deserialize)]
pub(super) struct GroupPage {
    #[serde(rename = "securityGroupInfo", default)]
    groups: Items<GroupXml>,
    #[serde(rename = "nextToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupXml {
    group_id: String,
    group_name: String,
    #[serde(default)]
    vpc_id: String,
    #[serde(default)]
    ip_permissions: Items<PermissionXml>,
    #[serde(default)]
    tag_set: TagSet,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PermissionXml {
    ip_protocol: String,
    from_port: Option<i32>,
    to_port: Option<i32>,
    #[serde(default)]
    ip_ranges: Items<Ipv4Xml>,
    #[serde(default)]
    ipv6_ranges: Items<Ipv6Xml>,
    #[serde(default)]
    groups: Items<PairXml>,
    #[serde(default)]
    prefix_list_ids: Items<PrefixListXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv4Xml {
    cidr_ip: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv6Xml {
    cidr_ipv6: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PairXml {
    group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PrefixListXml {
    prefix_list_id: String,
}

impl PermissionXml {
    fn split(self) -> impl Iterator<Item = Permission> {
        let ports = self
            .from_port
            .zip(self.to_port)
            .map(|(from, to)| Range { from, to });
        let ipv4 = self
            .ip_ranges
            .into_iter()
            .map(|range| Source::Ipv4(range.cidr_ip));
        let ipv6 = self
            .ipv6_ranges
            .into_iter()
            .map(|range| Source::Ipv6(range.cidr_ipv6));
        let groups = self
            .groups
            .into_iter()
            .filter_map(|pair| pair.group_id.map(Source::Group));
        let lists = self
            .prefix_list_ids
            .into_iter()
            .map(|list| Source::PrefixList(list.prefix_list_id));
        let protocol = self.ip_protocol;
        ipv4.chain(ipv6)
            .chain(groups)
            .chain(lists)
            .map(move |source| Permission {
                protocol: protocol.clone(),
                ports,
                source,
            })
    }
}

impl Page for GroupPage {
    type Entry = SecurityGroup;

    fn take(self) -> (Vec<SecurityGroup>, Option<String>) {
        let groups = self.groups.into_iter().map(|group| SecurityGroup {
            id: group.group_id,
            name: group.group_name,
            vpc: group.vpc_id,
            ingress: group
                .ip_permissions
                .into_iter()
                .flat_map(PermissionXml::split)
                .collect(),
            tags: group.tag_set.into_map(),
        });
        (groups.collect(), self.next)
    }
}
