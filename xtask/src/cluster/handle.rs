//! A cluster as other parts of the automation use it.

use crate::run::{cache_dir, command, run};
use anyhow::{Context, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A cluster of `cargo xtask cluster`, by its name.
pub struct Cluster {
    /// Its name.
    pub name: String,
}

/// What becomes of a cluster after the work in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It ends.
    End,
    /// It stays.
    Keep,
}

impl After {
    /// As a flag `--keep` says.
    pub const fn of(keep: bool) -> Self {
        if keep { Self::Keep } else { Self::End }
    }
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
        run(&mut self.shell(line)?)
    }

    /// Runs a command in its namespaces, and shows each line of its standard output as it comes.
    ///
    /// # Errors
    /// When the command fails, or `each` does.
    pub fn lines(&self, line: &[&str], mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let mut child = self
            .shell(line)?
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start xtask")?;
        let output = child.stdout.take().context("a child's output is a pipe")?;
        let read = BufReader::new(output)
            .lines()
            .try_for_each(|text| each(&text.context("reading a child's output")?));
        let status = child.wait().context("waiting for a child")?;
        read?;
        if !status.success() {
            bail!("`{}` failed: {status}", line.join(" "));
        }
        Ok(())
    }

    /// Starts it, does the work, and ends it whatever came of it, unless it is to stay.
    ///
    /// # Errors
    /// When it does not start or end, or the work fails.
    pub fn during<T>(&self, up: &[&str], after: After, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.run(&[&["up"], up].concat())?;
        let result = work(self);
        if after == After::End {
            let ended = self.run(&["down"]);
            if result.is_ok() {
                ended?;
            }
        }
        result
    }

    /// The API server's record of the requests that `up --audit` asks for.
    pub fn audit_log(&self) -> PathBuf {
        cache_dir()
            .join("clusters")
            .join(&self.name)
            .join("logs/audit.log")
    }

    fn shell(&self, line: &[&str]) -> Result<Command> {
        let mut shell = self.xtask()?;
        shell.args(["shell", "--name", &self.name, "--"]).args(line);
        Ok(shell)
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
