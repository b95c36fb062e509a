//! `gatewright controller`: the same core, driven by a Kubernetes API server.
//!
//! ```text
//! sources (watches) -> hub (engine) -> configuration server -> proxies
//!                          |  ^------- provisioner (Services, Deployments) <- provider
//!                          |  ^------- clouds (whole load balancers) <- providers
//!                          |-> gate -> status writer, Events
//!                          '-> book -> webhook and conditions of pods that wait for load balancers
//! ```

mod admin;
mod admission;
pub mod args;
mod authority;
mod bindings;
pub mod catalog;
mod clock;
mod cloud;
mod deadline;
mod events;
mod finalizers;
mod gate;
mod gates;
mod hub;
pub mod inspect;
mod leadership;
mod lease;
mod metrics;
mod options;
mod protect;
mod provision;
mod prune;
mod sources;
mod status;
#[cfg(test)]
pub mod testing;
mod traces;
mod vital;
mod watch;
mod webhook;
mod work;
mod writes;

use crate::cli;
use crate::cli::exit::Exit;
use crate::clouds::Source;
use admission::{Grants, TokenAdmission};
use anyhow::{Context, Result};
use args::ControllerArgs;
use authority::Authorities;
use bindings::{BindingWork, Bindings};
use catalog::{Catalog, Nodes};
use clock::Clock;
use cloud::{CloudWork, Clouds, Keeper};
use deadline::{Deadlines, Late};
use events::Events;
use finalizers::Finalizers;
use gates::Book;
use gatewright_core::backend::{BackendOptions, Location};
use gatewright_provider_api::contract::{Around, Calls, Leave};
use gatewright_proxy::observe::trace::OwnTraces;
use gatewright_software::{Served, Settings, SoftwareProvider};
use gatewright_stream::server::{ConfigServer, ServerOptions};
use hub::{Hub, Inbox, Outbox};
use kube::client::ClientBuilder;
use kube::{Client, Config};
use leadership::Leadership;
use lease::{Candidate, Terms};
use metrics::{LEASE, Metrics};
use provision::Provisioner;
use status::Writer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch as cell};
use webhook::Registration;
use work::Line;

/// Objects that wait for the hub; watches pause beyond that.
const INPUTS: usize = 8192;

/// Between two attempts to reach the API server at the start.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the controller until a signal ends it; `traces` is where its spans go.
pub fn run(args: ControllerArgs, traces: Option<Arc<OwnTraces>>) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8)))
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve(args, traces));
    // Watches hold connections open: they need no goodbye.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn serve(args: ControllerArgs, traces: Option<Arc<OwnTraces>>) -> Result<Exit> {
    let metrics = Arc::new(Metrics::new(traces));
    let client = client(&metrics)
        .await
        .context("no way to the API server: neither a service account nor a kubeconfig can be used")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = cell::channel(false);
    let started = start(args, client, metrics, stopped);
    let tasks = tokio::select! {
        started = started => started?,
        _ = terminate.recv() => return Ok(Exit::Success),
        _ = interrupt.recv() => return Ok(Exit::Success),
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    // Gives the lease back, so that another process goes on at once.
    let _ = tokio::time::timeout(Duration::from_secs(5), tasks).await;
    Ok(Exit::Success)
}

/// A client whose requests are bounded and counted.
async fn client(metrics: &Metrics) -> Result<Client> {
    let config = Config::infer().await?;
    let layer = metrics.requests(&config.cluster_url);
    let builder = ClientBuilder::try_from(config)?.with_layer(&Deadlines);
    Ok(builder.with_layer(&layer).build())
}

/// Starts everything; the answer ends when the lease is given back after `stopped`.
async fn start(
    args: ControllerArgs,
    client: Client,
    metrics: Arc<Metrics>,
    stopped: cell::Receiver<bool>,
) -> Result<tokio::task::JoinHandle<()>> {
    let clock = Clock::system();
    let (synced, is_synced) = cell::channel(false);
    let (waits, is_waiting) =
        cell::channel("what was made for proxies (Deployments, Services, ...) is not listed yet".to_owned());
    let (leads, is_leading) = cell::channel(args.no_leader_election);
    let around = Around {
        leave: Leave::of(Leadership::new(is_leading.clone())),
        calls: Arc::clone(&metrics) as Arc<dyn Calls>,
    };
    let registry = args.clouds.registry(&around, &Source::default());
    let work = CloudWork::new(registry, args.cloud_resync, Arc::clone(&metrics));
    let inspected = admin::Inspected {
        metrics: Arc::clone(&metrics),
        synced: is_synced.clone(),
        waits: is_waiting,
        leads: is_leading.clone(),
        plans: work.plans().clone(),
    };
    let listener = bind(args.admin, "--admin").await?;
    let router = admin::router(inspected).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin server stopped");
        }
    });

    let nodes = args.clouds.nodes();
    let catalog = first_catalog(&client, nodes).await;
    let authorities = first_authorities(&client, &args, &clock).await?;
    let grants = Grants::default();
    let server = ConfigServer::new(ServerOptions::default());
    let provider = SoftwareProvider::new(
        client.clone(),
        Settings {
            controller: args.controller_name.clone(),
            namespace: args.namespace.clone(),
            image: args.proxy_image.clone(),
            endpoint: format!("https://{}", args.endpoint()),
            authorities: authorities.bundle(),
            sessions: authorities.sessions(),
            namespaces: args.namespaces.clone(),
            cluster_domain: args.cluster_domain.clone(),
        },
        Served::by({
            let server = server.clone();
            move |scope, gateway| {
                let outcome = server.outcome_in(scope, gateway);
                outcome.is_some_and(|outcome| outcome.is_current())
            }
        }),
        around.clone(),
    );
    let provisioner = Provisioner::new(provider, grants.clone(), Arc::clone(&metrics));
    let writer = Writer::new(client.clone(), Arc::clone(&metrics));
    let book = Book::default();
    let backends = BackendOptions {
        external_names: cli::external_names(args.allow_external_name),
        location: Location::Cluster,
    };
    let mut bindings = None;
    if nodes == Nodes::Watched {
        let about = (client.clone(), clock.clone());
        let registry = work.registry().clone();
        let keeper = gates::Keeper::new(about, registry.clone(), book.clone(), Arc::clone(&metrics));
        vital::spawn("pod-gate", keeper.run(is_leading.clone(), is_synced.clone()));
        let about = (client.clone(), clock.clone());
        let bound = BindingWork::new(about, registry, args.cloud_resync, Arc::clone(&metrics));
        let line = Line::new(bound, Arc::clone(&metrics));
        let found = bindings.insert(Bindings::new(line, backends));
        found.start(is_leading.clone(), is_synced.clone());
    }
    if !args.webhook_configuration.is_empty() {
        let listener = bind(args.webhook_address, "--webhook-address").await?;
        vital::spawn(
            "webhook",
            webhook::serve(listener, authorities.server(), book.clone()),
        );
        let registration = Registration::new(client.clone(), &args.webhook_configuration);
        vital::spawn(
            "registration",
            registration.keep(authorities.bundle(), is_leading.clone()),
        );
    }
    let finalizers = Finalizers::start(client.clone(), &is_leading, &metrics);
    let keeper = Keeper::new(finalizers.clone());
    let clouds = Clouds::new(Line::new(work, Arc::clone(&metrics)), keeper);
    let told_by_clouds = clouds.start(is_leading.clone(), is_synced.clone(), INPUTS);
    let identity = identity(&args);
    let events = Events::start(client.clone(), identity.clone(), is_leading.clone());

    let (inputs, inputs_of_hub) = mpsc::channel(INPUTS);
    let (provisioned, provisioned_of_hub) = mpsc::channel(INPUTS);
    let (publish, catalogs) = cell::channel(catalog.clone());
    let namespaces = args.namespaces.clone();
    let watches = sources::run(
        client.clone(),
        (namespaces.clone(), nodes),
        (catalog.clone(), publish),
        inputs,
    );
    vital::spawn("sources", watches);
    vital::spawn("status", writer.clone().run(is_leading.clone()));
    let provisioning = provisioner.clone();
    vital::spawn(
        "gateway",
        provisioning.run(is_leading.clone(), is_synced, provisioned),
    );
    let serving = configure(
        (server.clone(), args.config_address),
        authorities.clone(),
        Arc::new(TokenAdmission::new(client.clone(), grants)),
        is_leading.clone(),
    );
    vital::spawn("configurations", serving);
    let placing = provisioner.clone();
    let outbox = Outbox {
        server,
        provisioner,
        clouds,
        writer,
        events,
        finalizers,
        book,
        bindings,
        metrics: Arc::clone(&metrics),
        synced,
        waits,
    };
    let hub = Hub::new(
        (args.controller_name.clone(), namespaces),
        backends,
        (catalog, is_leading.clone()),
        (outbox, clock.clone()),
    );
    let inbox = Inbox {
        inputs: inputs_of_hub,
        catalog: catalogs,
        provisioned: provisioned_of_hub,
        clouds: told_by_clouds,
        leads: is_leading.clone(),
    };
    vital::spawn("engine", async move {
        // Ports that Services have already are kept: they must be known before the first one is given.
        placing.synced().await;
        hub.run(inbox).await;
    });
    vital::spawn(
        "authorities",
        authorities.keep(client.clone(), is_leading.clone()),
    );
    vital::spawn("leadership", follow_leadership(is_leading, metrics));
    if args.no_leader_election {
        return Ok(tokio::spawn(async move {
            let mut stopped = stopped;
            let _ = stopped.wait_for(|stopped| *stopped).await;
            drop(leads);
        }));
    }
    let candidate = Candidate::new(
        client,
        (&args.namespace, LEASE),
        identity,
        (Terms::default(), clock),
    );
    Ok(vital::spawn("lease", candidate.run(leads, stopped)))
}

/// Serves configurations while this process leads: the others know as much, but nobody would take their
/// proxies' answers.
async fn configure(
    (server, address): (ConfigServer, SocketAddr),
    authorities: Authorities,
    admission: Arc<TokenAdmission>,
    mut leads: cell::Receiver<bool>,
) {
    loop {
        if leads.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        let listener = match bind(address, "--config-address").await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "proxies get no configuration, trying again");
                tokio::time::sleep(PATIENCE).await;
                continue;
            }
        };
        let mut lost = leads.clone();
        let shutdown = async move {
            let _ = lost.wait_for(|leads| !*leads).await;
        };
        let admission = Arc::clone(&admission);
        server
            .serve(listener, authorities.server(), admission, shutdown)
            .await;
    }
}

async fn follow_leadership(mut leads: cell::Receiver<bool>, metrics: Arc<Metrics>) {
    loop {
        metrics.leads(*leads.borrow_and_update());
        if leads.changed().await.is_err() {
            return;
        }
    }
}

/// What the API server serves, once it answers, and names all that must be there. Kinds that it still does not name after a
/// while have no version that is served.
async fn first_catalog(client: &Client, nodes: Nodes) -> Catalog {
    const LOOKS: usize = 10;
    let mut looks = 0;
    loop {
        match Catalog::ask(client, nodes).await {
            Ok(mut catalog) => {
                looks += 1;
                if catalog.unnamed.is_empty() || looks == LOOKS {
                    catalog.unnamed.clear();
                    return catalog;
                }
                tracing::warn!(kinds = ?catalog.unnamed, "the API server does not name kinds whose CRDs are there");
            }
            Err(error) => tracing::warn!(%error, "the API server does not answer yet"),
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// The authority, once the API server answers.
async fn first_authorities(client: &Client, args: &ControllerArgs, clock: &Clock) -> Result<Authorities> {
    loop {
        match Authorities::load(client, args, clock.clone()).await {
            Err(error) if Late::is_cause(&error) => {
                tracing::warn!(error = format!("{error:#}"), "the API server does not answer yet");
            }
            loaded => return loaded,
        }
    }
}

async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{option}: cannot listen on {address}"))
}

/// Who we are in the Lease: unique, also when a pod's container starts again.
fn identity(args: &ControllerArgs) -> String {
    let name = if args.identity.is_empty() {
        "gatewright"
    } else {
        &args.identity
    };
    format!(
        "{name}_{:x}",
        std::process::id() as u128 ^ jiff::Timestamp::now().as_nanosecond().unsigned_abs()
    )
}
