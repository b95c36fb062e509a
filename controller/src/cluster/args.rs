//! The command line of `gatewright controller`.

use clap::Args;
use std::net::SocketAddr;

/// `gatewright controller`.
#[derive(Args, Clone)]
pub struct ControllerArgs {
    /// Controller name of the GatewayClasses to serve; two installations side by side take different ones.
    #[arg(long, value_name = "DOMAIN/PATH", default_value = "gatewright.dev/software")]
    pub controller_name: String,
    /// Watch only this namespace; repeatable. By default all.
    #[arg(long = "watch-namespace", value_name = "NAMESPACE")]
    pub namespaces: Vec<String>,
    /// Namespace of the controller itself: its Lease, its CA and shared proxies live there.
    #[arg(
        long,
        env = "POD_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "gatewright-system"
    )]
    pub namespace: String,
    /// Identity of this process in the Lease; by default the pod's name.
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value = "")]
    pub identity: String,
    /// Where proxies get their configuration.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:18443")]
    pub config_address: SocketAddr,
    /// Under which host and port proxies reach that, for example gatewright-controller.gatewright-system.svc:18443.
    #[arg(long, value_name = "HOST:PORT", default_value = "")]
    pub config_endpoint: String,
    /// Image of the proxies.
    #[arg(long, value_name = "IMAGE", default_value = concat!("ghcr.io/gatewright/proxy:v", env!("CARGO_PKG_VERSION")))]
    pub proxy_image: String,
    /// DNS domain of the cluster.
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,
    /// Address of /livez, /readyz, /metrics and /log-level.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:9090")]
    pub admin: SocketAddr,
    /// Serve Services of type ExternalName, which can reach what a ReferenceGrant would deny (CVE-2021-25740).
    #[arg(long)]
    pub allow_external_name: bool,
    /// Run without a Lease: only for a single process.
    #[arg(long)]
    pub no_leader_election: bool,
}

impl ControllerArgs {
    /// Host and port that proxies connect to.
    pub fn endpoint(&self) -> String {
        if self.config_endpoint.is_empty() {
            format!(
                "gatewright-controller.{}.svc:{}",
                self.namespace,
                self.config_address.port()
            )
        } else {
            self.config_endpoint.clone()
        }
    }
}
