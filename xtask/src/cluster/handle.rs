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
    /// Where it is.
    pub place: Place,
}

/// Where clusters are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In namespaces of this machine.
    #[default]
    Machine,
    /// On kind, which takes Docker.
    Kind,
}

impl Place {
    /// As a flag `--kind` says.
    pub const fn of(kind: bool) -> Self {
        if kind { Self::Kind } else { Self::Machine }
    }

    /// Makes sure that clusters can run there, as far as that can be told beforehand.
    ///
    /// # Errors
    /// Names what the machine lacks.
    pub fn require(self) -> Result<()> {
        match self {
            Self::Machine => super::require().context("`--kind` makes the cluster with Docker instead"),
            Self::Kind => Ok(()),
        }
    }

    /// Whether parts of its control plane can be killed and what they are asked recorded.
    pub fn is_ours(self) -> bool {
        self == Self::Machine
    }
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
    /// A cluster in namespaces of this machine.
    pub fn here(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            place: Place::Machine,
        }
    }

    /// Runs an action of `cargo xtask cluster` on it.
    ///
    /// # Errors
    /// When the action fails.
    pub fn run(&self, action: &[&str]) -> Result<()> {
        run(xtask()?.args(self.words(action)?))
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
        let mut shell = xtask()?;
        shell.args(self.words(&[&["shell", "--"], line].concat())?);
        Ok(shell)
    }

    /// The words of an action on it, after the program's name.
    fn words<'a>(&'a self, action: &[&'a str]) -> Result<Vec<&'a str>> {
        if self.name.is_empty() {
            bail!("--name: found nothing, accepted is the name of a cluster");
        }
        let (verb, rest) = action.split_first().context("an action has a name")?;
        let mut words = vec!["cluster", verb, "--name", self.name.as_str()];
        words.extend((self.place == Place::Kind).then_some("--kind"));
        words.extend(rest);
        Ok(words)
    }
}

fn xtask() -> Result<Command> {
    Ok(command(crate::run::this_program()?, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Args;
    use clap::Args as _;

    fn cluster(place: Place) -> Cluster {
        Cluster {
            place,
            ..Cluster::here("one")
        }
    }

    /// Whether `cargo xtask` takes the words.
    fn accepted(words: &[&str]) -> Result<(), clap::Error> {
        let command = Args::augment_args(clap::Command::new("cluster"));
        command.try_get_matches_from(words).map(drop)
    }

    #[test]
    fn an_action_names_the_cluster_and_where_it_is() {
        for (place, action, words) in [
            (
                Place::Machine,
                vec!["down"],
                vec!["cluster", "down", "--name", "one"],
            ),
            (
                Place::Kind,
                vec!["down"],
                vec!["cluster", "down", "--name", "one", "--kind"],
            ),
            (
                Place::Kind,
                vec!["up", "--bundle", "1.7.0"],
                vec!["cluster", "up", "--name", "one", "--kind", "--bundle", "1.7.0"],
            ),
            (
                Place::Kind,
                vec!["load-image", "file", "--tag", "a:b"],
                vec![
                    "cluster",
                    "load-image",
                    "--name",
                    "one",
                    "--kind",
                    "file",
                    "--tag",
                    "a:b",
                ],
            ),
            (
                Place::Kind,
                vec!["shell", "--", "kubectl", "--kind"],
                vec![
                    "cluster", "shell", "--name", "one", "--kind", "--", "kubectl", "--kind",
                ],
            ),
        ] {
            let cluster = cluster(place);
            let found = cluster.words(&action).unwrap();
            assert_eq!(found, words);
            accepted(&found).unwrap();
        }
        let nameless = Cluster::here("");
        assert!(nameless.words(&["down"]).is_err());
    }

    #[test]
    fn what_kind_cannot_do_is_refused() {
        let cluster = cluster(Place::Kind);
        for action in [vec!["up", "--audit", "n"], vec!["up", "--foreground"]] {
            accepted(&cluster.words(&action).unwrap()).unwrap_err();
        }
    }
}
