//! AWS WAF: which web ACL stands in front of a load balancer.
//!
//! Protocol: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>. Operations:
//! <https://docs.aws.amazon.com/waf/latest/APIReference/Welcome.html>.

use crate::calls::waf::{ASSOCIATE_WEB_ACL, DISASSOCIATE_WEB_ACL, GET_WEB_ACL_FOR_RESOURCE};
use crate::calls::{Call, Service};
use crate::transport::Track;
use crate::wire::endpoint::{EndpointError, Place};
use crate::wire::{Definition, Request, Wire, unreadable};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::sdk_config::SdkConfig;
use gatewright_aws::cloud::Answer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) const DEFINITION: Definition = Definition {
    service: Service::Waf,
    signing_name: "wafv2",
    place: Place {
        name: "wafv2",
        gov_is_fips: false,
    },
    version: "2019-07-29",
};

/// How operations are named in `X-Amz-Target`.
const TARGET: &str = "AWSWAF_20190729";

/// A client.
#[derive(Clone, Debug)]
pub struct Waf {
    wire: Wire,
}

#[derive(Serialize)]
struct Associate<'a> {
    #[serde(rename = "WebACLArn")]
    web_acl: &'a str,
    #[serde(rename = "ResourceArn")]
    resource: &'a str,
}

#[derive(Serialize)]
struct Of<'a> {
    #[serde(rename = "ResourceArn")]
    resource: &'a str,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "WebACL")]
    web_acl: Option<WebAcl>,
}

#[derive(Deserialize)]
struct WebAcl {
    #[serde(rename = "ARN")]
    arn: String,
}

#[derive(Deserialize)]
struct Nothing {}

impl Waf {
    pub(crate) fn new(
        config: &SdkConfig,
        http: SharedHttpClient,
        track: Track,
    ) -> Result<Self, EndpointError> {
        let wire = Wire::new(config, DEFINITION, http, track)?;
        Ok(Self { wire })
    }

    /// `GetWebACLForResource`: the ARN of the web ACL of a load balancer; none without.
    ///
    /// # Errors
    /// By kind.
    pub async fn get(&self, resource: &str) -> Answer<Option<String>> {
        let found: Found = self.call(&GET_WEB_ACL_FOR_RESOURCE, &Of { resource }).await?;
        Ok(found.web_acl.map(|acl| acl.arn))
    }

    /// `AssociateWebACL`: in place of another one.
    ///
    /// # Errors
    /// By kind.
    pub async fn associate(&self, web_acl: &str, resource: &str) -> Answer<()> {
        let Nothing {} = self
            .call(&ASSOCIATE_WEB_ACL, &Associate { web_acl, resource })
            .await?;
        Ok(())
    }

    /// `DisassociateWebACL`.
    ///
    /// # Errors
    /// By kind.
    pub async fn disassociate(&self, resource: &str) -> Answer<()> {
        let Nothing {} = self.call(&DISASSOCIATE_WEB_ACL, &Of { resource }).await?;
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
