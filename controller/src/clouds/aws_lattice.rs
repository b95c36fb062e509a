//! VPC Lattice: reached when the first Gateway of its class is there.

use super::Cloud;
use super::aws::{AwsOptions, nameless, told, unknown, unread};
use gatewright_aws::lattice::{LatticeDriver, Settings};
use gatewright_aws_sdk::{Account, Connector, Settings as Place};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{
    BoxFuture, Erased, Leave, Outcome, Preview, ProviderError, Reconcile, Request,
};
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Services of VPC Lattice.
pub fn cloud(options: AwsOptions, connector: Connector, leave: Leave) -> Cloud {
    Arc::new(Lattice {
        options,
        connector,
        leave,
        driver: OnceCell::new(),
    })
}

/// Services of one account and region. Without credentials it says so wherever it is asked, and looks for them again
/// the next time.
struct Lattice {
    options: AwsOptions,
    connector: Connector,
    leave: Leave,
    driver: OnceCell<Erased<LatticeDriver<Account>>>,
}

impl Lattice {
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
            let settings = Settings {
                cluster: self.options.cluster_name.as_str().into(),
                vpc: self.options.aws_vpc_id.as_deref().map(Into::into),
            };
            Ok(Erased::new(
                LatticeDriver::new(account, settings),
                self.leave.clone(),
            ))
        };
        let driver = self.driver.get_or_try_init(connect).await?;
        Ok(driver)
    }
}

impl Reconcile<Request> for Lattice {
    fn provider(&self) -> Provider {
        Provider::AwsLattice
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

    fn as_any(&self) -> &dyn Any {
        self
    }
}
