//! Options of a proxy that gets its configuration from a controller.

use clap::Args;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use gatewright_stream::Scope;
use gatewright_stream::client::Endpoint;
use std::path::PathBuf;

/// Where the configuration comes from.
#[derive(Args, Clone)]
#[command(next_help_heading = "With a controller")]
pub struct RemoteOptions {
    /// The controller: https://HOST:PORT.
    #[arg(long, value_name = "URL", requires = "ScopeOptions")]
    pub controller: Option<Endpoint>,
    /// Authorities of the controller's certificate (PEM), read again at each connect.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/gatewright/ca/ca.crt",
        requires = "controller"
    )]
    pub controller_ca: PathBuf,
    /// ServiceAccount token that is shown to the controller, read again at each connect.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/run/gatewright/token",
        requires = "controller"
    )]
    pub token: PathBuf,
    /// Whose configuration.
    #[command(flatten)]
    pub scope: ScopeOptions,
    /// Folder for the last good configuration, private keys included: served while no controller answers.
    #[arg(long, value_name = "DIR", requires = "controller")]
    pub state: Option<PathBuf>,
    /// Name of this instance; default: the host's name.
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub instance: Option<String>,
    /// How long listeners go on accepting after SIGTERM: until everybody who sends connections here knows
    /// better. --grace counts from then on.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5s",
        value_parser = super::humantime_duration,
        requires = "controller"
    )]
    pub drain_accept: std::time::Duration,
}

/// Whose configuration a proxy asks for.
#[derive(Args, Clone)]
#[group(multiple = false)]
pub struct ScopeOptions {
    /// Serve this Gateway.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = gateway, requires = "controller")]
    pub gateway: Option<ObjectName>,
    /// Serve all shared Gateways of this GatewayClass.
    #[arg(long, value_name = "NAME", requires = "controller")]
    pub class: Option<String>,
}

impl ScopeOptions {
    /// The scope, when one is named.
    pub fn scope(&self) -> Option<Scope> {
        match (&self.gateway, &self.class) {
            (Some(gateway), _) => Some(Scope::Gateway(gateway.clone())),
            (None, Some(class)) => Some(Scope::Class(Str::from(class.as_str()))),
            (None, None) => None,
        }
    }
}

/// A Gateway, as `namespace/name`.
pub fn gateway(text: &str) -> Result<ObjectName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(ObjectName::new(namespace, name))
        }
        _ => Err("accepted is NAMESPACE/NAME".to_owned()),
    }
}
