//! Accounts: credentials, region, endpoints, clients.

use crate::calls::sts::GET_CALLER_IDENTITY;
use crate::ec2::Ec2;
use crate::error::cloud_error;
use crate::limiter::{Bucket, Figures, Limiter, Limiters, figures};
use crate::quotas::Quotas;
use crate::s3::S3;
use crate::shield::Shield;
use crate::tape::{self, Tape};
use crate::transport::{Observer, Paced, Track};
use crate::waf::Waf;
use crate::wire::endpoint::EndpointError;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::sdk_config::SdkConfig;
use gatewright_aws::cloud::CloudError;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// To connect.
    pub connect: Duration,
    /// From a request to the first byte of its answer.
    pub answer: Duration,
    /// To wait for a turn of the limiter; no more than a signature lives (five minutes).
    pub turn: Duration,
    /// All of a call, with its attempts and waiting times.
    pub call: Duration,
    /// Attempts at a call, the first one counted.
    pub attempts: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(20),
            turn: Duration::from_secs(60),
            call: Duration::from_secs(150),
            attempts: 3,
        }
    }
}

/// Which account and region. What is not set here comes from the SDK's own chain: environment, profile, web
/// identity (IRSA), EKS Pod Identity, instance (unless `AWS_EC2_METADATA_DISABLED` is true).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Settings {
    /// Region.
    pub region: Option<String>,
    /// A role to take on, of this or another account.
    pub role: Option<AssumeRole>,
    /// Whether endpoints are those that FIPS 140 asks for; `None`: as the environment says
    /// (`AWS_USE_FIPS_ENDPOINT`).
    pub fips: Option<bool>,
    /// Whether endpoints have IPv6 addresses as well; `None`: as the environment says
    /// (`AWS_USE_DUALSTACK_ENDPOINT`).
    pub dual_stack: Option<bool>,
}

/// `AssumeRole`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssumeRole {
    /// `RoleArn`.
    pub arn: String,
    /// `ExternalId`.
    pub external_id: Option<String>,
}

/// Who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Account: twelve digits.
    pub account: String,
    /// ARN of the user or role.
    pub arn: String,
}

/// No account.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// No endpoint is known.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A recorded state was made elsewhere.
    #[error("the recorded state has nothing of {0}: record it with the same options and classes")]
    Unrecorded(String),
    /// AWS does not tell who we are.
    #[error("who we are on AWS is not known: {0}")]
    Identity(#[from] CloudError),
}

/// Makes accounts. One for the whole program: accounts share its limiters and connections.
#[derive(Clone)]
pub struct Connector {
    timing: Timing,
    raised: BTreeMap<Bucket, Figures>,
    limiters: Arc<Limiters>,
    observer: Arc<dyn Observer>,
    pub(crate) http: SharedHttpClient,
    tape: Option<Tape>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// `raised` replaces figures of [`Bucket`]s; `observer` is told of every attempt at a call.
    pub fn new(timing: Timing, raised: BTreeMap<Bucket, Figures>, observer: Arc<dyn Observer>) -> Self {
        let tls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        Self {
            timing,
            limiters: Arc::new(Limiters::new(raised.clone(), timing.turn)),
            raised,
            observer,
            http: aws_smithy_http_client::Builder::new()
                .tls_provider(tls)
                .build_https(),
            tape: None,
        }
    }

    /// How often AWS is called, in each account and region.
    pub fn figures(&self, bucket: Bucket) -> Figures {
        figures(&self.raised, bucket)
    }

    /// What looks at everything may take, in calls a second: half of what AWS answers.
    fn pace(&self, bucket: Bucket) -> f64 {
        self.figures(bucket).per_second / 2.0
    }

    /// Whose answers are recorded, or those that were.
    #[must_use]
    pub fn with_tape(mut self, tape: Tape) -> Self {
        if tape.replays() {
            let at_once = Figures {
                burst: u32::MAX,
                per_second: f64::from(u32::MAX),
            };
            let raised = Bucket::ALL.map(|bucket| (bucket, at_once));
            self.limiters = Arc::new(Limiters::new(raised.into(), self.timing.turn));
        }
        self.tape = Some(tape);
        self
    }

    /// Finds credentials, and asks AWS who we are.
    ///
    /// # Errors
    /// Without a region, credentials, or an answer of STS.
    pub async fn connect(&self, settings: &Settings) -> Result<Account, ConnectError> {
        let config = match &self.tape {
            Some(tape) if tape.replays() => self.recorded(settings, tape).await?,
            _ => self.config(settings).await,
        };
        let region = config.region().ok_or(EndpointError::NoRegion)?.to_string();
        let Some(tape) = &self.tape else {
            let identity = identity(&config).await?;
            return self.account(&config, identity);
        };
        // Only from here on: credentials were asked for by another client.
        let taped = Self {
            http: tape.over(settings, &region, self.http.clone()),
            ..self.clone()
        };
        let config = config.into_builder().http_client(taped.http.clone()).build();
        let identity = identity(&config).await?;
        taped.account(&config, identity)
    }

    /// For a place as it was recorded: credentials are nobody's, and nothing is sent.
    async fn recorded(&self, settings: &Settings, tape: &Tape) -> Result<SdkConfig, ConnectError> {
        let region = tape.region(settings);
        let region = region.ok_or_else(|| ConnectError::Unrecorded(tape::name(settings)))?;
        let nobody = Credentials::new("recorded", "recorded", None, None, "a recorded state");
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(nobody)
            .retry_config(RetryConfig::disabled());
        Ok(loader.load().await)
    }

    /// Clients of an account. Nothing is called yet.
    pub(crate) fn account(&self, config: &SdkConfig, identity: Identity) -> Result<Account, ConnectError> {
        let region = config.region().ok_or(EndpointError::NoRegion)?.to_string();
        let limiter = self.limiters.of(&identity.account, &region);
        let http = Paced::shared(self.http.clone(), Arc::clone(&limiter));
        let track = Track::new(Arc::clone(&limiter), Arc::clone(&self.observer));

        let elb = aws_sdk_elasticloadbalancingv2::config::Builder::from(config)
            .http_client(http.clone())
            .interceptor(track.clone());
        let acm = aws_sdk_acm::config::Builder::from(config)
            .http_client(http.clone())
            .interceptor(track.clone());
        let tagging = aws_sdk_resourcegroupstagging::config::Builder::from(config)
            .http_client(http.clone())
            .interceptor(track.clone());
        let lattice = aws_sdk_vpclattice::config::Builder::from(config)
            .http_client(http.clone())
            .interceptor(track.clone());
        Ok(Account {
            lattice: aws_sdk_vpclattice::Client::from_conf(lattice.build()),
            lattice_limits: crate::lattice::CachedLimits::default(),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(elb.build()),
            acm: aws_sdk_acm::Client::from_conf(acm.build()),
            tagging: aws_sdk_resourcegroupstagging::Client::from_conf(tagging.build()),
            ec2: Ec2::new(config, http.clone(), track.clone())?,
            s3: S3::new(config, http.clone(), track.clone())?,
            waf: Waf::new(config, http.clone(), track.clone())?,
            shield: Shield::new(config, http.clone(), track.clone())?,
            quotas: Quotas::new(config, http, track)?,
            region,
            identity,
            limiter,
            pace: self.pace(Bucket::ElbDescribe),
            lattice_pace: self.pace(Bucket::LatticeRead),
            limits: crate::cloud::CachedLimits::default(),
        })
    }

    async fn config(&self, settings: &Settings) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.timing.connect)
            .read_timeout(self.timing.answer)
            .operation_timeout(self.timing.call)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(self.timing.attempts));
        if let Ok(name) = AppName::new("gatewright") {
            loader = loader.app_name(name);
        }
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(fips) = settings.fips {
            loader = loader.use_fips(fips);
        }
        if let Some(dual_stack) = settings.dual_stack {
            loader = loader.use_dual_stack(dual_stack);
        }
        let config = loader.load().await;
        let Some(role) = &settings.role else {
            return config;
        };
        let mut provider = AssumeRoleProvider::builder(&role.arn)
            .session_name("gatewright")
            .configure(&config);
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let credentials = SharedCredentialsProvider::new(provider.build().await);
        // A cache of its own: the other one holds the credentials that the role is taken on with.
        config
            .into_builder()
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::lazy().build())
            .build()
    }
}

async fn identity(config: &SdkConfig) -> Result<Identity, CloudError> {
    let call = &GET_CALLER_IDENTITY;
    let client = aws_sdk_sts::Client::new(config);
    let answer = client
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| cloud_error(call, &error))?;
    match (answer.account, answer.arn) {
        (Some(account), Some(arn)) => Ok(Identity { account, arn }),
        _ => Err(crate::wire::unreadable(call, "no account or ARN in it")),
    }
}

/// An account in a region.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) lattice: aws_sdk_vpclattice::Client,
    pub(crate) lattice_limits: crate::lattice::CachedLimits,
    pub(crate) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) tagging: aws_sdk_resourcegroupstagging::Client,
    pub(crate) ec2: Ec2,
    pub(crate) s3: S3,
    pub(crate) waf: Waf,
    pub(crate) shield: Shield,
    quotas: Quotas,
    region: String,
    identity: Identity,
    limiter: Arc<Limiter>,
    pub(crate) pace: f64,
    pub(crate) lattice_pace: f64,
    pub(crate) limits: crate::cloud::CachedLimits,
}

impl Account {
    /// Who we are.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// EC2.
    pub const fn ec2(&self) -> &Ec2 {
        &self.ec2
    }

    /// Service Quotas.
    pub const fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Paces all its calls.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }
}
