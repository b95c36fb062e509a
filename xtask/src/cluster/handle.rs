//! A cluster as other parts of the automation use it.

use crate::run::{command, output, run};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// A cluster of `cargo xtask cluster`, by its name.
pub struct Cluster {
    /// Its name.
    pub name: String,
}

impl Cluster {
    /// Runs an action of `cargo xtask cluster` on it.
    ///
    /// # Errors
    /// When the action fails.
    pub fn run(&self, action: &[&str]) -> Result<()> {
        let (verb, rest) = action.split_first().context("an action has a name")?;
        run(self.xtask()?.args([verb, "--name", &self.name]).args(rest))
    }

    /// Runs a command in its namespaces.
    ///
    /// # Errors
    /// When the command fails.
    pub fn inside(&self, line: &[&str]) -> Result<()> {
        run(self
            .xtask()?
            .args(["shell", "--name", &self.name, "--"])
            .args(line))
    }

    /// Runs a command in its namespaces and answers what it printed on standard output.
    ///
    /// # Errors
    /// When the command fails, with what it printed on standard error.
    pub fn output(&self, line: &[&str]) -> Result<String> {
        output(
            self.xtask()?
                .args(["shell", "--name", &self.name, "--"])
                .args(line),
        )
    }

    fn xtask(&self) -> Result<Command> {
        if self.name.is_empty() {
            bail!("--name: found nothing, accepted is the name of a cluster");
        }
        let mut xtask = command(crate::run::this_program()?, &[]);
        xtask.arg("cluster");
        Ok(xtask)
    }
}
