//! The command line: what each command takes, with examples, and the exit codes.

pub mod exit;
pub mod options;

pub mod explain;
#[cfg(feature = "controller")]
pub mod plan;
pub mod remote;
pub mod translate;
pub mod validate;

use clap::{Args, Parser, Subcommand};
use gatewright_proxy::observe::FIELDS;
use options::{InputOptions, Output, SchemaOptions};
use std::net::IpAddr;
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes:
  0   success
  1   the input has errors (validate, translate), or nothing serves the request (explain)
  2   there are changes to make (plan)
  64  the command line is wrong
  74  a file, socket or address cannot be used";

/// Turns Kubernetes Gateway API objects into working load balancers.
#[derive(Parser)]
#[command(name = "gatewright", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = options::Color::Auto)]
    pub color: options::Color,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Serve a folder of Gateway API manifests on this machine, without a cluster.
    #[command(after_help = "Examples:
  gatewright run docs/quickstart --sample-backends
  gatewright run ./manifests --address 0.0.0.0 --port-offset 8000
  kustomize build . | gatewright run -")]
    Run(RunArgs),
    /// Serve manifests, or what a controller says, as a service: JSON logs, no terminal output.
    #[command(after_help = "Examples:
  gatewright proxy /etc/gatewright --address 0.0.0.0
  gatewright proxy /etc/gatewright --watch --admin 127.0.0.1:9901
  gatewright proxy --controller https://gatewright.gatewright-system.svc:18443 --gateway shop/edge \\
    --state /var/lib/gatewright --admin 0.0.0.0:19001")]
    Proxy(ProxyArgs),
    /// Serve the Gateways of a Kubernetes cluster.
    #[cfg(feature = "controller")]
    #[command(after_help = "Examples:
  gatewright controller                                # in a pod: see deploy/charts/gatewright
  gatewright controller --no-leader-election           # against the cluster of ~/.kube/config
  gatewright controller --controller-name example.com/gatewright --watch-namespace shop")]
    Controller(crate::cluster::args::ControllerArgs),
    /// Print every Gateway API object with its computed status, or the load balancer model.
    #[command(after_help = "Examples:
  gatewright translate -f ./manifests
  gatewright translate -f gateway.yaml --output table
  gatewright translate -f ./manifests --output model --now 2026-01-01T00:00:00Z")]
    Translate(TranslateArgs),
    /// Check manifests as the API server would, without one: every error and warning.
    #[command(after_help = "Examples:
  gatewright validate -f ./manifests
  gatewright validate -f ./manifests --bundle v1.6.3 --channel standard
  gatewright validate -f route.yaml --output json")]
    Validate(ValidateArgs),
    /// Say which listener, route, rule and backend would serve a request, and why not another.
    #[command(after_help = "Examples:
  gatewright explain -f ./manifests --request 'GET https://shop.example.com/cart?x=1' -H 'k: v'
  gatewright explain -f ./manifests --request 'GET http://shop.example.com:8080/' --output json")]
    Explain(ExplainArgs),
    /// Say what would be changed in a cloud for the Gateways of manifests or of a cluster, without changing it.
    #[cfg(feature = "controller")]
    #[command(after_help = "Examples:
  gatewright plan ./manifests
  gatewright plan ./manifests --gateway shop/edge --output json
  gatewright plan --cluster                            # the cluster of ~/.kube/config
  gatewright plan ./manifests --apply                  # change it, and wait until it serves")]
    Plan(plan::PlanArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:
  gatewright completions bash > /etc/bash_completion.d/gatewright")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version and what it speaks.
    #[command(after_help = "Examples:
  gatewright version
  gatewright version --output json")]
    Version {
        /// Format.
        #[arg(long, short, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

/// Where and how `run` and `proxy` serve.
#[derive(Args, Clone)]
pub struct ServeOptions {
    /// Address for Gateways that name none in spec.addresses.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub address: IpAddr,
    /// Added to every listener port (8000 serves port 80 on 8080).
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port_offset: u16,
    /// Worker threads; by default one per core.
    #[arg(long, value_name = "N")]
    pub workers: Option<std::num::NonZeroUsize>,
    /// Admin server: /healthz /readyz /metrics /config /status. `off` disables it.
    #[arg(long, value_name = "ADDR:PORT|off", default_value = "127.0.0.1:9901")]
    pub admin: crate::admin::Address,
    /// How long open connections may finish after SIGTERM.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime_duration)]
    pub grace: std::time::Duration,
    /// Allow Services of type ExternalName as backends (off because of CVE-2021-25740).
    #[arg(long)]
    pub allow_external_name: bool,
    /// Zone of this instance, for topology-aware routing.
    #[arg(long, value_name = "ZONE", env = "GATEWRIGHT_ZONE")]
    pub zone: Option<String>,
    /// Node of this instance, for topology-aware routing.
    #[arg(long, value_name = "NODE", env = "GATEWRIGHT_NODE")]
    pub node: Option<String>,
    /// Proxies in front of this one whose X-Forwarded-For entries are trusted.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub trusted_hops: u8,
    /// Write an access log to standard output.
    #[arg(long, value_enum, default_value_t = options::AccessLog::Off)]
    pub access_log: options::AccessLog,
    /// Fields of the access log, in order: names such as time,status,path, and header:NAME.
    #[arg(
        long,
        value_name = "FIELD,...",
        value_delimiter = ',',
        requires = "access_log",
        value_parser = log_field
    )]
    pub access_log_fields: Vec<String>,
    /// File that the access log is appended to; opened anew on SIGHUP. Default: standard output.
    #[arg(long, value_name = "PATH", requires = "access_log")]
    pub access_log_file: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Args)]
pub struct RunArgs {
    /// Folders, files, or `-` for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Schema.
    #[command(flatten)]
    pub schema: SchemaOptions,
    /// Serving.
    #[command(flatten)]
    pub serve: ServeOptions,
    /// Answer with a small echo server on every loopback endpoint of the manifests that nothing serves.
    #[arg(long)]
    pub sample_backends: bool,
    /// Do not watch the files for changes.
    #[arg(long)]
    pub no_watch: bool,
}

/// Arguments of `proxy`.
#[derive(Args)]
pub struct ProxyArgs {
    /// Folders or files; none with --controller.
    #[arg(
        required_unless_present = "controller",
        conflicts_with = "controller",
        value_name = "PATH"
    )]
    pub paths: Vec<PathBuf>,
    /// Configuration from a controller.
    #[command(flatten)]
    pub remote: remote::RemoteOptions,
    /// Schema.
    #[command(flatten)]
    pub schema: SchemaOptions,
    /// Serving.
    #[command(flatten)]
    pub serve: ServeOptions,
    /// Watch the files too, not only SIGHUP.
    #[arg(long)]
    pub watch: bool,
}

/// Arguments of `translate`.
#[derive(Args)]
pub struct TranslateArgs {
    /// Input.
    #[command(flatten)]
    pub input: InputOptions,
    /// Format: objects with status as YAML, JSON or table, or the load balancer model.
    #[arg(long, short, value_enum, default_value_t = options::TranslateOutput::Yaml)]
    pub output: options::TranslateOutput,
    /// Clock for lastTransitionTime and certificate expiry (RFC 3339); default: now.
    #[arg(long, value_name = "TIME")]
    pub now: Option<jiff::Timestamp>,
    /// Allow Services of type ExternalName as backends.
    #[arg(long)]
    pub allow_external_name: bool,
}

/// Arguments of `validate`.
#[derive(Args)]
pub struct ValidateArgs {
    /// Input.
    #[command(flatten)]
    pub input: InputOptions,
    /// Format.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Arguments of `explain`.
#[derive(Args)]
pub struct ExplainArgs {
    /// Input.
    #[command(flatten)]
    pub input: InputOptions,
    /// Method and URL: 'GET https://host[:port]/path?query'. The port picks the listener.
    #[arg(long, short, value_name = "METHOD URL")]
    pub request: explain::Target,
    /// Request header; repeatable.
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    pub headers: Vec<explain::Header>,
    /// Allow Services of type ExternalName as backends, as for `run`.
    #[arg(long)]
    pub allow_external_name: bool,
    /// Only this Gateway, as namespace/name.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub gateway: Option<String>,
    /// Format.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

pub fn humantime_duration(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; accepted is, for example, 30s, 2m, 500ms"))
}

/// A field that access log lines can have.
fn log_field(text: &str) -> Result<String, String> {
    let header = |name: &str| name.parse::<http::HeaderName>().is_ok();
    if FIELDS.contains(&text) || text.strip_prefix("header:").is_some_and(header) {
        Ok(text.to_owned())
    } else {
        Err(format!("accepted are {}, and header:NAME", FIELDS.join(", ")))
    }
}

/// The core's decision for `--allow-external-name`.
pub const fn external_names(allow: bool) -> gatewright_core::backend::ExternalNames {
    if allow {
        gatewright_core::backend::ExternalNames::Allow
    } else {
        gatewright_core::backend::ExternalNames::Refuse
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};

    #[test]
    fn every_command_has_examples_in_its_help() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let help = sub.clone().render_long_help().to_string();
            let example = format!("  gatewright {}", sub.get_name());
            assert!(help.contains("Example") && help.contains(&example), "{help}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_is_accepted() {
        for (line, accepted) in [
            ("run x --admin nowhere", "127.0.0.1:9901, or off"),
            ("run x --workers 0", "zero"),
            ("run x --grace soon", "30s"),
            (
                "run x --access-log json --access-log-fields tme",
                "accepted are time",
            ),
            ("run x --access-log-fields time", "--access-log"),
            ("explain -f x --request nowhere", "https://"),
            ("validate -f x --channel alpha", "standard, experimental"),
        ] {
            let words = std::iter::once("gatewright").chain(line.split(' '));
            let error = Cli::try_parse_from(words).err().unwrap();
            assert!(
                error.use_stderr() && error.to_string().contains(accepted),
                "{line}: {error}"
            );
        }
        let line = "gatewright run x --access-log text --access-log-fields time,header:x-a";
        assert!(Cli::try_parse_from(line.split(' ')).is_ok());
    }
}
