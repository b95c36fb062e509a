//! Running commands: visible, from the repository root, failing loudly.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Root of the repository: of the checkout that cargo runs this for, else of the one it was compiled in. The two
/// differ where checkouts share a folder for builds and cargo sees no reason to compile again.
pub fn root() -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let manifest = run
        .filter(|dir| dir.file_name() == compiled.file_name())
        .unwrap_or_else(|| compiled.to_path_buf());
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Folder for built tools and downloads, outside the checkout: `GATEWRIGHT_CACHE`, else
/// `$XDG_CACHE_HOME/gatewright`, else `~/.cache/gatewright`.
pub fn cache_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("GATEWRIGHT_CACHE") {
        return dir.into();
    }
    let base = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || {
            std::env::var_os("HOME")
                .map_or_else(std::env::temp_dir, PathBuf::from)
                .join(".cache")
        },
        PathBuf::from,
    );
    base.join("gatewright")
}

/// A command that starts in the repository root.
pub fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// The cargo that runs this program.
pub fn cargo(args: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target` in the repository.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds a program of the workspace without optimisation, and answers its path. Features of shared crates are those of the
/// whole workspace, as the tests have built them: a package by itself would need others, and compile the SDKs again.
///
/// # Errors
/// When the build fails.
pub fn built(program: &str) -> Result<PathBuf> {
    let arguments = ["build", "--quiet", "--workspace", "--locked", "--bin", program];
    run(&mut cargo(&arguments))?;
    Ok(target_dir().join("debug").join(program))
}

/// Prints and runs a command; an error names it and its exit status.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("    $ {shown}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// This program, to start it for another of its commands. A build of the workspace may have put a new one in
/// its place meanwhile, which the kernel shows by a mark on the name.
///
/// # Errors
/// When the kernel does not say where it is.
pub fn this_program() -> Result<PathBuf> {
    let program = std::env::current_exe().context("where this program is")?;
    Ok(replaced(&program).unwrap_or(program))
}

fn replaced(program: &Path) -> Option<PathBuf> {
    let name = program.file_name()?.to_str()?.strip_suffix(" (deleted)")?;
    Some(program.with_file_name(name))
}

/// Runs a command quietly and returns what it printed on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown}` failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed no UTF-8"))
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut text = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::replaced;
    use std::path::Path;

    #[test]
    fn a_program_that_was_replaced_is_found_under_its_name() {
        let found = replaced(Path::new("/target/debug/xtask (deleted)"));
        assert_eq!(found.as_deref(), Some(Path::new("/target/debug/xtask")));
        assert_eq!(replaced(Path::new("/target/debug/xtask")), None);
    }
}
