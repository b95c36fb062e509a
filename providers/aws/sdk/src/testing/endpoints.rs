//! Where requests go: clients of the SDK and our own by the same rules.

use crate::wire::endpoint::EndpointError;
use crate::{Account, Connector, Identity, Timing};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::region::Region;
use aws_types::sdk_config::SdkConfig;
use gatewright_aws::cloud::Balancers as _;
use gatewright_aws::lattice::cloud::Services as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Service, region, variant, endpoint.
const ENDPOINTS: &str = include_str!("endpoints.tsv");

/// Sends nothing, and remembers where it would have gone.
#[derive(Clone, Debug, Default)]
struct Nowhere(Arc<Mutex<Vec<String>>>);

impl Nowhere {
    fn last(&self) -> Option<String> {
        self.0.lock().unwrap().pop()
    }
}

impl HttpClient for Nowhere {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Nowhere {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: http::Uri = request.uri().parse().unwrap();
        let host = format!("{}://{}", uri.scheme_str().unwrap(), uri.authority().unwrap());
        self.0.lock().unwrap().push(host);
        HttpConnectorFuture::ready(Err(ConnectorError::user("nothing is sent".into())))
    }
}

fn config(region: &str, variant: &str, http: &Nowhere) -> SdkConfig {
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .use_fips(variant.contains("fips"))
        .use_dual_stack(variant.contains("dual-stack"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .identity_cache(IdentityCache::lazy().build())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .http_client(SharedHttpClient::new(http.clone()))
        .build()
}

fn account(config: &SdkConfig, http: &Nowhere) -> Result<Account, crate::ConnectError> {
    let mut connector = Connector::new(Timing::default(), BTreeMap::new(), Arc::new(()));
    connector.http = SharedHttpClient::new(http.clone());
    let identity = Identity {
        account: "123456789012".into(),
        arn: "arn:aws:iam::123456789012:user/test".into(),
    };
    connector.account(config, identity)
}

/// One call of a service, by the name that botocore has for it.
async fn call(account: &Account, config: &SdkConfig, service: &str) {
    match service {
        "elbv2" => drop(account.balancer_named("x").await),
        "vpc-lattice" => drop(account.service_named("x").await),
        "acm" => drop(account.acm.list_certificates().send().await),
        "resourcegroupstaggingapi" => drop(account.tagging.get_resources().send().await),
        "sts" => drop(
            aws_sdk_sts::Client::new(config)
                .get_caller_identity()
                .send()
                .await,
        ),
        "ec2" => drop(account.ec2().vpcs(&[]).await),
        "service-quotas" => drop(account.quotas().list("elasticloadbalancing").await),
        "s3" => drop(account.s3.put("bucket", "key", "text").await),
        "wafv2" => drop(account.waf.get("arn").await),
        "shield" => drop(account.shield.describe("arn").await),
        other => panic!("{other} is not called"),
    }
}

/// Every service, in every partition, with FIPS, with dual stack, and with both. The table is what botocore makes of the
/// services' own rule sets (`e2e/aws/checks/check_endpoints.py`).
#[tokio::test]
async fn all_clients_find_their_services_by_the_services_own_rules() {
    let http = Nowhere::default();
    let mut seen = BTreeSet::new();
    for line in ENDPOINTS.lines().filter(|line| !line.starts_with('#')) {
        let [service, region, variant, wanted] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let config = config(region, variant, &http);
        let account = match account(&config, &http) {
            Ok(account) => account,
            Err(error) => {
                // One of the services cannot be reached by FIPS there, and we need all.
                let refused = crate::ConnectError::Endpoint(EndpointError::NoFips("aws-cn"));
                assert_eq!(error, refused, "{line}");
                assert!(service != "s3" || wanted == "none", "{line}");
                continue;
            }
        };
        call(&account, &config, service).await;
        assert_eq!(http.last().as_deref(), Some(wanted), "{line}");
        assert_eq!(http.last(), None, "{line}");
        seen.insert((service, region));
    }
    assert_eq!(seen.len(), 90);
}

/// Shield has one endpoint in its partition. For dual stack its rule set makes others up that AWS lists nowhere,
/// <https://docs.aws.amazon.com/general/latest/gr/shield.html>.
#[tokio::test]
async fn shield_is_in_one_region() {
    let http = Nowhere::default();
    let config = config("eu-central-1", "dual-stack", &http);
    let account = account(&config, &http).unwrap();
    call(&account, &config, "shield").await;
    assert_eq!(http.last().as_deref(), Some("https://shield.us-east-1.api.aws"));
}
