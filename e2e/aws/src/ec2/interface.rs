//! Network interfaces and instances.

use super::address::Address;
use super::describe::{ById, Kind, describe as describe_rows};
use super::{Tags, tags};
use crate::error::ApiError;
use crate::input::seconds;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// A network interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Interface {
    /// Its identifier.
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// Its VPC.
    pub vpc: String,
    /// Its address in the subnet.
    pub private: Ipv4Addr,
    /// Its address on the internet.
    pub public: Option<Ipv4Addr>,
    /// Its security groups.
    pub groups: Vec<String>,
    /// What it is for; that of a load balancer tells which.
    pub description: String,
    /// Who has it.
    pub holder: Holder,
    /// When it vanishes, in ms, once its load balancer is gone.
    pub gone_at: Option<u64>,
    /// Its tags.
    pub tags: Tags,
}

/// Who has a network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// Nobody: it is not attached.
    Nobody,
    /// An instance.
    Instance(String),
    /// A load balancer, by the last part of its name in AWS's scheme: `app/name/hash`.
    Balancer(String),
}

/// A virtual machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// Its identifier.
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// Its network interface.
    pub interface: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    pub state: String,
    /// `m7g.large` and so on.
    pub kind: String,
    /// When it was started, in ms.
    pub launched: u64,
    /// Its tags.
    pub tags: Tags,
}

const INTERFACES: Kind = Kind {
    list: "NetworkInterfaces",
    id: "NetworkInterfaceId",
    by_id: Some(ById {
        member: "NetworkInterfaceIds",
        prefix: "eni-",
        malformed: "InvalidNetworkInterfaceId.Malformed",
        missing: "InvalidNetworkInterfaceID.NotFound",
        what: "networkInterface ID",
    }),
    most: 1000,
    tags: Some("TagSet"),
    filters: &[
        (
            "addresses.association.owner-id",
            "PrivateIpAddresses.Association.IpOwnerId",
        ),
        (
            "addresses.association.public-ip",
            "PrivateIpAddresses.Association.PublicIp",
        ),
        ("addresses.primary", "PrivateIpAddresses.Primary"),
        (
            "addresses.private-ip-address",
            "PrivateIpAddresses.PrivateIpAddress",
        ),
        ("association.allocation-id", "Association.AllocationId"),
        ("association.association-id", "Association.AssociationId"),
        ("association.ip-owner-id", "Association.IpOwnerId"),
        ("association.public-dns-name", "Association.PublicDnsName"),
        ("association.public-ip", "Association.PublicIp"),
        ("attachment.attachment-id", "Attachment.AttachmentId"),
        (
            "attachment.delete-on-termination",
            "Attachment.DeleteOnTermination",
        ),
        ("attachment.device-index", "Attachment.DeviceIndex"),
        ("attachment.instance-id", "Attachment.InstanceId"),
        ("attachment.instance-owner-id", "Attachment.InstanceOwnerId"),
        ("attachment.status", "Attachment.Status"),
        ("availability-zone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("description", "Description"),
        ("group-id", "Groups.GroupId"),
        ("interface-type", "InterfaceType"),
        ("ipv6-addresses.ipv6-address", "Ipv6Addresses.Ipv6Address"),
        ("mac-address", "MacAddress"),
        ("network-interface-id", "NetworkInterfaceId"),
        ("operator.managed", "Operator.Managed"),
        ("operator.principal", "Operator.Principal"),
        ("owner-id", "OwnerId"),
        ("private-dns-name", "PrivateDnsName"),
        ("private-ip-address", "PrivateIpAddress"),
        ("requester-id", "RequesterId"),
        ("requester-managed", "RequesterManaged"),
        ("source-dest-check", "SourceDestCheck"),
        ("status", "Status"),
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
    ],
};

/// [DescribeNetworkInterfaces](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html).
/// Those of load balancers are described as
/// [their guide](https://repost.aws/knowledge-center/elb-find-load-balancer-IP) tells: `ELB app/name/hash`.
pub fn describe(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let rows = state
        .interfaces
        .values()
        .map(|interface| state.render_interface(interface))
        .collect();
    describe_rows(&INTERFACES, rows, input)
}

impl super::State {
    fn group_names(&self, groups: &[String]) -> Vec<Value> {
        groups
            .iter()
            .map(|id| {
                let name = self.groups.get(id).map(|group| group.name.clone());
                json!({"GroupId": id, "GroupName": name})
            })
            .collect()
    }

    fn render_interface(&self, interface: &Interface) -> Value {
        let zone = self
            .subnets
            .get(&interface.subnet)
            .map(|subnet| subnet.zone.clone());
        let zone_id = zone.as_deref().and_then(|zone| self.zone_id(zone));
        let address = self
            .addresses
            .values()
            .find(|address| address.interface.as_deref() == Some(&interface.id));
        let balanced = matches!(interface.holder, Holder::Balancer(_));
        let association = interface.public.map(|ip| {
            json!({
                "PublicIp": ip.to_string(),
                "PublicDnsName": public_name(ip, &self.region),
                "IpOwnerId": if address.is_some() { &self.account } else if balanced { "amazon-elb" } else { "amazon" },
                "AllocationId": address.map(|address| address.id.clone()),
                "AssociationId": address.map(Address::association),
            })
        });
        let attachment = match &interface.holder {
            Holder::Nobody => Value::Null,
            Holder::Instance(id) => json!({
                "AttachmentId": id.replacen("i-", "eni-attach-", 1),
                "InstanceId": id,
                "InstanceOwnerId": self.account,
                "DeviceIndex": 0,
                "NetworkCardIndex": 0,
                "DeleteOnTermination": true,
                "Status": "attached",
            }),
            Holder::Balancer(_) => json!({
                "AttachmentId": interface.id.replacen("eni-", "ela-attach-", 1),
                "InstanceOwnerId": "amazon-elb",
                "DeviceIndex": 1,
                "NetworkCardIndex": 0,
                "DeleteOnTermination": false,
                "Status": "attached",
            }),
        };
        let kind = match &interface.holder {
            Holder::Balancer(owner) if owner.starts_with("net/") => "network_load_balancer",
            _ => "interface",
        };
        let name = private_name(interface.private, &self.region);
        json!({
            "NetworkInterfaceId": interface.id,
            "SubnetId": interface.subnet,
            "VpcId": interface.vpc,
            "AvailabilityZone": zone,
            "AvailabilityZoneId": zone_id,
            "Description": interface.description,
            "InterfaceType": kind,
            "MacAddress": mac(interface.private),
            "OwnerId": self.account,
            "PrivateIpAddress": interface.private.to_string(),
            "PrivateDnsName": name,
            "PrivateIpAddresses": [{
                "Primary": true,
                "PrivateIpAddress": interface.private.to_string(),
                "PrivateDnsName": name,
                "Association": association,
            }],
            "Ipv6Addresses": [],
            "Association": association,
            "Attachment": attachment,
            "Groups": self.group_names(&interface.groups),
            "RequesterId": balanced.then_some("amazon-elb"),
            "RequesterManaged": balanced,
            "SourceDestCheck": true,
            "Status": if interface.holder == Holder::Nobody { "available" } else { "in-use" },
            "TagSet": tags::render(&interface.tags),
        })
    }
}

/// Names that AWS gives to addresses inside a VPC.
fn private_name(ip: Ipv4Addr, region: &str) -> String {
    let dashed = ip.to_string().replace('.', "-");
    if region == "us-east-1" {
        format!("ip-{dashed}.ec2.internal")
    } else {
        format!("ip-{dashed}.{region}.compute.internal")
    }
}

/// Names that AWS gives to addresses on the internet.
fn public_name(ip: Ipv4Addr, region: &str) -> String {
    let dashed = ip.to_string().replace('.', "-");
    if region == "us-east-1" {
        format!("ec2-{dashed}.compute-1.amazonaws.com")
    } else {
        format!("ec2-{dashed}.{region}.compute.amazonaws.com")
    }
}

/// A locally administered hardware address that follows from the address.
fn mac(ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

const INSTANCES: Kind = Kind {
    list: "Reservations",
    id: "ReservationId",
    by_id: None,
    most: 1000,
    tags: None,
    filters: &[
        ("architecture", "Instances.Architecture"),
        ("availability-zone", "Instances.Placement.AvailabilityZone"),
        ("availability-zone-id", "Instances.Placement.AvailabilityZoneId"),
        ("dns-name", "Instances.PublicDnsName"),
        ("image-id", "Instances.ImageId"),
        ("instance-id", "Instances.InstanceId"),
        ("instance-state-code", "Instances.State.Code"),
        ("instance-state-name", "Instances.State.Name"),
        ("instance-type", "Instances.InstanceType"),
        ("instance.group-id", "Instances.SecurityGroups.GroupId"),
        ("instance.group-name", "Instances.SecurityGroups.GroupName"),
        ("ip-address", "Instances.PublicIpAddress"),
        (
            "network-interface.network-interface-id",
            "Instances.NetworkInterfaces.NetworkInterfaceId",
        ),
        (
            "network-interface.private-ip-address",
            "Instances.NetworkInterfaces.PrivateIpAddress",
        ),
        (
            "network-interface.addresses.private-ip-address",
            "Instances.NetworkInterfaces.PrivateIpAddress",
        ),
        (
            "network-interface.group-id",
            "Instances.NetworkInterfaces.Groups.GroupId",
        ),
        (
            "network-interface.subnet-id",
            "Instances.NetworkInterfaces.SubnetId",
        ),
        ("network-interface.vpc-id", "Instances.NetworkInterfaces.VpcId"),
        ("owner-id", "OwnerId"),
        ("private-dns-name", "Instances.PrivateDnsName"),
        ("private-ip-address", "Instances.PrivateIpAddress"),
        ("reservation-id", "ReservationId"),
        ("subnet-id", "Instances.SubnetId"),
        ("vpc-id", "Instances.VpcId"),
    ],
};

/// Codes of the states of an instance, as
/// [InstanceState](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html) lists them.
pub(super) const STATES: [(&str, u8); 6] = [
    ("pending", 0),
    ("running", 16),
    ("shutting-down", 32),
    ("terminated", 48),
    ("stopping", 64),
    ("stopped", 80),
];

/// [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html): one
/// reservation for each instance. Tags of instances are looked at through `tag:` and `tag-key` as of others.
pub fn describe_instances(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let wanted = crate::input::texts(input, "InstanceIds");
    let by = ById {
        member: "InstanceIds",
        prefix: "i-",
        malformed: "InvalidInstanceID.Malformed",
        missing: "InvalidInstanceID.NotFound",
        what: "instance ID",
    };
    if let Some(missing) = wanted.iter().find(|id| !state.instances.contains_key(**id)) {
        return Err(by.not_found(missing));
    }
    if !wanted.is_empty() && input.get("MaxResults").is_some() {
        return Err(ApiError::new(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let rows = state
        .instances
        .values()
        .filter(|instance| wanted.is_empty() || wanted.contains(&instance.id.as_str()))
        .map(|instance| state.render_instance(instance))
        .collect();
    // The tags of a reservation's instance, where filters find them.
    let kind = Kind {
        tags: Some("Tags"),
        ..INSTANCES
    };
    let mut answer = describe_rows(&kind, rows, input)?;
    if let Some(rows) = answer.get_mut("Reservations").and_then(Value::as_array_mut) {
        for row in rows {
            if let Some(members) = row.as_object_mut() {
                members.remove("Tags");
            }
        }
    }
    Ok(answer)
}

impl super::State {
    fn render_instance(&self, instance: &Instance) -> Value {
        let interface = self.interfaces.get(&instance.interface);
        let zone = self
            .subnets
            .get(&instance.subnet)
            .map(|subnet| subnet.zone.clone());
        let zone_id = zone.as_deref().and_then(|zone| self.zone_id(zone));
        let vpc = self
            .subnets
            .get(&instance.subnet)
            .map(|subnet| subnet.vpc.clone());
        let code = STATES
            .iter()
            .find(|(name, _)| *name == instance.state)
            .map_or(16, |(_, code)| *code);
        let groups = interface.map_or_else(Vec::new, |interface| self.group_names(&interface.groups));
        let private = interface.map(|interface| interface.private);
        let interfaces: Vec<Value> = interface
            .iter()
            .map(|interface| {
                json!({
                    "NetworkInterfaceId": interface.id,
                    "Description": interface.description,
                    "Groups": groups,
                    "MacAddress": mac(interface.private),
                    "OwnerId": self.account,
                    "PrivateDnsName": private_name(interface.private, &self.region),
                    "PrivateIpAddress": interface.private.to_string(),
                    "SourceDestCheck": true,
                    "Status": "in-use",
                    "SubnetId": interface.subnet,
                    "VpcId": interface.vpc,
                    "InterfaceType": "interface",
                })
            })
            .collect();
        json!({
            "ReservationId": instance.id.replacen("i-", "r-", 1),
            "OwnerId": self.account,
            "Groups": [],
            "Tags": tags::render(&instance.tags),
            "Instances": [{
                "InstanceId": instance.id,
                "ImageId": "ami-0123456789abcdef0",
                "InstanceType": instance.kind,
                "AmiLaunchIndex": 0,
                "Architecture": "arm64",
                "State": {"Code": code, "Name": instance.state},
                "LaunchTime": seconds(instance.launched),
                "Placement": {
                    "AvailabilityZone": zone,
                    "AvailabilityZoneId": zone_id,
                    "Tenancy": "default",
                },
                "PrivateIpAddress": private.map(|ip| ip.to_string()),
                "PrivateDnsName": private.map(|ip| private_name(ip, &self.region)),
                "PublicDnsName": "",
                "SubnetId": instance.subnet,
                "VpcId": vpc,
                "SecurityGroups": groups,
                "NetworkInterfaces": interfaces,
                "SourceDestCheck": true,
                "Tags": tags::render(&instance.tags),
            }],
        })
    }
}
