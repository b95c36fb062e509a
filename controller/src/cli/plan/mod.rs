//! `gatewright plan`: what would be changed in a cloud, with reasons, quotas and what cannot be expressed; and on request
//! the changes themselves.

mod apply;
mod print;
mod report;
#[cfg(test)]
mod tests;
mod world;

use super::exit::Exit;
use super::options::SchemaOptions;
use super::remote::gateway;
use crate::clouds::{CloudOptions, Registry, Source};
use crate::input::world::Problem;
use crate::output::problems;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Around, Request};
use report::{Entry, Refused, Report};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `plan`.
#[derive(Args)]
pub struct PlanArgs {
    /// Folders, files, or `-` for standard input; none with --cluster.
    #[arg(
        required_unless_present = "cluster",
        conflicts_with = "cluster",
        value_name = "PATH"
    )]
    pub paths: Vec<PathBuf>,
    /// The objects of a cluster, by the kubeconfig.
    #[arg(long)]
    pub cluster: bool,
    /// Context of the kubeconfig; by default the current one.
    #[arg(long, value_name = "NAME", requires = "cluster")]
    pub context: Option<String>,
    /// Only Gateways of this GatewayClass.
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Only this Gateway.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = gateway)]
    pub gateway: Option<ObjectName>,
    /// Also remove what is left of Gateways of the same cluster name that are not there; not with --class and --gateway.
    #[arg(long, conflicts_with_all = ["class", "gateway"])]
    pub prune: bool,
    /// Make the changes, and wait until the Gateways serve.
    #[arg(long)]
    pub apply: bool,
    /// How long --apply waits.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10m",
        value_parser = super::humantime_duration,
        requires = "apply"
    )]
    pub timeout: Duration,
    /// Keep what the clouds answer in this file, for --state. There are no secrets in it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["apply", "state"])]
    pub record: Option<PathBuf>,
    /// Plan against what --record kept, without the clouds and without credentials.
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    pub state: Option<PathBuf>,
    /// Format.
    #[arg(long, short, value_enum, default_value_t = PlanOutput::Table)]
    pub output: PlanOutput,
    /// Schema.
    #[command(flatten)]
    pub schema: SchemaOptions,
    /// Allow Services of type ExternalName as backends.
    #[arg(long)]
    pub allow_external_name: bool,
    /// Clouds.
    #[command(flatten)]
    pub clouds: CloudOptions,
}

/// Formats of `plan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanOutput {
    /// For people: every change, quota and shortcoming.
    Table,
    /// JSON.
    Json,
    /// One line.
    Summary,
}

/// What is planned for.
struct World {
    /// Gateways that a cloud serves.
    requests: Vec<Request>,
    /// Gateways that are not accepted, and why.
    refused: Vec<Refused>,
    /// All Gateways, of whatever class.
    all: BTreeSet<ObjectName>,
    /// Everything wrong with the input.
    problems: Vec<Problem>,
}

/// Runs the command.
pub fn run(args: &PlanArgs, out: &mut dyn Write) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let source = source(args)?;
    let result = runtime.block_on(async {
        let registry = args.clouds.registry(&Around::default(), &source);
        plan(args, &registry, out).await
    });
    if let Some(path) = &args.record {
        let text = source.text()?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

/// Where answers of clouds come from.
fn source(args: &PlanArgs) -> Result<Source> {
    if let Some(path) = &args.state {
        let named = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(named)?;
        return Source::replaying(&text).with_context(named);
    }
    Ok(match args.record {
        Some(_) => Source::recording(),
        None => Source::default(),
    })
}

async fn plan(args: &PlanArgs, registry: &Registry, out: &mut dyn Write) -> Result<Exit> {
    let world = if args.cluster {
        world::of_cluster(args, registry)
            .await
            .context("reading the cluster")?
    } else {
        world::of_files(args, registry)?
    };
    problems::print(&world.problems, &mut anstream::stderr().lock())?;
    let wanted: Vec<&Request> = world
        .requests
        .iter()
        .filter(|request| is_meant(args, &request.balancer.gateway, Some(&request.balancer.class)))
        .collect();
    if args.apply {
        let left = left_over(args, registry, &world).await?;
        let exit = apply::run(registry, (&wanted, &left), args.timeout, out).await?;
        return Ok(first(problems::exit(&world.problems), exit));
    }
    let mut report = Report {
        refused: world.refused.clone(),
        ..Report::default()
    };
    report
        .refused
        .retain(|refused| is_meant(args, &refused.gateway, Some(&refused.class)));
    for request in wanted {
        if let Some(cloud) = registry.get(&request.balancer.controller) {
            let preview = cloud.preview(request).await;
            report
                .gateways
                .push(Entry::new(&request.balancer, cloud.provider(), preview));
        }
    }
    for (controller, gateway) in left_over(args, registry, &world).await? {
        if let Some(cloud) = registry.get(&controller) {
            let preview = cloud.preview_removal(&gateway).await;
            report.gateways.push(Entry::left_over(
                &gateway,
                (&controller, cloud.provider()),
                preview,
            ));
        }
    }
    report.print(args.output, out)?;
    Ok(first(problems::exit(&world.problems), report.exit()))
}

fn is_meant(args: &PlanArgs, gateway: &ObjectName, class: Option<&str>) -> bool {
    let this = args.gateway.as_ref().is_none_or(|wanted| wanted == gateway);
    this && args.class.as_deref().is_none_or(|wanted| class == Some(wanted))
}

/// Gateways that something is left of although they are not there, each with the controller name of its provider.
async fn left_over(
    args: &PlanArgs,
    registry: &Registry,
    world: &World,
) -> Result<Vec<(gatewright_model::Str, ObjectName)>> {
    let mut found = Vec::new();
    if !args.prune {
        return Ok(found);
    }
    let mut asked: Vec<gatewright_provider_api::Provider> = Vec::new();
    for (controller, cloud) in registry.all() {
        let provider = cloud.provider();
        if asked.iter().any(|other| other.shares_with(provider)) {
            continue;
        }
        asked.push(provider);
        let owners = cloud.owners().await?;
        let gone = owners.into_iter().filter(|gateway| !world.all.contains(gateway));
        found.extend(gone.map(|gateway| (controller.clone(), gateway)));
    }
    Ok(found)
}

/// Of two ends the one that says more: what cannot be read, then what is wrong, then what differs.
fn first(one: Exit, other: Exit) -> Exit {
    let weight = |exit: Exit| match exit {
        Exit::Io => 3,
        Exit::InvalidInput => 2,
        Exit::Changes | Exit::Usage => 1,
        Exit::Success => 0,
    };
    if weight(other) > weight(one) { other } else { one }
}
