//! Service Quotas: what an account may have.
//!
//! Protocol: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>. Operations:
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/Welcome.html>.

use crate::calls::quotas::LIST_SERVICE_QUOTAS;
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
    service: Service::Quotas,
    signing_name: "servicequotas",
    place: Place {
        name: "servicequotas",
        gov_is_fips: true,
    },
    version: "2019-06-24",
};

/// How operations are named in `X-Amz-Target`.
const TARGET: &str = "ServiceQuotasV20190624";

/// Pages of one listing: AWS gives up to a hundred quotas a page, and a service has some hundreds.
const MOST_PAGES: usize = 100;

/// A client.
#[derive(Clone, Debug)]
pub struct Quotas {
    wire: Wire,
}

/// `ServiceQuota`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Quota {
    /// `QuotaCode`, for example `L-53DA6B97`.
    pub quota_code: String,
    /// `QuotaName`.
    #[serde(default)]
    pub quota_name: String,
    /// `Value`, of the account in the region.
    pub value: f64,
    /// `Adjustable`.
    #[serde(default)]
    pub adjustable: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    service_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    quotas: Vec<Quota>,
    next_token: Option<String>,
}

impl Quotas {
    pub(crate) fn new(
        config: &SdkConfig,
        http: SharedHttpClient,
        track: Track,
    ) -> Result<Self, EndpointError> {
        let wire = Wire::new(config, DEFINITION, http, track)?;
        Ok(Self { wire })
    }

    /// `ListServiceQuotas`: all quotas of a service, for example `elasticloadbalancing`.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn list(&self, service_code: &str) -> Answer<Vec<Quota>> {
        let call = &LIST_SERVICE_QUOTAS;
        let mut quotas = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let request = List {
                service_code,
                next_token: token.as_deref(),
            };
            let page: Page = self.call(call, &request).await?;
            quotas.extend(page.quotas);
            let next = page.next_token.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok(quotas);
            }
            if next == token {
                return Err(unreadable(call, "it names itself as the next page"));
            }
            token = next;
        }
        Err(unreadable(
            call,
            format_args!("it has more than {MOST_PAGES} pages"),
        ))
    }

    async fn call<I: Serialize, O: DeserializeOwned>(&self, call: &'static Call, input: &I) -> Answer<O> {
        let body = serde_json::to_string(input).map_err(|error| unreadable(call, error))?;
        let target = format!("{TARGET}.{}", call.operation);
        let request = Request::post("application/x-amz-json-1.1", Some(target), body);
        let answer = self.wire.send(call, request).await?;
        serde_json::from_slice(&answer.0).map_err(|error| unreadable(call, error))
    }
}
