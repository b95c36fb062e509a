//! Compares what the controller may do in the cluster of `KUBECONFIG` with what it did, by the API server's record.
//! `cargo xtask scenarios` runs it after the scenarios.

use anyhow::{Context, Result, bail};
use clap::Parser;
use gatewright_scenarios::api::Api;
use gatewright_scenarios::rights::{Account, Rbac, granted, judge, read_log};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    /// The API server's record of requests.
    #[arg(long)]
    audit: PathBuf,
    /// The service account.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    account: String,
    /// Not everything has run that uses rights: only refused calls are faults.
    #[arg(long)]
    partial: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let account = Account::parse(&args.account).context("--account: accepted is NAMESPACE/NAME")?;
    let file = File::open(&args.audit).with_context(|| args.audit.display().to_string())?;
    let calls = read_log(BufReader::new(file), &account).with_context(|| args.audit.display().to_string())?;
    let api = Api::connect().await?;
    let rights = granted(&Rbac::ask(&api).await?, &account)?;
    let findings = judge(&rights, &calls, |group, resource| api.serves(group, resource));
    println!(
        "{}: {} rights, {} of them used by {} calls; {} calls refused",
        args.account,
        rights.len(),
        findings.used.len(),
        calls.len(),
        findings.refused.len()
    );
    if rights.is_empty() || calls.is_empty() {
        bail!("no rights or no calls: this says nothing of {}", args.account);
    }
    for (right, place) in &findings.elsewhere {
        println!("    not to be used here: {right} ({place})");
    }
    for right in &findings.unused {
        println!("    not used: {right}");
    }
    for call in &findings.refused {
        println!("    refused: {call}");
    }
    if !findings.refused.is_empty() {
        bail!(
            "{} calls were refused: a right is missing",
            findings.refused.len()
        );
    }
    if !findings.unused.is_empty() && !args.partial {
        bail!(
            "{} rights were not used: they are too many",
            findings.unused.len()
        );
    }
    Ok(())
}
