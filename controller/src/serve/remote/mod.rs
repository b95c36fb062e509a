//! A proxy that serves what a controller says.

mod inspect;
mod sink;

use super::watch::{Wake, Wakes};
use super::{proxy_options, stop_again};
use crate::admin;
use crate::cli::ProxyArgs;
use crate::cli::exit::Exit;
use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use gatewright_proxy::listen::Proxy;
use gatewright_stream::client::{Client, ClientLimits, ClientOptions, ClientTimes, Endpoint, Resolve, Stage};
use inspect::State;
use sink::DataPlane;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// `gatewright proxy --controller`.
pub fn run(controller: Endpoint, args: ProxyArgs) -> Result<Exit> {
    // The data plane has its own threads; everything else is little work.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(controller, args))
}

async fn serve(controller: Endpoint, args: ProxyArgs) -> Result<Exit> {
    let ProxyArgs { remote, serve, .. } = args;
    let scope = remote
        .scope
        .scope()
        .context("--controller: --gateway or --class is missing")?;
    let mut wakes = Wakes::new(&[]).context("cannot handle signals")?;
    let mut options = proxy_options(&serve)?;
    options.timeouts.drain_accept = remote.drain_accept;
    let proxy = Arc::new(Proxy::start(options.clone()).context("cannot start the proxy")?);
    let state = Arc::new(State::new(Arc::clone(&proxy)));
    let server = match serve.admin.0 {
        Some(address) => {
            let inspect = Arc::clone(&state) as Arc<dyn admin::Inspect>;
            let server = admin::serve_guarded(address, inspect).await?;
            tracing::info!(%address, "admin server listens");
            Some(server)
        }
        None => None,
    };
    let client = ClientOptions {
        controller,
        resolve: Arc::new(SystemNames),
        authorities: remote.controller_ca,
        token: remote.token,
        scope,
        instance: remote.instance.unwrap_or_else(host_name),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: remote.state,
        limits: ClientLimits::default(),
        times: ClientTimes::default(),
    };
    let sink = DataPlane::new(Arc::clone(&proxy), options, Arc::clone(&state));
    let (stage, now) = watch::channel(Stage::Serving);
    let mut client = tokio::spawn(Client::run(client, Box::new(sink), now));
    loop {
        tokio::select! {
            // Only what cannot be mended here ends it.
            ended = &mut client => {
                ended.context("the client of the controller")??;
                break;
            }
            wake = wakes.next() => match wake {
                Wake::Look => {}
                Wake::Reload => proxy.shared().observer.reopen_log(),
                Wake::Stop => break,
            },
        }
    }
    tracing::info!(grace_s = serve.grace.as_secs(), "stopping");
    state.draining();
    // What changes meanwhile still counts: requests are served until the end.
    stage.send_replace(Stage::Draining);
    let draining = Arc::clone(&proxy);
    let drained = tokio::task::spawn_blocking(move || draining.drain(serve.grace));
    tokio::select! {
        result = drained => {
            result.context("draining")?;
        }
        () = stop_again(&mut wakes) => std::process::exit(0),
    }
    stage.send_replace(Stage::Stopped);
    if !client.is_finished() {
        client.await.context("the client of the controller")??;
    }
    if let Some(server) = server {
        server.abort();
    }
    Ok(Exit::Success)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Names by the resolver of the proxy: the C library's needs files that a minimal image does not have.
struct SystemNames;

impl Resolve for SystemNames {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(gatewright_proxy::dns::lookup(host))
    }
}
