//! AWS: reached when the first Gateway of one of its classes is there.

use super::{Cloud, Registry, aws_lattice};
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
    Around, BoxFuture, Call, Calls, Erased, ErrorKind, Leave, Outcome, Pool, Preview, ProviderError, Reads,
    Reconcile, Request, Resource,
};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};

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
    /// Controller name of GatewayClasses whose Gateways become services of VPC Lattice; none are served when empty.
    #[arg(
        long,
        value_name = "DOMAIN/PATH",
        default_value = "gatewright.dev/aws-lattice"
    )]
    pub aws_lattice_controller_name: String,
    /// VPC of load balancers and of service networks whose parameters name none.
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
        let attempts = |otherwise| {
            Arc::new(Attempts {
                otherwise,
                calls: Arc::clone(&around.calls),
            })
        };
        // One pace for all calls to an account.
        let connector = Connector::new(Timing::default(), BTreeMap::new(), attempts(Provider::AwsAlb));
        let shared = Arc::new(Shared {
            options: self.clone(),
            connector,
            account: OnceCell::new(),
            sweeps: Sweeps::default(),
        });
        for (name, kind, provider) in names.into_iter().filter(|(name, ..)| !name.is_empty()) {
            let cloud: Cloud = Arc::new(Balancers {
                kind,
                provider,
                shared: Arc::clone(&shared),
                leave: around.leave.clone(),
                driver: OnceCell::new(),
                used: AtomicU64::new(0),
            });
            registry.add(name, cloud);
        }
        if !self.aws_lattice_controller_name.is_empty() {
            let connector = shared.connector.observed_by(attempts(Provider::AwsLattice));
            let cloud = aws_lattice::cloud(self.clone(), connector, around.leave.clone());
            registry.add(&self.aws_lattice_controller_name, cloud);
        }
    }
}

/// The account and region that all classes work in: with one pace for all calls, and one memory of what was read.
struct Shared {
    options: AwsOptions,
    connector: Connector,
    account: OnceCell<Swept<Account>>,
    sweeps: Sweeps,
}

/// Sweeps that serve several classes.
#[derive(Default)]
struct Sweeps(Mutex<Last>);

/// The last sweep.
#[derive(Clone, Copy, Default)]
struct Last {
    /// Sweeps so far.
    number: u64,
    cost: Reads,
}

impl Sweeps {
    /// Sweeps for a class, unless another one did since this class used a sweep; `used` is that one's number.
    async fn share<E>(
        &self,
        used: &AtomicU64,
        sweep: impl Future<Output = Result<Reads, E>> + Send,
    ) -> Result<Reads, E> {
        let mut last = self.0.lock().await;
        if last.number == used.load(Ordering::Relaxed) {
            last.cost = sweep.await?;
            last.number += 1;
        }
        used.store(last.number, Ordering::Relaxed);
        Ok(last.cost)
    }
}

impl Shared {
    async fn account(&self) -> Result<&Swept<Account>, ProviderError> {
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
            Ok(Swept::new(account, &self.options.cluster_name, Ages::default()))
        };
        self.account.get_or_try_init(connect).await
    }

    async fn sweep(&self, every: Duration) -> Result<Reads, ProviderError> {
        // Answers hold until the next sweep has ended, however long that takes.
        let settled = every.max(LONG) * 4;
        let sweep = self.account().await?.sweep(PACE, settled).await;
        let sweep = sweep.map_err(|error| {
            error.about(Resource {
                kind: "resources of",
                id: self.options.cluster_name.as_str().into(),
            })
        })?;
        Ok(Reads {
            calls: sweep.calls,
            takes: sweep.took,
        })
    }
}

/// Load balancers of one kind. Without credentials it says so wherever it is asked, and looks for them again the next
/// time.
struct Balancers {
    kind: BalancerKind,
    provider: Provider,
    shared: Arc<Shared>,
    leave: Leave,
    driver: OnceCell<Erased<ElbDriver<Swept<Account>>>>,
    /// Number of the last sweep that it used.
    used: AtomicU64,
}

impl Balancers {
    async fn driver(&self) -> Result<&dyn Reconcile<Request>, ProviderError> {
        let make = async || {
            let account = self.shared.account().await?.clone();
            let options = &self.shared.options;
            let settings = Settings {
                cluster: options.cluster_name.as_str().into(),
                drain: options.aws_drain,
                vpc: options.aws_vpc_id.as_deref().map(Into::into),
            };
            let driver = ElbDriver::of(self.kind, account, settings, now);
            Ok::<_, ProviderError>(Erased::new(driver, self.leave.clone()))
        };
        let driver = self.driver.get_or_try_init(make).await?;
        Ok(driver)
    }

    /// Whatever is called meanwhile is called for this class.
    fn serving<'a, T: Send>(&'a self, work: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
        Box::pin(SERVED.scope(self.provider, work))
    }
}

tokio::task_local! {
    /// Of which class the work is that calls AWS.
    static SERVED: Provider;
}

/// Tells of the attempts at calls, without the time in which they waited for their turn.
struct Attempts {
    /// Whose calls they are where nothing says so.
    otherwise: Provider,
    calls: Arc<dyn Calls>,
}

impl Observer for Attempts {
    fn attempt(&self, attempt: &Attempt) {
        self.calls.called(Call {
            provider: SERVED.try_with(|provider| *provider).unwrap_or(self.otherwise),
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
pub(super) fn nameless() -> ProviderError {
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

pub(super) fn told(error: ConnectError) -> ProviderError {
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
        self.provider
    }

    fn reconcile<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Outcome> {
        self.serving(async move {
            match self.driver().await {
                Ok(driver) => driver.reconcile(request).await,
                Err(error) => unread(error),
            }
        })
    }

    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome> {
        self.serving(async move {
            match self.driver().await {
                Ok(driver) => driver.remove(gateway).await,
                Err(error) => unread(error),
            }
        })
    }

    fn preview<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Preview> {
        self.serving(async move {
            match self.driver().await {
                Ok(driver) => driver.preview(request).await,
                Err(error) => unknown(error),
            }
        })
    }

    fn preview_removal<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Preview> {
        self.serving(async move {
            match self.driver().await {
                Ok(driver) => driver.preview_removal(gateway).await,
                Err(error) => unknown(error),
            }
        })
    }

    fn pools<'a>(
        &'a self,
        gateway: &'a ObjectName,
        services: &'a BTreeSet<ObjectName>,
    ) -> BoxFuture<'a, Result<Vec<Pool>, ProviderError>> {
        self.serving(async move { self.driver().await?.pools(gateway, services).await })
    }

    fn owners(&self) -> BoxFuture<'_, Result<BTreeSet<ObjectName>, ProviderError>> {
        self.serving(async move { self.driver().await?.owners().await })
    }

    fn sweep(&self, every: Duration) -> BoxFuture<'_, Result<Reads, ProviderError>> {
        let sweep = self.shared.sweep(every);
        self.serving(self.shared.sweeps.share(&self.used, sweep))
    }

    fn forget(&self) {
        if let Some(account) = self.shared.account.get() {
            account.forget();
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(super) fn unread(error: ProviderError) -> Outcome {
    Outcome {
        unread: Some(error),
        ..Outcome::default()
    }
}

pub(super) fn unknown(error: ProviderError) -> Preview {
    Preview {
        unread: Some(error),
        ..Preview::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each turn of two classes takes one sweep, whichever of them comes first, and one that failed is made up for.
    #[tokio::test]
    async fn classes_of_one_account_share_a_sweep() {
        let (sweeps, made) = (Sweeps::default(), AtomicU64::new(0));
        let (alb, nlb) = (AtomicU64::new(0), AtomicU64::new(0));
        let sweep = async || {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            Ok::<_, ()>(Reads {
                calls: number,
                ..Reads::default()
            })
        };
        for turn in 1..4 {
            for class in [&alb, &nlb] {
                let cost = sweeps.share(class, sweep()).await.unwrap();
                assert_eq!((cost.calls, made.load(Ordering::Relaxed)), (turn, turn));
            }
        }
        assert_eq!(sweeps.share(&alb, async { Err(()) }).await, Err(()));
        let cost = sweeps.share(&nlb, sweep()).await.unwrap();
        assert_eq!((cost.calls, made.load(Ordering::Relaxed)), (4, 4));
        let cost = sweeps.share(&alb, sweep()).await.unwrap();
        assert_eq!((cost.calls, made.load(Ordering::Relaxed)), (4, 4));
    }
}
