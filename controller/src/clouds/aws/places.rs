//! Accounts and regions that classes work in.

use super::{AwsOptions, nameless, told};
use gatewright_aws::cloud::{Answer, Cloud as _};
use gatewright_aws::lattice;
use gatewright_aws::lattice::cloud::Resources as _;
use gatewright_aws::swept::{Ages, Sweep, Swept};
use gatewright_aws_sdk::{Account, AssumeRole, Connector, Settings as Place};
use gatewright_crds::own::aws::AwsAccount;
use gatewright_provider_api::contract::{ProviderError, Reads, Resource};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// A sweep of 1,000 Gateways takes about this time.
const LONG: Duration = Duration::from_secs(3600);

/// All of them. One for the program: classes of one account share what was read of it.
pub struct Places {
    options: AwsOptions,
    connector: Connector,
    known: Mutex<BTreeMap<Place, Arc<At>>>,
}

/// One account and region.
pub struct At {
    pub place: Place,
    account: OnceCell<Swept<Account>>,
    lattice: OnceLock<lattice::swept::Swept<Account>>,
    pub sweeps: Sweeps,
}

impl Places {
    pub fn new(options: AwsOptions, connector: Connector) -> Self {
        Self {
            options,
            connector,
            known: Mutex::default(),
        }
    }

    /// Where a class works: by default where the controller's own credentials and environment lead.
    pub fn place(&self, account: Option<&AwsAccount>) -> Place {
        let region = account.and_then(|account| account.region.clone());
        let role = account.and_then(|account| {
            Some(AssumeRole {
                arn: account.role_arn.clone()?,
                external_id: account.external_id.clone(),
            })
        });
        Place {
            region: region.or_else(|| self.options.aws_region.clone()),
            fips: self.options.aws_fips.then_some(true),
            dual_stack: self.options.aws_dual_stack.then_some(true),
            role,
        }
    }

    /// The one of a place.
    pub fn at(&self, place: &Place) -> Arc<At> {
        let mut known = locked(&self.known);
        let at = known.entry(place.clone()).or_insert_with(|| {
            Arc::new(At {
                place: place.clone(),
                account: OnceCell::new(),
                lattice: OnceLock::new(),
                sweeps: Sweeps::default(),
            })
        });
        Arc::clone(at)
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.options.cluster_name
    }

    /// How long a replaced load balancer stays.
    pub const fn drain(&self) -> Duration {
        self.options.aws_drain
    }

    /// VPC where parameters name none. The one that the controller was told of is one of its own account and region.
    pub fn vpc(&self, place: &Place) -> Option<&str> {
        let vpc = self.options.aws_vpc_id.as_deref();
        vpc.filter(|_| *place == self.place(None))
    }

    /// The account, with what is known of it.
    ///
    /// # Errors
    /// When it cannot be reached; the next call tries again.
    pub async fn account<'a>(&self, at: &'a At) -> Result<&'a Swept<Account>, ProviderError> {
        if self.options.cluster_name.is_empty() {
            return Err(nameless());
        }
        let connect = async || {
            let role = at.place.role.as_ref().map(|role| role.arn.as_str());
            let account = self.connector.connect(&at.place).await;
            let account = account.map_err(|error| told(error, role))?;
            let identity = account.identity();
            tracing::info!(
                account = identity.account,
                arn = identity.arn,
                region = account.region(),
                "AWS is reached"
            );
            Ok(Swept::new(account, &self.options.cluster_name, Ages::default()))
        };
        at.account.get_or_try_init(connect).await
    }

    /// VPC Lattice there, with what is known of it.
    ///
    /// # Errors
    /// When the account cannot be reached; the next call tries again.
    pub async fn lattice<'a>(&self, at: &'a At) -> Result<&'a lattice::swept::Swept<Account>, ProviderError> {
        let account = self.account(at).await?.cloud();
        let swept =
            || lattice::swept::Swept::new(account.clone(), &self.options.cluster_name, Ages::default());
        Ok(at.lattice.get_or_init(swept))
    }

    /// Reads all load balancers of an account anew.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn sweep(&self, at: &At, every: Duration) -> Result<Reads, ProviderError> {
        let account = self.account(at).await?;
        let sweep = account.sweep(account.pace(), settled(every)).await;
        self.cost(sweep)
    }

    /// Reads all of VPC Lattice anew.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn sweep_lattice(&self, at: &At, every: Duration) -> Result<Reads, ProviderError> {
        let lattice = self.lattice(at).await?;
        let sweep = lattice.sweep(lattice.lattice_pace(), settled(every)).await;
        self.cost(sweep)
    }

    fn cost(&self, sweep: Answer<Sweep>) -> Result<Reads, ProviderError> {
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

/// Answers hold until the next sweep has ended, however long that takes.
fn settled(every: Duration) -> Duration {
    every.max(LONG) * 4
}

impl At {
    /// Whether it is the same account and region, reached in another way. Not known before both were reached.
    pub fn is_same(&self, other: &Self) -> bool {
        let identity = |at: &Self| {
            let account = at.account.get()?.cloud();
            Some((account.identity().account.clone(), account.region().to_owned()))
        };
        identity(self).is_some_and(|mine| identity(other) == Some(mine))
    }

    /// Forgets what was read of it.
    pub fn forget(&self) {
        if let Some(account) = self.account.get() {
            account.forget();
        }
        if let Some(lattice) = self.lattice.get() {
            lattice.forget();
        }
    }
}

/// Sweeps that serve several classes.
#[derive(Default)]
pub struct Sweeps(tokio::sync::Mutex<Last>);

/// The last sweep.
#[derive(Clone, Copy, Default)]
struct Last {
    /// Sweeps so far.
    number: u64,
    cost: Reads,
}

impl Sweeps {
    /// Sweeps for a class, unless another one did since this class used a sweep; `used` is that one's number.
    ///
    /// # Errors
    /// Those of the sweep.
    pub async fn share<E>(
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

/// What a mutex holds, also after a panic of another task.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
