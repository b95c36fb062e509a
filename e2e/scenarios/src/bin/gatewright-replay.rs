//! Replays manifests against the API server of `KUBECONFIG` and against the offline validation, and fails where the
//! two differ. `cargo xtask replay` runs it in clusters with each bundle and channel.

use anyhow::{Context, Result, bail};
use clap::Parser;
use gatewright_scenarios::replay::{Server, compare, read_folder};
use gatewright_validation::{Bundle, Channel};
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    /// Version of the Gateway API's definitions in the cluster.
    #[arg(long)]
    bundle: String,
    /// Channel of the definitions in the cluster.
    #[arg(long)]
    channel: String,
    /// A folder of manifests under a name (repeatable).
    #[arg(long = "manifests", value_name = "NAME=FOLDER", required = true)]
    manifests: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let bundle = Bundle::ALL
        .iter()
        .find(|bundle| bundle.to_string() == args.bundle)
        .with_context(|| format!("--bundle: there is no bundle {}", args.bundle))?;
    let channel = Channel::ALL
        .iter()
        .find(|channel| channel.to_string() == args.channel)
        .with_context(|| format!("--channel: there is no channel {}", args.channel))?;
    let server = Server::connect().await?;
    let (mut differences, mut documents_sent) = (0, 0);
    for named in &args.manifests {
        let (name, folder) = named
            .split_once('=')
            .context("--manifests: accepted is NAME=FOLDER")?;
        let documents = read_folder(&PathBuf::from(folder))?;
        let outcome = compare(&server, (*bundle, *channel), &documents).await?;
        println!(
            "{bundle}/{channel} {name}: {} documents: both accept {} ({} of them compared as stored), both refuse {}, \
             not judged {}, different {}",
            documents.len(),
            outcome.accepted,
            outcome.stored,
            outcome.refused,
            outcome.not_judged,
            outcome.differences.len()
        );
        for (known, count) in &outcome.known {
            println!("    known to differ: {known}: {count}");
        }
        for difference in &outcome.differences {
            println!("{name}/{difference}");
        }
        differences += outcome.differences.len();
        documents_sent += documents.len();
    }
    println!("{bundle}/{channel}: {documents_sent} documents, {differences} different");
    if differences > 0 {
        bail!("{differences} verdicts differ from the API server's");
    }
    Ok(())
}
