//! EC2, as far as we need it.
//!
//! Protocol: <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html>. Operations and fields:
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html>, version 2016-11-15.

mod address;
mod describe;
mod group;
mod network;
mod tag;

pub use address::Address;
pub use describe::Filter;
pub use group::{NewSecurityGroup, Permission, Range, SecurityGroup, Source};
pub use network::{RouteTable, Subnet, Vpc};

use crate::calls::{Call, Service};
use crate::transport::Track;
use crate::wire::endpoint::{EndpointError, Place};
use crate::wire::{Definition, Form, Wire, unreadable, xml};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::sdk_config::SdkConfig;
use gatewright_aws::cloud::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(crate) const DEFINITION: Definition = Definition {
    service: Service::Ec2,
    signing_name: "ec2",
    place: Place {
        name: "ec2",
        gov_is_fips: true,
    },
    version: "2016-11-15",
};

/// A client.
#[derive(Clone, Debug)]
pub struct Ec2 {
    wire: Wire,
}

impl Ec2 {
    pub(crate) fn new(
        config: &SdkConfig,
        http: SharedHttpClient,
        track: Track,
    ) -> Result<Self, EndpointError> {
        let wire = Wire::new(config, DEFINITION, http, track)?;
        Ok(Self { wire })
    }

    async fn call<T: DeserializeOwned>(&self, call: &'static Call, form: Form) -> Answer<T> {
        let answer = self.wire.send(call, form.into_request()).await?;
        xml::read(&answer.0).map_err(|error| unreadable(call, error))
    }
}

/// A request for an operation.
fn form(call: &'static Call) -> Form {
    Form::new(call.operation, DEFINITION.version)
}

/// What operations answer that have nothing to say.
#[derive(Debug, Deserialize)]
struct Nothing {}

#[cfg(test)]
mod tests;
