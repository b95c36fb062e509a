//! The clouds that this program reaches, for the controller and for `gatewright plan`.

#[cfg(feature = "aws")]
mod aws;

use crate::cluster::catalog::Nodes;
use clap::Args;
use gatewright_core::Engine;
use gatewright_core::graph::parameters::Parameters;
use gatewright_model::Str;
use gatewright_provider_api::contract::{Around, Reconcile, Request};
use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(test)]
use std::time::Duration;

/// A provider without its types.
pub type Cloud = Arc<dyn Reconcile<Request>>;

/// Providers of clouds, by the controller name of their GatewayClasses.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<Str, Cloud>);

impl Registry {
    /// Adds a provider, under the controller name of its GatewayClasses.
    #[cfg(any(feature = "aws", test))]
    pub fn add(&mut self, controller: &str, cloud: Cloud) {
        self.0.insert(controller.into(), cloud);
    }

    /// The provider of a controller name.
    pub fn get(&self, controller: &str) -> Option<&Cloud> {
        self.0.get(controller)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells each provider which parameters the classes have that exist.
    pub fn know(&self, engine: &Engine) {
        for (controller, cloud) in &self.0 {
            let classes = engine.class_parameters().filter(|(name, _)| *name == controller);
            let classes: Vec<Option<&Parameters>> = classes.map(|(_, parameters)| parameters).collect();
            cloud.know(&classes);
        }
    }

    /// Controller names and providers.
    pub fn all(&self) -> impl Iterator<Item = (&Str, &Cloud)> {
        self.0.iter()
    }
}

/// How clouds are reached.
#[derive(Args, Clone, Debug)]
pub struct CloudOptions {
    /// AWS.
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub aws: aws::AwsOptions,
}

impl CloudOptions {
    /// Whether a cloud looks at nodes.
    #[cfg_attr(
        not(feature = "aws"),
        allow(clippy::unused_self, reason = "there is no option to look at")
    )]
    pub const fn nodes(&self) -> Nodes {
        #[cfg(feature = "aws")]
        if !self.aws.cluster_name.is_empty() {
            return Nodes::Watched;
        }
        Nodes::Ignored
    }

    /// The providers, which change things by the leave of `around` alone, and tell it of their calls.
    #[cfg_attr(
        not(feature = "aws"),
        allow(
            clippy::unused_self,
            unused_variables,
            reason = "there is no option to look at"
        )
    )]
    pub fn registry(&self, around: &Around, source: &Source) -> Registry {
        #[cfg_attr(not(feature = "aws"), allow(unused_mut, reason = "there is no cloud to add"))]
        let mut registry = Registry::default();
        #[cfg(feature = "aws")]
        self.aws.register(&mut registry, around, source.aws.as_ref());
        registry
    }
}

/// Where answers of clouds come from, and where they go: nowhere by default. A clone is the same.
#[derive(Clone, Default)]
pub struct Source {
    #[cfg(feature = "aws")]
    aws: Option<gatewright_aws_sdk::Tape>,
}

impl Source {
    /// The clouds, and their answers are kept.
    pub fn recording() -> Self {
        Self {
            #[cfg(feature = "aws")]
            aws: Some(gatewright_aws_sdk::Tape::recording()),
        }
    }

    /// What [`Source::text`] gave, in place of the clouds.
    ///
    /// # Errors
    /// When it is something else.
    #[cfg_attr(
        not(feature = "aws"),
        allow(unused_variables, clippy::unnecessary_wraps, reason = "there is no cloud")
    )]
    pub fn replaying(text: &str) -> anyhow::Result<Self> {
        Ok(Self {
            #[cfg(feature = "aws")]
            aws: Some(gatewright_aws_sdk::Tape::replaying(text)?),
        })
    }

    /// The answers that were kept.
    ///
    /// # Errors
    /// When they cannot be written as text.
    #[cfg_attr(
        not(feature = "aws"),
        allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "there is no cloud")
    )]
    pub fn text(&self) -> anyhow::Result<String> {
        #[cfg(feature = "aws")]
        if let Some(tape) = &self.aws {
            return Ok(tape.text()?);
        }
        Ok(String::new())
    }
}

/// Time between two looks at a Gateway of which nothing is known to have changed, in tests.
#[cfg(test)]
pub const RESYNC: Duration = Duration::from_secs(600);
