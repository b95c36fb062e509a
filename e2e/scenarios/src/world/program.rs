//! Programs of others, beside the cluster's own: built from their Go modules by `cargo xtask scenarios --ecosystem`.

use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::fs::File;
use tokio::process::{Child, Command};

/// Folder with the programs.
pub const ECOSYSTEM: &str = "GATEWRIGHT_ECOSYSTEM";

/// A program that runs until this is dropped. What it prints is in files.
pub struct Program {
    _child: Child,
    output: PathBuf,
}

impl Program {
    /// Starts a program by its name.
    ///
    /// # Errors
    /// When it was not built, or does not start.
    pub async fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        let folder = folder()?;
        let output = folder.join(format!("{name}.out"));
        let file = async |suffix: &str| -> Result<Stdio> {
            let path = folder.join(format!("{name}.{suffix}"));
            let file = File::create(&path)
                .await
                .with_context(|| path.display().to_string())?;
            Ok(file.into_std().await.into())
        };
        let child = Command::new(folder.join(name))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file("out").await?)
            .stderr(file("log").await?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self {
            _child: child,
            output,
        })
    }

    /// The last complete line that it printed.
    ///
    /// # Errors
    /// When there is no such file any more.
    pub async fn last_line(&self) -> Result<String> {
        let text = tokio::fs::read_to_string(&self.output).await?;
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        Ok(complete.lines().last().unwrap_or_default().to_owned())
    }
}

/// Where the programs are.
///
/// # Errors
/// When nobody says so.
pub fn folder() -> Result<PathBuf> {
    let folder = std::env::var_os(ECOSYSTEM).with_context(|| {
        format!("{ECOSYSTEM} is not set: cargo xtask scenarios --ecosystem builds the programs")
    })?;
    Ok(folder.into())
}
