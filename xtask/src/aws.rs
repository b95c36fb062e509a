//! The AWS simulator, driven by clients that others wrote.

use crate::run::{built, cache_dir, command, root, run};
use crate::terraform;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Builds the simulator and has AWS's SDK for Python and the AWS CLI drive all of its operations; every answer is
/// held against AWS's model of it. Where Terraform and its AWS provider are installed they make, change and remove things there.
pub fn check_clients() -> Result<()> {
    let python = python()?;
    let program = built("gatewright-aws-simulator")?;
    let mut checks = command(python, &["e2e/aws/checks/run.py", "--simulator"]);
    checks.arg(program);
    if let Some((terraform, plugins)) = terraform::installed() {
        checks.env("CHECKS_TERRAFORM", terraform);
        checks.env("CHECKS_TERRAFORM_PLUGINS", plugins);
    }
    run(&mut checks)
}

/// A Python with the clients, in the cache folder; made anew when other versions are wanted.
fn python() -> Result<PathBuf> {
    let wanted = root().join("e2e/aws/checks/requirements.txt");
    let versions =
        std::fs::read_to_string(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let folder = cache_dir().join("tools").join("aws-clients");
    let (python, made) = (folder.join("bin").join("python"), folder.join("made-from.txt"));
    if std::fs::read_to_string(&made).is_ok_and(|text| text == versions) {
        return Ok(python);
    }
    eprintln!("    installing AWS's clients for Python (once, into the cache folder)");
    let _ = std::fs::remove_dir_all(&folder);
    run(command("python3", &["-m", "venv"]).arg(&folder)).context("needs Python 3 with its module venv")?;
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    run(command(&python, &arguments).arg(&wanted))?;
    std::fs::write(&made, versions).with_context(|| format!("cannot write {}", made.display()))?;
    Ok(python)
}
