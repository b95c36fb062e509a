//! What the provider is told.

use crate::sessions::SessionSecret;
use gatewright_crds::own::SoftwareGatewayParametersSpec;
use gatewright_crds::own::parameters::Mode;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_stream::Scope;
use gatewright_stream::settings::GatewaySettings;
use std::sync::Arc;
use tokio::sync::watch;

/// What does not depend on a Gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `controllerName` of the classes that are served; objects of others are none of ours.
    pub controller: String,
    /// Namespace of the controller, and of shared fleets.
    pub namespace: String,
    /// Image of the proxies.
    pub image: String,
    /// Where proxies get their configuration: `https://HOST:PORT`.
    pub endpoint: String,
    /// The authorities that the controller's certificate is checked with, PEM.
    pub authorities: watch::Receiver<String>,
    /// What the keys of session tokens follow from.
    pub sessions: SessionSecret,
    /// Namespaces with Gateways; empty for all.
    pub namespaces: Vec<String>,
    /// DNS domain of the cluster, for example `cluster.local`.
    pub cluster_domain: String,
}

/// A Gateway to provision.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its load balancer.
    pub balancer: Arc<LoadBalancer>,
    /// `metadata.uid` of the Gateway.
    pub uid: String,
    /// `metadata.uid` of its GatewayClass, which owns a shared fleet.
    pub class_uid: String,
    /// Its parameters over those of its class.
    pub parameters: Option<SoftwareGatewayParametersSpec>,
}

impl Input {
    /// Whose proxies serve the Gateway.
    pub fn mode(&self) -> Mode {
        let parameters = self.parameters.as_ref();
        parameters
            .and_then(|parameters| parameters.mode)
            .unwrap_or_default()
    }
}

/// Proxies that serve a Gateway, and how.
#[derive(Clone, Debug)]
pub struct Place {
    /// The proxies.
    pub scope: Scope,
    /// What they need to know.
    pub settings: Arc<GatewaySettings>,
    /// The ServiceAccount they run as.
    pub service_account: ObjectName,
}

type Ask = dyn Fn(&Scope, &ObjectName) -> bool + Send + Sync;

/// Whether the proxies of a scope, at least one, have the newest configuration of a Gateway in use.
#[derive(Clone)]
pub struct Served(Arc<Ask>);

impl Served {
    /// By a function that is asked often.
    pub fn by(ask: impl Fn(&Scope, &ObjectName) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks.
    pub fn by_proxies_of(&self, scope: &Scope, gateway: &ObjectName) -> bool {
        (self.0)(scope, gateway)
    }
}
