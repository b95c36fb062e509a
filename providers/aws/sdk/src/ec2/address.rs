//! Elastic IP addresses.

use super::describe::{Filter, add_filters};
use super::{Ec2, form};
use crate::calls::ec2::DESCRIBE_ADDRESSES;
use crate::wire::xml::Items;
use gatewright_aws::cloud::Answer;
use serde::Deserialize;

/// `Address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `AllocationId`.
    pub allocation_id: String,
    /// `PublicIp`.
    pub public_ip: String,
    /// Whether it has an `AssociationId`.
    pub used: bool,
}

impl Ec2 {
    /// `DescribeAddresses`; it has no pages. Addresses without an allocation, as of EC2-Classic, are left out.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn addresses(&self, filters: &[Filter]) -> Answer<Vec<Address>> {
        let mut form = form(&DESCRIBE_ADDRESSES);
        add_filters(&mut form, filters);
        let answer: AddressesXml = self.call(&DESCRIBE_ADDRESSES, form).await?;
        let read = answer.addresses.into_iter().filter_map(|address| {
            Some(Address {
                allocation_id: address.allocation_id?,
                public_ip: address.public_ip?,
                used: address.association_id.is_some(),
            })
        });
        Ok(read.collect())
    }
}

#[derive(Deserialize)]
struct AddressesXml {
    #[serde(rename = "addressesSet", default)]
    addresses: Items<AddressXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressXml {
    allocation_id: Option<String>,
    public_ip: Option<String>,
    association_id: Option<String>,
}
