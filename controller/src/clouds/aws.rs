//! AWS: reached when the first Gateway of one of its classes is there.

use super::{Cloud, Registry};
use clap::Args;
use gatewright_aws::BalancerKind;
use gatewright_aws::alb::{ElbDriver, Settings};
use gatewright_aws::swept::{Ages, PACE, Swept};
use gatewright_aws_sdk::{
    Account, Attempt, AttemptOutcome, ConnectError, Connector, Observer, Settings as Place, Timing,
};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{
    Around, BoxFuture, Call, Calls, Erased, ErrorKind, Leave, Outcome, Preview, ProviderError, Reads,
    Reconcile, Request, Resource,
};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How AWS is reached. Credentials, and everything else that is not named here, come from the SDK's own chain:
/// environment, profile, web identity (IRSA), EKS Pod Identity, instance.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "AWS")]
pub struct AwsOptions {
    /// Name of this cluster, in the tags of everything that is made: different for each cluster that uses an account.
    #[arg(
        long,
        env = "GATEWRIGHT_CLUSTER_NAME",
        value_name = "NAME",
        default_value = "",
        value_parser = cluster_name
    )]
    pub cluster_name: String,
    /// Controller name of GatewayClasses whose Gateways become Application Load Balancers; none are served when empty.
    #[arg(long, value_name = "DOMAIN/PATH", default_value = "gatewright.dev/aws-alb")]
    pub aws_alb_controller_name: String,
    /// Controller name of GatewayClasses whose Gateways become Network Load Balancers; none are served when empty.
    #[arg(long, value_name = "DOMAIN/PATH", default_value = "gatewright.dev/aws-nlb")]
    pub aws_nlb_controller_name: String,
    /// VPC of load balancers whose parameters name none.
    #[arg(long, env = "GATEWRIGHT_AWS_VPC_ID", value_name = "VPC-ID")]
    pub aws_vpc_id: Option<String>,
    /// Region; by default that of the environment.
    #[arg(long, value_name = "REGION")]
    pub aws_region: Option<String>,
    /// Use the endpoints that FIPS 140 asks for; by default as AWS_USE_FIPS_ENDPOINT says.
    #[arg(long)]
    pub aws_fips: bool,
    /// Use endpoints that have IPv6 addresses as well; by default as AWS_USE_DUALSTACK_ENDPOINT says.
    #[arg(long)]
    pub aws_dual_stack: bool,
    /// How long a replaced load balancer stays after its successor took over.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = crate::cli::humantime_duration)]
    pub aws_drain: Duration,
}

/// A sweep of 1,000 Gateways takes about this time.
const LONG: Duration = Duration::from_secs(3600);

impl AwsOptions {
    /// Adds the providers of AWS.
    pub fn register(&self, registry: &mut Registry, around: &Around) {
        let attempts = |provider| {
            Arc::new(Attempts {
                provider,
                calls: Arc::clone(&around.calls),
            })
        };
        let names = [
            (
                &self.aws_alb_controller_name,
                BalancerKind::Application,
                Provider::AwsAlb,
            ),
            (
                &self.aws_nlb_controller_name,
                BalancerKind::Network,
                Provider::AwsNlb,
            ),
        ];
        // One pace for all calls to an account.
        let connector = Connector::new(Timing::default(), BTreeMap::new(), attempts(Provider::AwsAlb));
        for (name, kind, provider) in names.into_iter().filter(|(name, ..)| !name.is_empty()) {
            let cloud: Cloud = Arc::new(Balancers {
                kind,
                options: self.clone(),
                connector: connector.observed_by(attempts(provider)),
                leave: around.leave.clone(),
                driver: OnceCell::new(),
                account: OnceLock::new(),
            });
            registry.add(name, cloud);
        }
    }
}

/// Load balancers of one kind, of one account and region. Without credentials it says so wherever it is asked, and
/// looks for them again the next time.
struct Balancers {
    kind: BalancerKind,
    options: AwsOptions,
    connector: Connector,
    leave: Leave,
    driver: OnceCell<Erased<ElbDriver<Swept<Account>>>>,
    account: OnceLock<Swept<Account>>,
}

impl Balancers {
    async fn driver(&self) -> Result<&dyn Reconcile<Request>, ProviderError> {
        if self.options.cluster_name.is_empty() {
            return Err(nameless());
        }
        let connect = async || {
            let place = Place {
                region: self.options.aws_region.clone(),
                fips: self.options.aws_fips.then_some(true),
                dual_stack: self.options.aws_dual_stack.then_some(true),
                role: None,
            };
            let account = self.connector.connect(&place).await.map_err(told)?;
            let identity = account.identity();
            tracing::info!(
                account = identity.account,
                arn = identity.arn,
                region = account.region(),
                "AWS is reached"
            );
            let settings = Settings {
                cluster: self.options.cluster_name.as_str().into(),
                drain: self.options.aws_drain,
                vpc: self.options.aws_vpc_id.as_deref().map(Into::into),
            };
            let account = Swept::new(account, &self.options.cluster_name, Ages::default());
            let account = self.account.get_or_init(|| account).clone();
            Ok(Erased::new(
                ElbDriver::of(self.kind, account, settings, now),
                self.leave.clone(),
            ))
        };
        let driver = self.driver.get_or_try_init(connect).await?;
        Ok(driver)
    }
}

/// Tells of the attempts at calls, without the time in which they waited for their turn.
struct Attempts {
    provider: Provider,
    calls: Arc<dyn Calls>,
}

impl Observer for Attempts {
    fn attempt(&self, attempt: &Attempt) {
        self.calls.called(Call {
            provider: self.provider,
            operation: attempt.call.operation,
            outcome: match attempt.outcome {
                AttemptOutcome::Done => "success",
                outcome => outcome.label(),
            },
            took: attempt.took.saturating_sub(attempt.waited),
        });
    }
}

/// Without a name two clusters of one account would take each other's load balancers for their own.
fn nameless() -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        resource: Resource {
            kind: "account",
            id: "AWS".into(),
        },
        message: "the cluster has no name by which its own resources are known: set --cluster-name (aws.clusterName of \
                  the Helm chart)"
            .to_owned(),
    }
}

/// What can be a tag's value (`API_Tag`), with room for what else is in names.
fn cluster_name(text: &str) -> Result<String, String> {
    let sound = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    if text.len() <= 100 && text.chars().all(sound) {
        Ok(text.to_owned())
    } else {
        Err("accepted are at most 100 letters, digits and _.-".to_owned())
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}

fn told(error: ConnectError) -> ProviderError {
    let kind = match &error {
        ConnectError::Identity(error) => error.kind,
        ConnectError::Endpoint(_) => ErrorKind::Invalid,
    };
    ProviderError {
        kind,
        resource: Resource {
            kind: "account",
            id: "AWS".into(),
        },
        message: error.to_string(),
    }
}

impl Reconcile<Request> for Balancers {
    fn provider(&self) -> Provider {
        match self.kind {
            BalancerKind::Application => Provider::AwsAlb,
            BalancerKind::Network => Provider::AwsNlb,
        }
    }

    fn reconcile<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.driver().await {
                Ok(driver) => driver.reconcile(request).await,
                Err(error) => unread(error),
            }
        })
    }

    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.driver().await {
                Ok(driver) => driver.remove(gateway).await,
                Err(error) => unread(error),
            }
        })
    }

    fn preview<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Preview> {
        Box::pin(async move {
            match self.driver().await {
                Ok(driver) => driver.preview(request).await,
                Err(error) => unknown(error),
            }
        })
    }

    fn preview_removal<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Preview> {
        Box::pin(async move {
            match self.driver().await {
                Ok(driver) => driver.preview_removal(gateway).await,
                Err(error) => unknown(error),
            }
        })
    }

    fn owners(&self) -> BoxFuture<'_, Result<BTreeSet<ObjectName>, ProviderError>> {
        Box::pin(async move { self.driver().await?.owners().await })
    }

    fn sweep(&self, every: Duration) -> BoxFuture<'_, Result<Reads, ProviderError>> {
        Box::pin(async move {
            self.driver().await?;
            let Some(account) = self.account.get() else {
                return Ok(Reads::default());
            };
            // Answers hold until the next sweep has ended, however long that takes.
            let settled = every.max(LONG) * 4;
            let sweep = account.sweep(PACE, settled).await.map_err(|error| {
                error.about(Resource {
                    kind: "resources of",
                    id: self.options.cluster_name.as_str().into(),
                })
            })?;
            Ok(Reads {
                calls: sweep.calls,
                takes: sweep.took,
            })
        })
    }

    fn forget(&self) {
        if let Some(account) = self.account.get() {
            account.forget();
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn unread(error: ProviderError) -> Outcome {
    Outcome {
        unread: Some(error),
        ..Outcome::default()
    }
}

fn unknown(error: ProviderError) -> Preview {
    Preview {
        unread: Some(error),
        ..Preview::default()
    }
}
