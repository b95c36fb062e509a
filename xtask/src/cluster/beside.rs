//! Two clusters beside each other: neither sees what is in the other one, nor its end.

use super::{Target, Up, build, manager_of, on, start};
use crate::run::{output, run};
use anyhow::{Result, ensure};

/// Name of the second cluster.
const NAME: &str = "check-beside";

/// An object that is made in the second cluster alone.
const OBJECT: &str = "namespace/only-beside";

/// Starts a second cluster beside the one of a name, looks, and ends it.
pub(super) fn disturbs_nobody(built: &build::Built, first: &Up) -> Result<()> {
    let target = Target {
        name: NAME.to_owned(),
        kind: false,
    };
    let up = Up {
        target: target.clone(),
        ..first.clone()
    };
    start(&up)?;
    let result = apart(built, &first.target.name);
    run(on(&mut manager_of(built), &target).arg("down"))?;
    result?;
    inside(built, &first.target.name, &["get", "--raw", "/readyz"])?;
    eprintln!("    a second cluster ran beside it and is gone");
    Ok(())
}

/// Both answer, and each has its own objects.
fn apart(built: &build::Built, first: &str) -> Result<()> {
    let (_, name) = OBJECT.split_once('/').unwrap_or_default();
    inside(built, NAME, &["create", "namespace", name])?;
    let list = ["get", "namespaces", "--output", "name"];
    let (here, beside) = (inside(built, first, &list)?, inside(built, NAME, &list)?);
    let has = |objects: &str| objects.lines().any(|object| object == OBJECT);
    ensure!(has(&beside), "the second cluster lacks {OBJECT}: {beside}");
    ensure!(
        !has(&here) && here.lines().count() > 1,
        "{OBJECT} was made in the second cluster, and the first one has {here}"
    );
    Ok(())
}

fn inside(built: &build::Built, cluster: &str, arguments: &[&str]) -> Result<String> {
    let mut shell = manager_of(built);
    shell.args(["--name", cluster, "shell", "--", "kubectl"]);
    output(shell.args(arguments))
}
