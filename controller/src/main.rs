//! Gateway API controller, proxy and offline tools in one program.

mod admin;
mod cli;
#[cfg(feature = "controller")]
mod clouds;
#[cfg(feature = "controller")]
mod cluster;
mod features;
mod input;
mod logging;
mod objects;
mod offline;
mod output;
mod serve;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use cli::exit::Exit;
use cli::options::{Color, Output};
use cli::{Cli, Command};
use std::io::Write;
use std::process::ExitCode;

/// Gives memory back to the system some seconds after it is free, which the C library hardly does: a proxy whose
/// whole configuration was replaced would keep room for both (`docs/adr/0009-memory-allocator.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            let _ = error.print();
            return if wrong {
                Exit::Usage.into()
            } else {
                Exit::Success.into()
            };
        }
    };
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    match dispatch(cli.command) {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Success.into(),
        Err(error) => {
            let style = output::style::ERROR;
            let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {error:#}");
            Exit::Io.into()
        }
    }
}

fn dispatch(command: Command) -> Result<Exit> {
    let mut out = anstream::stdout().lock();
    match command {
        Command::Run(args) => {
            drop(out);
            logging::start(logging::Format::Text, "warn");
            serve::run(args)
        }
        Command::Proxy(args) => {
            drop(out);
            logging::start(logging::Format::Json, "info");
            serve::proxy(args)
        }
        #[cfg(feature = "controller")]
        Command::Controller(args) => {
            drop(out);
            let traces = args.traces.start(&args.identity)?;
            let beside = traces.as_ref().map(|traces| args.traces.layer(traces));
            logging::start_beside(logging::Format::Json, "info", beside);
            cluster::run(args, traces)
        }
        Command::Translate(args) => cli::translate::run(&args, &mut out),
        Command::Validate(args) => cli::validate::run(&args, &mut out),
        Command::Explain(args) => cli::explain::run(&args, &mut out),
        #[cfg(feature = "controller")]
        Command::Plan(args) => {
            logging::start(logging::Format::Text, "warn");
            cli::plan::run(&args, &mut out)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "gatewright", &mut out);
            Ok(Exit::Success)
        }
        Command::Version { output } => {
            version(output, &mut out)?;
            Ok(Exit::Success)
        }
    }
}

fn version(format: Output, out: &mut dyn Write) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let bundles: Vec<&str> = gatewright_crds::bundle::Bundle::ALL
        .iter()
        .map(|bundle| bundle.as_str())
        .collect();
    let document = serde_json::json!({"version": version, "gatewayApi": bundles});
    match format {
        Output::Table => writeln!(out, "gatewright {version}, Gateway API {}", bundles.join(", "))?,
        Output::Json => writeln!(out, "{document:#}")?,
        Output::Yaml => write!(out, "{}", output::yaml(&document)?)?,
    }
    Ok(())
}

/// `gatewright translate ... | head` is no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
