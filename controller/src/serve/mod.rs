//! Serving manifests without a cluster: files in, traffic out, statuses told.

pub mod inspect;
pub mod parameters;
pub mod place;
pub mod program;
pub mod readiness;
pub mod remote;
pub mod report;
pub mod sample;
pub mod site;
pub mod watch;

use crate::admin;
use crate::cli::exit::Exit;
use crate::cli::options::{AccessLog, SchemaOptions};
use crate::cli::{ProxyArgs, RunArgs, ServeOptions};
use crate::features;
use crate::input::world::World;
use anyhow::{Context, Result};
use gatewright_core::Engine;
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::runtime::{AccessLogFormat, AccessLogOptions, ForwardingOptions, ProxyOptions};
use gatewright_validation::Mode;
use parameters::GatewayOptions;
use place::Placing;
use report::Reporter;
use sample::SampleBackends;
use site::Site;
use std::path::PathBuf;
use std::time::Duration;
use watch::{Wake, Wakes};

/// How often sockets that could not be had are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// `gatewright run`.
pub fn run(args: RunArgs) -> Result<Exit> {
    let watched = if args.no_watch {
        Vec::new()
    } else {
        args.paths.clone()
    };
    let service = Service {
        paths: args.paths,
        watched,
        schema: args.schema,
        serve: args.serve,
        reporter: Reporter::terminal(),
        samples: args.sample_backends.then(SampleBackends::default),
    };
    service.run()
}

/// `gatewright proxy`.
pub fn proxy(args: ProxyArgs) -> Result<Exit> {
    if let Some(controller) = args.remote.controller.clone() {
        return remote::run(controller, args);
    }
    let watched = if args.watch {
        args.paths.clone()
    } else {
        Vec::new()
    };
    let service = Service {
        paths: args.paths,
        watched,
        schema: args.schema,
        serve: args.serve,
        reporter: Reporter::logs(),
        samples: None,
    };
    service.run()
}

/// A serving process before it starts.
struct Service {
    paths: Vec<PathBuf>,
    watched: Vec<PathBuf>,
    schema: SchemaOptions,
    serve: ServeOptions,
    reporter: Reporter,
    samples: Option<SampleBackends>,
}

impl Service {
    /// Serves until a signal ends it.
    fn run(self) -> Result<Exit> {
        // The data plane has its own threads; everything else is little work.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.serve())
    }

    async fn serve(mut self) -> Result<Exit> {
        for path in self.paths.iter().filter(|path| path.as_os_str() != "-") {
            std::fs::metadata(path).with_context(|| path.display().to_string())?;
        }
        let mut wakes = Wakes::new(&self.watched).context("cannot handle signals")?;
        let world = World::new(
            self.paths,
            self.schema.validator(Mode::Lenient),
            self.schema.bounds(),
        );
        let placing = Placing {
            address: self.serve.address,
            port_offset: self.serve.port_offset,
        };
        let external_names = crate::cli::external_names(self.serve.allow_external_name);
        let engine = Engine::new(features::standalone(
            self.schema.bundle,
            self.schema.channel,
            external_names,
        ));
        let options = proxy_options(&self.serve)?;
        let proxy = Proxy::start(options.clone()).context("cannot start the proxy")?;
        let mut site = Site::new(world, engine, proxy, placing, GatewayOptions::new(options));
        let server = match self.serve.admin.0 {
            Some(address) => {
                let server = admin::serve(address, site.inspect()).await?;
                self.reporter.admin(address);
                Some(server)
            }
            None => None,
        };
        loop {
            let step = site.look();
            self.reporter.step(&step);
            if let Some(samples) = &mut self.samples {
                for (address, backend) in samples.follow(&site.balancers()).await {
                    self.reporter.sample(address, &backend);
                }
            }
            match wake(&mut wakes, &mut site, &mut self.reporter).await {
                Wake::Look => {}
                Wake::Reload => {
                    self.reporter.reload();
                    site.reopen_log();
                }
                Wake::Stop => break,
            }
        }
        self.reporter.stopping(self.serve.grace);
        let grace = self.serve.grace;
        let drained = tokio::task::spawn_blocking(move || site.drain(grace));
        tokio::select! {
            result = drained => result.context("draining")?,
            () = stop_again(&mut wakes) => std::process::exit(0),
        }
        if let Some(server) = server {
            server.abort();
        }
        Ok(Exit::Success)
    }
}

/// The next reason to look at the files or to end. Meanwhile what only time changes is seen to: sockets
/// that could not be had are tried again, so that a port that another process held is taken once it is
/// free, and statuses are told anew that say when certificates expire.
async fn wake(wakes: &mut Wakes, site: &mut Site, reporter: &mut Reporter) -> Wake {
    let next = wakes.next();
    tokio::pin!(next);
    loop {
        let pause = if site.lacks_sockets() {
            RETRY
        } else {
            site.until_refresh()
        };
        tokio::select! {
            wake = &mut next => return wake,
            () = tokio::time::sleep(pause) => {
                if site.lacks_sockets() {
                    reporter.step(&site.retry());
                }
                if site.until_refresh().is_zero() {
                    reporter.step(&site.refresh());
                }
            }
        }
    }
}

/// Waits for a second signal to end, which cuts the draining short. Changed files and SIGHUP do not.
async fn stop_again(wakes: &mut Wakes) {
    while wakes.next().await != Wake::Stop {}
}

fn proxy_options(serve: &ServeOptions) -> Result<ProxyOptions> {
    let mut options = ProxyOptions::default();
    if let Some(workers) = serve.workers {
        options.workers = workers;
    }
    options.zone.clone_from(&serve.zone);
    options.node.clone_from(&serve.node);
    options.forwarding = ForwardingOptions {
        trusted_hops: u32::from(serve.trusted_hops),
        ..ForwardingOptions::default()
    };
    let format = match serve.access_log {
        AccessLog::Off => None,
        AccessLog::Json => Some(AccessLogFormat::Json),
        AccessLog::Text => Some(AccessLogFormat::Text),
    };
    options.access_log = format.map(|format| AccessLogOptions {
        format,
        path: serve.access_log_file.clone(),
        fields: serve.access_log_fields.clone(),
    });
    options.otlp_endpoint = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT")
        .ok()
        .filter(|value| !value.is_empty());
    Ok(options)
}
