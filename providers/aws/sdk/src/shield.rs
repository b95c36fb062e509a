//! AWS Shield: which load balancers Shield Advanced protects.
//!
//! Protocol: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>. Operations:
//! <https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/Welcome.html>. There is one endpoint for all regions of the partition
//! `aws`, in `us-east-1`; other partitions have no Shield Advanced (`endpoints.json` of botocore).

use crate::calls::shield::{CREATE_PROTECTION, DELETE_PROTECTION, DESCRIBE_PROTECTION};
use crate::calls::{Call, Service};
use crate::transport::Track;
use crate::wire::endpoint::{EndpointError, Place};
use crate::wire::{Definition, Request, Wire, unreadable};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::region::Region;
use aws_types::sdk_config::SdkConfig;
use gatewright_aws::cloud::{Answer, NewProtection, Protection};
use gatewright_provider_api::contract::ErrorKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) const DEFINITION: Definition = Definition {
    service: Service::Shield,
    signing_name: "shield",
    place: Place {
        name: "shield",
        gov_is_fips: false,
    },
    version: "2016-06-02",
};

/// Where all protections are.
const HOME: &str = "us-east-1";

/// How operations are named in `X-Amz-Target`.
const TARGET: &str = "AWSShield_20160616";

/// A client.
#[derive(Clone, Debug)]
pub struct Shield {
    wire: Wire,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Of<'a> {
    resource_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct New<'a> {
    name: &'a str,
    resource_arn: &'a str,
    tags: Vec<Tag<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Gone<'a> {
    protection_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    protection: Option<Told>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Nothing {}

impl Shield {
    pub(crate) fn new(
        config: &SdkConfig,
        http: SharedHttpClient,
        track: Track,
    ) -> Result<Self, EndpointError> {
        let region = config.region().ok_or(EndpointError::NoRegion)?;
        let elsewhere = ["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"];
        let home = if elsewhere.iter().any(|prefix| region.as_ref().starts_with(prefix)) {
            region.clone()
        } else {
            Region::from_static(HOME)
        };
        let config = config.clone().into_builder().region(home).build();
        let wire = Wire::new(&config, DEFINITION, http, track)?;
        Ok(Self { wire })
    }

    /// `DescribeProtection` by the load balancer: none without, and in an account without a subscription.
    ///
    /// # Errors
    /// By kind.
    pub async fn describe(&self, balancer: &str) -> Answer<Option<Protection>> {
        let of = Of {
            resource_arn: balancer,
        };
        match self.call::<_, Found>(&DESCRIBE_PROTECTION, &of).await {
            Ok(found) => Ok(found.protection.map(|told| Protection {
                id: told.id.into(),
                name: told.name.into(),
            })),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `CreateProtection`.
    ///
    /// # Errors
    /// By kind; `NotOurs` where the load balancer is protected already.
    pub async fn create(&self, new: &NewProtection) -> Answer<()> {
        let tags = new.tags.iter();
        let new = New {
            name: &new.name,
            resource_arn: &new.balancer.0,
            tags: tags.map(|(key, value)| Tag { key, value }).collect(),
        };
        // Its answer has the id, which is looked up when it is needed.
        let Nothing {} = self.call(&CREATE_PROTECTION, &new).await?;
        Ok(())
    }

    /// `DeleteProtection`.
    ///
    /// # Errors
    /// By kind.
    pub async fn delete(&self, id: &str) -> Answer<()> {
        let Nothing {} = self.call(&DELETE_PROTECTION, &Gone { protection_id: id }).await?;
        Ok(())
    }

    async fn call<I: Serialize, O: DeserializeOwned>(&self, call: &'static Call, input: &I) -> Answer<O> {
        let body = serde_json::to_string(input).map_err(|error| unreadable(call, error))?;
        let target = format!("{TARGET}.{}", call.operation);
        let request = Request::post("application/x-amz-json-1.1", Some(target), body);
        let answer = self.wire.send(call, request).await?;
        // Answers that say nothing may be empty.
        let text: &[u8] = if answer.0.is_empty() { b"{}" } else { &answer.0 };
        serde_json::from_slice(text).map_err(|error| unreadable(call, error))
    }
}
