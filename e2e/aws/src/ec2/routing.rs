//! Where the traffic of subnets goes: route tables and internet gateways.

use super::describe::{ById, Kind, describe};
use super::network::Subnet;
use super::{State, Tags, tags};
use crate::error::ApiError;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A route table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its identifier.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// The association as the VPC's main table.
    pub main: Option<String>,
    /// Associations and their subnets.
    pub subnets: BTreeMap<String, String>,
    /// Destinations and what they lead to.
    pub routes: Vec<(String, Hop)>,
    /// Its tags.
    pub tags: Tags,
}

/// What a route leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hop {
    /// The VPC itself.
    Local,
    /// An internet gateway.
    Gateway(String),
    /// A NAT gateway.
    Nat(String),
}

/// An internet gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// Its identifier.
    pub id: String,
    /// The VPC that it is attached to.
    pub vpc: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl State {
    /// Whether a subnet's traffic reaches the internet through a gateway, by its route table or its VPC's main
    /// one ([internet gateways](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html)).
    pub fn is_public(&self, subnet: &Subnet) -> bool {
        let own = self
            .tables
            .values()
            .find(|table| table.subnets.values().any(|id| *id == subnet.id));
        let main = || {
            self.tables
                .values()
                .find(|table| table.vpc == subnet.vpc && table.main.is_some())
        };
        own.or_else(main)
            .is_some_and(|table| table.routes.iter().any(|(_, hop)| matches!(hop, Hop::Gateway(_))))
    }
}

const TABLES: Kind = Kind {
    list: "RouteTables",
    id: "RouteTableId",
    by_id: Some(ById {
        member: "RouteTableIds",
        prefix: "rtb-",
        malformed: "InvalidRouteTableId.Malformed",
        missing: "InvalidRouteTableID.NotFound",
        what: "routeTable ID",
    }),
    most: 100,
    tags: Some("Tags"),
    filters: &[
        ("association.gateway-id", "Associations.GatewayId"),
        ("association.main", "Associations.Main"),
        (
            "association.route-table-association-id",
            "Associations.RouteTableAssociationId",
        ),
        ("association.route-table-id", "Associations.RouteTableId"),
        ("association.subnet-id", "Associations.SubnetId"),
        ("owner-id", "OwnerId"),
        ("route-table-id", "RouteTableId"),
        ("route.destination-cidr-block", "Routes.DestinationCidrBlock"),
        (
            "route.destination-ipv6-cidr-block",
            "Routes.DestinationIpv6CidrBlock",
        ),
        (
            "route.destination-prefix-list-id",
            "Routes.DestinationPrefixListId",
        ),
        (
            "route.egress-only-internet-gateway-id",
            "Routes.EgressOnlyInternetGatewayId",
        ),
        ("route.gateway-id", "Routes.GatewayId"),
        ("route.instance-id", "Routes.InstanceId"),
        ("route.nat-gateway-id", "Routes.NatGatewayId"),
        ("route.origin", "Routes.Origin"),
        ("route.state", "Routes.State"),
        ("route.transit-gateway-id", "Routes.TransitGatewayId"),
        ("route.vpc-peering-connection-id", "Routes.VpcPeeringConnectionId"),
        ("vpc-id", "VpcId"),
    ],
};

/// [DescribeRouteTables](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html).
pub fn describe_tables(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let rows = state
        .tables
        .values()
        .map(|table| {
            let main = table.main.iter().map(|id| (id, None));
            let explicit = table.subnets.iter().map(|(id, subnet)| (id, Some(subnet)));
            let associations: Vec<Value> = main
                .chain(explicit)
                .map(|(id, subnet)| {
                    json!({
                        "RouteTableAssociationId": id,
                        "RouteTableId": table.id,
                        "Main": subnet.is_none(),
                        "SubnetId": subnet,
                        "AssociationState": {"State": "associated"},
                    })
                })
                .collect();
            let routes: Vec<Value> = table.routes.iter().map(route).collect();
            json!({
                "RouteTableId": table.id,
                "VpcId": table.vpc,
                "OwnerId": state.account,
                "Associations": associations,
                "PropagatingVgws": [],
                "Routes": routes,
                "Tags": tags::render(&table.tags),
            })
        })
        .collect();
    describe(&TABLES, rows, input)
}

fn route((destination, hop): &(String, Hop)) -> Value {
    let member = if destination.contains(':') {
        "DestinationIpv6CidrBlock"
    } else {
        "DestinationCidrBlock"
    };
    let (gateway, nat, origin) = match hop {
        Hop::Local => (Some("local"), None, "CreateRouteTable"),
        Hop::Gateway(id) => (Some(id.as_str()), None, "CreateRoute"),
        Hop::Nat(id) => (None, Some(id.as_str()), "CreateRoute"),
    };
    json!({
        member: destination,
        "GatewayId": gateway,
        "NatGatewayId": nat,
        "Origin": origin,
        "State": "active",
    })
}

const GATEWAYS: Kind = Kind {
    list: "InternetGateways",
    id: "InternetGatewayId",
    by_id: Some(ById {
        member: "InternetGatewayIds",
        prefix: "igw-",
        malformed: "InvalidInternetGatewayId.Malformed",
        missing: "InvalidInternetGatewayID.NotFound",
        what: "internetGateway ID",
    }),
    most: 1000,
    tags: Some("Tags"),
    filters: &[
        ("attachment.state", "Attachments.State"),
        ("attachment.vpc-id", "Attachments.VpcId"),
        ("internet-gateway-id", "InternetGatewayId"),
        ("owner-id", "OwnerId"),
    ],
};

/// [DescribeInternetGateways](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInternetGateways.html).
/// The state of an attachment is `available` on the wire, as its filter says, not one of the enumeration.
pub fn describe_gateways(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let rows = state
        .gateways
        .values()
        .map(|gateway| {
            let attachments: Vec<Value> = gateway
                .vpc
                .iter()
                .map(|vpc| json!({"State": "available", "VpcId": vpc}))
                .collect();
            json!({
                "InternetGatewayId": gateway.id,
                "OwnerId": state.account,
                "Attachments": attachments,
                "Tags": tags::render(&gateway.tags),
            })
        })
        .collect();
    describe(&GATEWAYS, rows, input)
}
