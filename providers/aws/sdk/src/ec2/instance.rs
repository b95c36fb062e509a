//! Instances and network interfaces.

use super::Ec2;
use super::describe::{Filter, Page};
use super::tag::TagSet;
use crate::calls::ec2::{DESCRIBE_INSTANCES, DESCRIBE_NETWORK_INTERFACES};
use crate::wire::xml::Items;
use gatewright_aws::cloud::Answer;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// `Instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `InstanceId`.
    pub id: String,
    /// `State.Name`: `pending`, `running`, `shutting-down`, `terminated`, `stopping`, `stopped`.
    pub state: String,
    /// `VpcId`; empty once it is terminated.
    pub vpc: String,
    /// `Placement.AvailabilityZone`.
    pub zone: String,
    /// Ids of its security groups.
    pub groups: BTreeSet<String>,
}

/// `NetworkInterface`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// `NetworkInterfaceId`.
    pub id: String,
    /// `VpcId`.
    pub vpc: String,
    /// `AvailabilityZone`.
    pub zone: String,
    /// `Description`; AWS's own say what they belong to.
    pub description: String,
    /// `Attachment.InstanceId`.
    pub instance: Option<String>,
    /// Its addresses inside of the VPC, IPv4 and IPv6.
    pub addresses: BTreeSet<IpAddr>,
    /// Ids of its security groups.
    pub groups: BTreeSet<String>,
    /// `TagSet`.
    pub tags: BTreeMap<String, String>,
}

impl Ec2 {
    /// `DescribeInstances`.
    ///
    /// # Errors
    /// By kind.
    pub async fn instances(&self, filters: &[Filter]) -> Answer<Vec<Instance>> {
        self.list::<InstancePage>(&DESCRIBE_INSTANCES, filters).await
    }

    /// `DescribeNetworkInterfaces`.
    ///
    /// # Errors
    /// By kind.
    pub async fn network_interfaces(&self, filters: &[Filter]) -> Answer<Vec<NetworkInterface>> {
        self.list::<InterfacePage>(&DESCRIBE_NETWORK_INTERFACES, filters)
            .await
    }
}

#[derive(Deserialize)]
pub(super) struct InstancePage {
    #[serde(rename = "reservationSet", default)]
    reservations: Items<Reservation>,
    #[serde(rename = "nextToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Reservation {
    #[serde(rename = "instancesSet", default)]
    instances: Items<InstanceXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceXml {
    instance_id: String,
    instance_state: State,
    #[serde(default)]
    vpc_id: String,
    placement: Option<Placement>,
    #[serde(default)]
    group_set: Items<GroupId>,
}

#[derive(Deserialize)]
struct State {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    #[serde(default)]
    availability_zone: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupId {
    group_id: String,
}

fn ids(groups: Items<GroupId>) -> BTreeSet<String> {
    groups.into_iter().map(|group| group.group_id).collect()
}

impl Page for InstancePage {
    type Entry = Instance;

    fn take(self) -> (Vec<Instance>, Option<String>) {
        let instances = self
            .reservations
            .into_iter()
            .flat_map(|reservation| reservation.instances);
        let instances = instances.map(|instance| Instance {
            id: instance.instance_id,
            state: instance.instance_state.name,
            vpc: instance.vpc_id,
            zone: instance
                .placement
                .map(|placement| placement.availability_zone)
                .unwrap_or_default(),
            groups: ids(instance.group_set),
        });
        (instances.collect(), self.next)
    }
}

#[derive(Deserialize)]
pub(super) struct InterfacePage {
    #[serde(rename = "networkInterfaceSet", default)]
    interfaces: Items<InterfaceXml>,
    #[serde(rename = "nextToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InterfaceXml {
    network_interface_id: String,
    #[serde(default)]
    vpc_id: String,
    #[serde(default)]
    availability_zone: String,
    #[serde(default)]
    description: String,
    attachment: Option<Attachment>,
    #[serde(default)]
    private_ip_addresses_set: Items<Address4>,
    #[serde(default)]
    ipv6_addresses_set: Items<Address6>,
    #[serde(default)]
    group_set: Items<GroupId>,
    #[serde(default)]
    tag_set: TagSet,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    instance_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address4 {
    private_ip_address: Option<IpAddr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address6 {
    ipv6_address: Option<IpAddr>,
}

impl Page for InterfacePage {
    type Entry = NetworkInterface;

    fn take(self) -> (Vec<NetworkInterface>, Option<String>) {
        let interfaces = self.interfaces.into_iter().map(|interface| {
            let ipv4 = interface.private_ip_addresses_set.into_iter();
            let ipv6 = interface.ipv6_addresses_set.into_iter();
            NetworkInterface {
                id: interface.network_interface_id,
                vpc: interface.vpc_id,
                zone: interface.availability_zone,
                description: interface.description,
                instance: interface.attachment.and_then(|attachment| attachment.instance_id),
                addresses: ipv4
                    .filter_map(|address| address.private_ip_address)
                    .chain(ipv6.filter_map(|address| address.ipv6_address))
                    .collect(),
                groups: ids(interface.group_set),
                tags: interface.tag_set.into_map(),
            }
        });
        (interfaces.collect(), self.next)
    }
}
