//! The command line of `gatewright controller`.

use super::traces::Traces;
use crate::clouds::CloudOptions;
use crate::logging::Beside;
use anyhow::{Context, Result};
use clap::Args;
use gatewright_proxy::observe::trace::OwnTraces;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
    /// Time between two looks at a Gateway in a cloud of which nothing is known to have changed: what others changed
    /// there meanwhile is repaired, with an Event.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = crate::cli::humantime_duration)]
    pub cloud_resync: Duration,
    /// Name of the MutatingWebhookConfiguration that sends new pods here, to get the readiness gate of load balancers in
    /// clouds; its CA bundle is kept. There is no webhook when empty.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub webhook_configuration: String,
    /// Where the webhook is served, with the certificate of the configuration server.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:9443")]
    pub webhook_address: SocketAddr,
    /// Clouds.
    #[command(flatten)]
    pub clouds: CloudOptions,
    /// Traces of the controller's own work.
    #[command(flatten)]
    pub traces: TraceOptions,
}

/// Where traces of the controller's own work go.
#[derive(Args, Clone)]
pub struct TraceOptions {
    /// Collector that gets traces of the controller's own work as OTLP: http://HOST:4317 by gRPC, another port by HTTP.
    /// None by default.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        default_value = ""
    )]
    pub trace_collector: String,
    /// Share of these traces that is sent, 0 to 1.
    #[arg(
        long,
        env = "OTEL_TRACES_SAMPLER_ARG",
        value_name = "SHARE",
        default_value = "1",
        value_parser = share
    )]
    pub trace_sampling: f64,
}

impl TraceOptions {
    /// Starts the export, where there is a collector. `instance` is the name of this process.
    pub fn start(&self, instance: &str) -> Result<Option<Arc<OwnTraces>>> {
        if self.trace_collector.is_empty() {
            return Ok(None);
        }
        let traces = OwnTraces::start(&self.trace_collector, "gatewright-controller", instance);
        Ok(Some(Arc::new(traces.context("--trace-collector")?)))
    }

    /// The part of the subscriber that exports.
    pub fn layer(&self, traces: &Arc<OwnTraces>) -> Beside {
        Box::new(Traces::new(Arc::clone(traces), self.trace_sampling).layer())
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("found `{text}`, accepted is a number from 0 to 1"))
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
