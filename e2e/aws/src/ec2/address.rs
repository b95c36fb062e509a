//! Elastic IP addresses.

use super::describe::{ById, Kind, describe as describe_rows};
use super::interface::Holder;
use super::{State, Tags, tags};
use crate::error::ApiError;
use crate::input::{text, texts};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// An allocated public address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    /// The identifier of its allocation.
    pub id: String,
    /// The address.
    pub ip: Ipv4Addr,
    /// The interface that has it.
    pub interface: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl Address {
    /// The identifier of its association.
    pub(super) fn association(&self) -> String {
        self.id.replacen("eipalloc-", "eipassoc-", 1)
    }
}

/// Public addresses are taken from the range for benchmarks (RFC 2544), which nobody has on the internet.
const PUBLIC: u32 = u32::from_be_bytes([198, 18, 0, 0]);

impl State {
    /// A public address that nothing has.
    pub(super) fn public_address(&mut self) -> Ipv4Addr {
        self.made += 1;
        let count = u32::try_from(self.made & 0x1_ffff).unwrap_or(0);
        Ipv4Addr::from(PUBLIC + count)
    }
}

/// Elastic IP addresses are addresses of this machine, so that load balancers serve on them: apart from those that load
/// balancers get by default.
const ELASTIC: u32 = u32::from_be_bytes([127, 32, 0, 0]);

impl State {
    fn elastic_address(&mut self) -> Ipv4Addr {
        self.made += 1;
        // Accounts and regions count each for itself: an address is one account's alone.
        let own = self.account.bytes().chain(self.region.bytes());
        let own = own.fold(0_u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        let count = u32::try_from(self.made & 0xfff).unwrap_or(0);
        Ipv4Addr::from(ELASTIC | (own & 0xff) << 12 | count)
    }

    /// The address of an allocation.
    pub fn elastic(&self, allocation: &str) -> Option<Ipv4Addr> {
        self.addresses.get(allocation).map(|address| address.ip)
    }
}

/// [AllocateAddress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html), from
/// Amazon's own pool.
pub fn allocate(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let most = account.quotas.value(quotas::ELASTIC_ADDRESSES);
    let state = &mut account.ec2;
    if text(input, "Domain") == Some("standard") {
        return Err(ApiError::new(
            "InvalidParameterValue",
            "Invalid value 'standard' for domain. EC2-Classic is retired.",
        ));
    }
    for pool in ["PublicIpv4Pool", "CustomerOwnedIpv4Pool", "IpamPoolId", "Address"] {
        if let Some(named) = text(input, pool).filter(|named| *named != "amazon") {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("Invalid value '{named}' for {pool}: there is no such pool or address."),
            ));
        }
    }
    if state.addresses.len() as u64 >= most {
        return Err(ApiError::new(
            "AddressLimitExceeded",
            "The maximum number of addresses has been reached.",
        ));
    }
    let tags = tags::specified(input, "elastic-ip")?;
    let ip = state.elastic_address();
    let id = state.identifier("eipalloc-");
    let region = state.region.clone();
    state.addresses.insert(
        id.clone(),
        Address {
            id: id.clone(),
            ip,
            interface: None,
            tags,
        },
    );
    Ok(json!({
        "AllocationId": id,
        "PublicIp": ip.to_string(),
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": region,
        "Domain": "vpc",
    }))
}

/// [ReleaseAddress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html): not while
/// it is associated.
pub fn release(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.ec2;
    let Some(id) = text(input, "AllocationId") else {
        return Err(ApiError::new(
            "MissingParameter",
            "You must specify an allocation id when releasing a VPC elastic IP address",
        ));
    };
    match state.addresses.get(id) {
        None => Err(ALLOCATION_ID.not_found(id)),
        Some(address) if address.interface.is_some() => Err(ApiError::new(
            "InvalidIPAddress.InUse",
            format!("Address {} is in use.", address.ip),
        )),
        Some(_) => {
            state.addresses.remove(id);
            Ok(json!({}))
        }
    }
}

const ALLOCATION_ID: ById = ById {
    member: "AllocationIds",
    prefix: "eipalloc-",
    malformed: "InvalidAllocationID.NotFound",
    missing: "InvalidAllocationID.NotFound",
    what: "allocation ID",
};

const ADDRESSES: Kind = Kind {
    list: "Addresses",
    id: "AllocationId",
    by_id: Some(ALLOCATION_ID),
    most: 1000,
    tags: Some("Tags"),
    filters: &[
        ("allocation-id", "AllocationId"),
        ("association-id", "AssociationId"),
        ("domain", "Domain"),
        ("instance-id", "InstanceId"),
        ("network-border-group", "NetworkBorderGroup"),
        ("network-interface-id", "NetworkInterfaceId"),
        ("network-interface-owner-id", "NetworkInterfaceOwnerId"),
        ("private-ip-address", "PrivateIpAddress"),
        ("public-ip", "PublicIp"),
    ],
};

/// [DescribeAddresses](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddresses.html).
pub fn describe(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let wanted = texts(input, "PublicIps");
    let known = |ip: &str| {
        state
            .addresses
            .values()
            .any(|address| address.ip.to_string() == ip)
    };
    if let Some(missing) = wanted.iter().find(|ip| !known(ip)) {
        return Err(ApiError::new(
            "InvalidAddress.NotFound",
            format!("Address '{missing}' not found."),
        ));
    }
    let rows = state
        .addresses
        .values()
        .filter(|address| wanted.is_empty() || wanted.contains(&address.ip.to_string().as_str()))
        .map(|address| {
            let interface = address.interface.as_ref().and_then(|id| state.interfaces.get(id));
            let instance = interface.and_then(|interface| match &interface.holder {
                Holder::Instance(id) => Some(id.clone()),
                _ => None,
            });
            json!({
                "AllocationId": address.id,
                "PublicIp": address.ip.to_string(),
                "PublicIpv4Pool": "amazon",
                "NetworkBorderGroup": state.region,
                "Domain": "vpc",
                "AssociationId": interface.map(|_| address.association()),
                "NetworkInterfaceId": interface.map(|interface| interface.id.clone()),
                "NetworkInterfaceOwnerId": interface.map(|_| state.account.clone()),
                "PrivateIpAddress": interface.map(|interface| interface.private.to_string()),
                "InstanceId": instance,
                "Tags": tags::render(&address.tags),
            })
        })
        .collect();
    describe_rows(&ADDRESSES, rows, input)
}
