//! AWS's services, each with its driver.

use super::places::{At, Places};
use gatewright_aws::BalancerKind;
use gatewright_aws::alb::{self, ElbDriver};
use gatewright_aws::lattice::{self, LatticeDriver};
use gatewright_core::graph::parameters::Parameters;
use gatewright_crds::own::aws::AwsAccount;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{Erased, Leave, ProviderError, Reconcile, Request};

/// What Gateways become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Application Load Balancers.
    Application,
    /// Network Load Balancers.
    Network,
    /// VPC Lattice.
    Lattice,
}

/// A driver, whichever it is.
pub type Boxed = Box<dyn Reconcile<Request>>;

impl Service {
    /// The provider.
    pub const fn provider(self) -> Provider {
        match self {
            Self::Application => Provider::AwsAlb,
            Self::Network => Provider::AwsNlb,
            Self::Lattice => Provider::AwsLattice,
        }
    }

    /// A driver in one account and region.
    ///
    /// # Errors
    /// When the account cannot be reached; the next call tries again.
    pub async fn driver(self, places: &Places, at: &At, leave: Leave) -> Result<Boxed, ProviderError> {
        let kind = match self {
            Self::Application => BalancerKind::Application,
            Self::Network => BalancerKind::Network,
            Self::Lattice => {
                let settings = lattice::Settings {
                    cluster: places.cluster().into(),
                    vpc: places.vpc(&at.place).map(Into::into),
                };
                let driver = LatticeDriver::new(places.lattice(at).await?.clone(), settings);
                return Ok(Box::new(Erased::new(driver, leave)));
            }
        };
        let settings = alb::Settings {
            cluster: places.cluster().into(),
            drain: places.drain(),
            vpc: places.vpc(&at.place).map(Into::into),
        };
        let driver = ElbDriver::of(kind, places.account(at).await?.clone(), settings, now);
        Ok(Box::new(Erased::new(driver, leave)))
    }
}

/// The account that parameters name.
pub fn account(parameters: &Parameters) -> Option<&AwsAccount> {
    match parameters {
        Parameters::AwsAlb(parameters) => parameters.balancer.account.as_ref(),
        Parameters::AwsLattice(parameters) => parameters.lattice.account.as_ref(),
        Parameters::None | Parameters::Software(_) => None,
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}
