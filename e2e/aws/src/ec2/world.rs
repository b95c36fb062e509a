//! The world that a fresh account starts with, and how the admin API changes it.

use super::group::GROUP_ID;
use super::interface::{Holder, Instance, Interface, STATES};
use super::network::{SUBNET_ID, Subnet, VPC_ID, Vpc, Zone};
use super::permission::{Peer, Rule};
use super::routing::{Gateway, Hop, RouteTable};
use super::{State, Tags};
use crate::error::ApiError;
use crate::service::Context;
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What a fresh account has: a VPC as `eksctl` makes it, with a public and a private subnet in each of three
/// zones, tagged as
/// [EKS asks for](https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html#network-requirements-subnets),
/// and one node in each zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// The name of the cluster in tags.
    pub cluster: String,
    /// The range of the VPC, at least a /24.
    pub range: Ipv4Net,
    /// How many zones there are.
    pub zones: u8,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            cluster: "gatewright".to_owned(),
            range: Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
            zones: 3,
        }
    }
}

fn tagged(pairs: &[(&str, &str)]) -> Tags {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// The short name of a region in identifiers of zones: `eu-central-1` is `euc1`.
fn short(region: &str) -> String {
    let mut parts = region.split('-');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part {
            "northeast" => name.push_str("ne"),
            "northwest" => name.push_str("nw"),
            "southeast" => name.push_str("se"),
            "southwest" => name.push_str("sw"),
            other => name.extend(other.chars().next()),
        }
    }
    name
}

impl State {
    /// Builds the first world.
    pub(super) fn build(&mut self, plan: &Plan) {
        for (index, letter) in ('a'..='f').take(usize::from(plan.zones)).enumerate() {
            let name = format!("{}{letter}", self.region);
            let id = format!("{}-az{}", short(&self.region), index + 1);
            let state = "available".to_owned();
            self.zones.insert(name.clone(), Zone { name, id, state });
        }
        let owned = format!("kubernetes.io/cluster/{}", plan.cluster);
        let named = |name: &str| tagged(&[("Name", &format!("eksctl-{}-cluster/{name}", plan.cluster))]);
        let vpc = self.identifier("vpc-");
        self.add_vpc(Vpc {
            id: vpc.clone(),
            cidr: plan.range,
            more: Vec::new(),
            ipv6: None,
            is_default: false,
            tags: named("VPC"),
        });
        let gateway = self.gateway_of(&vpc);
        let public = self.identifier("rtb-");
        self.add_table(&public, &vpc, Hop::Gateway(gateway), named("PublicRouteTable"));
        let nat = self.identifier("nat-");
        // Eight equal parts, as eksctl does: public ones first.
        let parts: Vec<Ipv4Net> = plan
            .range
            .subnets(plan.range.prefix_len().saturating_add(3).min(32))
            .map(Iterator::collect)
            .unwrap_or_default();
        let mut parts = parts.into_iter();
        let zones: Vec<String> = self.zones.keys().cloned().collect();
        let mut private_subnets = Vec::new();
        for (role, name) in [
            ("kubernetes.io/role/elb", "Public"),
            ("kubernetes.io/role/internal-elb", "Private"),
        ] {
            for zone in &zones {
                let Some(cidr) = parts.next() else { return };
                let mut tags = named(&format!("Subnet{name}{}", zone.to_uppercase().replace('-', "")));
                tags.extend(tagged(&[(role, "1"), (&owned, "shared")]));
                let id = self.identifier("subnet-");
                self.subnets.insert(
                    id.clone(),
                    Subnet {
                        id: id.clone(),
                        vpc: vpc.clone(),
                        zone: zone.clone(),
                        cidr,
                        ipv6: None,
                        outpost: None,
                        public_addresses: name == "Public",
                        held: 0,
                        tags,
                    },
                );
                if name == "Public" {
                    self.associate(&public, &id);
                } else {
                    let table = self.identifier("rtb-");
                    self.add_table(&table, &vpc, Hop::Nat(nat.clone()), named("PrivateRouteTable"));
                    self.associate(&table, &id);
                    private_subnets.push(id);
                }
            }
        }
        let nodes = self.cluster_group(&vpc, &plan.cluster);
        for subnet in private_subnets {
            let mut tags = tagged(&[
                ("Name", &format!("{}-nodes-Node", plan.cluster)),
                (&owned, "owned"),
            ]);
            tags.insert("eks:cluster-name".to_owned(), plan.cluster.clone());
            let wanted = NewInstance {
                subnet,
                private: None,
                groups: vec![nodes.clone()],
                kind: None,
                tags,
            };
            // There is room in fresh subnets.
            let _ = self.add_instance(wanted, 0);
        }
        // The ranges of CloudFront towards origins, a list that AWS manages in every region; its entries count
        // as 55 rules.
        let cloudfront = self.identifier("pl-");
        self.prefix_lists.insert(cloudfront, 55);
    }

    /// A VPC comes with a default group and a main route table.
    fn add_vpc(&mut self, vpc: Vpc) {
        let group = self.new_group(
            "default",
            "default VPC security group",
            &vpc.id,
            vpc.ipv6.is_some(),
        );
        let own = Peer::Group { id: group.id.clone() };
        let ingress = vec![Rule::all(self.identifier("sgr-"), own)];
        self.groups
            .insert(group.id.clone(), super::Group { ingress, ..group });
        let id = self.identifier("rtb-");
        let table = RouteTable {
            main: Some(self.identifier("rtbassoc-")),
            vpc: vpc.id.clone(),
            subnets: BTreeMap::new(),
            routes: vec![(vpc.cidr.to_string(), Hop::Local)],
            tags: Tags::new(),
            id: id.clone(),
        };
        self.tables.insert(id, table);
        self.vpcs.insert(vpc.id.clone(), vpc);
    }

    fn gateway_of(&mut self, vpc: &str) -> String {
        let attached = |gateway: &&Gateway| gateway.vpc.as_deref() == Some(vpc);
        if let Some(gateway) = self.gateways.values().find(attached) {
            return gateway.id.clone();
        }
        let id = self.identifier("igw-");
        let gateway = Gateway {
            id: id.clone(),
            vpc: Some(vpc.to_owned()),
            tags: Tags::new(),
        };
        self.gateways.insert(id.clone(), gateway);
        id
    }

    fn add_table(&mut self, id: &str, vpc: &str, way_out: Hop, tags: Tags) {
        let mut routes = Vec::new();
        if let Some(network) = self.vpcs.get(vpc) {
            routes.push((network.cidr.to_string(), Hop::Local));
        }
        routes.push(("0.0.0.0/0".to_owned(), way_out));
        self.tables.insert(
            id.to_owned(),
            RouteTable {
                id: id.to_owned(),
                vpc: vpc.to_owned(),
                main: None,
                subnets: BTreeMap::new(),
                routes,
                tags,
            },
        );
    }

    fn associate(&mut self, table: &str, subnet: &str) {
        let association = self.identifier("rtbassoc-");
        if let Some(table) = self.tables.get_mut(table) {
            table.subnets.insert(association, subnet.to_owned());
        }
    }

    /// The group that EKS makes for a cluster's nodes.
    fn cluster_group(&mut self, vpc: &str, cluster: &str) -> String {
        let description = "EKS created security group applied to ENI that is attached to EKS Control Plane master \
                           nodes, as well as any managed workloads.";
        let group = self.new_group(&format!("eks-cluster-sg-{cluster}-1"), description, vpc, false);
        let id = group.id.clone();
        let mut tags = tagged(&[("aws:eks:cluster-name", cluster)]);
        tags.insert("Name".to_owned(), group.name.clone());
        tags.insert(format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned());
        let ingress = vec![Rule::all(self.identifier("sgr-"), Peer::Group { id: id.clone() })];
        self.groups.insert(
            id.clone(),
            super::Group {
                ingress,
                tags,
                ..group
            },
        );
        id
    }

    fn add_instance(&mut self, wanted: NewInstance, now: u64) -> Result<String, ApiError> {
        let subnet = self
            .subnets
            .get(&wanted.subnet)
            .ok_or_else(|| SUBNET_ID.not_found(&wanted.subnet))?;
        let vpc = subnet.vpc.clone();
        let private = wanted
            .private
            .or_else(|| self.next_address(subnet))
            .ok_or_else(|| {
                ApiError::new(
                    "InsufficientFreeAddressesInSubnet",
                    format!("{} is full", subnet.id),
                )
            })?;
        if let Some(missing) = wanted.groups.iter().find(|id| !self.groups.contains_key(*id)) {
            return Err(GROUP_ID.not_found(missing));
        }
        let (id, interface) = (self.identifier("i-"), self.identifier("eni-"));
        self.interfaces.insert(
            interface.clone(),
            Interface {
                id: interface.clone(),
                subnet: wanted.subnet.clone(),
                vpc,
                private,
                public: None,
                groups: wanted.groups,
                description: String::new(),
                holder: Holder::Instance(id.clone()),
                gone_at: None,
                tags: Tags::new(),
            },
        );
        self.instances.insert(
            id.clone(),
            Instance {
                id: id.clone(),
                subnet: wanted.subnet,
                interface,
                state: "running".to_owned(),
                kind: wanted.kind.unwrap_or_else(|| "m7g.large".to_owned()),
                launched: now,
                tags: wanted.tags,
            },
        );
        Ok(id)
    }
}

/// A new instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInstance {
    /// Its subnet.
    pub subnet: String,
    /// Its address; the next free one when absent. It may lie outside of the subnet, so that an instance can
    /// stand for a node of a cluster on this machine.
    #[serde(default)]
    pub private: Option<Ipv4Addr>,
    /// Its security groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Its type.
    #[serde(default)]
    pub kind: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A change of the world that no operation of EC2 served here makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Starts over with another plan. Everything in EC2 is lost.
    Rebuild(Plan),
    /// A further VPC.
    AddVpc {
        /// Its range.
        cidr: Ipv4Net,
        /// Its IPv6 range.
        #[serde(default)]
        ipv6: Option<Ipv6Net>,
        /// Whether it is the default one.
        #[serde(default)]
        is_default: bool,
        /// Its tags.
        #[serde(default)]
        tags: Tags,
    },
    /// A further subnet.
    AddSubnet {
        /// Its VPC.
        vpc: String,
        /// Its zone's name.
        zone: String,
        /// Its range.
        cidr: Ipv4Net,
        /// Its IPv6 range.
        #[serde(default)]
        ipv6: Option<Ipv6Net>,
        /// Whether its route table leads to an internet gateway.
        #[serde(default)]
        public: bool,
        /// Its tags.
        #[serde(default)]
        tags: Tags,
    },
    /// A subnet goes.
    RemoveSubnet {
        /// Its identifier.
        id: String,
    },
    /// How many addresses a subnet has free now.
    SetFreeAddresses {
        /// The subnet.
        subnet: String,
        /// The count.
        free: u32,
    },
    /// The IPv6 range of a VPC or subnet.
    SetIpv6 {
        /// The VPC or subnet.
        id: String,
        /// The range, or none.
        range: Option<Ipv6Net>,
    },
    /// The Outpost of a subnet.
    SetOutpost {
        /// The subnet.
        subnet: String,
        /// The ARN of the Outpost, or none.
        outpost: Option<String>,
    },
    /// A further instance.
    AddInstance(NewInstance),
    /// The state of an instance; a terminated one gives up its interface.
    SetInstanceState {
        /// The instance.
        id: String,
        /// The state's name.
        state: String,
    },
    /// A prefix list.
    SetPrefixList {
        /// Its identifier.
        id: String,
        /// As how many rules it counts.
        entries: u32,
    },
    /// The state of a zone.
    SetZoneState {
        /// The zone's name.
        zone: String,
        /// `available`, `impaired`, `unavailable`, `constrained` or `information`.
        state: String,
    },
}

fn refused(message: String) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

impl State {
    /// Carries out a change; answers the identifier of what is new.
    pub fn change(&mut self, change: Change, context: &Context) -> Result<Value, ApiError> {
        self.ensure(&context.account, &context.region);
        match change {
            Change::Rebuild(plan) => {
                if plan.range.prefix_len() > 24 || !(1..=4).contains(&plan.zones) {
                    return Err(refused(
                        "a plan needs a range of /24 or larger and 1 to 4 zones".to_owned(),
                    ));
                }
                *self = Self {
                    account: self.account.clone(),
                    region: self.region.clone(),
                    ..Self::default()
                };
                self.build(&plan);
                Ok(json!({}))
            }
            Change::AddVpc {
                cidr,
                ipv6,
                is_default,
                tags,
            } => {
                let id = self.identifier("vpc-");
                let vpc = Vpc {
                    id: id.clone(),
                    cidr: cidr.trunc(),
                    more: Vec::new(),
                    ipv6,
                    is_default,
                    tags,
                };
                self.add_vpc(vpc);
                Ok(json!({"id": id}))
            }
            Change::AddSubnet {
                vpc,
                zone,
                cidr,
                ipv6,
                public,
                tags,
            } => {
                let network = self.vpcs.get(&vpc).ok_or_else(|| VPC_ID.not_found(&vpc))?;
                if !self.zones.contains_key(&zone) {
                    return Err(refused(format!("there is no zone '{zone}'")));
                }
                let inside =
                    network.cidr.contains(&cidr) || network.more.iter().any(|range| range.contains(&cidr));
                let overlaps = self.subnets.values().any(|other| {
                    other.vpc == vpc && (other.cidr.contains(&cidr) || cidr.contains(&other.cidr))
                });
                if !inside || overlaps {
                    return Err(ApiError::new(
                        "InvalidSubnet.Conflict",
                        format!("The CIDR '{cidr}' conflicts with another subnet or lies outside of the VPC"),
                    ));
                }
                let id = self.identifier("subnet-");
                self.subnets.insert(
                    id.clone(),
                    Subnet {
                        id: id.clone(),
                        vpc: vpc.clone(),
                        zone,
                        cidr: cidr.trunc(),
                        ipv6,
                        outpost: None,
                        public_addresses: public,
                        held: 0,
                        tags,
                    },
                );
                if public {
                    let gateway = self.gateway_of(&vpc);
                    let table = self.identifier("rtb-");
                    self.add_table(&table, &vpc, Hop::Gateway(gateway), Tags::new());
                    self.associate(&table, &id);
                }
                Ok(json!({"id": id}))
            }
            Change::RemoveSubnet { id } => {
                if self.interfaces.values().any(|interface| interface.subnet == id) {
                    return Err(ApiError::new(
                        "DependencyViolation",
                        format!("The subnet '{id}' has dependencies and cannot be deleted."),
                    ));
                }
                for table in self.tables.values_mut() {
                    table.subnets.retain(|_, subnet| *subnet != id);
                }
                self.subnets.remove(&id).ok_or_else(|| SUBNET_ID.not_found(&id))?;
                Ok(json!({}))
            }
            Change::SetFreeAddresses { subnet, free } => {
                let found = self
                    .subnets
                    .get(&subnet)
                    .ok_or_else(|| SUBNET_ID.not_found(&subnet))?;
                let now = self.free_addresses(found);
                if let Some(found) = self.subnets.get_mut(&subnet) {
                    found.held = found.held.saturating_add(now).saturating_sub(free);
                }
                Ok(json!({}))
            }
            Change::SetIpv6 { id, range } => {
                if let Some(vpc) = self.vpcs.get_mut(&id) {
                    vpc.ipv6 = range;
                } else {
                    let subnet = self
                        .subnets
                        .get_mut(&id)
                        .ok_or_else(|| SUBNET_ID.not_found(&id))?;
                    subnet.ipv6 = range;
                }
                Ok(json!({}))
            }
            Change::SetOutpost { subnet, outpost } => {
                let found = self
                    .subnets
                    .get_mut(&subnet)
                    .ok_or_else(|| SUBNET_ID.not_found(&subnet))?;
                found.outpost = outpost;
                Ok(json!({}))
            }
            Change::AddInstance(wanted) => Ok(json!({"id": self.add_instance(wanted, context.now)?})),
            Change::SetInstanceState { id, state } => {
                if !STATES.iter().any(|(name, _)| *name == state) {
                    return Err(refused(format!("'{state}' is no state of an instance")));
                }
                let instance = self.instances.get_mut(&id).ok_or_else(|| {
                    ApiError::new("InvalidInstanceID.NotFound", format!("no instance '{id}'"))
                })?;
                if state == "terminated" {
                    self.interfaces.remove(&instance.interface);
                }
                instance.state = state;
                Ok(json!({}))
            }
            Change::SetPrefixList { id, entries } => {
                self.prefix_lists.insert(id, entries);
                Ok(json!({}))
            }
            Change::SetZoneState { zone, state } => {
                let found = self
                    .zones
                    .get_mut(&zone)
                    .ok_or_else(|| refused(format!("there is no zone '{zone}'")))?;
                found.state = state;
                Ok(json!({}))
            }
        }
    }
}
